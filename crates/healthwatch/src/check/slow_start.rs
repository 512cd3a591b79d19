//! The weight of a service that has come back.

use std::time::{Duration, Instant};

/// Grows in equal steps from `since` on, over `length`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ramp {
    pub(crate) since: Instant,
    pub(crate) length: Duration,
}

impl Ramp {
    /// The percentage at `now`, never 0.
    pub(crate) fn percentage(self, now: Instant) -> u8 {
        let step = (self.steps_done(now) + 1).min(STEPS);
        u8::try_from(step * 100 / STEPS).unwrap_or(100)
    }

    /// When the percentage changes next; `None` once it is 100.
    pub(crate) fn next_step(self, now: Instant) -> Option<Instant> {
        let next = self.steps_done(now) + 1;
        (next < STEPS).then(|| self.since + self.start_of(next))
    }

    fn steps_done(self, now: Instant) -> u32 {
        let elapsed = now.saturating_duration_since(self.since);
        let step = elapsed.as_nanos() * u128::from(STEPS) / self.length.as_nanos().max(1);
        u32::try_from(step).map_or(STEPS, |step| step.min(STEPS))
    }

    /// Rounded up, so that the step has begun at this time.
    fn start_of(self, step: u32) -> Duration {
        self.length * step / STEPS + Duration::from_nanos(1)
    }
}

/// Each is told to others, who may have to tell routers: not too many.
const STEPS: u32 = 20;
