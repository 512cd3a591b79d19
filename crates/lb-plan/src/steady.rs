//! Against flapping: who has just turned healthy waits, and who comes and goes
//! too often stays away.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// When something that comes and goes is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldDown {
    /// How often it may go; at least once.
    pub times: u32,
    /// Within how long.
    pub within: Duration,
    /// How long it then stays away, from when it went for the last time.
    pub hold: Duration,
}

/// What is remembered of one service's coming and going: no more times than
/// the rule counts.
#[derive(Clone, Debug, Default)]
pub struct FlapHistory {
    gone: VecDeque<Instant>,
    held_until: Option<Instant>,
}

impl FlapHistory {
    /// It went at `now`; `Some` when it has done so too often, and is held
    /// down until then.
    pub fn went(&mut self, rule: &HoldDown, now: Instant) -> Option<Instant> {
        self.gone.push_back(now);
        while self.gone.len() > rule.times.max(1) as usize {
            self.gone.pop_front();
        }
        let first = *self.gone.front()?;
        let often = self.gone.len() >= rule.times.max(1) as usize;
        if often && now.saturating_duration_since(first) <= rule.within {
            self.held_until = now.checked_add(rule.hold);
            self.gone.clear();
        }
        self.held_until.filter(|until| *until > now)
    }

    /// Until when it is held down, if it is at `now`.
    #[must_use]
    pub fn held_until(&self, now: Instant) -> Option<Instant> {
        self.held_until.filter(|until| *until > now)
    }
}

/// Since when an endpoint is healthy without a break.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// It is not.
    #[default]
    None,
    /// Since then.
    Since(Instant),
    /// Since before anybody looked.
    Believed,
}

impl Proof {
    /// Takes in what is the case at `now`.
    pub fn observe(&mut self, healthy: bool, now: Instant) {
        match (healthy, *self) {
            (true, Self::None) => *self = Self::Since(now),
            (false, _) => *self = Self::None,
            _ => {}
        }
    }

    /// When it will have been healthy for `time`; `None` when it has been by
    /// `now`, and when it is not healthy.
    #[must_use]
    pub fn outstanding(&self, time: Duration, now: Instant) -> Option<Instant> {
        match self {
            Self::Since(since) => since.checked_add(time).filter(|at| *at > now),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where virtual time begins.
    #[allow(clippy::disallowed_methods)]
    fn origin() -> Instant {
        Instant::now()
    }

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const RULE: HoldDown = HoldDown {
        times: 3,
        within: s(60),
        hold: s(300),
    };

    #[test]
    fn the_third_time_within_the_window_is_held_down() {
        let start = origin();
        let mut history = FlapHistory::default();
        assert_eq!(history.went(&RULE, start), None);
        assert_eq!(history.went(&RULE, start + s(30)), None);
        let until = Some(start + s(50) + s(300));
        assert_eq!(history.went(&RULE, start + s(50)), until);
        assert_eq!(history.held_until(start + s(349)), until);
        assert_eq!(history.held_until(start + s(350)), None);
    }

    #[test]
    fn going_seldom_is_never_held_down() {
        let start = origin();
        let mut history = FlapHistory::default();
        for n in 0..100 {
            assert_eq!(history.went(&RULE, start + s(n * 31)), None);
        }
    }

    #[test]
    fn health_is_proven_by_an_unbroken_time() {
        let start = origin();
        let mut proof = Proof::default();
        assert_eq!(proof.outstanding(s(10), start), None);
        proof.observe(true, start);
        proof.observe(true, start + s(3));
        assert_eq!(proof.outstanding(s(10), start), Some(start + s(10)));
        assert_eq!(proof.outstanding(s(10), start + s(10)), None);
        proof.observe(false, start + s(4));
        proof.observe(true, start + s(5));
        assert_eq!(proof.outstanding(s(10), start), Some(start + s(15)));
        let mut believed = Proof::Believed;
        believed.observe(true, start);
        assert_eq!(believed.outstanding(s(10), start), None);
        believed.observe(false, start);
        assert_eq!(believed, Proof::None);
    }

    /// One service with one endpoint under both rules, in virtual time.
    #[derive(Default)]
    struct World {
        proof: Proof,
        history: FlapHistory,
        announced: bool,
        changes: u64,
    }

    impl World {
        fn turn(&mut self, healthy: bool, proving: Duration, now: Instant) {
            self.proof.observe(healthy, now);
            let proven = healthy && self.proof.outstanding(proving, now).is_none();
            let wanted = proven && self.history.held_until(now).is_none();
            if wanted != self.announced {
                self.announced = wanted;
                self.changes += 1;
                if !wanted {
                    self.history.went(&RULE, now);
                }
            }
        }
    }

    proptest! {
        /// However health flaps, second by second: announced only while
        /// healthy, a bounded number of changes, and in the end the truth.
        #[test]
        fn flapping_makes_a_bounded_number_of_changes_and_ends_in_the_truth(
            flaps in proptest::collection::vec((any::<bool>(), 1u64..6), 1..400),
            proving in 0u64..20,
        ) {
            let start = origin();
            let mut world = World::default();
            let mut now = 0;
            let mut last = false;
            for (healthy, seconds) in flaps {
                for _ in 0..seconds {
                    world.turn(healthy, s(proving), start + s(now));
                    prop_assert!(!world.announced || healthy);
                    now += 1;
                }
                last = healthy;
            }
            // It goes at most twice a window of 60 s without being held, and
            // three times a hold with.
            let windows = now / 60 + 1;
            prop_assert!(world.changes <= windows * 2 * u64::from(RULE.times));
            let holds = now / RULE.hold.as_secs() + 1;
            let quick = holds * 2 * u64::from(RULE.times);
            let slow = 2 * (now * u64::from(RULE.times - 1) / RULE.within.as_secs() + 1);
            prop_assert!(world.changes <= quick + slow);
            for _ in 0..=RULE.hold.as_secs() + proving {
                world.turn(last, s(proving), start + s(now));
                now += 1;
            }
            prop_assert_eq!(world.announced, last);
        }
    }
}
