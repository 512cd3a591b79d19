//! The order of a plan, and what it leaves alone.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::plan;
use crate::fake::FakeKernel;
use crate::ipvlan::{IpvlanFlags, IpvlanMode, IpvlanSpec};
use crate::model::{AddrSpec, BridgeSpec, Desired, LinkKind, LinkSpec, NeighSpec};
use crate::name::LinkName;
use crate::next_hop::{NextHopId, NextHopKind, NextHopObject, ResilientGroup};
use crate::observed::Owned;
use crate::op::{Kernel, Op};
use crate::route::{NextHopSpec, NextHops, RouteSpec};

fn name(name: &str) -> LinkName {
    name.parse().unwrap()
}

fn bridge(link: &str) -> LinkSpec {
    let kind = LinkKind::Bridge(BridgeSpec::default());
    LinkSpec::new(name(link), kind, format!("ours:{link}"))
}

fn veth(link: &str, master: &str) -> LinkSpec {
    let kind = LinkKind::Veth {
        peer: name(&format!("p-{link}")),
        peer_mac: None,
    };
    LinkSpec::new(name(link), kind, format!("ours:{link}")).with_master(name(master))
}

fn addr(link: &str, addr: &str) -> AddrSpec {
    AddrSpec {
        link: name(link),
        addr: addr.parse().unwrap(),
    }
}

fn service() -> Desired {
    let mut desired = Desired::default();
    // In the order of names the port comes before its bridge.
    desired.insert_link(veth("a-port", "z-bridge"));
    desired.insert_link(bridge("z-bridge"));
    desired.insert_addr(addr("z-bridge", "10.1.0.1/24"));
    let dst = "10.0.0.101/32".parse().unwrap();
    desired.insert_route(RouteSpec::on_link(dst, name("z-bridge")));
    let gateway = NextHopSpec::via("10.1.0.2".parse().unwrap());
    desired.insert_route(RouteSpec::new(
        "10.0.0.0/16".parse().unwrap(),
        vec![gateway],
    ));
    desired.insert_neigh(NeighSpec {
        link: name("z-bridge"),
        ip: "10.0.0.101".parse().unwrap(),
        mac: "02:42:0a:00:00:65".parse().unwrap(),
    });
    desired
}

fn owned() -> Owned {
    Owned::new("ours:", RouteSpec::PROTOCOL_BGP)
}

fn check(desired: &Desired, kernel: &FakeKernel, expected: &Expect) {
    let ops = plan(desired, kernel.state(), &owned());
    let lines: Vec<_> = ops.iter().map(|op| format!("{op}\n")).collect();
    expected.assert_eq(&lines.concat());
}

fn kernel_with(desired: &Desired) -> FakeKernel {
    let mut kernel = FakeKernel::new();
    for op in plan(desired, kernel.state(), &owned()) {
        kernel.apply(&op).unwrap();
    }
    kernel
}

#[test]
fn masters_come_first_and_gateways_last() {
    check(
        &service(),
        &FakeKernel::new(),
        &expect![[r#"
            create bridge z-bridge
            create veth a-port with peer p-a-port
            add 10.1.0.1/24 to z-bridge
            replace neighbour 10.0.0.101 at 02:42:0a:00:00:65 on z-bridge
            replace route 10.0.0.101/32 metric 0 protocol 186
            replace route 10.0.0.0/16 metric 0 protocol 186
        "#]],
    );
}

#[test]
fn what_goes_with_its_link_is_not_deleted_one_by_one() {
    check(
        &Desired::default(),
        &kernel_with(&service()),
        &expect![[r#"
            delete route 10.0.0.0/16 metric 0 protocol 186
            delete route 10.0.0.101/32 metric 0 protocol 186
            delete link a-port
            delete link z-bridge
        "#]],
    );
}

#[test]
fn a_route_that_moves_to_another_metric_is_made_before_the_old_one_goes() {
    let kernel = kernel_with(&service());
    let mut desired = service();
    for route in std::mem::take(&mut desired.routes).into_values() {
        desired.insert_route(route.with_metric(9));
    }
    check(
        &desired,
        &kernel,
        &expect![[r#"
            replace route 10.0.0.101/32 metric 9 protocol 186
            replace route 10.0.0.0/16 metric 9 protocol 186
            delete route 10.0.0.0/16 metric 0 protocol 186
            delete route 10.0.0.101/32 metric 0 protocol 186
        "#]],
    );
}

#[test]
fn a_link_made_anew_gets_everything_again() {
    let kernel = kernel_with(&service());
    let mut desired = service();
    let mut other = bridge("z-bridge");
    other.alias.push('2');
    desired.insert_link(other);
    check(
        &desired,
        &kernel,
        &expect![[r#"
            delete link z-bridge
            create bridge z-bridge
            set veth a-port
            add 10.1.0.1/24 to z-bridge
            replace neighbour 10.0.0.101 at 02:42:0a:00:00:65 on z-bridge
            replace route 10.0.0.101/32 metric 0 protocol 186
            replace route 10.0.0.0/16 metric 0 protocol 186
        "#]],
    );
}

#[test]
fn nothing_is_planned_on_a_link_of_somebody_else() {
    let mut kernel = FakeKernel::new();
    let mut foreign = bridge("z-bridge");
    foreign.alias = "theirs".to_owned();
    kernel.apply(&Op::CreateLink(foreign)).unwrap();
    let mut desired = service();
    desired.links.remove(&name("a-port"));
    check(
        &desired,
        &kernel,
        &expect![[r#"
            create bridge z-bridge
            replace route 10.0.0.0/16 metric 0 protocol 186
        "#]],
    );
}

#[test]
fn an_empty_prefix_owns_no_link() {
    let owned = Owned::new("", RouteSpec::PROTOCOL_BGP);
    let kernel = kernel_with(&service());
    assert_eq!(plan(&Desired::default(), kernel.state(), &owned), []);
}

#[test]
fn another_prefix_length_of_an_ipv6_address_goes_first() {
    let mut desired = Desired::default();
    desired.insert_link(bridge("br"));
    desired.insert_addr(addr("br", "2001:db8::1/64"));
    desired.insert_addr(addr("br", "2001:db8::2/64"));
    let kernel = kernel_with(&desired);
    desired.addrs = [addr("br", "2001:db8::1/128"), addr("br", "2001:db8::3/64")].into();
    check(
        &desired,
        &kernel,
        &expect![[r#"
            delete 2001:db8::1/64 from br
            add 2001:db8::1/128 to br
            add 2001:db8::3/64 to br
            delete 2001:db8::2/64 from br
        "#]],
    );
}

#[test]
fn link_local_addresses_are_the_kernels() {
    let mut desired = Desired::default();
    desired.insert_link(bridge("br"));
    let mut kernel = kernel_with(&desired);
    kernel.state_mut().addrs.insert(addr("br", "fe80::1/64"));
    check(&desired, &kernel, &expect![""]);
}

#[test]
fn a_ring_of_masters_ends() {
    let mut desired = Desired::default();
    desired.insert_link(bridge("a").with_master(name("b")));
    desired.insert_link(bridge("b").with_master(name("a")));
    assert_eq!(plan(&desired, FakeKernel::new().state(), &owned()).len(), 2);
}

#[test]
fn a_link_that_is_only_kept_is_set_where_it_is_and_not_made_where_it_is_not() {
    let mut desired = Desired::default();
    desired.insert_link(bridge("z-bridge"));
    desired.insert_link(veth("a-port", "z-bridge").if_there());
    let mut kernel = FakeKernel::default();
    let made = plan(&desired, &kernel.observe().unwrap(), &owned());
    assert_eq!(made, [Op::CreateLink(bridge("z-bridge"))]);
    let port = LinkSpec {
        master: None,
        ..veth("a-port", "z-bridge")
    };
    kernel.apply(&made[0]).unwrap();
    kernel.apply(&Op::CreateLink(port)).unwrap();
    let set = plan(&desired, &kernel.observe().unwrap(), &owned());
    assert!(matches!(set.as_slice(), [Op::SetLink(_)]), "{set:?}");
}

#[test]
fn next_hops_come_before_groups_and_routes_and_go_after_them() {
    let next_hop = |number, kind| NextHopObject::new(NextHopId::new(number), kind);
    let gateway = NextHopKind::Gateway {
        gateway: "169.254.1.1".parse().unwrap(),
        link: name("br0"),
        onlink: true,
    };
    let group = ResilientGroup {
        members: vec![(NextHopId::new(9), 1)],
        buckets: 128,
        idle_time: Duration::ZERO,
        unbalanced_time: Duration::ZERO,
    };
    let mut desired = Desired::default();
    desired.insert_link(bridge("br0"));
    // The group has the lower number.
    desired.insert_next_hop(next_hop(9, gateway));
    desired.insert_next_hop(next_hop(5, NextHopKind::Resilient(group)));
    let hops = NextHops::by_object(NextHopId::new(5));
    desired.insert_route(RouteSpec::new("10.0.0.1/32".parse().unwrap(), hops));
    let owned = Owned::new("ours:", RouteSpec::PROTOCOL_BGP)
        .with_next_hops(NextHopId::new(1)..=NextHopId::new(9));
    let mut kernel = FakeKernel::new();
    let mut steps = |desired: &Desired| {
        let ops = plan(desired, kernel.state(), &owned);
        ops.iter().for_each(|op| kernel.apply(op).unwrap());
        assert_eq!(plan(desired, kernel.state(), &owned), []);
        ops.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        steps(&desired),
        [
            "create bridge br0",
            "replace next hop 9 via 169.254.1.1 on br0",
            "replace next hop 5 with a group of 9*1",
            "replace route 10.0.0.1/32 metric 0 protocol 186",
        ]
    );
    let mut nothing = Desired::default();
    nothing.insert_link(bridge("br0"));
    let gone = [
        "delete route 10.0.0.1/32 metric 0 protocol 186",
        "delete next hop 5",
        "delete next hop 9",
    ];
    assert_eq!(steps(&nothing), gone);
    assert_eq!(steps(&desired).len(), 3);
    // What is on a link goes with it.
    assert_eq!(
        steps(&Desired::default()),
        [gone[0], gone[1], "delete link br0"]
    );
}

fn ipvlan(link: &str, parent: &str, mode: IpvlanMode) -> LinkSpec {
    let kind = LinkKind::Ipvlan(IpvlanSpec {
        parent: name(parent),
        mode,
        flags: IpvlanFlags::Bridge,
    });
    LinkSpec::new(name(link), kind, format!("ours:{link}"))
}

/// A parent that comes after its children in the order of names.
fn family(mode: IpvlanMode) -> Desired {
    let mut desired = Desired::default();
    for child in ["a-child", "b-child"] {
        desired.insert_link(ipvlan(child, "z-parent", mode));
    }
    desired.insert_link(LinkSpec::new(
        name("z-parent"),
        LinkKind::Dummy,
        "ours:z-parent",
    ));
    desired
}

#[test]
fn a_parent_is_made_before_its_children() {
    check(
        &family(IpvlanMode::L2),
        &FakeKernel::new(),
        &expect![[r#"
            create dummy z-parent
            create ipvlan a-child on z-parent
            create ipvlan b-child on z-parent
        "#]],
    );
    let kernel = kernel_with(&family(IpvlanMode::L2));
    check(&family(IpvlanMode::L2), &kernel, &expect![[""]]);
}

#[test]
fn children_get_another_mode_all_at_once() {
    let mut kernel = kernel_with(&family(IpvlanMode::L2));
    let after = family(IpvlanMode::L3);
    check(
        &after,
        &kernel,
        &expect![[r#"
            delete link a-child
            delete link b-child
            create ipvlan a-child on z-parent
            create ipvlan b-child on z-parent
        "#]],
    );
    for op in plan(&after, &kernel.state().clone(), &owned()) {
        kernel.apply(&op).unwrap();
    }
    check(&after, &kernel, &expect![[""]]);
}

#[test]
fn children_go_with_a_parent_that_is_made_anew() {
    let mut kernel = kernel_with(&family(IpvlanMode::L3));
    let mut after = family(IpvlanMode::L3);
    let mut parent = bridge("z-parent");
    parent.alias = "ours:z-parent".to_owned();
    after.insert_link(parent);
    for op in plan(&after, &kernel.state().clone(), &owned()) {
        kernel.apply(&op).unwrap();
    }
    check(&after, &kernel, &expect![[""]]);
}

#[test]
fn a_child_that_would_change_one_of_others_is_refused() {
    let mut theirs = family(IpvlanMode::L3);
    for link in theirs.links.values_mut() {
        link.alias = "theirs".to_owned();
    }
    let mut kernel = kernel_with(&theirs);
    let before = kernel.state().clone();
    let refused = kernel
        .apply(&Op::CreateLink(ipvlan("web", "z-parent", IpvlanMode::L2)))
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "create ipvlan web on z-parent: all ipvlans of `z-parent` have one mode: `a-child` is l3 bridge and would turn to l2 bridge"
    );
    assert_eq!(*kernel.state(), before);
}
