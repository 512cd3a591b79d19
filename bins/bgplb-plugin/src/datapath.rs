//! What the kernel should have for networks, endpoints and deliveries: a
//! bridge a network, a veth pair an endpoint, and delivery to the endpoints
//! that serve.

mod delivery;

use ipnet::IpNet;
use lb_plan::Delivery;
use netplumb::{
    BridgeSpec, Desired, LinkKind, LinkSpec, MacAddr, Observed, Op, Owned, RouteSpec, WhenMissing,
};

pub(crate) use self::delivery::{
    Spread, deliver, delivers_to, forget, spreads_by_address, stop_delivering,
};
use crate::naming;
use crate::numbers;
use crate::store::{EndpointRecord, NetworkRecord};

/// What may be deleted: links with our mark, and what hangs on them. Without
/// `sweep` nothing is.
pub(crate) fn owned(sweep: bool) -> Owned {
    let mark = if sweep { naming::MARK } else { "" };
    let owned = Owned::new(mark, RouteSpec::PROTOCOL_BGP);
    if sweep {
        owned.with_next_hops(numbers::next_hop_ids())
    } else {
        owned
    }
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

/// Adds all that one network should have to `desired`: the links of the
/// endpoints for which `linked` says so, with what is to be done where one is
/// missing; and delivery.
pub(crate) fn desire(
    desired: &mut Desired,
    network: &str,
    record: &NetworkRecord,
    linked: impl Fn(&str) -> Option<WhenMissing>,
    spread: Spread,
    delivered: &Delivery,
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
    delivery::desire(desired, spread, network, record, delivered);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lb_plan::Delivery;
    use netplumb::{Desired, Observed, WhenMissing};

    use super::{Spread, desire, owned};
    use crate::store::{EndpointRecord, NetworkRecord};

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
                "n1",
                &record,
                linked,
                Spread::Resilient,
                &nobody,
            );
            netplumb::plan(&desired, &Observed::default(), &owned(true))
        };
        assert_eq!(made(WhenMissing::Ignore).len(), 1);
        assert_eq!(made(WhenMissing::Create).len(), 2);
    }
}
