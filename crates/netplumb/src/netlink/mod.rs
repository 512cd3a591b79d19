//! The kernel of this network namespace.

mod addr;
mod change;
mod firewall;
mod ipvs;
mod known;
mod link;
mod lookup;
mod message;
mod neigh;
mod next_hop;
mod objects;
mod route;
mod routers;
mod socket;
mod watch;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

pub use self::firewall::{Accepted, Fate, Firewall, FirewallWatch, Obstacle, Passage, Way};
pub use self::ipvs::Ipvs;
use self::known::Known;
use self::link::names;
pub use self::objects::{LinkNews, LinkNow, ObjectNews, ObjectWatch};
pub use self::routers::RouterLink;
use self::socket::Connection;
pub use self::watch::{Wake, Watch};
use crate::error::{Cause, Error};
use crate::name::LinkName;
use crate::observed::{LinkState, Observed, group_by_link};
use crate::op::{Kernel, Op, RouteChange};
use crate::place::{IpFamily, RoutePlace};
use crate::route::RouteSpec;

/// The kernel of the network namespace that the opening thread was in.
///
/// Every call blocks until the kernel has answered, at most for seconds.
/// Applying one operation asks for single links by name but reads no table,
/// with three exceptions that are off the usual path: a route found in place
/// that this value has neither made nor observed, the deletion of an IPv4
/// route of metric 0 by which the kernel would not send packets, and an ipvlan,
/// whose siblings are looked at first.
pub struct Netlink {
    connection: Connection,
    /// Routes that are made by [`Kernel::change_routes`] are not among them: its
    /// caller keeps book.
    known: Known,
}

impl Netlink {
    /// Opens a socket. Changes need CAP_NET_ADMIN, reading does not.
    ///
    /// # Errors
    ///
    /// When no netlink socket can be had.
    pub fn open() -> Result<Self, Error> {
        let connection =
            Connection::open().map_err(|cause| Error::new("open a netlink socket", cause))?;
        Ok(Self {
            connection,
            known: Known::default(),
        })
    }

    /// How many of the kernel's tables were read so far: what is done often
    /// should need none, as tables can be long.
    #[must_use]
    pub const fn tables_read(&self) -> u64 {
        self.connection.tables_read()
    }

    /// What the kernel calls our socket (`nlmsg_pid`).
    fn port(&self) -> u32 {
        self.connection.port()
    }

    /// The addresses of every link that has any, those of the IPv6 link-local
    /// scope included.
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked.
    pub fn addresses(&mut self) -> Result<Vec<(LinkName, Vec<IpNet>)>, Error> {
        let links = self.links()?;
        let addrs = self.connection.addrs(&names(&links));
        let addrs = addrs.map_err(|cause| Error::new("list addresses", cause))?;
        Ok(group_by_link(&addrs.into_iter().collect()))
    }

    /// For each address the route that packets to it take, in whatever table;
    /// `None` if they take none or one whose link is down, and for an address
    /// of this machine's own.
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked.
    pub fn routes_to(
        &mut self,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Vec<Option<RouteSpec>>, Error> {
        let names = names(&self.links()?);
        let connection = &mut self.connection;
        let ask = |address| {
            let way = connection.route_to(address);
            let way = way.map(|route| route.and_then(|route| route.resolve(&names)));
            way.map_err(|cause| Error::new(format!("find the way to {address}"), cause))
        };
        addresses.into_iter().map(ask).collect()
    }

    /// Every link of the namespace.
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked.
    pub fn link_states(&mut self) -> Result<Vec<(LinkName, LinkState)>, Error> {
        let links = self.links()?;
        let names = names(&links);
        Ok(links.iter().filter_map(|it| it.resolve(&names)).collect())
    }

    fn links(&mut self) -> Result<Vec<link::RawLink>, Error> {
        self.connection
            .links()
            .map_err(|cause| Error::new("list links", cause))
    }

    fn try_apply(&mut self, op: &Op) -> Result<(), Cause> {
        let connection = &mut self.connection;
        match op {
            Op::CreateLink(spec) => connection.create_link(spec),
            Op::SetLink(spec) => connection.set_link(spec),
            Op::DeleteLink { name, alias } => {
                connection.delete_link(name, alias)?;
                // Its routes went with it, and others may take their places.
                self.known.clear();
                Ok(())
            }
            Op::SetAlias { name, from, to } => connection.set_alias(name, from, to),
            Op::AddAddr(spec) => connection.add_addr(spec),
            Op::DeleteAddr(spec) => connection.delete_addr(spec),
            Op::ReplaceRoute(spec) => {
                connection.replace_route(spec, self.known.has_route(&spec.key()))?;
                self.known.insert_route(spec);
                Ok(())
            }
            Op::DeleteRoute(key) => {
                connection.delete_route(key)?;
                self.known.remove_route(key);
                Ok(())
            }
            Op::ReplaceNextHop(spec) => {
                connection.replace_next_hop(spec)?;
                self.known.insert_next_hop(spec);
                Ok(())
            }
            Op::DeleteNextHop(id) => {
                connection.delete_next_hop(*id)?;
                // Routes may have gone with it, and others may take their places.
                self.known.remove_next_hop(*id);
                Ok(())
            }
            Op::ReplaceNeigh(spec) => connection.replace_neigh(spec),
            Op::DeleteNeigh(key) => connection.delete_neigh(key),
        }
    }
}

impl Kernel for Netlink {
    type Error = Error;

    fn observe(&mut self) -> Result<Observed, Error> {
        let links = self.links()?;
        let names = names(&links);
        let addrs = self.connection.addrs(&names);
        let addrs = addrs.map_err(|cause| Error::new("list addresses", cause))?;
        let routes = self.connection.routes(&names);
        let routes = routes.map_err(|cause| Error::new("list routes", cause))?;
        let neighs = self.connection.neighs(&names);
        let neighs = neighs.map_err(|cause| Error::new("list neighbours", cause))?;
        let next_hops = self.connection.next_hops(&names);
        let next_hops = next_hops.map_err(|cause| Error::new("list next hops", cause))?;
        let mut observed = Observed {
            next_hops: next_hops.into_iter().map(|it| (it.id, it)).collect(),
            links: links
                .iter()
                .filter_map(|link| link.resolve(&names))
                .collect(),
            addrs: addrs.into_iter().collect(),
            neighs: neighs
                .into_iter()
                .map(|neigh| (neigh.key(), neigh))
                .collect(),
            ..Observed::default()
        };
        for route in routes {
            // Of several with one key the kernel uses, and shows, one first.
            observed.routes.entry(route.key()).or_insert(route);
        }
        self.known = Known::observed(&observed);
        Ok(observed)
    }

    fn apply(&mut self, op: &Op) -> Result<(), Error> {
        self.try_apply(op).map_err(|cause| Error::new(op, cause))
    }

    fn change_routes(&mut self, changes: &[RouteChange]) -> Vec<Result<(), Error>> {
        let results = self.connection.change_routes(changes);
        let results = changes.iter().zip(results);
        results
            .map(|(change, result)| result.map_err(|cause| Error::new(change, cause)))
            .collect()
    }

    fn visit_routes(
        &mut self,
        place: RoutePlace,
        family: IpFamily,
        visit: &mut dyn FnMut(Option<RouteSpec>),
    ) -> Result<(), Error> {
        let names = names(&self.links()?);
        let routes = self.connection.routes_of(place, family, &names, visit);
        routes.map_err(|cause| Error::new("list routes", cause))
    }
}

impl fmt::Debug for Netlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Netlink").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::link::Names;
    use super::{addr, link, lookup, neigh, next_hop, route, routers};

    proptest! {
        #[test]
        fn any_object_is_survived(
            head in prop::collection::vec(0..12_u8, 0..24),
            tail in prop::collection::vec(prop_oneof![0..24_u8, any::<u8>()], 0..200),
        ) {
            let payload = [head, tail].concat();
            let names = Names::new();
            _ = link::RawLink::read(&payload).and_then(|link| link.resolve(&names));
            _ = addr::read(&payload);
            _ = neigh::read(&payload, &names);
            _ = lookup::read(&payload);
            _ = next_hop::read(&payload, &names);
            _ = routers::neighbour(&payload, 1);
            _ = routers::own(&payload, 1);
            _ = route::RawRoute::read(&payload).and_then(|route| route.resolve(&names));
        }
    }
}
