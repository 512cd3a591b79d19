//! What the kernel should have for networks, endpoints and deliveries: a
//! bridge a network, a veth pair an endpoint, and for the endpoint that
//! serves a link route a prefix with a permanent neighbour entry.
//!
//! The neighbour entry names the container's MAC address, so that the host
//! never has to ask a bridge, on which several containers may hold the same
//! address, who answers first.

use ipnet::IpNet;
use netplumb::{
    BridgeSpec, Desired, LinkKind, LinkSpec, MacAddr, NeighSpec, Observed, Op, Owned, RouteSpec,
    WhenMissing,
};

use crate::naming;
use crate::store::{EndpointRecord, NetworkRecord};

/// What may be deleted: links with our mark, and what hangs on them. Without
/// `sweep` nothing is.
pub(crate) fn owned(sweep: bool) -> Owned {
    let mark = if sweep { naming::MARK } else { "" };
    Owned::new(mark, RouteSpec::PROTOCOL_BGP)
}

/// Makes a network's bridge.
pub(crate) fn network(network: &str) -> Vec<Op> {
    vec![Op::CreateLink(bridge(network))]
}

/// Removes a network's bridge, and the links of endpoints left on it.
pub(crate) fn remove_network<'a>(
    network: &str,
    endpoints: impl Iterator<Item = &'a str>,
) -> Vec<Op> {
    endpoints
        .map(remove_veth)
        .chain([Op::DeleteLink {
            name: naming::bridge(network),
            alias: naming::bridge_alias(network),
        }])
        .collect()
}

/// Makes an endpoint's pair of links. The bridge is asked for as well: it is
/// gone after a reboot, and asking for what is there changes nothing.
pub(crate) fn attach(network: &str, endpoint: &str, record: &EndpointRecord) -> Vec<Op> {
    vec![
        Op::CreateLink(bridge(network)),
        Op::CreateLink(veth(network, endpoint, record)),
    ]
}

/// Removes an endpoint's pair of links.
pub(crate) fn detach(endpoint: &str) -> Vec<Op> {
    vec![remove_veth(endpoint)]
}

/// Has the host deliver a network's addresses to one endpoint.
pub(crate) fn deliver(network: &str, record: &NetworkRecord, to: &EndpointRecord) -> Vec<Op> {
    // The neighbours first: a route without them would have the host ask.
    let neighs = prefixes(record, to).map(|prefix| Op::ReplaceNeigh(neigh(network, prefix, to)));
    let routes = prefixes(record, to).map(|prefix| Op::ReplaceRoute(route(network, prefix)));
    neighs.chain(routes).collect()
}

/// Ends delivery of a network's addresses to `from`.
pub(crate) fn stop_delivering(
    network: &str,
    record: &NetworkRecord,
    from: &EndpointRecord,
) -> Vec<Op> {
    let routes = record
        .prefixes()
        .map(|prefix| Op::DeleteRoute(route(network, prefix).key()));
    let neighs = record
        .prefixes()
        .map(|prefix| Op::DeleteNeigh(neigh(network, prefix, from).key()));
    routes.chain(neighs).collect()
}

/// The prefixes an endpoint holds.
pub(crate) fn prefixes(
    network: &NetworkRecord,
    endpoint: &EndpointRecord,
) -> impl Iterator<Item = IpNet> + use<> {
    let (v4, v6) = (endpoint.v4, endpoint.v6);
    network.prefixes().filter(move |prefix| match prefix {
        IpNet::V4(_) => v4,
        IpNet::V6(_) => v6,
    })
}

/// Whether the outside link of an endpoint is there and ours.
pub(crate) fn has_links(observed: &Observed, endpoint: &str) -> bool {
    observed
        .links
        .get(&naming::veth_outside(endpoint))
        .is_some_and(|link| link.alias == naming::veth_alias(endpoint))
}

/// Whether an endpoint's container end is in our namespace.
pub(crate) fn has_inside(observed: &Observed, endpoint: &str) -> bool {
    observed.links.contains_key(&naming::veth_inside(endpoint))
}

/// The attached endpoint to which the kernel delivers a network's addresses.
pub(crate) fn delivers_to<'r>(
    observed: &Observed,
    network: &str,
    record: &'r NetworkRecord,
) -> Option<&'r str> {
    let mut attached = record.endpoints.iter().filter(|(_, it)| it.attached);
    let delivers = |to: &EndpointRecord| {
        let mut neighs = prefixes(record, to).map(|prefix| neigh(network, prefix, to));
        neighs.any(|wanted| observed.neighs.get(&wanted.key()) == Some(&wanted))
    };
    let (endpoint, _) = attached.find(|(_, to)| delivers(to))?;
    Some(endpoint)
}

/// Adds all that one network should have to `desired`: the links of the
/// endpoints for which `linked` says so, with what is to be done where one is
/// missing; and delivery to one of them.
pub(crate) fn desire(
    desired: &mut Desired,
    network: &str,
    record: &NetworkRecord,
    linked: impl Fn(&str) -> Option<WhenMissing>,
    delivered: Option<&str>,
) {
    desired.insert_link(bridge(network));
    for (endpoint, record) in &record.endpoints {
        if let Some(when_missing) = linked(endpoint) {
            desired.insert_link(LinkSpec {
                when_missing,
                ..veth(network, endpoint, record)
            });
        }
    }
    let Some(to) = delivered.and_then(|endpoint| record.endpoints.get(endpoint)) else {
        return;
    };
    for prefix in prefixes(record, to) {
        desired.insert_neigh(neigh(network, prefix, to));
        desired.insert_route(route(network, prefix));
    }
}

fn bridge(network: &str) -> LinkSpec {
    LinkSpec::new(
        naming::bridge(network),
        LinkKind::Bridge(BridgeSpec::default()),
        naming::bridge_alias(network),
    )
}

fn veth(network: &str, endpoint: &str, record: &EndpointRecord) -> LinkSpec {
    let kind = LinkKind::Veth {
        peer: naming::veth_inside(endpoint),
        peer_mac: Some(MacAddr::new(record.mac)),
    };
    LinkSpec::new(
        naming::veth_outside(endpoint),
        kind,
        naming::veth_alias(endpoint),
    )
    .with_master(naming::bridge(network))
}

fn remove_veth(endpoint: &str) -> Op {
    Op::DeleteLink {
        name: naming::veth_outside(endpoint),
        alias: naming::veth_alias(endpoint),
    }
}

fn route(network: &str, prefix: IpNet) -> RouteSpec {
    RouteSpec::on_link(prefix, naming::bridge(network))
}

fn neigh(network: &str, prefix: IpNet, to: &EndpointRecord) -> NeighSpec {
    NeighSpec {
        link: naming::bridge(network),
        ip: prefix.addr(),
        mac: MacAddr::new(to.mac),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use netplumb::{Desired, Observed, Op, WhenMissing};

    use super::{deliver, desire, owned, prefixes, stop_delivering};
    use crate::store::{EndpointRecord, NetworkRecord};

    fn endpoint(v4: bool, v6: bool) -> EndpointRecord {
        EndpointRecord {
            v4,
            v6,
            mac: [2, 0, 0, 0, 0, 1],
            attached: true,
            draining: false,
        }
    }

    fn network(endpoint: EndpointRecord) -> NetworkRecord {
        NetworkRecord {
            v4: Some([10, 0, 0, 101].into()),
            v6: Some("2001:db8::101".parse().unwrap()),
            endpoints: BTreeMap::from([("e1".to_owned(), endpoint)]),
        }
    }

    #[test]
    fn only_the_families_the_endpoint_holds_are_delivered() {
        let to = endpoint(true, false);
        let record = network(to.clone());
        assert_eq!(prefixes(&record, &to).count(), 1);
        let ops = deliver("n1", &record, &to);
        assert!(matches!(
            ops.as_slice(),
            [Op::ReplaceNeigh(_), Op::ReplaceRoute(_)]
        ));
    }

    #[test]
    fn ending_delivery_removes_all_that_delivery_may_have_made() {
        let record = network(endpoint(true, true));
        let from = &record.endpoints["e1"];
        assert_eq!(deliver("n1", &record, from).len(), 4);
        assert_eq!(stop_delivering("n1", &record, from).len(), 4);
    }

    #[test]
    fn what_is_desired_is_what_the_steps_make() {
        let record = network(endpoint(true, true));
        let mut desired = Desired::default();
        desire(
            &mut desired,
            "n1",
            &record,
            |_| Some(WhenMissing::Create),
            Some("e1"),
        );
        assert_eq!(desired.links.len(), 2);
        assert_eq!(desired.routes.len(), 2);
        assert_eq!(desired.neighs.len(), 2);
        for op in deliver("n1", &record, &record.endpoints["e1"]) {
            match op {
                Op::ReplaceRoute(route) => assert_eq!(desired.routes[&route.key()], route),
                Op::ReplaceNeigh(neigh) => assert_eq!(desired.neighs[&neigh.key()], neigh),
                other => panic!("{other}"),
            }
        }
        let mut nothing_delivered = Desired::default();
        desire(&mut nothing_delivered, "n1", &record, |_| None, None);
        assert!(nothing_delivered.routes.is_empty());
        assert_eq!(nothing_delivered.links.len(), 1);
    }

    #[test]
    fn the_link_of_a_container_that_has_just_ended_is_not_made_anew() {
        let record = network(endpoint(true, true));
        let made = |when_missing| {
            let mut desired = Desired::default();
            desire(&mut desired, "n1", &record, |_| Some(when_missing), None);
            netplumb::plan(&desired, &Observed::default(), &owned(true))
        };
        assert_eq!(made(WhenMissing::Ignore).len(), 1);
        assert_eq!(made(WhenMissing::Create).len(), 2);
    }
}
