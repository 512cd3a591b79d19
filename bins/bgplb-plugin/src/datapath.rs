//! What the kernel should have for networks, endpoints and deliveries: a
//! bridge a network, a veth pair an endpoint, and delivery to the endpoints
//! that serve.

mod delivery;
mod gateway;

use ipnet::IpNet;
use lb_plan::Delivery;
use netplumb::{
    BridgeSpec, Desired, LinkKind, LinkSpec, MacAddr, Observed, Op, Owned, RouteSpec, WhenMissing,
};

pub(crate) use self::delivery::{
    Spread, deliver, delivers_to, desire as desire_delivery, forget, spreads_by_address,
    stop_delivering,
};
pub(crate) use self::gateway::{
    addresses as gateway_addresses, gateways, is_host as is_gateway_host,
};
use crate::instance::Instance;
use crate::naming;
use crate::numbers;
use crate::store::{EndpointRecord, NetworkRecord};

/// What may be deleted: links with our mark, and what hangs on them.
pub(crate) fn owned(instance: Instance) -> Owned {
    Owned::new(instance.mark(), RouteSpec::PROTOCOL_BGP).with_next_hops(numbers::next_hop_ids())
}

/// Makes a network's bridge with its addresses, if it has any.
pub(crate) fn network(instance: Instance, network: &str, record: &NetworkRecord) -> Vec<Op> {
    let bridge = Op::CreateLink(bridge(instance, network));
    std::iter::once(bridge)
        .chain(gateway::add(network, record))
        .collect()
}

/// Removes a network's bridge, and the links of endpoints left on it.
pub(crate) fn remove_network<'a>(
    instance: Instance,
    network: &str,
    endpoints: impl Iterator<Item = &'a str>,
) -> Vec<Op> {
    endpoints
        .map(move |endpoint| remove_veth(instance, endpoint))
        .chain([Op::DeleteLink {
            name: naming::bridge(network),
            alias: instance.bridge_alias(network),
        }])
        .collect()
}

/// Makes an endpoint's pair of links. The bridge is asked for as well: it is
/// gone after a reboot, and asking for what is there changes nothing.
pub(crate) fn attach(
    instance: Instance,
    (network, record): (&str, &NetworkRecord),
    (endpoint, its): (&str, &EndpointRecord),
) -> Vec<Op> {
    let mut ops = self::network(instance, network, record);
    ops.push(Op::CreateLink(veth(instance, network, endpoint, its)));
    ops
}

/// Brings a network's links to what they should be: the bridge with its
/// addresses, made again if it is not there, and the pairs of attached endpoints. Those that are gone
/// have gone with their containers, and stay so.
pub(crate) fn links(instance: Instance, network: &str, record: &NetworkRecord) -> Vec<Op> {
    let attached = record.endpoints.iter().filter(|(_, it)| it.attached);
    let veths = attached.map(|(endpoint, it)| Op::SetLink(veth(instance, network, endpoint, it)));
    let mut ops = self::network(instance, network, record);
    ops.extend(veths);
    ops
}

/// Removes an endpoint's pair of links.
pub(crate) fn detach(instance: Instance, endpoint: &str) -> Vec<Op> {
    vec![remove_veth(instance, endpoint)]
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
pub(crate) fn has_links(instance: Instance, observed: &Observed, endpoint: &str) -> bool {
    observed
        .links
        .get(&naming::veth_outside(endpoint))
        .is_some_and(|link| link.alias == instance.veth_alias(endpoint))
}

/// Whether an endpoint's container end is in our namespace.
pub(crate) fn has_inside(observed: &Observed, endpoint: &str) -> bool {
    observed.links.contains_key(&naming::veth_inside(endpoint))
}

/// Adds all that one network should have to `desired`: the links of the
/// endpoints for which `linked` says so, with what is to be done where one is
/// missing; and delivery.
pub(crate) fn desire(
    desired: &mut Desired,
    instance: Instance,
    network: &str,
    record: &NetworkRecord,
    linked: impl Fn(&str) -> Option<WhenMissing>,
    spread: Spread,
    delivered: &Delivery,
) {
    desired.insert_link(bridge(instance, network));
    desired.addrs.extend(gateway_addresses(network, record));
    for (endpoint, record) in &record.endpoints {
        if let Some(when_missing) = linked(endpoint) {
            desired.insert_link(LinkSpec {
                when_missing,
                ..veth(instance, network, endpoint, record)
            });
        }
    }
    delivery::desire(desired, spread, network, record, delivered);
}

fn bridge(instance: Instance, network: &str) -> LinkSpec {
    LinkSpec::new(
        naming::bridge(network),
        LinkKind::Bridge(BridgeSpec::default()),
        instance.bridge_alias(network),
    )
    // With one of its ports' it would change with them, and the kernel would
    // forget the containers' neighbour entries.
    .with_mac(MacAddr::new(naming::mac(network)))
}

fn veth(instance: Instance, network: &str, endpoint: &str, record: &EndpointRecord) -> LinkSpec {
    let kind = LinkKind::Veth {
        peer: naming::veth_inside(endpoint),
        peer_mac: Some(MacAddr::new(record.mac)),
    };
    LinkSpec::new(
        naming::veth_outside(endpoint),
        kind,
        instance.veth_alias(endpoint),
    )
    .with_master(naming::bridge(network))
}

fn remove_veth(instance: Instance, endpoint: &str) -> Op {
    Op::DeleteLink {
        name: naming::veth_outside(endpoint),
        alias: instance.veth_alias(endpoint),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lb_plan::Delivery;
    use netplumb::{Desired, Observed, WhenMissing};

    use super::{Spread, desire, owned};
    use crate::instance::Instance;
    use crate::store::{EndpointRecord, NetworkRecord};

    fn instance() -> Instance {
        "00000001".parse().unwrap()
    }

    #[test]
    fn the_link_of_a_container_that_has_just_ended_is_not_made_anew() {
        let endpoint = EndpointRecord {
            v4: true,
            v6: true,
            mac: [2, 0, 0, 0, 0, 1],
            number: None,
            attached: true,
            draining: false,
        };
        let record = NetworkRecord {
            endpoints: BTreeMap::from([("e1".to_owned(), endpoint)]),
            ..NetworkRecord::default()
        };
        let made = |when_missing| {
            let mut desired = Desired::default();
            let linked = |_: &str| Some(when_missing);
            let nobody = Delivery::new();
            desire(
                &mut desired,
                instance(),
                "n1",
                &record,
                linked,
                Spread::Resilient,
                &nobody,
            );
            netplumb::plan(&desired, &Observed::default(), &owned(instance()))
        };
        assert_eq!(made(WhenMissing::Ignore).len(), 1);
        assert_eq!(made(WhenMissing::Create).len(), 2);
    }
}
