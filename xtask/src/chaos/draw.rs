//! Which faults a round has: at random, and the same for the same seed.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use super::fault::Fault;

/// One fault at one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Draw {
    pub(super) fault: Fault,
    /// Which host, from 0.
    pub(super) host: usize,
    /// How long after the beginning of what it breaks into.
    pub(super) delay: Duration,
}

impl fmt::Display for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, host, delay } = self;
        if fault.is_of_router() {
            write!(f, "{fault}")
        } else if fault.breaks_in() {
            write!(f, "h{}: {fault} after {delay:?}", host + 1)
        } else {
            write!(f, "h{}: {fault}", host + 1)
        }
    }
}

/// The faults of round after round, without an end.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    random: SplitMix,
    hosts: usize,
    faults: &'static [Fault],
}

/// The most faults of one round.
const MOST: usize = 3;

/// To break into something takes one of so many moments: as long as a container takes to be removed
/// and another one to be started.
const MOMENTS: usize = 80;
const MOMENT: Duration = Duration::from_millis(25);

impl Draws {
    pub(super) const fn new(seed: u64, hosts: usize, faults: &'static [Fault]) -> Self {
        Self {
            random: SplitMix(seed),
            hosts,
            faults,
        }
    }
}

impl Iterator for Draws {
    type Item = Vec<Draw>;

    fn next(&mut self) -> Option<Vec<Draw>> {
        let count = 1 + self.random.below(MOST);
        let draws = (0..count).map(|_| Draw {
            fault: self.faults[self.random.below(self.faults.len())],
            host: self.random.below(self.hosts),
            delay: MOMENT * u32::try_from(self.random.below(MOMENTS)).unwrap_or(0),
        });
        Some(draws.collect())
    }
}

/// A seed nobody chose.
pub(super) fn any_seed() -> u64 {
    // Short enough to be typed again.
    RandomState::new().build_hasher().finish() % 1_000_000
}

/// Steele, Lea and Flood's SplitMix64: every seed gives another sequence.
#[derive(Clone, Debug)]
struct SplitMix(u64);

impl SplitMix {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; the bias of the remainder does not matter here.
    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_reproduces_its_draws_and_another_one_does_not() {
        let draws = |seed| {
            Draws::new(seed, 3, &Fault::ALL)
                .take(50)
                .collect::<Vec<_>>()
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn every_fault_is_drawn_at_every_host() {
        let all: Vec<Draw> = Draws::new(7, 3, &Fault::ALL).take(300).flatten().collect();
        for fault in Fault::ALL {
            for host in 0..3 {
                let mut those = all.iter().filter(|it| it.fault == fault && it.host == host);
                assert!(those.next().is_some(), "{fault} at {host}");
            }
        }
    }

    #[test]
    fn the_generator_is_the_published_one() {
        let mut random = SplitMix(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }
}
