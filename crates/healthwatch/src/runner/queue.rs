//! What is due when.

use std::collections::BTreeSet;
use std::time::Instant;

use super::spec::CheckId;

/// One time for each check at most, the earliest first.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    times: BTreeSet<(Instant, CheckId)>,
}

impl Queue {
    /// Replaces the time `held` by `time`.
    pub(crate) fn put(&mut self, id: CheckId, held: &mut Option<Instant>, time: Option<Instant>) {
        if *held == time {
            return;
        }
        if let Some(old) = held.take() {
            self.times.remove(&(old, id));
        }
        if let Some(time) = time {
            self.times.insert((time, id));
        }
        *held = time;
    }

    pub(crate) fn first(&self) -> Option<(Instant, CheckId)> {
        self.times.first().copied()
    }

    /// The first whose time has come.
    pub(crate) fn due(&self, now: Instant) -> Option<(Instant, CheckId)> {
        self.first().filter(|(time, _)| *time <= now)
    }

    /// How many of them are due.
    pub(crate) fn count_due(&self, now: Instant) -> usize {
        self.times.range(..=(now, CheckId(u64::MAX))).count()
    }
}
