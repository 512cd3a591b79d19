//! How often somebody may take our objects away before we take our time.

use std::time::{Duration, Instant};

/// How often a network's objects were disturbed of late.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Damper {
    strikes: u32,
    last: Option<Instant>,
}

/// How many disturbances in a row are mended at once.
const AT_ONCE: u32 = 16;

/// How long the first one after those waits; each further one waits twice as
/// long as the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(64);

/// How long it must be quiet for everything to be forgiven.
const CALM: Duration = Duration::from_secs(60);

impl Damper {
    /// How long to wait with mending what was disturbed at `now`.
    pub(super) fn strike(&mut self, now: Instant) -> Duration {
        if self.last.is_none_or(|last| now - last > CALM) {
            self.strikes = 0;
        }
        self.strikes = self.strikes.saturating_add(1);
        self.last = Some(now);
        let Some(doublings) = self.strikes.checked_sub(AT_ONCE + 1) else {
            return Duration::ZERO;
        };
        let pause = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX));
        pause.min(LONGEST_PAUSE)
    }

    /// It was mended after a pause: the quiet begins here.
    pub(super) fn mended(&mut self, now: Instant) {
        self.last = Some(now);
    }

    /// Whether this is the first that has to wait.
    pub(super) const fn begins_to_wait(&self) -> bool {
        self.strikes == AT_ONCE + 1
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{AT_ONCE, CALM, Damper, LONGEST_PAUSE};

    #[test]
    fn a_few_are_mended_at_once_and_a_storm_waits_longer_and_longer() {
        let mut damper = Damper::default();
        let mut now = Instant::now();
        for _ in 0..AT_ONCE {
            assert_eq!(damper.strike(now), Duration::ZERO);
            assert!(!damper.begins_to_wait());
        }
        for seconds in [1, 2, 4, 8, 16, 32, 64, 64, 64] {
            let pause = damper.strike(now);
            assert_eq!(pause, Duration::from_secs(seconds));
            assert_eq!(damper.begins_to_wait(), seconds == 1);
            now += pause;
            damper.mended(now);
        }
        assert_eq!(damper.strike(now), LONGEST_PAUSE, "the wait is no quiet");
        now += CALM + Duration::from_millis(1);
        assert_eq!(damper.strike(now), Duration::ZERO);
    }

    #[test]
    fn counting_has_no_end() {
        let mut damper = Damper::default();
        let now = Instant::now();
        for _ in 0..200 {
            damper.strike(now);
        }
        assert_eq!(damper.strike(now), LONGEST_PAUSE);
    }
}
