//! Where an owner's routes stand.

use ipnet::IpNet;

use crate::route::{RouteKey, kernel_metric};

/// Where the routes of one owner stand, and what marks them as its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutePlace {
    /// The routing table.
    pub table: u32,
    /// The metric as in [`RouteSpec::metric`](crate::RouteSpec::metric).
    pub metric: u32,
    /// Who makes the routes.
    pub protocol: u8,
}

impl RoutePlace {
    /// The key of the route to `dst` in this place.
    #[must_use]
    pub fn key(&self, dst: IpNet) -> RouteKey {
        RouteKey {
            dst: dst.trunc(),
            table: self.table,
            metric: kernel_metric(&dst, self.metric),
            protocol: self.protocol,
        }
    }

    /// Whether the route of this key stands here.
    #[must_use]
    pub fn holds(&self, key: &RouteKey) -> bool {
        self.key(key.dst) == *key
    }
}

/// One of the two families of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpFamily {
    /// Both, IPv4 first.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of a destination.
    #[must_use]
    pub const fn of(dst: &IpNet) -> Self {
        match dst {
            IpNet::V4(_) => Self::V4,
            IpNet::V6(_) => Self::V6,
        }
    }
}
