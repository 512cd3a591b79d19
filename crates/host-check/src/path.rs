//! The way of a packet from the routers to our links.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use netplumb::{Error, Fate, Firewall, LinkKindState, LinkName, LinkState, Netlink, Passage, Way};
use tracing::debug;

use super::{Finding, InUse};

/// Of how many services the way is followed: what is in one's way is in
/// everybody's, unless there are rules for single addresses.
const FOLLOWED: usize = 64;

/// The bridges of Docker's that containers may have as gateways, each with the
/// families it has addresses of.
pub(super) type Gateways = BTreeMap<LinkName, Families>;

/// Which families a link has addresses of, link-local ones left aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Families {
    v4: bool,
    v6: bool,
}

/// The bridges by which answers may come: those Docker named, and those with an
/// address in a subnet of Docker's.
pub(super) fn gateways(in_use: &InUse) -> Gateways {
    try_gateways(in_use).unwrap_or_else(|error| {
        debug!(%error, "the links can't be looked at");
        Gateways::new()
    })
}

fn try_gateways(in_use: &InUse) -> Result<Gateways, Error> {
    let mut kernel = Netlink::open()?;
    let addresses: BTreeMap<_, _> = kernel.addresses()?.into_iter().collect();
    let bridges = kernel.link_states()?.into_iter();
    let bridges = bridges.filter(|(_, it)| matches!(it.kind, LinkKindState::Bridge { .. }));
    let mut gateways = Gateways::new();
    for (link, _) in bridges {
        let own = addresses.get(&link).map(Vec::as_slice).unwrap_or_default();
        let in_subnet = |it: &IpNet| in_use.gateways.iter().any(|net| net.contains(&it.addr()));
        let named = in_use.bridges.iter().any(|it| it == link.as_str());
        if named || own.iter().any(in_subnet) {
            let families = Families {
                v4: own.iter().any(|it| it.addr().is_ipv4()),
                v6: own
                    .iter()
                    .any(|it| matches!(it, IpNet::V6(it) if !it.addr().is_unicast_link_local())),
            };
            gateways.insert(link, families);
        }
    }
    Ok(gateways)
}

/// What the packet filter drops, and where the MTU changes.
pub(super) fn look(in_use: &InUse, gateways: &Gateways) -> BTreeSet<Finding> {
    try_look(in_use, gateways).unwrap_or_else(|error| {
        debug!(%error, "the way of packets can't be looked at");
        BTreeSet::new()
    })
}

fn try_look(in_use: &InUse, gateways: &Gateways) -> Result<BTreeSet<Finding>, Error> {
    let mut found = BTreeSet::new();
    let mut kernel = Netlink::open()?;
    let links: BTreeMap<LinkName, LinkState> = kernel.link_states()?.into_iter().collect();
    let uplinks = uplinks(&mut kernel, in_use)?;
    for link in &in_use.services {
        let Some(own) = links.get(&link.link) else {
            continue;
        };
        for uplink in &uplinks {
            let Some(there) = links.get(uplink).filter(|it| it.mtu != own.mtu) else {
                continue;
            };
            found.insert(Finding::MtuDiffers {
                mtu: own.mtu,
                uplink: uplink.clone(),
                uplink_mtu: there.mtu,
            });
        }
    }
    let mut firewall = Firewall::open()?;
    for v6 in [false, true] {
        let requests = requests(in_use, &links, &uplinks, v6);
        for passage in requests.take(FOLLOWED) {
            if let Fate::Dropped(obstacle) = firewall.forward(&passage)? {
                found.insert(Finding::ForwardDropped { obstacle });
                break;
            }
        }
        for passage in answers(in_use, &links, &uplinks, gateways, v6) {
            if let Fate::Dropped(obstacle) = firewall.forward(&passage)? {
                let bridge = passage.from;
                found.insert(Finding::AnswersDropped { obstacle, bridge });
            }
        }
    }
    Ok(found)
}

/// The links towards the routers.
fn uplinks(kernel: &mut Netlink, in_use: &InUse) -> Result<BTreeSet<LinkName>, Error> {
    let routes = kernel.routes_to(in_use.peers.iter().copied())?;
    let hops = routes.into_iter().flatten();
    Ok(hops
        .flat_map(|route| route.next_hops.iter().cloned().collect::<Vec<_>>())
        .filter_map(|hop| hop.link)
        .collect())
}

type Links = BTreeMap<LinkName, LinkState>;

/// First packets of connections, from each uplink to each service.
fn requests<'a>(
    in_use: &'a InUse,
    links: &'a Links,
    uplinks: &'a BTreeSet<LinkName>,
    v6: bool,
) -> impl Iterator<Item = Passage> + 'a {
    let services = in_use.services.iter();
    services.flat_map(move |service| {
        let addresses = service
            .addresses
            .iter()
            .filter(move |it| it.is_ipv6() == v6);
        addresses.flat_map(move |address| {
            let passages = uplinks.iter().map(move |uplink| (uplink, &service.link));
            passages.filter_map(|way| passage(links, way, *address, Way::Request))
        })
    })
}

/// Answers, from each gateway to each uplink: those of one service by bridges of
/// Docker's, as what is in the way of one is in everybody's, and those of
/// services that have their gateway at their own link.
fn answers<'a>(
    in_use: &'a InUse,
    links: &'a Links,
    uplinks: &'a BTreeSet<LinkName>,
    gateways: &'a Gateways,
    v6: bool,
) -> impl Iterator<Item = Passage> + 'a {
    let services = in_use.services.iter().filter_map(move |it| {
        let mut addresses = it.addresses.iter();
        let address = addresses.find(|it| it.is_ipv6() == v6)?;
        Some((it, *address))
    });
    let others = gateways
        .iter()
        .filter(move |(_, it)| if v6 { it.v6 } else { it.v4 });
    let any = services.clone().next();
    let by_others = others.filter_map(move |(gateway, _)| Some((gateway, any?.1)));
    let own = services.filter(|(service, _)| service.answers_there);
    let by_own = own.map(|(service, address)| (&service.link, address));
    let ways = by_others.chain(by_own.take(FOLLOWED));
    ways.flat_map(move |(gateway, address)| {
        let passages = uplinks.iter().map(move |uplink| (gateway, uplink));
        passages.filter_map(move |way| passage(links, way, address, Way::Answer))
    })
}

fn passage(
    links: &Links,
    (from, by): (&LinkName, &LinkName),
    service: IpAddr,
    way: Way,
) -> Option<Passage> {
    Some(Passage {
        from: from.clone(),
        from_index: links.get(from)?.index,
        by: by.clone(),
        by_index: links.get(by)?.index,
        service,
        way,
    })
}
