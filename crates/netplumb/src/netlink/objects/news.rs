//! What is told of objects that others have touched.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{AddrSpec, NeighKey};
use crate::name::LinkName;
use crate::next_hop::NextHopId;
use crate::observed::LinkState;
use crate::route::RouteKey;

/// What others have done since the last time. Of each object only the last
/// word is kept, so that a storm takes no more room than there are objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectNews {
    /// Links with the mark that came or changed, by alias.
    pub links: BTreeMap<String, LinkNews>,
    /// Host routes (of full length) that were deleted or have replaced another.
    pub routes: BTreeSet<RouteKey>,
    /// Numbered next hops that were made, changed or deleted.
    pub next_hops: BTreeSet<NextHopId>,
    /// Neighbours on links with the mark that were made permanent, or were
    /// deleted or failed. Those that the kernel takes away with a change of
    /// their link are not told: the link is.
    pub neighs: BTreeSet<NeighKey>,
    /// Addresses of links with the mark that were deleted, those included that
    /// went with their link or with its coming down.
    pub addrs: BTreeSet<AddrSpec>,
    /// What packets of all links depend on may have changed: forwarding, a
    /// reverse path filter, a link's MTU, a default route.
    pub path: bool,
    /// Something was lost, or there was too much of it: look at everything.
    pub lost: bool,
}

/// The last word on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkNews {
    /// Its name.
    pub name: LinkName,
    /// How it is; `None` when it is gone from this namespace.
    pub now: Option<LinkNow>,
}

/// A link as the kernel has told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkNow {
    /// What can be set on it.
    pub state: LinkState,
    /// Packets can go by it: up, and with a carrier (`IFF_RUNNING`).
    pub running: bool,
}

impl ObjectNews {
    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As if something had been lost.
    #[must_use]
    pub fn all_lost() -> Self {
        Self {
            path: true,
            lost: true,
            ..Self::default()
        }
    }

    pub(super) fn is_full(&self) -> bool {
        let objects = [
            self.links.len(),
            self.routes.len(),
            self.next_hops.len(),
            self.neighs.len(),
            self.addrs.len(),
        ];
        objects.into_iter().any(|len| len >= ROOM)
    }

    /// Keeps only that there was too much.
    pub(super) fn overflow(&mut self) {
        *self = Self::all_lost();
    }
}

/// How many objects of one kind are told one by one.
const ROOM: usize = 4096;
