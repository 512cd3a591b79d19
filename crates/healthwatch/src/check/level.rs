//! What a check has to say to others.

use std::fmt;
use std::time::Instant;

use super::failure::Failure;

/// What the looks so far make of a service.
///
/// ```text
///            success            rise in a row
///   Down ──────────────► Rising ─────────────► Up
///    ▲  ◄──────────────                      │   ▲
///    │      failure             failure      ▼   │ success
///    └─────────────────────────────────── Falling
///             fall in a row
/// ```
///
/// Where one result is enough, the state between is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// Nobody has looked, and nothing is assumed; does not serve.
    Unknown,
    /// Does not serve yet.
    Rising {
        /// Successes in a row.
        done: u32,
        /// How many are needed.
        of: u32,
    },
    /// Serves.
    Up,
    /// Still serves.
    Falling {
        /// Failures in a row.
        done: u32,
        /// How many are needed.
        of: u32,
    },
    /// Does not serve.
    Down,
}

impl Health {
    /// Whether the service should be used.
    #[must_use]
    pub const fn is_serving(self) -> bool {
        matches!(self, Self::Up | Self::Falling { .. })
    }

    /// Whether the looks disagree with what is told so far.
    #[must_use]
    pub const fn is_transitional(self) -> bool {
        matches!(self, Self::Rising { .. } | Self::Falling { .. })
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Rising { done, of } => write!(f, "rising {done}/{of}"),
            Self::Up => f.write_str("up"),
            Self::Falling { done, of } => write!(f, "falling {done}/{of}"),
            Self::Down => f.write_str("down"),
        }
    }
}

/// A change of health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What it was.
    pub from: Health,
    /// What it is.
    pub to: Health,
    /// When the result was known.
    pub at: Instant,
}

/// What a check has to say, complete in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckLevel {
    /// What the looks make of the service.
    pub health: Health,
    /// Whether a verdict was reached since the check began: `rise` successes
    /// or `fall` failures in a row, or one result that agrees with what was
    /// assumed. Before, `health` is partly what was assumed.
    pub is_proven: bool,
    /// How much of its share the service should get: 0 to 100, 0 while it
    /// does not serve.
    pub weight: u8,
    /// Since when it serves, or since when it does not.
    pub since: Instant,
    /// Why the last look that failed did. A service that is up has its
    /// last failure here too.
    pub last_failure: Option<Failure>,
    /// What was counted since the check began.
    pub counts: Counts,
}

impl CheckLevel {
    /// Whether the service should be used.
    #[must_use]
    pub const fn is_serving(&self) -> bool {
        self.health.is_serving()
    }
}

/// What a check has counted since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Looks that succeeded.
    pub successes: u64,
    /// Looks that failed, those that took too long among them.
    pub failures: u64,
    /// Looks that took too long.
    pub timeouts: u64,
    /// How often serving began or ended.
    pub turns: u64,
}
