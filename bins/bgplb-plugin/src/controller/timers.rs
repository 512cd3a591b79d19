//! The controller's deadlines.

use std::collections::BTreeSet;
use std::time::Instant;

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A network's withdrawal had its time.
    Settled(String),
    /// The kernel refused a network's delivery a while ago.
    RetryDelivery(String),
    /// An endpoint was announced as about to go for long enough.
    Unmark(String),
    /// The same for a network on a host that is drained.
    UnmarkNetwork(String),
    /// A network's endpoint has been healthy for long enough, or the network
    /// was held down for long enough.
    Steady(String),
    /// A drained endpoint's container is to be stopped.
    StopDrained(String),
    /// A network's path is broken and was left alone for long enough.
    Repair(String),
    /// Everything is compared with the kernel.
    Reconcile,
    /// The host itself is looked at.
    Host,
}

/// Deadlines in order; one a timer, the latest set counts.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Instant, Timer)>,
    at: std::collections::BTreeMap<Timer, Instant>,
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.clear(&timer);
        self.at.insert(timer.clone(), at);
        self.due.insert((at, timer));
    }

    /// The same, unless it is due by then anyway.
    pub(super) fn set_by(&mut self, timer: Timer, at: Instant) {
        if self.at.get(&timer).is_none_or(|set| at < *set) {
            self.set(timer, at);
        }
    }

    pub(super) fn clear(&mut self, timer: &Timer) {
        if let Some(at) = self.at.remove(timer) {
            self.due.remove(&(at, timer.clone()));
        }
    }

    /// When it is due, if it is set.
    pub(super) fn at(&self, timer: &Timer) -> Option<Instant> {
        self.at.get(timer).copied()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.due.pop_first()?;
        self.at.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Timer, Timers};

    #[test]
    fn timers_come_in_order_and_only_when_due() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut timers = Timers::default();
        timers.set(Timer::Reconcile, later);
        timers.set(Timer::Settled("n".to_owned()), now);
        assert_eq!(timers.next(), Some(now));
        assert_eq!(timers.pop_due(now), Some(Timer::Settled("n".to_owned())));
        assert_eq!(timers.pop_due(now), None);
        assert_eq!(timers.pop_due(later), Some(Timer::Reconcile));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn what_is_due_by_then_anyway_stays() {
        let now = Instant::now();
        let (soon, later) = (now + Duration::from_secs(1), now + Duration::from_secs(9));
        let mut timers = Timers::default();
        timers.set_by(Timer::Reconcile, soon);
        timers.set_by(Timer::Reconcile, later);
        assert_eq!(timers.next(), Some(soon));
        timers.set_by(Timer::Reconcile, now);
        assert_eq!(timers.next(), Some(now));
    }

    #[test]
    fn setting_again_moves_and_clearing_removes() {
        let now = Instant::now();
        let mut timers = Timers::default();
        timers.set(Timer::Reconcile, now);
        timers.set(Timer::Reconcile, now + Duration::from_secs(9));
        assert_eq!(timers.pop_due(now), None);
        timers.clear(&Timer::Reconcile);
        assert_eq!(timers.next(), None);
    }
}
