//! The way of packets that a router of ours passes on by the routes it has learned.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use netplumb::{Error, Fate, Firewall, LinkName, LinkState, Netlink, Passage, RouteSpec, Way};
use tracing::debug;

use super::finding::{FORWARDING_V4, FORWARDING_V6, hash_policy};
use super::{Finding, switches};

/// A learned route in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitRoute {
    /// Where it leads.
    pub prefix: IpNet,
    /// By which routers.
    pub next_hops: BTreeSet<IpAddr>,
}

/// A route as the kernel takes it.
struct Placed<'a> {
    route: &'a TransitRoute,
    /// The links it leaves by.
    links: BTreeSet<LinkName>,
    /// By how many routers it leaves.
    ways: usize,
}

impl<'a> Placed<'a> {
    fn new(route: &'a TransitRoute, ways: &BTreeMap<IpAddr, Option<RouteSpec>>) -> Self {
        let ways = route
            .next_hops
            .iter()
            .filter_map(|it| ways.get(it)?.as_ref());
        let hops = || ways.clone().flat_map(|way| way.next_hops.iter());
        Self {
            route,
            links: hops().filter_map(|hop| hop.link.clone()).collect(),
            ways: hops().count(),
        }
    }

    fn is_v6(&self) -> bool {
        self.route.prefix.addr().is_ipv6()
    }
}

/// Looks at the network namespace of the calling thread, as far as it concerns what is to be
/// forwarded by these routes: a few dozen tell what is in everybody's way.
#[must_use]
pub fn look_at_transit(routes: &[TransitRoute]) -> BTreeSet<Finding> {
    let mut found = BTreeSet::new();
    for (v6, forwarding, finding) in [
        (false, FORWARDING_V4, Finding::ForwardingV4Off),
        (true, FORWARDING_V6, Finding::ForwardingV6Off),
    ] {
        let is_there = routes.iter().any(|it| it.prefix.addr().is_ipv6() == v6);
        if is_there && switches::get(forwarding) == Some(0) {
            found.insert(finding);
        }
    }
    found.extend(look_at_ways(routes).unwrap_or_else(|error| {
        debug!(%error, "the way of packets can't be looked at");
        BTreeSet::new()
    }));
    found
}

fn look_at_ways(routes: &[TransitRoute]) -> Result<BTreeSet<Finding>, Error> {
    let mut kernel = Netlink::open()?;
    let next_hops: BTreeSet<IpAddr> = routes.iter().flat_map(|it| it.next_hops.clone()).collect();
    let ways = kernel.routes_to(next_hops.iter().copied())?;
    let ways: BTreeMap<IpAddr, Option<RouteSpec>> = next_hops.into_iter().zip(ways).collect();
    let placed = |route| Placed::new(route, &ways);
    let placed: Vec<Placed<'_>> = routes.iter().map(placed).collect();
    let mut found = shared_by_address(&placed);
    found.extend(strict(&placed));
    let links = kernel.link_states()?.into_iter().collect();
    found.extend(dropped(&placed, &links)?);
    Ok(found)
}

/// Routes with several next hops, or one with several ways to it, where packets are shared out by
/// addresses alone.
fn shared_by_address(routes: &[Placed<'_>]) -> BTreeSet<Finding> {
    let families = [false, true].into_iter();
    let shared = families.filter(|v6| {
        routes.iter().any(|it| it.is_v6() == *v6 && it.ways > 1)
            && switches::get(hash_policy(*v6)) == Some(0)
    });
    shared
        .map(|v6| Finding::MultipathByAddress { v6 })
        .collect()
}

/// Links that some routes leave by and others do not: a packet of those others comes in vain by a
/// strict one. There is no such filter for IPv6.
fn strict(routes: &[Placed<'_>]) -> BTreeSet<Finding> {
    let v4 = || routes.iter().filter(|it| !it.is_v6());
    let links: BTreeSet<&LinkName> = v4().flat_map(|it| &it.links).collect();
    let avoided =
        |link: &&LinkName| v4().any(|it| !it.links.is_empty() && !it.links.contains(*link));
    let strict = |link: &&LinkName| switches::is_strict(link.as_str());
    let links = links.into_iter().filter(avoided).filter(strict);
    links
        .map(|link| Finding::TransitFiltered { link: link.clone() })
        .collect()
}

/// What the packet filter drops whatever link it comes by. A filter that lets packets in from one
/// side alone is meant.
fn dropped(
    routes: &[Placed<'_>],
    links: &BTreeMap<LinkName, LinkState>,
) -> Result<BTreeSet<Finding>, Error> {
    let mut firewall = Firewall::open()?;
    let mut found = BTreeSet::new();
    let mut told = BTreeSet::new();
    for it in routes {
        let v6 = it.is_v6();
        for out in &it.links {
            let Some(out_state) = links.get(out).filter(|_| !told.contains(&(v6, out))) else {
                continue;
            };
            let outside = |(link, state): &(&LinkName, &LinkState)| {
                *link != out && link.as_str() != "lo" && state.up && state.master.is_none()
            };
            let mut obstacle = None;
            for (from, state) in links.iter().filter(outside) {
                let fate = firewall.forward(&Passage {
                    from: from.clone(),
                    from_index: state.index,
                    by: out.clone(),
                    by_index: out_state.index,
                    service: it.route.prefix.addr(),
                    way: Way::Request,
                })?;
                match fate {
                    Fate::Dropped(by) => _ = obstacle.get_or_insert(by),
                    _ => {
                        obstacle = None;
                        break;
                    }
                }
            }
            if let Some(obstacle) = obstacle {
                told.insert((v6, out));
                let link = out.clone();
                found.insert(Finding::TransitDropped { obstacle, link });
            }
        }
    }
    Ok(found)
}
