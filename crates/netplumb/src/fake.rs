//! A kernel in memory, with its side effects and with faults on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::error::{Cause, Error};
use crate::model::{AddrSpec, LinkKind, LinkSpec, NeighSpec};
use crate::name::LinkName;
use crate::next_hop::{NextHopId, NextHopKind, NextHopObject};
use crate::observed::{LinkKindState, LinkState, Observed, links_of};
use crate::op::{Kernel, Op};
use crate::route::{NextHopSpec, NextHops, RouteKey, RouteSpec};

/// A model of the kernel for tests of what is built on [`Kernel`].
///
/// It has the effects one change has on other objects: a pair ends with
/// either end; ipvlans go with their parent; addresses, neighbours and routes go with their link; the first
/// address of an IPv4 subnet takes the others of the subnet along; a link that
/// goes down loses its IPv6 addresses, neighbours and routes. It knows
/// nothing of the connected routes the kernel makes by itself.
#[derive(Clone, Debug, Default)]
pub struct FakeKernel {
    state: Observed,
    last_index: u32,
    calls: usize,
    faults: BTreeMap<usize, i32>,
}

impl FakeKernel {
    /// A kernel that has nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it has.
    #[must_use]
    pub const fn state(&self) -> &Observed {
        &self.state
    }

    /// What it has, for changes behind its owner's back.
    pub const fn state_mut(&mut self) -> &mut Observed {
        &mut self.state
    }

    /// How often it was looked at or changed.
    #[must_use]
    pub const fn calls(&self) -> usize {
        self.calls
    }

    /// Lets the `nth` call from now (from 0) fail with this error number,
    /// without effect.
    pub fn fail(&mut self, nth: usize, errno: i32) {
        self.faults.insert(self.calls.saturating_add(nth), errno);
    }

    fn call(&mut self) -> Result<(), Cause> {
        let fault = self.faults.remove(&self.calls);
        self.calls += 1;
        fault.map_or(Ok(()), |errno| Err(Cause::errno(errno)))
    }

    fn try_apply(&mut self, op: &Op) -> Result<(), Cause> {
        self.call()?;
        match op {
            Op::CreateLink(spec) => self.create_link(spec),
            Op::SetLink(spec) => self.set_link(spec),
            Op::DeleteLink { name, alias } => self.delete_link(name, alias),
            Op::SetAlias { name, from, to } => self.set_alias(name, from, to),
            Op::AddAddr(spec) => self.add_addr(spec),
            Op::DeleteAddr(spec) => {
                self.delete_addr(spec);
                Ok(())
            }
            Op::ReplaceRoute(spec) => self.replace_route(spec),
            Op::DeleteRoute(key) => {
                self.state.routes.remove(key);
                Ok(())
            }
            Op::ReplaceNextHop(spec) => self.replace_next_hop(spec),
            Op::DeleteNextHop(id) => {
                self.delete_next_hops(|it| it.id == *id);
                Ok(())
            }
            Op::ReplaceNeigh(spec) => self.replace_neigh(spec),
            Op::DeleteNeigh(key) => {
                self.state.neighs.remove(key);
                Ok(())
            }
        }
    }

    fn link(&self, name: &LinkName) -> Result<&LinkState, Cause> {
        let link = self.state.links.get(name);
        link.ok_or_else(|| Cause::NoLink(name.to_string()))
    }

    fn create_link(&mut self, spec: &LinkSpec) -> Result<(), Cause> {
        if spec.alias.is_empty() {
            return Err(Cause::Misuse("a link needs an ownership mark"));
        }
        if self.state.links.contains_key(&spec.name) {
            return self.set_link(spec);
        }
        if let Some(master) = &spec.master {
            self.link(master)?;
        }
        let kind = match &spec.kind {
            LinkKind::Bridge(bridge) => LinkKindState::Bridge {
                ageing: bridge.ageing.unwrap_or(std::time::Duration::from_secs(300)),
                group_fwd_mask: bridge.group_fwd_mask.unwrap_or(0),
            },
            LinkKind::Veth { peer, .. } => {
                if self.state.links.contains_key(peer) || *peer == spec.name {
                    return Err(Cause::errno(libc::EEXIST));
                }
                let kind = LinkKindState::Veth {
                    peer: Some(spec.name.clone()),
                };
                self.insert_link(peer, kind, String::new());
                LinkKindState::Veth {
                    peer: Some(peer.clone()),
                }
            }
            LinkKind::Dummy => LinkKindState::Dummy,
            LinkKind::Ipvlan(ipvlan) => {
                self.link(&ipvlan.parent)?;
                ipvlan.check(&self.state.links)?;
                LinkKindState::Ipvlan {
                    parent: Some(ipvlan.parent.clone()),
                    mode: ipvlan.mode,
                    flags: ipvlan.flags,
                }
            }
        };
        self.insert_link(&spec.name, kind, spec.alias.clone());
        self.set_link(spec)
    }

    fn insert_link(&mut self, name: &LinkName, kind: LinkKindState, alias: String) {
        self.last_index += 1;
        let state = LinkState {
            index: self.last_index,
            kind,
            up: false,
            master: None,
            mtu: 1500,
            alias,
            mac: None,
        };
        self.state.links.insert(name.clone(), state);
    }

    fn set_link(&mut self, spec: &LinkSpec) -> Result<(), Cause> {
        if let Some(master) = &spec.master {
            self.link(master)?;
        }
        let link = self.state.links.get_mut(&spec.name);
        let link = link.ok_or_else(|| Cause::NoLink(spec.name.to_string()))?;
        if link.kind.name() != spec.kind.name() || link.alias != spec.alias {
            return Err(Cause::NotOurs("a link of that name exists".to_owned()));
        }
        if let (
            LinkKind::Bridge(want),
            LinkKindState::Bridge {
                ageing,
                group_fwd_mask,
            },
        ) = (&spec.kind, &mut link.kind)
        {
            *ageing = want.ageing.unwrap_or(*ageing);
            *group_fwd_mask = want.group_fwd_mask.unwrap_or(*group_fwd_mask);
        }
        link.mtu = spec.mtu.unwrap_or(link.mtu);
        link.mac = spec.mac.or(link.mac);
        link.master.clone_from(&spec.master);
        let goes_down = link.up && !spec.up;
        link.up = spec.up;
        if goes_down {
            let name = &spec.name;
            self.leave(name);
            self.state.neighs.retain(|key, _| key.link != *name);
            let v6 = |addr: &AddrSpec| addr.addr.addr().is_ipv6();
            self.state
                .addrs
                .retain(|addr| addr.link != *name || !v6(addr));
        }
        Ok(())
    }

    fn delete_link(&mut self, name: &LinkName, alias: &str) -> Result<(), Cause> {
        let Some(link) = self.state.links.get(name) else {
            return Ok(());
        };
        if link.alias != alias || alias.is_empty() {
            return Err(Cause::NotOurs("a link of that name exists".to_owned()));
        }
        let peer = match &link.kind {
            LinkKindState::Veth { peer } => peer.clone(),
            _ => None,
        };
        let mut gone: Vec<LinkName> = [Some(name.clone()), peer].into_iter().flatten().collect();
        let children = self
            .state
            .links
            .iter()
            .filter(|(_, link)| match &link.kind {
                LinkKindState::Ipvlan { parent, .. } => {
                    parent.as_ref().is_some_and(|it| gone.contains(it))
                }
                _ => false,
            });
        let children: Vec<_> = children.map(|(name, _)| name.clone()).collect();
        gone.extend(children);
        for name in gone {
            self.state.links.remove(&name);
            self.state.addrs.retain(|addr| addr.link != name);
            self.state.neighs.retain(|key, _| key.link != name);
            self.leave(&name);
            for link in self.state.links.values_mut() {
                if link.master.as_ref() == Some(&name) {
                    link.master = None;
                }
            }
        }
        Ok(())
    }

    fn set_alias(&mut self, name: &LinkName, from: &str, to: &str) -> Result<(), Cause> {
        let link = self.state.links.get_mut(name);
        let link = link.ok_or_else(|| Cause::NoLink(name.to_string()))?;
        if to.is_empty() {
            return Err(Cause::Misuse("a link needs an ownership mark"));
        }
        if link.alias != from && link.alias != to {
            return Err(Cause::NotOurs("a link of that name exists".to_owned()));
        }
        to.clone_into(&mut link.alias);
        Ok(())
    }

    fn add_addr(&mut self, spec: &AddrSpec) -> Result<(), Cause> {
        self.link(&spec.link)?;
        let clash = |other: &AddrSpec| {
            other.link == spec.link
                && other.addr.addr() == spec.addr.addr()
                && other.addr != spec.addr
                && spec.addr.addr().is_ipv6()
        };
        if self.state.addrs.iter().any(clash) {
            return Err(Cause::errno(libc::EEXIST));
        }
        self.state.addrs.insert(spec.clone());
        Ok(())
    }

    fn delete_addr(&mut self, spec: &AddrSpec) {
        if !self.state.addrs.remove(spec) {
            return;
        }
        let ip = spec.addr.addr();
        self.state.routes.retain(|_, route| route.src != Some(ip));
        if ip.is_ipv6() {
            return;
        }
        let secondary =
            |other: &AddrSpec| other.link == spec.link && other.addr.trunc() == spec.addr.trunc();
        self.state.addrs.retain(|addr| !secondary(addr));
        let v4 = |addr: &AddrSpec| addr.link == spec.link && addr.addr.addr().is_ipv4();
        if !self.state.addrs.iter().any(v4) {
            // A link without an address does no IPv4 at all.
            let objects = &self.state.next_hops;
            let left =
                |route: &RouteSpec| !links_of(&route.next_hops, objects).contains(&&spec.link);
            self.state
                .routes
                .retain(|key, route| matches!(key.dst, IpNet::V6(_)) || left(route));
        }
    }

    fn replace_route(&mut self, spec: &RouteSpec) -> Result<(), Cause> {
        let object = spec.next_hops.object();
        if object.is_some_and(|id| !self.state.next_hops.contains_key(&id)) {
            return Err(Cause::errno(libc::EINVAL));
        }
        if spec.next_hops.lead_nowhere() {
            return Err(Cause::Misuse("a route needs a next hop"));
        }
        let hops: Result<Vec<_>, _> = spec.next_hops.iter().map(|hop| self.resolve(hop)).collect();
        let key = spec.key();
        let foreign = |other: &RouteKey| {
            RouteKey {
                protocol: key.protocol,
                ..*other
            } == key
                && other.protocol != key.protocol
        };
        if self.state.routes.keys().any(foreign) {
            return Err(Cause::NotOurs("a route is in its place".to_owned()));
        }
        let route = RouteSpec {
            metric: key.metric,
            next_hops: NextHops::from(hops?).with_object(object),
            ..spec.clone()
        };
        self.state.routes.insert(key, route);
        Ok(())
    }

    fn resolve(&self, hop: &NextHopSpec) -> Result<NextHopSpec, Cause> {
        let link = match (&hop.link, hop.gateway) {
            (Some(link), _) => link.clone(),
            (None, Some(gateway)) => self.link_to(gateway)?,
            (None, None) => return Err(Cause::Misuse("a next hop needs a gateway or a link")),
        };
        if !self.link(&link)?.up {
            return Err(Cause::errno(libc::ENETDOWN));
        }
        Ok(NextHopSpec {
            link: Some(link),
            ..hop.clone()
        })
    }

    fn link_to(&self, gateway: IpAddr) -> Result<LinkName, Cause> {
        let covering = self
            .state
            .addrs
            .iter()
            .find(|addr| addr.addr.contains(&gateway));
        covering
            .map(|addr| addr.link.clone())
            .ok_or_else(|| Cause::errno(libc::ENETUNREACH))
    }

    fn replace_next_hop(&mut self, spec: &NextHopObject) -> Result<(), Cause> {
        if let Some(link) = spec.link()
            && !self.link(link)?.up
        {
            return Err(Cause::errno(libc::ENETDOWN));
        }
        let known = |id| self.state.next_hops.contains_key(&id);
        if !spec.members().all(known) || (spec.link().is_none() && spec.members().count() == 0) {
            return Err(Cause::errno(libc::EINVAL));
        }
        let there = self.state.next_hops.get(&spec.id);
        if there.is_some_and(|there| there.protocol != spec.protocol) {
            return Err(Cause::NotOurs("a next hop has that number".to_owned()));
        }
        self.state.next_hops.insert(spec.id, spec.clone());
        Ok(())
    }

    /// Next hops go, and with them groups and routes that have no other.
    fn delete_next_hops(&mut self, which: impl Fn(&NextHopObject) -> bool) {
        let objects = &mut self.state.next_hops;
        objects.retain(|_, it| !which(it));
        let left: BTreeSet<NextHopId> = objects.keys().copied().collect();
        objects.retain(|_, it| match &mut it.kind {
            NextHopKind::Resilient(group) => {
                group.members.retain(|(id, _)| left.contains(id));
                !group.members.is_empty()
            }
            _ => true,
        });
        self.state.routes.retain(|_, route| {
            let object = route.next_hops.object();
            object.is_none_or(|id| objects.contains_key(&id))
        });
    }

    /// Everything that leads onto a link goes.
    fn leave(&mut self, link: &LinkName) {
        self.delete_next_hops(|it| it.link() == Some(link));
        let uses = |route: &RouteSpec| {
            let mut links = route.next_hops.iter().filter_map(|hop| hop.link.as_ref());
            links.any(|it| it == link)
        };
        self.state.routes.retain(|_, route| !uses(route));
    }

    fn replace_neigh(&mut self, spec: &NeighSpec) -> Result<(), Cause> {
        self.link(&spec.link)?;
        self.state.neighs.insert(spec.key(), spec.clone());
        Ok(())
    }
}

impl Kernel for FakeKernel {
    type Error = Error;

    fn observe(&mut self) -> Result<Observed, Error> {
        self.call()
            .map_err(|cause| Error::new("look at the kernel", cause))?;
        Ok(self.state.clone())
    }

    fn apply(&mut self, op: &Op) -> Result<(), Error> {
        self.try_apply(op).map_err(|cause| Error::new(op, cause))
    }
}
