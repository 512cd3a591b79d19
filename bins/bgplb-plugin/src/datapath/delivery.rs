//! How the host delivers an address that several containers hold on one
//! bridge.
//!
//! Each container is a next hop by a link-local address that only the host
//! knows, with a permanent neighbour entry naming the container's MAC address.
//! The route to the service address leads to a resilient group of those who
//! serve: a flow stays with its container while others come and go.
//!
//! Below it lies a route straight onto the bridge to one of them, for the
//! moments in which the kernel has no group: it takes next hops away when the
//! bridge loses its last carrier, and packets must not find the way back to the
//! router then.
//!
//! Where the host is the containers' gateway, that route leads to one of their
//! link-local addresses, too, and there is no neighbour entry for the service
//! address: all containers ask for the host's MAC address in its name, and the
//! kernel would send all answers over IPv6 to the one that the entry names.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use lb_plan::{Delivery, Share};
use netplumb::{
    Desired, MacAddr, NeighSpec, NextHopId, NextHopKind, NextHopObject, NextHopSpec, NextHops,
    Observed, Op, ResilientGroup, RouteSpec,
};

use super::{is_gateway_host, prefixes};
use crate::naming;
use crate::numbers::Number;
use crate::store::{EndpointRecord, NetworkRecord};

/// How one kernel spreads flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// By resilient groups (Linux 5.13).
    Resilient,
    /// By multipath routes: a container that comes or goes moves flows of
    /// others too.
    Multipath,
}

impl Spread {
    /// What this kernel can do.
    pub(crate) fn of_kernel() -> Self {
        // Without /proc it is taken for one of today's.
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
        release.map_or(Self::Resilient, |release| Self::of_release(&release))
    }

    fn of_release(release: &str) -> Self {
        let mut parts = release.split(|c: char| !c.is_ascii_digit());
        let mut number = || parts.next()?.parse::<u32>().ok();
        match (number(), number()) {
            (Some(major), Some(minor)) if (major, minor) < (5, 13) => Self::Multipath,
            _ => Self::Resilient,
        }
    }
}

/// Whether this kernel tells flows apart by their addresses alone, so that all
/// connections of one client go to one container.
pub(crate) fn spreads_by_address() -> bool {
    ["ipv4", "ipv6"].iter().any(|family| {
        let file = format!("/proc/sys/net/{family}/fib_multipath_hash_policy");
        std::fs::read_to_string(file).is_ok_and(|policy| policy.trim() == "0")
    })
}

/// The metric of the route that is there for want of a better one.
const BASE_METRIC: u32 = 4096;

/// Into how many parts the flows are divided: fine enough to share evenly, and
/// coarse enough that one container of weight [`LEAVING`] behind others of
/// weight [`FULL`] is due none of them.
const BUCKETS: u16 = 128;
const FULL: u8 = 255;
const LEAVING: u8 = 1;

/// For how long a connection may be silent without losing its place to a
/// container that has come: two minutes, the kernel's default.
const IDLE_TIME: Duration = Duration::from_secs(120);

/// Steps from delivery to `from` to delivery to `to`.
pub(crate) fn deliver(
    spread: Spread,
    network: &str,
    record: &NetworkRecord,
    from: &Delivery,
    to: &Delivery,
) -> Vec<Op> {
    let mut wanted = Desired::default();
    desire(&mut wanted, spread, network, record, to);
    let mut before = Desired::default();
    desire(&mut before, spread, network, record, from);
    // An address that nobody in `to` holds is delivered until its withdrawal
    // has settled.
    let held = |v6: bool| members(record, to, v6).next().is_some();
    before
        .neighs
        .retain(|key, _| !wanted.neighs.contains_key(key) && held(key.ip.is_ipv6()));
    before.next_hops.retain(|id, it| {
        let v6 = matches!(&it.kind, NextHopKind::Gateway { gateway, .. } if gateway.is_ipv6());
        !wanted.next_hops.contains_key(id) && it.link().is_some() && held(v6)
    });
    before.routes.clear();
    let mut ops = make(wanted);
    ops.extend(remove(before));
    ops
}

/// Steps that end all delivery of a network's addresses.
pub(crate) fn stop_delivering(spread: Spread, network: &str, record: &NetworkRecord) -> Vec<Op> {
    let everybody = record.endpoints.keys();
    let everybody = everybody.map(|id| (id.clone(), Share::Full)).collect();
    let mut all = Desired::default();
    desire(&mut all, spread, network, record, &everybody);
    if let Some(number) = record.number {
        all.insert_next_hop(companion(network, number));
        all.insert_neigh(neigh(network, number, false, [0; 6]));
    }
    remove(all)
}

/// Steps that take away what the host knows of one endpoint.
pub(crate) fn forget(network: &str, endpoint: &EndpointRecord) -> Vec<Op> {
    let number = endpoint.number.into_iter();
    number
        .flat_map(|number| {
            [false, true].into_iter().flat_map(move |v6| {
                let key = neigh(network, number, v6, endpoint.mac).key();
                [Op::DeleteNextHop(number.next_hop(v6)), Op::DeleteNeigh(key)]
            })
        })
        .collect()
}

/// Adds what delivery to `to` consists of.
pub(crate) fn desire(
    desired: &mut Desired,
    spread: Spread,
    network: &str,
    record: &NetworkRecord,
    to: &Delivery,
) {
    let Some(number) = record.number else { return };
    let bridge = naming::bridge(network);
    for prefix in record.prefixes() {
        let v6 = matches!(prefix, IpNet::V6(_));
        let members: Vec<Member> = members(record, to, v6).collect();
        let Some(first) = members.iter().min_by_key(|it| it.share) else {
            continue;
        };
        let base = if is_gateway_host(record) {
            RouteSpec::new(prefix, vec![hop(network, first.number, v6)])
        } else {
            desired.insert_neigh(NeighSpec {
                link: bridge.clone(),
                ip: prefix.addr(),
                mac: MacAddr::new(first.mac),
            });
            RouteSpec::on_link(prefix, bridge.clone())
        };
        desired.insert_route(base.with_metric(BASE_METRIC));
        for member in &members {
            desired.insert_neigh(neigh(network, member.number, v6, member.mac));
        }
        let hops = match spread {
            Spread::Multipath => multipath(network, &members, v6),
            Spread::Resilient => {
                if let ([only], false) = (members.as_slice(), v6) {
                    desired.insert_neigh(neigh(network, number, v6, only.mac));
                    desired.insert_next_hop(companion(network, number));
                }
                for member in &members {
                    let id = member.number.next_hop(v6);
                    desired.insert_next_hop(next_hop(network, id, member.number, v6));
                }
                desired.insert_next_hop(group(number, &members, v6));
                NextHops::by_object(number.next_hop(v6))
            }
        };
        desired.insert_route(RouteSpec::new(prefix, hops));
    }
}

/// To whom the kernel delivers a network's addresses, as far as attached
/// endpoints are concerned.
pub(crate) fn delivers_to(observed: &Observed, network: &str, record: &NetworkRecord) -> Delivery {
    let attached = record.endpoints.iter().filter(|(_, it)| it.attached);
    let shares =
        attached.filter_map(|(id, it)| Some((id.clone(), share(observed, network, record, it)?)));
    shares.collect()
}

/// The share the kernel gives an endpoint: by its weight in a group, or by the
/// base alone.
fn share(
    observed: &Observed,
    network: &str,
    record: &NetworkRecord,
    endpoint: &EndpointRecord,
) -> Option<Share> {
    let in_group = |v6: bool| {
        let group = observed.next_hops.get(&record.number?.next_hop(v6))?;
        let NextHopKind::Resilient(group) = &group.kind else {
            return None;
        };
        let id = endpoint.number?.next_hop(v6);
        let (_, weight) = group.members.iter().find(|(member, _)| *member == id)?;
        Some(if *weight == LEAVING {
            Share::Leaving
        } else {
            Share::Full
        })
    };
    let is_neighbour = |prefix: &IpNet| {
        let neigh = NeighSpec {
            link: naming::bridge(network),
            ip: prefix.addr(),
            mac: MacAddr::new(endpoint.mac),
        };
        observed.neighs.get(&neigh.key()) == Some(&neigh)
    };
    let is_gateway = |prefix: &IpNet| {
        let hop = hop(network, endpoint.number?, prefix.addr().is_ipv6());
        let base = RouteSpec::new(*prefix, vec![hop.clone()]).with_metric(BASE_METRIC);
        let there = observed.routes.get(&base.key())?;
        let mut hops = there.next_hops.iter();
        hops.any(|it| it.gateway == hop.gateway).then_some(())
    };
    let by_itself = || {
        let mut held = prefixes(record, endpoint);
        let is_base = |prefix: IpNet| match is_gateway_host(record) {
            true => is_gateway(&prefix).is_some(),
            false => is_neighbour(&prefix),
        };
        held.any(is_base).then_some(Share::Full)
    };
    in_group(false)
        .or_else(|| in_group(true))
        .or_else(by_itself)
}

/// An endpoint among those that an address is delivered to.
struct Member {
    number: Number,
    mac: [u8; 6],
    share: Share,
}

fn members(record: &NetworkRecord, to: &Delivery, v6: bool) -> impl Iterator<Item = Member> {
    to.iter().filter_map(move |(id, share)| {
        let endpoint = record.endpoints.get(id)?;
        let holds = if v6 { endpoint.v6 } else { endpoint.v4 };
        holds.then_some(Member {
            number: endpoint.number?,
            mac: endpoint.mac,
            share: *share,
        })
    })
}

fn multipath(network: &str, members: &[Member], v6: bool) -> NextHops {
    let best = members.iter().map(|it| it.share).min();
    let taking = members.iter().filter(|it| Some(it.share) == best);
    taking
        .map(|member| hop(network, member.number, v6))
        .collect()
}

fn hop(network: &str, to: Number, v6: bool) -> NextHopSpec {
    NextHopSpec {
        onlink: true,
        ..NextHopSpec::via_link(to.gateway(v6), naming::bridge(network))
    }
}

fn group(number: Number, members: &[Member], v6: bool) -> NextHopObject {
    let mut weights: BTreeMap<(Share, NextHopId), u8> = BTreeMap::new();
    for member in members {
        let weight = match member.share {
            Share::Full => FULL,
            Share::Leaving => LEAVING,
        };
        weights.insert((member.share, member.number.next_hop(v6)), weight);
    }
    if let ([_], false) = (members, v6) {
        weights.insert((Share::Leaving, number.companion()), LEAVING);
    }
    // The last ones round worse.
    let members = weights.into_iter().map(|((_, id), weight)| (id, weight));
    let group = ResilientGroup {
        members: members.collect(),
        buckets: BUCKETS,
        idle_time: IDLE_TIME,
        unbalanced_time: Duration::ZERO,
    };
    NextHopObject::new(number.next_hop(v6), NextHopKind::Resilient(group))
}

/// A second next hop to a network's only container: with one alone the kernel
/// does not note which parts of an IPv4 group carry something, and would give
/// away busy ones when a second container comes.
fn companion(network: &str, number: Number) -> NextHopObject {
    next_hop(network, number.companion(), number, false)
}

fn next_hop(network: &str, id: NextHopId, to: Number, v6: bool) -> NextHopObject {
    let kind = NextHopKind::Gateway {
        gateway: to.gateway(v6),
        link: naming::bridge(network),
        onlink: true,
    };
    NextHopObject::new(id, kind)
}

fn neigh(network: &str, number: Number, v6: bool, mac: [u8; 6]) -> NeighSpec {
    NeighSpec {
        link: naming::bridge(network),
        ip: number.gateway(v6),
        mac: MacAddr::new(mac),
    }
}

/// What makes it, each object before those that need it.
fn make(wanted: Desired) -> Vec<Op> {
    // The neighbours first: a route without them would have the host ask.
    let neighs = wanted.neighs.into_values().map(Op::ReplaceNeigh);
    // Then the base, which needs nothing else.
    let (base, best): (Vec<_>, Vec<_>) = wanted
        .routes
        .into_values()
        .partition(|it| it.metric == BASE_METRIC);
    let (single, groups): (Vec<_>, Vec<_>) = wanted
        .next_hops
        .into_values()
        .partition(|it| it.link().is_some());
    let next_hops = single.into_iter().chain(groups).map(Op::ReplaceNextHop);
    let base = base.into_iter().map(Op::ReplaceRoute);
    let best = best.into_iter().map(Op::ReplaceRoute);
    neighs.chain(base).chain(next_hops).chain(best).collect()
}

/// What takes it away, in the opposite order.
fn remove(unwanted: Desired) -> Vec<Op> {
    let (best, base): (Vec<_>, Vec<_>) = unwanted
        .routes
        .into_values()
        .partition(|it| it.metric != BASE_METRIC);
    let routes = best.into_iter().chain(base);
    let routes = routes.map(|it| Op::DeleteRoute(it.key()));
    let (single, groups): (Vec<_>, Vec<_>) = unwanted
        .next_hops
        .into_values()
        .partition(|it| it.link().is_some());
    let next_hops = groups.into_iter().chain(single);
    let next_hops = next_hops.map(|it| Op::DeleteNextHop(it.id));
    let neighs = unwanted.neighs.into_values();
    let neighs = neighs.map(|it| Op::DeleteNeigh(it.key()));
    routes.chain(next_hops).chain(neighs).collect()
}

#[cfg(test)]
mod tests;
