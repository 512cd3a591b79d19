//! Which paths are used together.

/// When several paths to one prefix are used at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multipath {
    /// Which paths may stand beside the best one.
    pub beside_best: BesideBest,
    /// Whether several internal paths are used at once where the best path is
    /// one; external ones always are. No unless changed. Their next hops are
    /// equally far as far as that is known
    /// ([`SpeakerConfig::track_next_hops`](crate::SpeakerConfig::track_next_hops)).
    pub internal: bool,
    /// The most next hops of one prefix; at least one is always used.
    pub max_next_hops: usize,
}

impl Default for Multipath {
    fn default() -> Self {
        Self {
            beside_best: BesideBest::default(),
            internal: false,
            max_next_hops: 64,
        }
    }
}

/// Which paths are as good as the best one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BesideBest {
    /// Those with an AS_PATH of the same length, through whatever systems
    /// (what others call multipath-relax).
    #[default]
    SameLength,
    /// Those with the very same AS_PATH.
    SamePath,
}
