//! One step towards what is wanted, and the kernel that takes it.

use std::fmt;

use crate::model::{AddrSpec, LinkKind, LinkSpec, NeighKey, NeighSpec};
use crate::name::LinkName;
use crate::next_hop::{NextHopId, NextHopKind, NextHopObject};
use crate::observed::Observed;
use crate::place::{IpFamily, RoutePlace};
use crate::route::{RouteKey, RouteSpec};

/// One change. Each can be applied again without harm.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Op {
    /// Makes a link. One of that name, kind and alias that exists is brought
    /// to what the specification asks; any other is an error.
    CreateLink(LinkSpec),
    /// Brings an existing link of that name, kind and alias to what the
    /// specification asks.
    SetLink(LinkSpec),
    /// Deletes a link, provided that it has exactly this alias.
    DeleteLink {
        /// Its name.
        name: LinkName,
        /// The ownership mark it must carry.
        alias: String,
    },
    /// Gives a link another ownership mark, provided that it has exactly the
    /// first one, which may be none. One that has the second is as it should
    /// be.
    SetAlias {
        /// Its name.
        name: LinkName,
        /// The mark it must carry; empty for none.
        from: String,
        /// The mark it gets.
        to: String,
    },
    /// Adds an address to a link.
    AddAddr(AddrSpec),
    /// Takes an address from a link.
    DeleteAddr(AddrSpec),
    /// Makes a route, or replaces the one with the same key as a whole, in
    /// one step that loses no packet. A route of another protocol in its
    /// place is an error.
    ReplaceRoute(RouteSpec),
    /// Deletes a route with all its next hops.
    DeleteRoute(RouteKey),
    /// Makes a numbered next hop, or turns the one of that number into what is
    /// wanted, which loses no packet. One that is so already is not touched;
    /// one of another protocol is an error.
    ReplaceNextHop(NextHopObject),
    /// Deletes a numbered next hop, and with it the routes that have no other.
    DeleteNextHop(NextHopId),
    /// Makes a permanent neighbour, in place of what was known about it.
    ReplaceNeigh(NeighSpec),
    /// Deletes a neighbour.
    DeleteNeigh(NeighKey),
}

impl fmt::Display for Op {
    /// What is done to which object, as `add 10.0.0.1/32 to web`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateLink(link) => {
                write!(f, "create {} {}", link.kind.name(), link.name)?;
                match &link.kind {
                    LinkKind::Veth { peer, .. } => write!(f, " with peer {peer}"),
                    LinkKind::Ipvlan(ipvlan) => write!(f, " on {}", ipvlan.parent),
                    _ => Ok(()),
                }
            }
            Self::SetLink(link) => write!(f, "set {} {}", link.kind.name(), link.name),
            Self::DeleteLink { name, .. } => write!(f, "delete link {name}"),
            Self::SetAlias { name, to, .. } => write!(f, "mark link {name} as {to}"),
            Self::AddAddr(AddrSpec { link, addr }) => write!(f, "add {addr} to {link}"),
            Self::DeleteAddr(AddrSpec { link, addr }) => write!(f, "delete {addr} from {link}"),
            Self::ReplaceRoute(route) => write!(f, "replace route {}", route.key()),
            Self::DeleteRoute(key) => write!(f, "delete route {key}"),
            Self::ReplaceNextHop(it) => match &it.kind {
                NextHopKind::Resilient(group) => {
                    write!(f, "replace next hop {} with a group of", it.id)?;
                    group
                        .members
                        .iter()
                        .try_for_each(|(id, weight)| write!(f, " {id}*{weight}"))
                }
                NextHopKind::Gateway { gateway, link, .. } => {
                    write!(f, "replace next hop {} via {gateway} on {link}", it.id)
                }
                NextHopKind::Other => write!(f, "replace next hop {}", it.id),
            },
            Self::DeleteNextHop(id) => write!(f, "delete next hop {id}"),
            Self::ReplaceNeigh(NeighSpec { link, ip, mac }) => {
                write!(f, "replace neighbour {ip} at {mac} on {link}")
            }
            Self::DeleteNeigh(NeighKey { link, ip }) => {
                write!(f, "delete neighbour {ip} on {link}")
            }
        }
    }
}

/// One change of a route by an owner of many, who keeps book of which of them
/// the kernel has. Each can be made again without harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteChange {
    /// Makes a route. One of the same key is replaced; a route of another
    /// protocol in its place is an error. Finding out which of the two it is
    /// costs a look into the table.
    Add(RouteSpec),
    /// Replaces a route that the caller has made, or has seen, as a whole, in
    /// one step that loses no packet. Nothing is asked before, so whatever has
    /// come into its place meanwhile is replaced as well.
    Replace(RouteSpec),
    /// Deletes a route with all its next hops.
    Delete(RouteKey),
}

impl RouteChange {
    /// Which route is changed.
    #[must_use]
    pub fn key(&self) -> RouteKey {
        match self {
            Self::Add(route) | Self::Replace(route) => route.key(),
            Self::Delete(key) => *key,
        }
    }
}

impl fmt::Display for RouteChange {
    /// What is done to which route, in the words of [`Op`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(_) | Self::Replace(_) => write!(f, "replace route {}", self.key()),
            Self::Delete(key) => write!(f, "delete route {key}"),
        }
    }
}

/// Something that has links, addresses, routes and neighbours: the kernel of
/// this namespace ([`Netlink`](crate::Netlink)), or a model of it in tests.
pub trait Kernel {
    /// Why the kernel refused.
    type Error: std::error::Error;

    /// Reads everything.
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked. Half an answer is never returned.
    fn observe(&mut self) -> Result<Observed, Self::Error>;

    /// Takes one step. Idempotent: an object that exists as wanted, or is
    /// gone as wanted, is success.
    ///
    /// # Errors
    ///
    /// When the kernel refused, or an object of somebody else is in the way.
    fn apply(&mut self, op: &Op) -> Result<(), Self::Error>;

    /// Makes many changes of routes, and yields for each, in their order,
    /// whether the kernel has refused it. A refusal ends nothing.
    ///
    /// Changes of one route are made in order. [`Netlink`](crate::Netlink) has
    /// the kernel carry out many of them in one system call.
    fn change_routes(&mut self, changes: &[RouteChange]) -> Vec<Result<(), Self::Error>> {
        let ops = changes.iter().map(|change| match change {
            RouteChange::Add(route) | RouteChange::Replace(route) => {
                Op::ReplaceRoute(route.clone())
            }
            RouteChange::Delete(key) => Op::DeleteRoute(*key),
        });
        ops.map(|op| self.apply(&op)).collect()
    }

    /// Shows `visit` the unicast routes of one family in this place, one after
    /// the other, and `None` before the first. When the table changed
    /// meanwhile that is done again: with the next `None` whatever was shown
    /// before it is void.
    ///
    /// [`Netlink`](crate::Netlink) has the kernel leave out the others and
    /// keeps none.
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked; what was shown is void then.
    fn visit_routes(
        &mut self,
        place: RoutePlace,
        family: IpFamily,
        visit: &mut dyn FnMut(Option<RouteSpec>),
    ) -> Result<(), Self::Error> {
        let routes = self.observe()?.routes.into_values();
        visit(None);
        routes
            .filter(|route| place.holds(&route.key()) && IpFamily::of(&route.dst) == family)
            .for_each(|route| visit(Some(route)));
        Ok(())
    }
}
