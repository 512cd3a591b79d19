//! What is wanted: links, addresses, routes and neighbours.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::ipvlan::IpvlanSpec;
use crate::name::{LinkName, MacAddr};
use crate::next_hop::{NextHopId, NextHopObject};
use crate::route::{RouteKey, RouteSpec};

/// Everything one owner wants the kernel to have.
///
/// The maps' keys repeat what the values say; the `insert_…` methods keep the
/// two in step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// Links to have, with their ownership marks.
    pub links: BTreeMap<LinkName, LinkSpec>,
    /// Addresses to have, on these or other links.
    pub addrs: BTreeSet<AddrSpec>,
    /// Routes to have.
    pub routes: BTreeMap<RouteKey, RouteSpec>,
    /// Permanent neighbours to have.
    pub neighs: BTreeMap<NeighKey, NeighSpec>,
    /// Numbered next hops to have, and groups of them.
    pub next_hops: BTreeMap<NextHopId, NextHopObject>,
}

impl Desired {
    /// Wants a link; the last word for a name counts.
    pub fn insert_link(&mut self, link: LinkSpec) {
        self.links.insert(link.name.clone(), link);
    }

    /// Wants an address.
    pub fn insert_addr(&mut self, addr: AddrSpec) {
        self.addrs.insert(addr);
    }

    /// Wants a route; the last word for a key counts.
    pub fn insert_route(&mut self, route: RouteSpec) {
        self.routes.insert(route.key(), route);
    }

    /// Wants a numbered next hop; the last word for a number counts.
    pub fn insert_next_hop(&mut self, next_hop: NextHopObject) {
        self.next_hops.insert(next_hop.id, next_hop);
    }

    /// Wants a neighbour; the last word for a link and address counts.
    pub fn insert_neigh(&mut self, neigh: NeighSpec) {
        self.neighs.insert(neigh.key(), neigh);
    }
}

/// A wanted link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// Its name.
    pub name: LinkName,
    /// Its type and what belongs to the type.
    pub kind: LinkKind,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// The bridge it is a port of; `None` means that it is no port.
    pub master: Option<LinkName>,
    /// Largest packet in octets; `None` leaves what the kernel chose. At
    /// creation a veth's inner end gets the same.
    pub mtu: Option<u32>,
    /// Its hardware address (`IFLA_ADDRESS`); `None` leaves what the kernel
    /// chose. A bridge without one takes the lowest of its ports' whenever a
    /// port comes or goes, and each change takes all neighbours of the bridge
    /// along, permanent ones too.
    pub mac: Option<MacAddr>,
    /// The ownership mark, kept by the kernel as the link's alias
    /// (`IFLA_IFALIAS`, at most 255 octets). It must not be empty.
    pub alias: String,
    /// What [`plan`](crate::plan()) does when it is not there.
    pub when_missing: WhenMissing,
}

/// What is done about a wanted link that is not there.
///
/// A link that is there is kept and brought to its [`LinkSpec`] in both cases,
/// and one that nobody wants is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenMissing {
    /// It is created.
    Create,
    /// Nothing: it was there once and is not created again. So it is for a veth
    /// whose other end was given to a container: that end has gone with the
    /// container, and a new pair would not lead there.
    Ignore,
}

impl LinkSpec {
    /// A link that is up, has no master and the kernel's MTU.
    pub fn new(name: LinkName, kind: LinkKind, alias: impl Into<String>) -> Self {
        Self {
            name,
            kind,
            up: true,
            master: None,
            mtu: None,
            mac: None,
            alias: alias.into(),
            when_missing: WhenMissing::Create,
        }
    }

    /// The link whose child it is, if its kind has such.
    pub(crate) const fn parent(&self) -> Option<&LinkName> {
        match &self.kind {
            LinkKind::Ipvlan(ipvlan) => Some(&ipvlan.parent),
            LinkKind::Bridge(_) | LinkKind::Veth { .. } | LinkKind::Dummy => None,
        }
    }

    /// The same link, but not created where it is not there already.
    #[must_use]
    pub const fn if_there(mut self) -> Self {
        self.when_missing = WhenMissing::Ignore;
        self
    }

    /// The same link with a hardware address of its own.
    #[must_use]
    pub const fn with_mac(mut self, mac: MacAddr) -> Self {
        self.mac = Some(mac);
        self
    }

    /// The same link as a port of `master`.
    #[must_use]
    pub fn with_master(mut self, master: LinkName) -> Self {
        self.master = Some(master);
        self
    }

    /// The same link with this MTU in octets.
    #[must_use]
    pub fn with_mtu(mut self, mtu: u32) -> Self {
        self.mtu = Some(mtu);
        self
    }
}

/// The type of a wanted link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkKind {
    /// A software bridge.
    Bridge(BridgeSpec),
    /// One end of a pair. The other end is named here for the creation only:
    /// who has it may move it to another namespace and rename it.
    Veth {
        /// The name the other end is created with.
        peer: LinkName,
        /// The hardware address the other end is created with.
        peer_mac: Option<MacAddr>,
    },
    /// A link that leads nowhere, to hold addresses.
    Dummy,
    /// A child of another link that shares its hardware address. It is not made
    /// where it would change others, see [`IpvlanSpec::check`]; one of another
    /// parent or mode is made anew.
    Ipvlan(IpvlanSpec),
}

impl LinkKind {
    /// The kernel's word for the type (`IFLA_INFO_KIND`).
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bridge(_) => "bridge",
            Self::Veth { .. } => "veth",
            Self::Dummy => "dummy",
            Self::Ipvlan(_) => "ipvlan",
        }
    }
}

/// Settings of a bridge; `None` leaves the kernel's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BridgeSpec {
    /// How long a learnt address is kept (`IFLA_BR_AGEING_TIME`), in the
    /// kernel's unit of 10 ms. Zero floods every frame to every port.
    pub ageing: Option<Duration>,
    /// Which of the link-local groups `01:80:c2:00:00:0X` are forwarded, bit
    /// X for group X (`IFLA_BR_GROUP_FWD_MASK`). The kernel refuses bits 0 to
    /// 2.
    pub group_fwd_mask: Option<u16>,
}

/// An address on a link.
///
/// IPv6 addresses are added without duplicate address detection
/// (`IFA_F_NODAD`): a service address is held by several hosts on purpose,
/// and must answer at once.
///
/// IPv4 addresses are added with global scope, those of 169.254.0.0/16 with
/// that of the link (RFC 3927 section 2.7), so that the kernel takes none of
/// them as the source of what goes beyond the link's neighbours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddrSpec {
    /// The link that has the address.
    pub link: LinkName,
    /// The address with its prefix length.
    pub addr: IpNet,
}

/// A permanent neighbour: the hardware address behind an address on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighSpec {
    /// The link the neighbour is on.
    pub link: LinkName,
    /// Its address.
    pub ip: IpAddr,
    /// Its hardware address.
    pub mac: MacAddr,
}

impl NeighSpec {
    /// What identifies the entry.
    #[must_use]
    pub fn key(&self) -> NeighKey {
        NeighKey {
            link: self.link.clone(),
            ip: self.ip,
        }
    }
}

/// What identifies a neighbour.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NeighKey {
    /// The link the neighbour is on.
    pub link: LinkName,
    /// Its address.
    pub ip: IpAddr,
}
