use std::collections::{BTreeMap, BTreeSet};

use lb_plan::{Delivery, Share};
use netplumb::{
    BridgeSpec, Desired, FakeKernel, Kernel as _, LinkKind, LinkSpec, NextHopKind, Observed, Op,
    RouteSpec,
};

use super::{BASE_METRIC, Spread, deliver, delivers_to, desire, forget, stop_delivering};
use crate::datapath::prefixes;
use crate::naming;
use crate::numbers::Number;
use crate::store::{EndpointRecord, NetworkRecord};

fn number(n: u16) -> Option<Number> {
    Some(Number::try_from(n).unwrap())
}

fn endpoint(n: u16, v4: bool, v6: bool) -> EndpointRecord {
    let [_, low] = n.to_be_bytes();
    EndpointRecord {
        v4,
        v6,
        mac: [2, 0, 0, 0, 0, low],
        number: number(n),
        attached: true,
        draining: false,
    }
}

/// A network with the endpoints e1, e2 … of both families.
fn network(endpoints: u16) -> NetworkRecord {
    let endpoints = (1..=endpoints).map(|n| (format!("e{n}"), endpoint(n, true, true)));
    NetworkRecord {
        v4: Some([10, 0, 0, 101].into()),
        v6: Some("2001:db8::101".parse().unwrap()),
        number: number(0),
        endpoints: endpoints.collect(),
        ..NetworkRecord::default()
    }
}

/// The same with the host as the containers' gateway.
fn gateway_network(endpoints: u16) -> NetworkRecord {
    let host = ("bgplb.gateway".to_owned(), "host".to_owned());
    NetworkRecord {
        options: BTreeMap::from([host]),
        ..network(endpoints)
    }
}

fn to(shares: &[(&str, Share)]) -> Delivery {
    let shares = shares.iter();
    shares
        .map(|(id, share)| ((*id).to_owned(), *share))
        .collect()
}

fn full(ids: &[&str]) -> Delivery {
    ids.iter()
        .map(|id| ((*id).to_owned(), Share::Full))
        .collect()
}

/// A kernel that has the network's bridge.
fn kernel() -> FakeKernel {
    let mut kernel = FakeKernel::new();
    let kind = LinkKind::Bridge(BridgeSpec::default());
    let bridge = LinkSpec::new(naming::bridge("n"), kind, "bgplb:00000001:network:n");
    kernel.apply(&Op::CreateLink(bridge)).unwrap();
    kernel
}

fn apply(kernel: &mut FakeKernel, ops: Vec<Op>) {
    for op in ops {
        kernel.apply(&op).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Routes, neighbours and next hops, without the links.
fn objects(observed: &Observed) -> Desired {
    Desired {
        routes: observed.routes.clone(),
        neighs: observed.neighs.clone(),
        next_hops: observed.next_hops.clone(),
        ..Desired::default()
    }
}

fn wanted(record: &NetworkRecord, to: &Delivery, spread: Spread) -> Desired {
    let mut desired = Desired::default();
    desire(&mut desired, spread, "n", record, to);
    desired
}

fn weights(observed: &Observed, v6: bool) -> Vec<(u32, u8)> {
    let group = &observed.next_hops[&number(0).unwrap().next_hop(v6)];
    let NextHopKind::Resilient(group) = &group.kind else {
        panic!("{group:?}");
    };
    let members = group.members.iter();
    members
        .map(|(id, weight)| (id.get() & 0xffff, *weight))
        .collect()
}

#[test]
fn every_step_makes_what_is_desired_and_leaves_nothing_of_before() {
    every_step_of(&network(3));
    every_step_of(&gateway_network(3));
}

fn every_step_of(record: &NetworkRecord) {
    let stages = [
        full(&["e1"]),
        full(&["e1", "e2"]),
        to(&[("e1", Share::Leaving), ("e2", Share::Full)]),
        full(&["e2"]),
        full(&["e1", "e2", "e3"]),
        full(&["e3"]),
    ];
    for spread in [Spread::Resilient, Spread::Multipath] {
        let mut kernel = kernel();
        let mut from = Delivery::new();
        for stage in &stages {
            let ops = deliver(spread, "n", record, &from, stage);
            apply(&mut kernel, ops);
            let (have, want) = (objects(kernel.state()), wanted(record, stage, spread));
            assert_eq!(have.next_hops, want.next_hops);
            assert_eq!(have.neighs, want.neighs);
            let routes = |of: &Desired| of.routes.keys().copied().collect::<BTreeSet<_>>();
            assert_eq!(routes(&have), routes(&want));
            for (key, route) in &want.routes {
                assert!(route.satisfied_by(&have.routes[key]), "{key}");
            }
            if spread == Spread::Resilient {
                assert_eq!(
                    delivers_to(kernel.state(), "n", &with_all_attached(record)),
                    *stage
                );
            }
            from.clone_from(stage);
        }
        apply(&mut kernel, stop_delivering(spread, "n", record));
        assert_eq!(objects(kernel.state()), Desired::default());
    }
}

fn with_all_attached(record: &NetworkRecord) -> NetworkRecord {
    let mut record = record.clone();
    record
        .endpoints
        .values_mut()
        .for_each(|it| it.attached = true);
    record
}

#[test]
fn at_no_step_is_an_address_without_a_route() {
    no_step_is_without_a_route(&network(2));
    no_step_is_without_a_route(&gateway_network(2));
}

fn no_step_is_without_a_route(record: &NetworkRecord) {
    let mut kernel = kernel();
    let stages = [
        full(&["e1"]),
        full(&["e2"]),
        full(&["e1", "e2"]),
        full(&["e2"]),
    ];
    for pair in stages.windows(2) {
        let [from, to] = pair else { unreachable!() };
        apply(
            &mut kernel,
            deliver(Spread::Resilient, "n", record, &Delivery::new(), from),
        );
        for op in deliver(Spread::Resilient, "n", record, from, to) {
            kernel.apply(&op).unwrap();
            assert_eq!(kernel.state().routes.len(), 4, "after {op}");
        }
    }
}

#[test]
fn the_last_of_a_group_is_due_nothing() {
    let record = network(2);
    let mut kernel = kernel();
    apply(
        &mut kernel,
        deliver(
            Spread::Resilient,
            "n",
            &record,
            &Delivery::new(),
            &full(&["e1"]),
        ),
    );
    // The network's companion keeps the IPv4 group at two members.
    assert_eq!(weights(kernel.state(), false), [(4, 255), (2, 1)]);
    assert_eq!(weights(kernel.state(), true), [(5, 255)]);
    let leaving = to(&[("e1", Share::Leaving), ("e2", Share::Full)]);
    apply(
        &mut kernel,
        deliver(Spread::Resilient, "n", &record, &full(&["e1"]), &leaving),
    );
    assert_eq!(weights(kernel.state(), false), [(8, 255), (4, 1)]);
    assert_eq!(weights(kernel.state(), true), [(9, 255), (5, 1)]);
}

#[test]
fn a_kernel_that_refuses_next_hops_still_has_the_base() {
    let record = network(1);
    let mut kernel = kernel();
    let ops = deliver(
        Spread::Resilient,
        "n",
        &record,
        &Delivery::new(),
        &full(&["e1"]),
    );
    let refused = ops
        .iter()
        .position(|op| matches!(op, Op::ReplaceNextHop(_)))
        .unwrap();
    apply(&mut kernel, ops[..refused].to_vec());
    let metrics: Vec<_> = kernel.state().routes.values().map(|it| it.metric).collect();
    assert_eq!(metrics, [BASE_METRIC, BASE_METRIC]);
}

#[test]
fn containers_whose_gateway_is_the_host_are_told_apart_by_their_own_addresses() {
    let record = gateway_network(2);
    let mut kernel = kernel();
    let both = full(&["e1", "e2"]);
    let none = Delivery::new();
    let ops = deliver(Spread::Resilient, "n", &record, &none, &both);
    apply(&mut kernel, ops);
    let services: Vec<_> = record.prefixes().map(|it| it.addr()).collect();
    let neighs = kernel.state().neighs.keys();
    let named: Vec<_> = neighs.filter(|it| services.contains(&it.ip)).collect();
    assert!(
        named.is_empty(),
        "the host would answer one of them for all: {named:?}"
    );
    // The base alone says who is delivered to.
    kernel.state_mut().next_hops.clear();
    let routes = &mut kernel.state_mut().routes;
    routes.retain(|_, it| it.metric == BASE_METRIC);
    assert_eq!(routes.len(), 2);
    assert_eq!(delivers_to(kernel.state(), "n", &record), full(&["e1"]));
}

#[test]
fn only_the_families_an_endpoint_holds_are_delivered_to_it() {
    let mut record = network(1);
    record
        .endpoints
        .insert("e2".to_owned(), endpoint(2, true, false));
    assert_eq!(prefixes(&record, &record.endpoints["e2"]).count(), 1);
    let mut kernel = kernel();
    let both = full(&["e1", "e2"]);
    apply(
        &mut kernel,
        deliver(Spread::Resilient, "n", &record, &Delivery::new(), &both),
    );
    assert_eq!(weights(kernel.state(), false).len(), 2);
    assert_eq!(weights(kernel.state(), true).len(), 1);
    // Nobody is left for IPv6: it is delivered until its withdrawal has
    // settled, or the container is gone.
    apply(
        &mut kernel,
        deliver(Spread::Resilient, "n", &record, &both, &full(&["e2"])),
    );
    assert_eq!(kernel.state().routes.len(), 4);
    apply(&mut kernel, forget("n", &record.endpoints["e1"]));
    let v6 = kernel
        .state()
        .routes
        .values()
        .filter(|it| it.dst.addr().is_ipv6());
    assert_eq!(v6.map(|it| it.metric).collect::<Vec<_>>(), [BASE_METRIC]);
}

#[test]
fn what_an_earlier_version_delivers_is_known_again() {
    let record = network(2);
    let mut kernel = kernel();
    for prefix in record.prefixes() {
        let neigh = netplumb::NeighSpec {
            link: naming::bridge("n"),
            ip: prefix.addr(),
            mac: netplumb::MacAddr::new(record.endpoints["e2"].mac),
        };
        kernel.apply(&Op::ReplaceNeigh(neigh)).unwrap();
        let route = RouteSpec::on_link(prefix, naming::bridge("n"));
        kernel.apply(&Op::ReplaceRoute(route)).unwrap();
    }
    assert_eq!(delivers_to(kernel.state(), "n", &record), full(&["e2"]));
    let mut detached = record.clone();
    detached.endpoints = BTreeMap::from([(
        "e2".to_owned(),
        EndpointRecord {
            attached: false,
            ..record.endpoints["e2"].clone()
        },
    )]);
    assert_eq!(delivers_to(kernel.state(), "n", &detached), Delivery::new());
}

#[test]
fn the_kernel_says_by_its_version_what_it_can_do() {
    for (release, spread) in [
        ("5.12.19", Spread::Multipath),
        ("4.19.0-27-amd64", Spread::Multipath),
        ("5.13.0", Spread::Resilient),
        ("6.1.0-17-amd64", Spread::Resilient),
        ("10.0", Spread::Resilient),
        ("nonsense", Spread::Resilient),
    ] {
        assert_eq!(Spread::of_release(release), spread, "{release}");
    }
}
