//! Routes: next hops in a fixed order, and what identifies a route.

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use ipnet::IpNet;

use crate::name::LinkName;
use crate::next_hop::NextHopId;

/// A unicast route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSpec {
    /// The destination.
    pub dst: IpNet,
    /// The routing table (`RTA_TABLE`).
    pub table: u32,
    /// The metric (`RTA_PRIORITY`); the lowest wins. For IPv6 the kernel takes
    /// 0 for 1024, and so does [`RouteSpec::key`].
    pub metric: u32,
    /// Who made the route (`rtm_protocol`).
    pub protocol: u8,
    /// How far the destination is. Means nothing for IPv6.
    pub scope: RouteScope,
    /// Where packets go: several make an equal-cost multipath route.
    pub next_hops: NextHops,
    /// The source address the host prefers for its own packets
    /// (`RTA_PREFSRC`).
    pub src: Option<IpAddr>,
}

impl RouteSpec {
    /// The main table (`RT_TABLE_MAIN`).
    pub const TABLE_MAIN: u32 = 254;
    /// The protocol number of BGP (`RTPROT_BGP`).
    pub const PROTOCOL_BGP: u8 = 186;

    /// A route of protocol BGP in the main table with metric 0. Its scope is
    /// the universe when a next hop has a gateway or a number, and the link
    /// otherwise.
    pub fn new(dst: IpNet, next_hops: impl Into<NextHops>) -> Self {
        let next_hops = next_hops.into();
        let by_gateway = next_hops.iter().any(|hop| hop.gateway.is_some());
        let scope = if by_gateway || next_hops.object().is_some() {
            RouteScope::UNIVERSE
        } else {
            RouteScope::LINK
        };
        Self {
            dst: dst.trunc(),
            table: Self::TABLE_MAIN,
            metric: 0,
            protocol: Self::PROTOCOL_BGP,
            scope,
            next_hops,
            src: None,
        }
    }

    /// A route straight onto a link, for addresses that are reached there.
    #[must_use]
    pub fn on_link(dst: IpNet, link: LinkName) -> Self {
        Self::new(dst, vec![NextHopSpec::on_link(link)])
    }

    /// The same route with this metric.
    #[must_use]
    pub fn with_metric(mut self, metric: u32) -> Self {
        self.metric = metric;
        self
    }

    /// The same route in this table.
    #[must_use]
    pub fn with_table(mut self, table: u32) -> Self {
        self.table = table;
        self
    }

    /// What identifies the route.
    #[must_use]
    pub fn key(&self) -> RouteKey {
        RouteKey {
            dst: self.dst.trunc(),
            table: self.table,
            metric: kernel_metric(&self.dst, self.metric),
            protocol: self.protocol,
        }
    }

    /// Whether the kernel has what is wanted when it shows `observed`.
    ///
    /// A gateway without a link is resolved by the kernel, so any link
    /// satisfies it, and the scope of an IPv6 route says nothing.
    #[must_use]
    pub fn satisfied_by(&self, observed: &Self) -> bool {
        self.key() == observed.key()
            && self.src == observed.src
            && (self.scope == observed.scope || matches!(self.dst, IpNet::V6(_)))
            && self.next_hops.satisfied_by(&observed.next_hops)
    }
}

/// What identifies a route for its owner.
///
/// The kernel tells routes apart by destination, table and metric; the
/// protocol makes sure that a deletion hits only what its owner made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey {
    /// The destination, without host bits.
    pub dst: IpNet,
    /// The routing table.
    pub table: u32,
    /// The metric as the kernel shows it (never 0 for IPv6).
    pub metric: u32,
    /// Who made the route.
    pub protocol: u8,
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.dst)?;
        if self.table != RouteSpec::TABLE_MAIN {
            write!(f, " table {}", self.table)?;
        }
        write!(f, " metric {} protocol {}", self.metric, self.protocol)
    }
}

/// How far a destination is (`rtm_scope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteScope(u8);

impl RouteScope {
    /// Behind a gateway (`RT_SCOPE_UNIVERSE`).
    pub const UNIVERSE: Self = Self(0);
    /// Directly on a link (`RT_SCOPE_LINK`).
    pub const LINK: Self = Self(253);
    /// On this host (`RT_SCOPE_HOST`).
    pub const HOST: Self = Self(254);

    /// Takes the kernel's number.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The kernel's number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// One way to a destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextHopSpec {
    /// The router; `None` when the destination is on the link itself. A
    /// gateway of IPv6 may serve an IPv4 route (`RTA_VIA`).
    pub gateway: Option<IpAddr>,
    /// The link; `None` lets the kernel find it from the gateway.
    pub link: Option<LinkName>,
    /// Its share of the flows against the other next hops, from 1.
    pub weight: u8,
    /// The gateway counts as reachable on the link although no connected
    /// route covers it (`RTNH_F_ONLINK`).
    pub onlink: bool,
}

impl NextHopSpec {
    /// Straight onto a link.
    #[must_use]
    pub const fn on_link(link: LinkName) -> Self {
        Self {
            gateway: None,
            link: Some(link),
            weight: 1,
            onlink: false,
        }
    }

    /// By a router; the kernel finds the link.
    #[must_use]
    pub const fn via(gateway: IpAddr) -> Self {
        Self {
            gateway: Some(gateway),
            link: None,
            weight: 1,
            onlink: false,
        }
    }

    /// By a router on this link.
    #[must_use]
    pub const fn via_link(gateway: IpAddr, link: LinkName) -> Self {
        Self {
            gateway: Some(gateway),
            link: Some(link),
            weight: 1,
            onlink: false,
        }
    }

    fn satisfied_by(&self, observed: &Self) -> bool {
        self.gateway == observed.gateway
            && (self.link.is_none() || self.link == observed.link)
            && self.weight == observed.weight
            && self.onlink == observed.onlink
    }
}

/// Next hops in their one order, so that equal sets are equal values.
///
/// Sorted by gateway, then link. Of two with the same gateway and link the
/// first is kept; a weight of 0 counts as 1, and a single next hop has the
/// weight 1, as the kernel shows it.
///
/// Or the number of a [`NextHopObject`](crate::NextHopObject): of an observed
/// route both are told, as far as the kernel tells them.
///
/// Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextHops {
    hops: Arc<[NextHopSpec]>,
    object: Option<NextHopId>,
}

impl NextHops {
    /// Those that the kernel keeps under a number (`RTA_NH_ID`).
    #[must_use]
    pub fn by_object(id: NextHopId) -> Self {
        Self {
            hops: Arc::default(),
            object: Some(id),
        }
    }

    /// The number the kernel keeps them under; `None` for next hops of the
    /// route's own.
    #[must_use]
    pub const fn object(&self) -> Option<NextHopId> {
        self.object
    }

    pub(crate) const fn with_object(mut self, object: Option<NextHopId>) -> Self {
        self.object = object;
        self
    }

    /// Whether they lead anywhere.
    pub(crate) fn lead_nowhere(&self) -> bool {
        self.hops.is_empty() && self.object.is_none()
    }

    fn satisfied_by(&self, observed: &Self) -> bool {
        let mut pairs = self.hops.iter().zip(observed.hops.iter());
        match (self.object, observed.object) {
            (None, None) => {
                self.hops.len() == observed.hops.len()
                    && pairs.all(|(want, have)| want.satisfied_by(have))
            }
            (want, have) => want == have,
        }
    }
}

impl From<Vec<NextHopSpec>> for NextHops {
    fn from(mut hops: Vec<NextHopSpec>) -> Self {
        hops.sort();
        hops.dedup_by(|a, b| a.gateway == b.gateway && a.link == b.link);
        if let [only] = hops.as_mut_slice() {
            only.weight = 1;
        }
        for hop in &mut hops {
            hop.weight = hop.weight.max(1);
        }
        Self {
            hops: hops.into(),
            object: None,
        }
    }
}

impl FromIterator<NextHopSpec> for NextHops {
    fn from_iter<I: IntoIterator<Item = NextHopSpec>>(hops: I) -> Self {
        Self::from(Vec::from_iter(hops))
    }
}

impl Deref for NextHops {
    type Target = [NextHopSpec];

    fn deref(&self) -> &Self::Target {
        &self.hops
    }
}

/// The metric the kernel shows for a route made with `metric`
/// (`IP6_RT_PRIO_USER` in place of 0 for IPv6).
pub(crate) const fn kernel_metric(dst: &IpNet, metric: u32) -> u32 {
    match (dst, metric) {
        (IpNet::V6(_), 0) => 1024,
        _ => metric,
    }
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;

    use super::{NextHopSpec, NextHops, RouteScope, RouteSpec};
    use crate::name::LinkName;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn via(gateway: &str) -> NextHopSpec {
        NextHopSpec::via(gateway.parse().unwrap())
    }

    #[test]
    fn equal_sets_of_next_hops_are_equal_values() {
        let one = NextHops::from(vec![via("10.0.0.2"), via("10.0.0.1"), via("10.0.0.2")]);
        let other = NextHops::from(vec![via("10.0.0.1"), via("10.0.0.2")]);
        assert_eq!(one, other);
    }

    #[test]
    fn the_weight_of_a_single_next_hop_is_one() {
        let heavy = NextHopSpec {
            weight: 9,
            ..via("10.0.0.1")
        };
        assert_eq!(
            NextHops::from(vec![heavy]),
            NextHops::from(vec![via("10.0.0.1")])
        );
    }

    #[test]
    fn host_bits_and_the_default_metric_of_ipv6_do_not_make_another_route() {
        let route = RouteSpec::new(net("2001:db8::1/64"), vec![via("fe80::1")]);
        assert_eq!(route.key().dst, net("2001:db8::/64"));
        assert_eq!(route.key(), route.clone().with_metric(1024).key());
        assert_ne!(route.key(), route.clone().with_metric(1).key());
    }

    #[test]
    fn a_gateway_without_link_is_satisfied_by_any_link() {
        let want = RouteSpec::new(net("10.9.0.0/16"), vec![via("10.0.0.1")]);
        assert_eq!(want.scope, RouteScope::UNIVERSE);
        let eth0 = LinkName::new("eth0").unwrap();
        let have = RouteSpec {
            next_hops: vec![NextHopSpec::via_link("10.0.0.1".parse().unwrap(), eth0)].into(),
            ..want.clone()
        };
        assert!(want.satisfied_by(&have));
        assert!(!have.satisfied_by(&want));
    }
}
