//! What the kernel has, and what of it is ours.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

use crate::ipvlan::{IpvlanFlags, IpvlanMode};
use crate::model::{AddrSpec, LinkKind, LinkSpec, NeighKey, NeighSpec};
use crate::name::{LinkName, MacAddr};
use crate::next_hop::{NextHopId, NextHopObject};
use crate::route::{NextHops, RouteKey, RouteSpec, kernel_metric};

/// What the kernel has.
///
/// Left out: links whose names are no [`LinkName`], routes that are not
/// unicast or carry a type of service, neighbours that are not permanent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// All links of the namespace.
    pub links: BTreeMap<LinkName, LinkState>,
    /// All addresses, those of the IPv6 link-local scope included.
    pub addrs: BTreeSet<AddrSpec>,
    /// All unicast routes of all tables.
    pub routes: BTreeMap<RouteKey, RouteSpec>,
    /// All permanent neighbours.
    pub neighs: BTreeMap<NeighKey, NeighSpec>,
    /// All numbered next hops.
    pub next_hops: BTreeMap<NextHopId, NextHopObject>,
}

impl Observed {
    /// The links by which a route leaves.
    pub(crate) fn links_of<'a>(&'a self, hops: &'a NextHops) -> Vec<&'a LinkName> {
        links_of(hops, &self.next_hops)
    }
}

/// The links by which `hops` leave, when numbers stand for `objects`.
pub(crate) fn links_of<'a>(
    hops: &'a NextHops,
    objects: &'a BTreeMap<NextHopId, NextHopObject>,
) -> Vec<&'a LinkName> {
    let Some(id) = hops.object() else {
        return hops.iter().filter_map(|hop| hop.link.as_ref()).collect();
    };
    let Some(object) = objects.get(&id) else {
        return Vec::new();
    };
    let members = object.members().filter_map(|id| objects.get(&id));
    members
        .chain([object])
        .filter_map(NextHopObject::link)
        .collect()
}

/// A link as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// The kernel's number for it.
    pub index: u32,
    /// Its type.
    pub kind: LinkKindState,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// The link it is a port of.
    pub master: Option<LinkName>,
    /// Largest packet in octets.
    pub mtu: u32,
    /// Its alias, where ownership marks stand; empty when it has none.
    pub alias: String,
    /// Its hardware address, when that has six octets.
    pub mac: Option<MacAddr>,
}

/// The type of a link as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkKindState {
    /// A software bridge.
    Bridge {
        /// How long learnt addresses are kept.
        ageing: Duration,
        /// Forwarded link-local groups.
        group_fwd_mask: u16,
    },
    /// One end of a pair.
    Veth {
        /// The other end, unless it is in another namespace.
        peer: Option<LinkName>,
    },
    /// A link that leads nowhere.
    Dummy,
    /// A child of another link that shares its hardware address.
    Ipvlan {
        /// The link whose child it is, unless that is in another namespace.
        parent: Option<LinkName>,
        /// What it sees of its parent's traffic.
        mode: IpvlanMode,
        /// Whom it reaches directly.
        flags: IpvlanFlags,
    },
    /// A router of its own (VRF): what is a port of it looks for routes in its
    /// table.
    Vrf {
        /// The table.
        table: u32,
    },
    /// Any other type by the kernel's word for it; empty for links without
    /// one, as hardware and the loopback.
    Other(String),
}

impl LinkKindState {
    /// The kernel's word for the type; empty when it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Bridge { .. } => "bridge",
            Self::Veth { .. } => "veth",
            Self::Dummy => "dummy",
            Self::Ipvlan { .. } => "ipvlan",
            Self::Vrf { .. } => "vrf",
            Self::Other(kind) => kind,
        }
    }

    /// Whether the settings of `kind` are in force here. The inner end of a
    /// pair is its holder's business and is not looked at.
    pub(crate) fn satisfies(&self, kind: &LinkKind) -> bool {
        match (kind, self) {
            (
                LinkKind::Bridge(want),
                Self::Bridge {
                    ageing,
                    group_fwd_mask,
                },
            ) => {
                want.ageing.is_none_or(|want| ticks(want) == ticks(*ageing))
                    && want
                        .group_fwd_mask
                        .is_none_or(|want| want == *group_fwd_mask)
            }
            (
                LinkKind::Ipvlan(want),
                Self::Ipvlan {
                    parent,
                    mode,
                    flags,
                },
            ) => {
                parent.as_ref() == Some(&want.parent) && (*mode, *flags) == (want.mode, want.flags)
            }
            (LinkKind::Veth { .. }, Self::Veth { .. }) | (LinkKind::Dummy, Self::Dummy) => true,
            _ => false,
        }
    }
}

impl LinkState {
    /// Whether everything `spec` asks for is in force.
    pub(crate) fn satisfies(&self, spec: &LinkSpec) -> bool {
        self.kind.satisfies(&spec.kind)
            && self.up == spec.up
            && self.master == spec.master
            && spec.mtu.is_none_or(|mtu| mtu == self.mtu)
            && spec.mac.is_none_or(|mac| Some(mac) == self.mac)
            && self.alias == spec.alias
    }
}

/// What may be deleted. Nothing else ever is.
///
/// * Links whose alias begins with [`Owned::alias_prefix`].
/// * Addresses and permanent neighbours on such links.
/// * Routes of [`Owned::route_protocol`] that carry one of
///   [`Owned::route_marks`].
/// * Numbered next hops of [`Owned::route_protocol`] among
///   [`Owned::next_hop_ids`] that leave by no links but such.
///
/// A route with the very key of a wanted one, protocol included, is replaced
/// without such a mark: two owners who share a protocol number must not share
/// a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// How the aliases of our links begin, as `bgplb:`. An empty prefix owns
    /// no link at all.
    pub alias_prefix: String,
    /// The protocol number of our routes.
    pub route_protocol: u8,
    /// What tells our routes from others of the same protocol.
    pub route_marks: BTreeSet<RouteMark>,
    /// The numbers of our next hops; `None` owns none.
    pub next_hop_ids: Option<RangeInclusive<NextHopId>>,
}

/// What tells an owner's routes from others of the same protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RouteMark {
    /// Every next hop leaves by one of the owner's links.
    OwnLinks,
    /// The route stands in this table with this metric.
    TableMetric {
        /// The table.
        table: u32,
        /// The metric as in [`RouteSpec::metric`].
        metric: u32,
    },
}

impl Owned {
    /// Owns links by their alias, and routes of `route_protocol` over them.
    pub fn new(alias_prefix: impl Into<String>, route_protocol: u8) -> Self {
        Self {
            alias_prefix: alias_prefix.into(),
            route_protocol,
            route_marks: BTreeSet::from([RouteMark::OwnLinks]),
            next_hop_ids: None,
        }
    }

    /// Owns also the protocol's next hops with these numbers.
    #[must_use]
    pub fn with_next_hops(mut self, ids: RangeInclusive<NextHopId>) -> Self {
        self.next_hop_ids = Some(ids);
        self
    }

    /// Whether the numbered next hop is ours: others may use the same protocol
    /// and the same numbers for theirs.
    #[must_use]
    pub fn owns_next_hop(&self, observed: &Observed, next_hop: &NextHopObject) -> bool {
        let ids = self.next_hop_ids.as_ref();
        let hops = NextHops::by_object(next_hop.id);
        let mut links = observed.links_of(&hops).into_iter();
        next_hop.protocol == self.route_protocol
            && ids.is_some_and(|ids| ids.contains(&next_hop.id))
            && links.all(|link| self.owns_link(observed, link))
    }

    /// Owns also the routes of the protocol in this table with this metric,
    /// whatever links they use.
    #[must_use]
    pub fn with_routes(mut self, table: u32, metric: u32) -> Self {
        self.route_marks
            .insert(RouteMark::TableMetric { table, metric });
        self
    }

    /// Whether a link with this alias is ours.
    #[must_use]
    pub fn owns_alias(&self, alias: &str) -> bool {
        !self.alias_prefix.is_empty() && alias.starts_with(&self.alias_prefix)
    }

    /// Whether the link of this name is ours.
    #[must_use]
    pub fn owns_link(&self, observed: &Observed, name: &LinkName) -> bool {
        observed
            .links
            .get(name)
            .is_some_and(|link| self.owns_alias(&link.alias))
    }

    /// Whether the route is ours.
    #[must_use]
    pub fn owns_route(&self, observed: &Observed, route: &RouteSpec) -> bool {
        let key = route.key();
        let marked = |mark: &RouteMark| match *mark {
            RouteMark::TableMetric { table, metric } => {
                table == key.table && kernel_metric(&key.dst, metric) == key.metric
            }
            RouteMark::OwnLinks => {
                let links = observed.links_of(&route.next_hops);
                // A hop without a link leaves who knows where.
                links.len() >= route.next_hops.len().max(1)
                    && links.iter().all(|link| self.owns_link(observed, link))
            }
        };
        key.protocol == self.route_protocol && self.route_marks.iter().any(marked)
    }

    /// Whether the address may be deleted: on a link of ours, and not a
    /// link-local one, which the kernel makes by itself.
    #[must_use]
    pub fn owns_addr(&self, observed: &Observed, addr: &AddrSpec) -> bool {
        let kernels = matches!(addr.addr.addr(), IpAddr::V6(ip) if ip.is_unicast_link_local());
        !kernels && self.owns_link(observed, &addr.link)
    }
}

/// A duration in the bridge's unit, hundredths of a second (`USER_HZ`).
pub(crate) fn ticks(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis() / 10).unwrap_or(u32::MAX)
}

/// The addresses of each link, those without one left out.
pub(crate) fn group_by_link(addrs: &BTreeSet<AddrSpec>) -> Vec<(LinkName, Vec<IpNet>)> {
    let mut groups: Vec<(LinkName, Vec<IpNet>)> = Vec::new();
    for AddrSpec { link, addr } in addrs {
        match groups.last_mut() {
            Some((name, nets)) if name == link => nets.push(*addr),
            _ => groups.push((link.clone(), vec![*addr])),
        }
    }
    groups
}
