//! What a program measures beside its status.

use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric as _, MetricEncoder};
use prometheus_client::metrics::histogram::Histogram;

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

/// How long something took, each time it was done.
#[derive(Clone, Debug)]
pub struct Latency(Histogram);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new(BUCKETS))
    }
}

impl Latency {
    /// It was done once more, and took so long.
    pub fn observe(&self, time: Duration) {
        self.0.observe(time.as_secs_f64());
    }

    pub(super) fn encode(&self, encoder: MetricEncoder<'_>) -> std::fmt::Result {
        self.0.encode(encoder)
    }
}

/// Milliseconds are usual; a second is what one notices.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];
