//! Random states, wishes and faults.

use proptest::prelude::*;

use super::reconcile;
use crate::fake::FakeKernel;
use crate::ipvlan::{IpvlanFlags, IpvlanMode, IpvlanSpec};
use crate::model::{AddrSpec, BridgeSpec, Desired, LinkKind, LinkSpec, NeighSpec};
use crate::name::LinkName;
use crate::observed::{LinkKindState, Owned};
use crate::op::{Kernel, Op};
use crate::plan::plan;
use crate::route::{NextHopSpec, RouteSpec};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const OURS: &str = "ours:";
const METRIC: u32 = 77;

fn owned() -> Owned {
    Owned::new(OURS, 186).with_routes(254, METRIC)
}

fn name() -> impl Strategy<Value = LinkName> {
    prop::sample::select(&NAMES).prop_map(|name| name.parse().unwrap())
}

fn kind(name: &LinkName) -> impl Strategy<Value = LinkKind> + use<> {
    let peer: LinkName = format!("p-{name}").parse().unwrap();
    prop_oneof![
        prop::option::of(0..3_u16).prop_map(|mask| LinkKind::Bridge(BridgeSpec {
            ageing: None,
            group_fwd_mask: mask.map(|mask| mask << 3),
        })),
        Just(LinkKind::Veth {
            peer,
            peer_mac: None
        }),
        Just(LinkKind::Dummy),
    ]
}

fn link(alias: impl Strategy<Value = &'static str>) -> impl Strategy<Value = LinkSpec> {
    let base = name().prop_flat_map(|name| {
        let kind = kind(&name);
        (Just(name), kind)
    });
    let mtu = prop::option::of(1400..1402_u32);
    (base, alias, mtu, any::<bool>()).prop_map(|((name, kind), alias, mtu, up)| LinkSpec {
        mtu,
        up,
        ..LinkSpec::new(name, kind, alias)
    })
}

fn addr() -> impl Strategy<Value = AddrSpec> {
    let nets = [
        "10.1.0.1/24",
        "10.1.0.2/24",
        "10.1.0.1/32",
        "10.2.0.1/32",
        "2001:db8::1/64",
        "2001:db8::1/128",
        "2001:db8::2/128",
    ];
    (name(), prop::sample::select(nets.to_vec())).prop_map(|(link, net)| AddrSpec {
        link,
        addr: net.parse().unwrap(),
    })
}

fn route() -> impl Strategy<Value = RouteSpec> {
    let dst = prop::sample::select(vec!["10.9.0.0/16", "10.8.0.1/32", "2001:db8:9::/48"]);
    let hop = (name(), prop::option::of(1..3_u8), 1..3_u8);
    let hops = prop::collection::vec(hop, 1..3);
    let metric = prop::sample::select(vec![0, METRIC]);
    (dst, hops, metric).prop_map(|(dst, hops, metric)| {
        let hops: Vec<_> = hops
            .into_iter()
            .map(|(link, gateway, weight)| NextHopSpec {
                gateway: gateway.map(|host| [10, 1, 0, host].into()),
                weight,
                ..NextHopSpec::on_link(link)
            })
            .collect();
        RouteSpec::new(dst.parse().unwrap(), hops).with_metric(metric)
    })
}

fn neigh() -> impl Strategy<Value = NeighSpec> {
    (name(), 1..3_u8, 1..3_u8).prop_map(|(link, host, mac)| NeighSpec {
        link,
        ip: [10, 1, 0, host].into(),
        mac: [2, 0, 0, 0, 0, mac].into(),
    })
}

/// What happened before we came: by us, by others, and by the kernel.
fn history() -> impl Strategy<Value = Vec<Op>> {
    let alias = prop::sample::select(vec!["ours:1", "ours:2", "theirs"]);
    let foreign = (route(), prop::sample::select(vec![4, 186]))
        .prop_map(|(route, protocol)| RouteSpec { protocol, ..route });
    let op = prop_oneof![
        3 => link(alias).prop_map(Op::CreateLink),
        2 => addr().prop_map(Op::AddAddr),
        2 => foreign.prop_map(Op::ReplaceRoute),
        1 => neigh().prop_map(Op::ReplaceNeigh),
    ];
    prop::collection::vec(op, 0..16)
}

/// A wish that the kernel can fulfil: everything hangs on wanted links that
/// are up, and no IPv6 address is wanted twice on a link.
fn desired() -> impl Strategy<Value = Desired> {
    let links = prop::collection::vec(link(Just("ours:1")), 0..4);
    let addrs = prop::collection::vec(addr(), 0..6);
    let routes = prop::collection::vec(route(), 0..4);
    let neighs = prop::collection::vec(neigh(), 0..4);
    let enslave = any::<bool>();
    (links, addrs, routes, neighs, enslave).prop_map(|(links, addrs, routes, neighs, enslave)| {
        let mut desired = Desired::default();
        for link in links {
            desired.insert_link(LinkSpec { up: true, ..link });
        }
        let is_bridge = |link: &&LinkSpec| matches!(link.kind, LinkKind::Bridge(_));
        let bridge = desired.links.values().find(is_bridge).cloned();
        if let (Some(bridge), true) = (bridge, enslave) {
            for link in desired.links.values_mut() {
                if !is_bridge(&&*link) {
                    link.master = Some(bridge.name.clone());
                }
            }
        }
        let wanted = desired.links.clone();
        for addr in addrs {
            let twice = desired
                .addrs
                .iter()
                .any(|other| other.link == addr.link && other.addr.addr() == addr.addr.addr());
            if wanted.contains_key(&addr.link) && !twice {
                desired.insert_addr(addr);
            }
        }
        for route in routes {
            let hops = &mut route.next_hops.iter().filter_map(|hop| hop.link.as_ref());
            if hops.all(|link| wanted.contains_key(link)) {
                desired.insert_route(route);
            }
        }
        for neigh in neighs
            .into_iter()
            .filter(|neigh| wanted.contains_key(&neigh.link))
        {
            desired.insert_neigh(neigh);
        }
        desired
    })
}

fn world(history: &[Op], peers_move: bool) -> FakeKernel {
    let mut kernel = FakeKernel::new();
    for op in history {
        // What does not fit did not happen.
        _ = kernel.apply(op);
    }
    if peers_move {
        let state = kernel.state_mut();
        state
            .links
            .retain(|name, _| !name.as_str().starts_with("p-"));
        for link in state.links.values_mut() {
            if let LinkKindState::Veth { peer } = &mut link.kind {
                *peer = None;
            }
        }
    }
    kernel
}

/// Reconciles and checks that nothing is left to do but what others prevent.
fn settle(kernel: &mut FakeKernel, desired: &Desired) {
    let report = reconcile(kernel, desired, &owned()).unwrap();
    for (op, error) in &report.failed {
        assert!(error.is_not_ours(), "{op}: {error}");
    }
    if report.failed.is_empty() {
        assert!(report.is_complete());
        assert_eq!(plan(desired, kernel.state(), &owned()), []);
    }
    let before = kernel.state().clone();
    let again = reconcile(kernel, desired, &owned()).unwrap();
    assert_eq!(again.applied, 0, "{again:#?}");
    assert_eq!(*kernel.state(), before);
}

/// Everything of others is as it was, except what went with our links, and
/// routes with the key of a wanted one.
fn check_foreign(before: &FakeKernel, after: &FakeKernel, desired: &Desired) {
    let (before, after) = (before.state(), after.state());
    let theirs = |name: &LinkName| {
        let link = before.links.get(name);
        link.is_some_and(|link| link.alias == "theirs")
    };
    for (name, link) in before.links.iter().filter(|(name, _)| theirs(name)) {
        assert_eq!(after.links.get(name), Some(link));
    }
    for addr in before.addrs.iter().filter(|addr| theirs(&addr.link)) {
        assert!(after.addrs.contains(addr), "{addr:?}");
    }
    for (key, neigh) in before.neighs.iter().filter(|(key, _)| theirs(&key.link)) {
        assert_eq!(after.neighs.get(key), Some(neigh));
    }
    for (key, route) in &before.routes {
        let hops = &mut route.next_hops.iter().filter_map(|hop| hop.link.as_ref());
        let ours = key.protocol == 186 && key.metric == METRIC;
        if !ours && !desired.routes.contains_key(key) && hops.all(theirs) {
            assert_eq!(after.routes.get(key), Some(route));
        }
    }
    let theirs_now = |link: &LinkName| after.links.get(link).is_some_and(|l| l.alias == "theirs");
    for addr in after.addrs.iter().filter(|addr| theirs_now(&addr.link)) {
        assert!(before.addrs.contains(addr), "nothing is added to theirs");
    }
}

proptest! {
    #[test]
    fn every_state_settles_and_others_are_left_alone(
        history in history(),
        peers_move in any::<bool>(),
        desired in desired(),
    ) {
        let before = world(&history, peers_move);
        let mut kernel = before.clone();
        settle(&mut kernel, &desired);
        check_foreign(&before, &kernel, &desired);
    }

    #[test]
    fn a_fault_at_any_step_is_made_good_by_the_next_pass(
        history in history(),
        first in desired(),
        second in desired(),
        errno in prop::sample::select(vec![libc::EPERM, libc::ENOBUFS, libc::EBUSY]),
    ) {
        let mut start = world(&history, false);
        _ = reconcile(&mut start, &first, &owned()).unwrap();
        let mut smooth = start.clone();
        _ = reconcile(&mut smooth, &second, &owned()).unwrap();
        for step in 0..smooth.calls() - start.calls() {
            let mut kernel = start.clone();
            kernel.fail(step, errno);
            // Whether a report or an error: the world is in between.
            _ = reconcile(&mut kernel, &second, &owned());
            check_foreign(&start, &kernel, &second);
            settle(&mut kernel, &second);
        }
    }
}

#[test]
fn what_a_change_took_along_is_put_back() {
    let spec = |net: &str| AddrSpec {
        link: "a".parse().unwrap(),
        addr: net.parse().unwrap(),
    };
    let mut desired = Desired::default();
    let kind = LinkKind::Bridge(BridgeSpec::default());
    desired.insert_link(LinkSpec::new("a".parse().unwrap(), kind, "ours:1"));
    desired.insert_addr(spec("10.1.0.1/24"));
    let mut kernel = FakeKernel::new();
    settle(&mut kernel, &desired);
    desired.addrs = [spec("10.1.0.2/24")].into();
    let report = reconcile(&mut kernel, &desired, &owned()).unwrap();
    // Added, taken along by the deletion of the first, and added again.
    assert_eq!((report.applied, report.is_complete()), (3, true));
    assert_eq!(kernel.state().addrs, desired.addrs);
}

#[test]
fn what_hangs_on_a_link_that_cannot_be_made_is_skipped_and_reported() {
    let mut kernel = FakeKernel::new();
    let mut desired = Desired::default();
    let kind = LinkKind::Bridge(BridgeSpec::default());
    desired.insert_link(LinkSpec::new("a".parse().unwrap(), kind, "ours:1"));
    desired.insert_addr(AddrSpec {
        link: "a".parse().unwrap(),
        addr: "10.1.0.1/24".parse().unwrap(),
    });
    kernel.fail(1, libc::EPERM);
    let report = reconcile(&mut kernel, &desired, &owned()).unwrap();
    let failed: Vec<_> = report.failed.iter().map(|(op, _)| op.to_string()).collect();
    let skipped: Vec<_> = report.skipped.iter().map(Op::to_string).collect();
    assert_eq!(failed, ["create bridge a"]);
    assert_eq!(skipped, ["add 10.1.0.1/24 to a"]);
    assert!(!report.is_complete());
}

#[test]
fn a_child_of_a_link_that_cannot_be_made_is_skipped_and_reported() {
    let mut kernel = FakeKernel::new();
    let mut desired = Desired::default();
    let child = LinkKind::Ipvlan(IpvlanSpec {
        parent: "b".parse().unwrap(),
        mode: IpvlanMode::L3,
        flags: IpvlanFlags::Bridge,
    });
    desired.insert_link(LinkSpec::new("a".parse().unwrap(), child, "ours:1"));
    let parent = LinkKind::Dummy;
    desired.insert_link(LinkSpec::new("b".parse().unwrap(), parent, "ours:1"));
    kernel.fail(1, libc::EPERM);
    let report = reconcile(&mut kernel, &desired, &owned()).unwrap();
    let failed: Vec<_> = report.failed.iter().map(|(op, _)| op.to_string()).collect();
    let skipped: Vec<_> = report.skipped.iter().map(Op::to_string).collect();
    assert_eq!(failed, ["create dummy b"]);
    assert_eq!(skipped, ["create ipvlan a on b"]);
    settle(&mut kernel, &desired);
}
