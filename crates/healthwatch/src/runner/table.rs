//! All checks, with their places in the queues.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Instant;

use tokio::task::AbortHandle;

use super::queue::Queue;
use super::spec::{CheckId, CheckNews, CheckSpec};
use crate::check::{Check, CheckLevel, Counts, Outcome, TimingError};
use crate::probe::Probe;

/// Everything that is known of the checks. Looks at nothing itself.
#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: BTreeMap<CheckId, Entry>,
    /// When each is to be looked at.
    pub(crate) looks: Queue,
    /// When the weight of each changes by itself.
    steps: Queue,
    /// Which have something to tell, in the order in which it came up.
    news: VecDeque<CheckId>,
    /// How many nobody has looked at yet.
    fresh: usize,
    random: RandomState,
}

#[derive(Debug)]
struct Entry {
    spec: CheckSpec,
    probe: Arc<Probe>,
    check: Check,
    /// What was last told, or put into the queue for it, without counts.
    told: Option<CheckLevel>,
    has_news: bool,
    look_at: Option<Instant>,
    step_at: Option<Instant>,
    /// The look under way.
    look: Option<AbortHandle>,
    is_fresh: bool,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(look) = &self.look {
            look.abort();
        }
    }
}

impl Table {
    /// Adds or changes a check. At most `at_once` that are new are looked at
    /// at once, the others within their first interval.
    pub(crate) fn set(
        &mut self,
        id: CheckId,
        spec: CheckSpec,
        probe: Probe,
        at_once: usize,
        now: Instant,
    ) -> Result<(), TimingError> {
        let probe = Arc::new(probe);
        if let Some(entry) = self.entries.get_mut(&id)
            && entry.spec.probe == spec.probe
        {
            if entry.spec.timing != spec.timing {
                entry.check.retime(spec.timing.clone(), now)?;
            }
            entry.spec = spec;
            entry.probe = probe;
            self.settle(id, now);
            return Ok(());
        }
        let random = self.random.hash_one(id);
        let mut check = Check::spread(spec.timing.clone(), now, random)?;
        self.remove(id);
        if self.fresh < at_once {
            check.check_now(now);
        }
        self.fresh += 1;
        let entry = Entry {
            spec,
            probe,
            check,
            told: None,
            has_news: false,
            look_at: None,
            step_at: None,
            look: None,
            is_fresh: true,
        };
        self.entries.insert(id, entry);
        self.settle(id, now);
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: CheckId) {
        let Some(mut entry) = self.entries.remove(&id) else {
            return;
        };
        self.looks.put(id, &mut entry.look_at, None);
        self.steps.put(id, &mut entry.step_at, None);
        if entry.has_news {
            self.news.retain(|other| *other != id);
        }
        self.fresh -= usize::from(entry.is_fresh);
    }

    pub(crate) fn check_now(&mut self, id: CheckId, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.check.check_now(now);
        }
        self.settle(id, now);
    }

    /// Begins a look at `id`, which `start` does with what to look at and the check's timeout.
    pub(crate) fn begin(
        &mut self,
        id: CheckId,
        now: Instant,
        start: impl FnOnce(Arc<Probe>, std::time::Duration) -> AbortHandle,
    ) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.check.begin(now);
            let limit = entry.check.timing().timeout;
            entry.look = Some(start(Arc::clone(&entry.probe), limit));
        }
        self.settle(id, now);
    }

    /// The look `task` has ended. It may be at a check that is gone or was
    /// replaced; then it means nothing.
    pub(crate) fn finish(
        &mut self,
        id: CheckId,
        task: tokio::task::Id,
        outcome: Outcome,
        now: Instant,
    ) {
        if let Some(entry) = self.entries.get_mut(&id)
            && entry.look.as_ref().is_some_and(|look| look.id() == task)
        {
            entry.look = None;
            entry.check.finish(now, outcome);
            self.fresh -= usize::from(std::mem::take(&mut entry.is_fresh));
            self.settle(id, now);
        }
    }

    /// Notes the weights that have changed by themselves.
    pub(crate) fn step(&mut self, now: Instant) {
        while let Some((_, id)) = self.steps.due(now) {
            self.settle(id, now);
        }
    }

    /// When a weight changes next by itself.
    pub(crate) fn next_step(&self) -> Option<Instant> {
        self.steps.first().map(|(time, _)| time)
    }

    pub(crate) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// Takes the oldest news; what they tell is as new as can be.
    pub(crate) fn pop_news(&mut self, now: Instant) -> Option<CheckNews> {
        let id = self.news.pop_front()?;
        let entry = self.entries.get_mut(&id)?;
        entry.has_news = false;
        let level = entry.check.level(now);
        entry.told = Some(without_counts(level.clone()));
        Some(CheckNews { id, level })
    }

    pub(crate) fn levels(&self, now: Instant) -> Vec<CheckNews> {
        let news = |(id, entry): (&CheckId, &Entry)| CheckNews {
            id: *id,
            level: entry.check.level(now),
        };
        self.entries.iter().map(news).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whatever has happened to `id`: puts it where it belongs in the queues.
    fn settle(&mut self, id: CheckId, now: Instant) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let (look, step) = (entry.check.due(), entry.check.weight_due(now));
        self.looks.put(id, &mut entry.look_at, look);
        self.steps.put(id, &mut entry.step_at, step);
        let level = without_counts(entry.check.level(now));
        if entry.told.as_ref() != Some(&level) {
            entry.told = Some(level);
            if !entry.has_news {
                entry.has_news = true;
                self.news.push_back(id);
            }
        }
    }
}

/// Counts change with every look, which is no news.
fn without_counts(mut level: CheckLevel) -> CheckLevel {
    level.counts = Counts::default();
    level
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Timing;
    use crate::probe::{ProbeSpec, TcpSpec};

    #[test]
    fn checks_that_come_and_go_unread_leave_nothing_behind() {
        let address = "192.0.2.1:80".parse().unwrap();
        let probe = ProbeSpec::Tcp(TcpSpec { address });
        let spec = CheckSpec {
            probe: probe.clone(),
            timing: Timing::default(),
        };
        let mut table = Table::default();
        let now = Instant::now();
        for id in (0..1000).map(CheckId) {
            let probe = Probe::new(probe.clone()).unwrap();
            table.set(id, spec.clone(), probe, 1, now).unwrap();
            table.remove(id);
        }
        assert_eq!((table.len(), table.news.len(), table.fresh), (0, 0, 0));
        assert_eq!(table.looks.first(), None);
        assert_eq!(table.next_step(), None);
    }
}
