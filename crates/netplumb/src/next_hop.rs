//! Next hops that the kernel keeps under numbers of their own, and groups of
//! them (`linux/nexthop.h`).

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::name::LinkName;
use crate::observed::ticks;
use crate::route::RouteSpec;

/// The number of a next hop or of a group of them (`NHA_ID`). All of a
/// namespace's share one range; the kernel refuses 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextHopId(u32);

impl NextHopId {
    /// Takes the kernel's number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The kernel's number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for NextHopId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A next hop kept under a number, for routes to refer to
/// ([`NextHops::by_object`](crate::NextHops::by_object)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHopObject {
    /// Its number.
    pub id: NextHopId,
    /// Who made it (`nh_protocol`), with the numbers of routes.
    pub protocol: u8,
    /// Where it leads.
    pub kind: NextHopKind,
}

/// Where a numbered next hop leads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextHopKind {
    /// To a router on a link. The kernel refuses to make it while the link has
    /// no carrier, and takes it away when the link loses it.
    Gateway {
        /// The router.
        gateway: IpAddr,
        /// The link it is on.
        link: LinkName,
        /// It counts as reachable there although no connected route covers it
        /// (`RTNH_F_ONLINK`).
        onlink: bool,
    },
    /// To one of several, by the flow.
    Resilient(ResilientGroup),
    /// Anything else: seen, and never made.
    Other,
}

/// A group whose members keep their flows when others come and go.
///
/// Flows hash into a fixed number of buckets. When the members change, those
/// with too many buckets give away the ones that have carried nothing for the
/// idle time; only the buckets of a member that has left move at once.
///
/// The kernel marks an IPv4 group's buckets as busy only while the group has
/// two members or more. The last members round worse: with 128 buckets, one
/// member of weight 1 behind one of weight 255 is due none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResilientGroup {
    /// The members with their weights, 1 to 255, each once.
    pub members: Vec<(NextHopId, u8)>,
    /// How many buckets there are. It can't be changed later.
    pub buckets: u16,
    /// How long a bucket carries nothing before it may move; in steps of 10 ms.
    pub idle_time: Duration,
    /// How long a group is out of balance before busy buckets are moved too;
    /// zero for never.
    pub unbalanced_time: Duration,
}

impl ResilientGroup {
    fn satisfied_by(&self, observed: &Self) -> bool {
        self.members == observed.members
            && self.buckets == observed.buckets
            && ticks(self.idle_time) == ticks(observed.idle_time)
            && ticks(self.unbalanced_time) == ticks(observed.unbalanced_time)
    }
}

impl NextHopObject {
    /// Of protocol BGP.
    #[must_use]
    pub const fn new(id: NextHopId, kind: NextHopKind) -> Self {
        Self {
            id,
            protocol: RouteSpec::PROTOCOL_BGP,
            kind,
        }
    }

    /// Whether the kernel has what is wanted when it shows `observed`.
    #[must_use]
    pub fn satisfied_by(&self, observed: &Self) -> bool {
        let same = match (&self.kind, &observed.kind) {
            (NextHopKind::Resilient(want), NextHopKind::Resilient(have)) => want.satisfied_by(have),
            (want, have) => want == have,
        };
        same && (self.id, self.protocol) == (observed.id, observed.protocol)
    }

    /// The link it leads to, unless it is a group.
    #[must_use]
    pub const fn link(&self) -> Option<&LinkName> {
        match &self.kind {
            NextHopKind::Gateway { link, .. } => Some(link),
            _ => None,
        }
    }

    /// The members, if it is a group.
    pub fn members(&self) -> impl Iterator<Item = NextHopId> {
        let members = match &self.kind {
            NextHopKind::Resilient(group) => group.members.as_slice(),
            _ => &[],
        };
        members.iter().map(|(id, _)| *id)
    }
}
