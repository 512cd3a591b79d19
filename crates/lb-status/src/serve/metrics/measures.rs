//! What a program measures beside its status.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

/// What is not in the status, as it is now. What a program does not have stays
/// as it is by default, and is not exported.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Measures {
    /// How full the pools of addresses are.
    pub pools: Vec<PoolUse>,
    /// Learned routes in the kernel; `None` where none are installed.
    pub routes_installed: Option<u64>,
    /// Whether the configuration's file is newer than what was read of it;
    /// `None` without a file.
    pub configuration_stale: Option<bool>,
    /// From news to the routers' hearing of it: for announcements and for
    /// withdrawals.
    pub latency: Option<[Latency; 2]>,
}

/// How full a pool is, in one family.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "programs say how full pools are")]
pub struct PoolUse {
    /// What the configuration calls it.
    pub pool: String,
    /// `ipv4` or `ipv6`.
    pub family: &'static str,
    /// How many addresses it has.
    pub total: f64,
    /// How many of them are in use.
    pub used: f64,
}

/// How long something took, each time it was done. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Latency(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// How often it took at most as long as the bound of this place, and more than
    /// the one before; behind the last bound, whatever took longer.
    within: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// In seconds. Milliseconds are usual; a second is what one notices.
pub(crate) const BOUNDS: [f64; 14] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];

impl Latency {
    /// It was done once more, and took so long.
    pub fn observe(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let place = BOUNDS.partition_point(|bound| *bound < seconds);
        self.0.within[place].fetch_add(1, Relaxed);
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }

    /// How often it took up to each of [`BOUNDS`], and longer than all.
    pub(crate) fn counts(&self) -> [u64; BOUNDS.len() + 1] {
        self.0.within.each_ref().map(|count| count.load(Relaxed))
    }

    pub(super) fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let sum = Duration::from_nanos(self.0.nanoseconds.load(Relaxed)).as_secs_f64();
        let counts = self.counts();
        // The last bound means that there is none.
        let bounds = BOUNDS.into_iter().chain([f64::MAX]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        encoder.encode_histogram::<NoLabelSet>(sum, counts.iter().sum(), &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_with_the_bound_they_do_not_pass() {
        let latency = Latency::default();
        for micros in [1, 500, 501, 10_000_000, 10_000_001] {
            latency.clone().observe(Duration::from_micros(micros));
        }
        let counts = latency.counts();
        assert_eq!((counts[0], counts[1], counts[13], counts[14]), (2, 1, 1, 1));
        assert_eq!(counts.iter().sum::<u64>(), 5);
    }
}
