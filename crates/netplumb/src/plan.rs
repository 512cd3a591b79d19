//! The difference between wanted and observed, in an order the kernel accepts.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::Ipv6Net;

use crate::model::{AddrSpec, Desired, LinkSpec, WhenMissing};
use crate::name::LinkName;
use crate::next_hop::NextHopObject;
use crate::observed::{LinkState, Observed, Owned, links_of};
use crate::op::Op;
use crate::route::{NextHops, RouteSpec};

/// Says which steps turn `observed` into `desired`. Pure.
///
/// Only what is `owned` is deleted. A link that is wanted but belongs to
/// somebody else yields a single [`Op::CreateLink`], which the kernel's side
/// refuses with a clear error, and nothing is planned on it.
///
/// The order: links that must be made anew go; links are made, masters and
/// parents before those below them; addresses, neighbours and numbered next hops are added; routes are added or
/// replaced, those onto links before those by gateways. Only then is taken
/// away what is not wanted, so that a destination moving from one route to
/// another is reachable all the time.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed, owned: &Owned) -> Vec<Op> {
    let links = LinkPlan::new(desired, observed, owned);
    let mut ops = Vec::new();
    links.make(&mut ops);
    let displaced = add_addrs(&links, &mut ops);
    add_neighs(&links, &mut ops);
    add_next_hops(&links, &mut ops);
    add_routes(&links, &mut ops);
    delete_routes(&links, &mut ops);
    delete_next_hops(&links, &mut ops);
    delete_on_links(&links, &displaced, &mut ops);
    links.delete(&mut ops);
    ops
}

/// What becomes of the links, which everything else hangs on.
struct LinkPlan<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    owned: &'a Owned,
    /// Ours, but so different that they are made anew.
    remake: BTreeSet<&'a LinkName>,
    /// Ours and not wanted.
    remove: BTreeSet<&'a LinkName>,
    /// Wanted, but somebody else has the name.
    foreign: BTreeSet<&'a LinkName>,
}

impl<'a> LinkPlan<'a> {
    fn new(desired: &'a Desired, observed: &'a Observed, owned: &'a Owned) -> Self {
        let mut plan = Self {
            desired,
            observed,
            owned,
            remake: BTreeSet::new(),
            remove: BTreeSet::new(),
            foreign: BTreeSet::new(),
        };
        for (name, state) in &observed.links {
            let ours = owned.owns_alias(&state.alias);
            match desired.links.get(name) {
                None if ours => _ = plan.remove.insert(name),
                None => {}
                Some(spec) => {
                    let same = state.alias == spec.alias && can_become(state, spec);
                    if !same && ours {
                        plan.remake.insert(name);
                    } else if !same {
                        plan.foreign.insert(name);
                    }
                }
            }
        }
        plan.remake_children();
        plan
    }

    /// What is a child of a link goes with it.
    fn remake_children(&mut self) {
        let children = self.desired.links.values().filter(|spec| {
            let parent = spec.parent();
            parent.is_some_and(|parent| self.remake.contains(parent))
                && self.observed.links.contains_key(&spec.name)
                && !self.foreign.contains(&spec.name)
        });
        let children: Vec<_> = children.map(|spec| &spec.name).collect();
        self.remake.extend(children);
    }

    fn make(&self, ops: &mut Vec<Op>) {
        for name in &self.remake {
            ops.push(self.delete_op(name));
        }
        let mut wanted: Vec<&LinkSpec> = self.desired.links.values().collect();
        wanted.sort_by_key(|spec| self.depth(spec));
        for spec in wanted {
            match self.observed.links.get(&spec.name) {
                None if spec.when_missing == WhenMissing::Ignore => {}
                Some(_) if self.remake.contains(&spec.name) => {
                    ops.push(Op::CreateLink(spec.clone()));
                }
                Some(state) if state.satisfies(spec) && !self.master_moves(spec) => {}
                Some(_) if !self.foreign.contains(&spec.name) => {
                    ops.push(Op::SetLink(spec.clone()));
                }
                _ => ops.push(Op::CreateLink(spec.clone())),
            }
        }
    }

    fn delete(&self, ops: &mut Vec<Op>) {
        for name in &self.remove {
            ops.push(self.delete_op(name));
        }
    }

    fn delete_op(&self, name: &LinkName) -> Op {
        Op::DeleteLink {
            name: name.clone(),
            alias: self
                .observed
                .links
                .get(name)
                .map(|state| state.alias.clone())
                .unwrap_or_default(),
        }
    }

    /// A port loses its master when that is made anew.
    fn master_moves(&self, spec: &LinkSpec) -> bool {
        spec.master
            .as_ref()
            .is_some_and(|master| self.remake.contains(master))
    }

    /// How many wanted links stand above this one: masters, parents, and what
    /// is above those. A ring is for the kernel to refuse, not for us to hang
    /// on.
    fn depth(&self, spec: &LinkSpec) -> usize {
        let mut above = BTreeSet::new();
        let mut left = vec![spec];
        while let Some(spec) = left.pop() {
            for name in [spec.master.as_ref(), spec.parent()].into_iter().flatten() {
                if let Some(spec) = self.desired.links.get(name)
                    && above.insert(name)
                {
                    left.push(spec);
                }
            }
        }
        above.len()
    }

    /// Objects on the link stay as they are seen.
    fn stays(&self, link: &LinkName) -> bool {
        !self.remake.contains(link) && !self.remove.contains(link)
    }

    fn route_stays(&self, route: &RouteSpec) -> bool {
        let links = self.observed.links_of(&route.next_hops);
        links.iter().all(|link| self.stays(link))
    }

    fn usable(&self, link: &LinkName) -> bool {
        !self.foreign.contains(link)
    }

    fn hops_usable(&self, hops: &NextHops) -> bool {
        let links = links_of(hops, &self.desired.next_hops);
        links.iter().all(|link| self.usable(link))
    }
}

/// Whether one step leads from the link that is there to the wanted one. The
/// mode of an ipvlan is not its own to change.
fn can_become(there: &LinkState, spec: &LinkSpec) -> bool {
    there.kind.name() == spec.kind.name()
        && (spec.parent().is_none() || there.kind.satisfies(&spec.kind))
}

/// Yields the addresses that had to go first.
fn add_addrs<'a>(links: &LinkPlan<'a>, ops: &mut Vec<Op>) -> BTreeSet<&'a AddrSpec> {
    let mut displaced = BTreeSet::new();
    for addr in &links.desired.addrs {
        let there = links.observed.addrs.contains(addr) && links.stays(&addr.link);
        if there || !links.usable(&addr.link) {
            continue;
        }
        // IPv6 has an address only once on a link, whatever its prefix length.
        for other in same_ipv6(links.observed, addr) {
            let goes = links.stays(&addr.link)
                && links.owned.owns_addr(links.observed, other)
                && !links.desired.addrs.contains(other);
            if goes && displaced.insert(other) {
                ops.push(Op::DeleteAddr(other.clone()));
            }
        }
        ops.push(Op::AddAddr(addr.clone()));
    }
    displaced
}

/// The same IPv6 address on the same link with other prefix lengths.
fn same_ipv6<'a>(observed: &'a Observed, addr: &AddrSpec) -> impl Iterator<Item = &'a AddrSpec> {
    let bounds = match addr.addr.addr() {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => Ipv6Net::new(ip, 0).ok().zip(Ipv6Net::new(ip, 128).ok()),
    };
    let bounds = bounds.map(|(shortest, longest)| {
        let on_link = |net: Ipv6Net| AddrSpec {
            link: addr.link.clone(),
            addr: net.into(),
        };
        on_link(shortest)..=on_link(longest)
    });
    bounds
        .into_iter()
        .flat_map(|bounds| observed.addrs.range(bounds))
}

fn add_neighs(links: &LinkPlan<'_>, ops: &mut Vec<Op>) {
    for (key, neigh) in &links.desired.neighs {
        let there = links.observed.neighs.get(key) == Some(neigh) && links.stays(&neigh.link);
        if !there && links.usable(&neigh.link) {
            ops.push(Op::ReplaceNeigh(neigh.clone()));
        }
    }
}

/// Next hops before the groups they are members of.
fn add_next_hops(links: &LinkPlan<'_>, ops: &mut Vec<Op>) {
    let missing = links.desired.next_hops.values().filter(|next_hop| {
        let hops = NextHops::by_object(next_hop.id);
        let there = links.observed.next_hops.get(&next_hop.id);
        let there = there.is_some_and(|have| {
            let stays = links.observed.links_of(&hops);
            next_hop.satisfied_by(have) && stays.iter().all(|link| links.stays(link))
        });
        !there && links.hops_usable(&hops)
    });
    let (groups, single): (Vec<_>, Vec<_>) = missing.partition(|it| is_group(it));
    for next_hop in single.into_iter().chain(groups) {
        ops.push(Op::ReplaceNextHop(next_hop.clone()));
    }
}

/// Groups before their members, which the kernel would take out of them.
fn delete_next_hops(links: &LinkPlan<'_>, ops: &mut Vec<Op>) {
    let unwanted = links.observed.next_hops.values().filter(|next_hop| {
        let wanted = links.desired.next_hops.contains_key(&next_hop.id);
        let stays = next_hop.link().is_none_or(|link| links.stays(link));
        !wanted && stays && links.owned.owns_next_hop(links.observed, next_hop)
    });
    let (groups, single): (Vec<_>, Vec<_>) = unwanted.partition(|it| is_group(it));
    for next_hop in groups.into_iter().chain(single) {
        ops.push(Op::DeleteNextHop(next_hop.id));
    }
}

fn is_group(next_hop: &NextHopObject) -> bool {
    next_hop.link().is_none()
}

fn add_routes(links: &LinkPlan<'_>, ops: &mut Vec<Op>) {
    let missing = links.desired.routes.values().filter(|route| {
        let there = links
            .observed
            .routes
            .get(&route.key())
            .is_some_and(|have| route.satisfied_by(have) && links.route_stays(have));
        !there && links.hops_usable(&route.next_hops)
    });
    // Gateways may be reached by routes of the same plan.
    let (by_gateway, on_link): (Vec<_>, Vec<_>) =
        missing.partition(|route| route.next_hops.iter().any(|hop| hop.gateway.is_some()));
    for route in on_link.into_iter().chain(by_gateway) {
        ops.push(Op::ReplaceRoute(route.clone()));
    }
}

fn delete_routes(links: &LinkPlan<'_>, ops: &mut Vec<Op>) {
    for (key, route) in &links.observed.routes {
        let wanted = links.desired.routes.contains_key(key);
        // The routes of a link that was made anew went with it.
        let mut hops = links.observed.links_of(&route.next_hops).into_iter();
        let gone = hops.any(|link| links.remake.contains(link));
        if !wanted && !gone && links.owned.owns_route(links.observed, route) {
            ops.push(Op::DeleteRoute(*key));
        }
    }
}

/// Addresses and neighbours that are not wanted go; those on links that are
/// deleted go with the links.
fn delete_on_links(links: &LinkPlan<'_>, displaced: &BTreeSet<&AddrSpec>, ops: &mut Vec<Op>) {
    for key in links.observed.neighs.keys() {
        let ours = links.owned.owns_link(links.observed, &key.link);
        if ours && links.stays(&key.link) && !links.desired.neighs.contains_key(key) {
            ops.push(Op::DeleteNeigh(key.clone()));
        }
    }
    for addr in &links.observed.addrs {
        let ours = links.owned.owns_addr(links.observed, addr) && links.stays(&addr.link);
        if ours && !links.desired.addrs.contains(addr) && !displaced.contains(addr) {
            ops.push(Op::DeleteAddr(addr.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
