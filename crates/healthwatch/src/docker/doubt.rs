//! Events that are believed more than lists for a while.

use std::time::{Duration, Instant};

use super::event::Change;
use super::level::Phase;

/// What an event proved, against lists that do not know it yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubt {
    /// The phase the event put the container in.
    pub(crate) proven: Phase,
    /// When lists are believed again.
    pub(crate) until: Instant,
}

impl Doubt {
    /// The doubt that `change` raises, if any.
    pub(crate) fn after(now: Instant, change: Change) -> Option<Self> {
        let (proven, span) = match change {
            Change::Killed => (Phase::Killed, DOUBT_ENDED),
            Change::Ended => (Phase::Exited, DOUBT_ENDED),
            Change::Paused => (Phase::Paused, DOUBT_PAUSED),
            _ => return None,
        };
        Some(Self {
            proven,
            until: now + span,
        })
    }

    /// Whether a list that shows the phase `listed` is to be put right.
    pub(crate) fn contradicts(self, now: Instant, listed: Phase) -> bool {
        let alive = match self.proven {
            Phase::Paused => listed == Phase::Running,
            _ => matches!(listed, Phase::Running | Phase::Paused),
        };
        alive && now < self.until
    }
}

/// How long an end outweighs lists that show the container running. Docker
/// 20.10 updates its lists only after every network driver let go, which
/// takes 15 s with one that is gone; an event lost altogether is made good
/// after this time.
const DOUBT_ENDED: Duration = Duration::from_secs(45);

/// The same for a pause, where Docker only writes a file in between.
const DOUBT_PAUSED: Duration = Duration::from_secs(2);
