//! Which paths are used together.

/// When several paths to one prefix are used at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multipath {
    /// Which paths may stand beside the best one.
    pub beside_best: BesideBest,
    /// The most next hops of one prefix; at least one is always used.
    pub max_next_hops: usize,
}

impl Default for Multipath {
    fn default() -> Self {
        Self {
            beside_best: BesideBest::default(),
            max_next_hops: 64,
        }
    }
}

/// Which external paths are as good as the best one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BesideBest {
    /// Those with an AS_PATH of the same length, through whatever systems
    /// (what others call multipath-relax).
    #[default]
    SameLength,
    /// Those with the very same AS_PATH.
    SamePath,
}
