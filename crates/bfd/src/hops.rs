//! Single hop (RFC 5881) and multihop (RFC 5883): ports, TTL, addresses.

use std::net::IpAddr;
use std::ops::RangeInclusive;

/// The UDP port of control packets over a single hop (RFC 5881 section 4).
pub const SINGLE_HOP_PORT: u16 = 3784;

/// The UDP port of control packets over several hops (RFC 5883 section 5).
pub const MULTIHOP_PORT: u16 = 4784;

/// The UDP ports control packets are sent from; one session keeps its port,
/// and no two have the same (RFC 5881 section 4).
pub const SOURCE_PORTS: RangeInclusive<u16> = 49152..=65535;

/// The TTL or hop limit control packets are sent with (RFC 5881 section 5).
pub const SENT_TTL: u8 = 255;

/// How far away the peer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hops {
    /// On the same link. A packet that was forwarded is not believed: it must
    /// arrive with TTL 255 (RFC 5881 section 5).
    #[default]
    Single,
    /// Behind routers (RFC 5883).
    Multi {
        /// The least TTL a packet may arrive with; zero asks for nothing.
        min_ttl: u8,
    },
}

impl Hops {
    /// The port packets are sent to and received on.
    pub const fn port(self) -> u16 {
        match self {
            Self::Single => SINGLE_HOP_PORT,
            Self::Multi { .. } => MULTIHOP_PORT,
        }
    }

    /// The least TTL or hop limit of a packet that may be believed.
    pub const fn least_ttl(self) -> u8 {
        match self {
            Self::Single => SENT_TTL,
            Self::Multi { min_ttl } => min_ttl,
        }
    }
}

/// Where a session's packets come from and go to, which decides whose a packet
/// is that does not name a session (RFC 5881 section 3, RFC 5883 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// The peer's address.
    pub remote: IpAddr,
    /// Our address; `None` takes packets to any.
    pub local: Option<IpAddr>,
    /// The index of the interface packets arrive on; `None` takes any.
    pub interface: Option<u32>,
    /// One hop or several.
    pub hops: Hops,
}

/// What the driver knows about a packet besides its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The address it came from.
    pub source: IpAddr,
    /// The address it was sent to.
    pub destination: IpAddr,
    /// The index of the interface it came in by.
    pub interface: u32,
    /// The UDP port it was sent to.
    pub port: u16,
    /// The TTL or hop limit it arrived with.
    pub ttl: u8,
}

impl Path {
    /// Not after any path to this peer.
    pub(crate) const fn first_of(remote: IpAddr) -> Self {
        Self {
            remote,
            local: None,
            interface: None,
            hops: Hops::Single,
        }
    }

    /// Whether a packet that arrived so can belong here.
    pub fn matches(&self, arrival: &Arrival) -> bool {
        self.remote == arrival.source
            && self.hops.port() == arrival.port
            && self.local.is_none_or(|local| local == arrival.destination)
            && self
                .interface
                .is_none_or(|index| index == arrival.interface)
    }
}
