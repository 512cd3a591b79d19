//! One step towards what is wanted, and the kernel that takes it.

use std::fmt;

use crate::model::{AddrSpec, LinkKind, LinkSpec, NeighKey, NeighSpec};
use crate::name::LinkName;
use crate::next_hop::{NextHopId, NextHopKind, NextHopObject};
use crate::observed::Observed;
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
                    _ => Ok(()),
                }
            }
            Self::SetLink(link) => write!(f, "set {} {}", link.kind.name(), link.name),
            Self::DeleteLink { name, .. } => write!(f, "delete link {name}"),
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
}
