//! The jitter that keeps the packets of many sessions apart.

use std::time::Duration;

/// Pseudo-random numbers; the seed decides them all (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Jitter {
    state: u64,
}

impl Jitter {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// `interval` less up to a quarter; with a multiplier of one, less at
    /// least a tenth too (RFC 5880 section 6.8.7).
    pub(crate) fn apply(&mut self, interval: Duration, multiplier: u8) -> Duration {
        let longest = if multiplier == 1 {
            interval * 9 / 10
        } else {
            interval
        };
        let shortest = interval * 3 / 4;
        // 1024 steps are plenty, and keep the arithmetic in integers.
        let step = self.next() >> 54;
        let span = u64::try_from((longest - shortest).as_nanos()).unwrap_or(u64::MAX);
        shortest + Duration::from_nanos(span / 1024 * step)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(multiplier: u8) -> (Duration, Duration) {
        let mut jitter = Jitter::new(7);
        let seen: Vec<_> = (0..10_000)
            .map(|_| jitter.apply(Duration::from_millis(1000), multiplier))
            .collect();
        (*seen.iter().min().unwrap(), *seen.iter().max().unwrap())
    }

    #[test]
    fn an_interval_is_shortened_by_up_to_a_quarter() {
        let (least, most) = bounds(3);
        assert!(least >= Duration::from_millis(750) && least < Duration::from_millis(753));
        assert!(most <= Duration::from_millis(1000) && most > Duration::from_millis(997));
    }

    #[test]
    fn with_one_packet_to_lose_a_tenth_is_kept_in_hand() {
        let (least, most) = bounds(1);
        assert!(least >= Duration::from_millis(750) && least < Duration::from_millis(752));
        assert!(most <= Duration::from_millis(900) && most > Duration::from_millis(898));
    }
}
