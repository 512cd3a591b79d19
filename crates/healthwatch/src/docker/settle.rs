//! Repeated looks at what Docker tells before it is true everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::model::ContainerId;

/// Containers to be looked at again some time after their last event.
///
/// Docker sends several events before it updates the copy of its state that
/// lists are made from: `pause`, `unpause`, `connect` and, up to at least
/// 20.10, `die` (there the network drivers are called in between). A look
/// that follows the event at once can therefore find the state before it.
#[derive(Debug, Default)]
pub(crate) struct Settle {
    due: BTreeSet<(Instant, ContainerId)>,
    entries: BTreeMap<ContainerId, Entry>,
}

#[derive(Debug)]
struct Entry {
    event: Instant,
    due: Instant,
    step: usize,
}

impl Settle {
    /// Begins anew for `id`, whose event came now.
    pub(crate) fn schedule(&mut self, now: Instant, id: &ContainerId) {
        self.cancel(id);
        self.insert(id.clone(), now, 0);
    }

    /// Forgets `id`.
    pub(crate) fn cancel(&mut self, id: &ContainerId) {
        if let Some(entry) = self.entries.remove(id) {
            self.due.remove(&(entry.due, id.clone()));
        }
    }

    /// When the next look is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next container due, which is then due at its next step.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<ContainerId> {
        let (_, id) = self.due.first().filter(|(due, _)| *due <= now)?.clone();
        let entry = self.entries.remove(&id)?;
        self.due.remove(&(entry.due, id.clone()));
        self.insert(id.clone(), entry.event, entry.step + 1);
        Some(id)
    }

    fn insert(&mut self, id: ContainerId, event: Instant, step: usize) {
        if let Some(&delay) = DELAYS.get(step) {
            let due = event + delay;
            self.due.insert((due, id.clone()));
            self.entries.insert(id, Entry { event, due, step });
        }
    }
}

/// After the event: once the write of a small file is likely over, once it is
/// surely over, and once the network drivers are likely through.
const DELAYS: [Duration; 3] = [
    Duration::from_millis(20),
    Duration::from_millis(200),
    Duration::from_secs(2),
];
