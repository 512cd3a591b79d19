//! Growing, jittered pauses between attempts.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Doubling pauses, each drawn from the upper half of its step so that many
/// hosts whose Docker restarts together do not stay in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    step: Duration,
    noise: u64,
}

impl Backoff {
    /// Steps from `first` to `max`; `seed` is the only source of randomness.
    pub(crate) fn new(first: Duration, max: Duration, seed: u64) -> Self {
        let first = first.max(Duration::from_millis(1));
        Self {
            first,
            max: max.max(first),
            step: first,
            noise: seed,
        }
    }

    /// A seed that differs from process to process.
    pub(crate) fn random_seed() -> u64 {
        RandomState::new().hash_one("bgplb")
    }

    /// The pause before the next attempt, between half a step and a step.
    pub(crate) fn pause(&mut self) -> Duration {
        // SplitMix64: one addition and a mix, good enough to spread starts.
        self.noise = self.noise.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.noise;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let thousandths = u32::try_from(mixed % 501).unwrap_or(0) + 500;
        let pause = self.step * thousandths / 1000;
        self.step = self.step.saturating_mul(2).min(self.max);
        pause
    }

    /// Begins again at the first step, after something worked.
    pub(crate) fn reset(&mut self) {
        self.step = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_stay_within_their_step() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(50), ms(2000), 7);
        for step in [50, 100, 200, 400, 800, 1600, 2000, 2000] {
            let pause = backoff.pause();
            assert!(
                ms(step / 2) <= pause && pause <= ms(step),
                "{pause:?} for {step}"
            );
        }
        backoff.reset();
        assert!(backoff.pause() <= ms(50));
    }

    #[test]
    fn different_seeds_pause_differently() {
        let pauses = |seed| {
            let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2), seed);
            (0..8).map(|_| backoff.pause()).collect::<Vec<_>>()
        };
        assert_ne!(pauses(1), pauses(2));
        assert_eq!(pauses(3), pauses(3));
    }
}
