//! What is to be checked, and what is told of it.

use std::fmt;

use crate::check::{CheckLevel, Timing};
use crate::probe::ProbeSpec;

/// A check's number, which its caller chooses and gives a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId(pub u64);

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What to look at, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckSpec {
    /// What to look at.
    pub probe: ProbeSpec,
    /// When to look and how to judge.
    pub timing: Timing,
}

/// The newest level of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckNews {
    /// Which check.
    pub id: CheckId,
    /// What it has to say, complete in itself.
    pub level: CheckLevel,
}

/// How much the checks may do at once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChecksConfig {
    /// How many looks may be under way at once; 256 by default. The others
    /// wait, in the order in which they are due.
    pub max_in_flight: usize,
    /// How many news may wait in the channel; 256 by default. Behind them, a
    /// slow reader is told the newest level of each check only.
    pub queue: usize,
}

impl Default for ChecksConfig {
    fn default() -> Self {
        Self {
            max_in_flight: 256,
            queue: 256,
        }
    }
}
