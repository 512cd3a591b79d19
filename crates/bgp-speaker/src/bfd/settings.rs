//! How BFD is spoken with a peer.

use std::time::Duration;

use bfd::{ConfigError, Hops, Timing};

/// How BFD is spoken with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BfdSettings {
    /// How often we would like to send, 1 ms or more.
    pub min_tx: Duration,
    /// How often we can receive, 1 ms or more.
    pub min_rx: Duration,
    /// How many packets in a row may be lost; not zero.
    pub multiplier: u8,
    /// Whether the peer is behind routers (RFC 5883). Over a single hop
    /// (RFC 5881) only packets that were not forwarded are believed.
    pub multihop: bool,
    /// The least TTL or hop limit a packet of a peer behind routers may arrive
    /// with: 254 is one router away if they leave with 255, as ours do (RFC
    /// 5883 does not ask for that). Zero asks for nothing; without `multihop`
    /// it has no meaning.
    pub min_ttl: u8,
}

impl Default for BfdSettings {
    /// Over a single hop, every 300 ms, three packets.
    fn default() -> Self {
        let timing = Timing::default();
        Self {
            min_tx: timing.desired_min_tx(),
            min_rx: timing.required_min_rx(),
            multiplier: timing.multiplier(),
            multihop: false,
            min_ttl: 0,
        }
    }
}

impl BfdSettings {
    /// Both intervals and how many packets may be lost.
    #[must_use]
    pub const fn every(mut self, interval: Duration, multiplier: u8) -> Self {
        self.min_tx = interval;
        self.min_rx = interval;
        self.multiplier = multiplier;
        self
    }

    /// Finds a peer behind routers, whose packets arrive with this TTL at
    /// least.
    #[must_use]
    pub const fn multihop(mut self, min_ttl: u8) -> Self {
        self.multihop = true;
        self.min_ttl = min_ttl;
        self
    }

    /// The times, if they are possible.
    pub(crate) fn timing(&self) -> Result<Timing, ConfigError> {
        Timing::new(self.min_tx, self.min_rx, self.multiplier)
    }

    pub(super) const fn hops(&self) -> Hops {
        if self.multihop {
            let min_ttl = self.min_ttl;
            Hops::Multi { min_ttl }
        } else {
            Hops::Single
        }
    }
}
