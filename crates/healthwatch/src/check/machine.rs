//! A check: results in, health out.

use std::time::Instant;

use super::failure::Failure;
use super::level::{CheckLevel, Counts, Health, Transition};
use super::schedule::{Pace, Schedule, random_share};
use super::slow_start::Ramp;
use super::timing::{StartState, Timing, TimingError};

/// What a look that succeeded has to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Success {
    /// How much of its share the service asks for, 0 to 100; `None` is 100.
    pub weight: Option<u8>,
}

impl Success {
    /// A service that asks for `weight` percent of its share, at most 100.
    #[must_use]
    pub fn weighing(weight: u8) -> Self {
        Self {
            weight: Some(weight.min(100)),
        }
    }
}

/// What came of a look.
pub type Outcome = Result<Success, Failure>;

/// The state of one check.
///
/// Its driver looks whenever [`Self::due`] has come, tells
/// [`Self::begin`] and then [`Self::finish`] or [`Self::timed_out`], and reads
/// [`Self::level`] afterwards, and once [`Self::weight_due`] has come.
#[derive(Clone, Debug)]
pub struct Check {
    timing: Timing,
    schedule: Schedule,
    health: Health,
    is_proven: bool,
    since: Instant,
    last_failure: Option<Failure>,
    counts: Counts,
    /// What the service asked for last.
    asked: u8,
    /// Looks have shown it down: its way up is a slow one.
    was_seen_down: bool,
    ramp: Option<Ramp>,
}

impl Check {
    /// A check whose first look is due at once. `random` spreads its looks if
    /// there is jitter.
    ///
    /// # Errors
    ///
    /// When `timing` is none that [`Timing::validate`] accepts.
    pub fn new(timing: Timing, now: Instant, random: u64) -> Result<Self, TimingError> {
        timing.validate()?;
        Ok(Self {
            schedule: Schedule::new(now, random),
            health: match timing.start {
                StartState::Down => Health::Down,
                StartState::Up => Health::Up,
                StartState::Unknown => Health::Unknown,
            },
            is_proven: false,
            since: now,
            last_failure: None,
            counts: Counts::default(),
            asked: 100,
            was_seen_down: false,
            ramp: None,
            timing,
        })
    }

    /// One of many checks that begin at the same time: the first look is due
    /// within one interval (the fast one, if there is one), as `random` decides.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn spread(timing: Timing, now: Instant, random: u64) -> Result<Self, TimingError> {
        let mut check = Self::new(timing, now, random)?;
        let share = random_share(random, 0);
        let phase = now + check.timing.interval.mul_f32(share);
        let first = check
            .timing
            .fast_interval
            .map(|fast| now + fast.mul_f32(share));
        check.schedule = Schedule::spread(phase, first.unwrap_or(phase), random);
        Ok(check)
    }

    /// When to look next; `None` while a look is under way.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.schedule.due()
    }

    /// A look begins.
    pub const fn begin(&mut self, now: Instant) {
        self.schedule.begin(now);
    }

    /// The look under way has ended so. What comes without one is left out.
    pub fn finish(&mut self, now: Instant, outcome: Outcome) -> Option<Transition> {
        if !self.schedule.is_looking() {
            return None;
        }
        let from = self.health;
        match outcome {
            Ok(success) => self.succeeded(success),
            Err(failure) => self.failed(failure),
        }
        if !self.health.is_transitional() {
            self.is_proven = true;
        }
        if from.is_serving() != self.health.is_serving() {
            self.turned(now);
        }
        self.schedule.end(now, self.pace());
        (from != self.health).then_some(Transition {
            from,
            to: self.health,
            at: now,
        })
    }

    /// The look under way has taken too long.
    pub fn timed_out(&mut self, now: Instant) -> Option<Transition> {
        let failure = Failure::timeout("check", self.timing.timeout);
        self.finish(now, Err(failure))
    }

    /// A look is wanted at once; after the one under way, if there is one,
    /// since that may have begun before what the caller knows.
    pub fn check_now(&mut self, now: Instant) {
        self.schedule.hasten(now);
    }

    /// Changes when it looks and how it judges from here on. What was found
    /// so far stays.
    ///
    /// # Errors
    ///
    /// As [`Self::new`]; nothing has changed then.
    pub fn retime(&mut self, timing: Timing, now: Instant) -> Result<(), TimingError> {
        timing.validate()?;
        self.timing = timing;
        self.health = match self.health {
            // No verdict without a look: where fewer results are needed than
            // there were, one more is waited for.
            Health::Rising { .. } if self.timing.rise == 1 => Health::Down,
            Health::Falling { .. } if self.timing.fall == 1 => Health::Up,
            Health::Rising { done, .. } => Health::Rising {
                done: done.min(self.timing.rise - 1),
                of: self.timing.rise,
            },
            Health::Falling { done, .. } => Health::Falling {
                done: done.min(self.timing.fall - 1),
                of: self.timing.fall,
            },
            settled => settled,
        };
        if self.timing.slow_start.is_none() {
            self.ramp = None;
        }
        self.schedule.repace(now, self.pace());
        Ok(())
    }

    /// What others need to know, as of `now`.
    #[must_use]
    pub fn level(&self, now: Instant) -> CheckLevel {
        CheckLevel {
            health: self.health,
            is_proven: self.is_proven,
            weight: self.weight(now),
            since: self.since,
            last_failure: self.last_failure.clone(),
            counts: self.counts,
        }
    }

    /// When the weight changes next without a look, as it does while a
    /// service that was down grows back.
    #[must_use]
    pub fn weight_due(&self, now: Instant) -> Option<Instant> {
        self.ramp.and_then(|ramp| ramp.next_step(now))
    }

    /// When it looks and how it judges.
    #[must_use]
    pub const fn timing(&self) -> &Timing {
        &self.timing
    }

    fn succeeded(&mut self, success: Success) {
        self.counts.successes += 1;
        self.asked = success.weight.unwrap_or(100).min(100);
        let of = self.timing.rise;
        let done = match self.health {
            Health::Unknown | Health::Up | Health::Falling { .. } => of,
            Health::Down => 1,
            Health::Rising { done, .. } => done + 1,
        };
        self.health = if done >= of {
            Health::Up
        } else {
            Health::Rising { done, of }
        };
    }

    fn failed(&mut self, failure: Failure) {
        self.counts.failures += 1;
        self.counts.timeouts += u64::from(failure.is_timeout());
        self.last_failure = Some(failure);
        let of = self.timing.fall;
        let done = match self.health {
            Health::Unknown | Health::Down | Health::Rising { .. } => of,
            Health::Up => 1,
            Health::Falling { done, .. } => done + 1,
        };
        self.health = if done >= of {
            Health::Down
        } else {
            Health::Falling { done, of }
        };
        self.was_seen_down |= self.health == Health::Down;
    }

    /// Serving has begun or ended.
    fn turned(&mut self, now: Instant) {
        self.since = now;
        self.counts.turns += 1;
        self.ramp = None;
        if self.health.is_serving() && std::mem::take(&mut self.was_seen_down) {
            let length = self.timing.slow_start;
            self.ramp = length.map(|length| Ramp { since: now, length });
        }
    }

    fn weight(&self, now: Instant) -> u8 {
        if !self.health.is_serving() || self.asked == 0 {
            return 0;
        }
        let grown = self.ramp.map_or(100, |ramp| ramp.percentage(now));
        let product = u16::from(self.asked) * u16::from(grown) / 100;
        u8::try_from(product).map_or(100, |weight| weight.max(1))
    }

    fn pace(&self) -> Pace {
        Pace {
            interval: self.timing.interval,
            jitter: self.timing.jitter,
            hurry: self
                .timing
                .fast_interval
                .filter(|_| self.health.is_transitional()),
        }
    }
}

#[cfg(test)]
mod tests;
