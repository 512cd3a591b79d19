//! Numbered next hops and groups of them in a real kernel.

use std::time::{Duration, Instant};

use netplumb::{
    Desired, Kernel as _, Netlink, NextHopId, NextHopKind, NextHopObject, NextHops, Op, Owned,
    ResilientGroup, RouteSpec, plan, reconcile,
};

use crate::world::{bridge, in_namespace, ip, name, neigh, owned, veth};

const FIRST: u32 = 0x4247_0000;

fn id(number: u32) -> NextHopId {
    NextHopId::new(FIRST + number)
}

fn ours() -> Owned {
    owned().with_next_hops(id(0)..=id(0xffff))
}

fn settle(kernel: &mut Netlink, desired: &Desired) {
    let report = reconcile(kernel, desired, &ours()).unwrap();
    assert!(report.is_complete(), "{report:#?}");
    let rest = plan(desired, &kernel.observe().unwrap(), &ours());
    assert_eq!(rest, [], "a second pass has nothing to do");
}

fn gateway(number: u32, gateway: &str) -> NextHopObject {
    let kind = NextHopKind::Gateway {
        gateway: gateway.parse().unwrap(),
        link: name("br0"),
        onlink: true,
    };
    NextHopObject::new(id(number), kind)
}

fn group(number: u32, members: &[(u32, u8)]) -> NextHopObject {
    let group = ResilientGroup {
        members: members
            .iter()
            .map(|(n, weight)| (id(*n), *weight))
            .collect(),
        buckets: 128,
        idle_time: Duration::from_secs(120),
        unbalanced_time: Duration::ZERO,
    };
    NextHopObject::new(id(number), NextHopKind::Resilient(group))
}

/// A bridge with carrier and two containers' worth of next hops on it.
fn world() -> Desired {
    let mut desired = Desired::default();
    desired.insert_link(bridge("br0"));
    desired.insert_link(veth("veth0", "inner0").with_master(name("br0")));
    for (n, v4, v6) in [
        (1, "169.254.1.1", "fe80::1:1"),
        (2, "169.254.1.2", "fe80::1:2"),
    ] {
        desired.insert_next_hop(gateway(n, v4));
        desired.insert_next_hop(gateway(10 + n, v6));
        let mac = format!("02:00:00:00:00:0{n}");
        desired.insert_neigh(neigh("br0", v4, &mac));
        desired.insert_neigh(neigh("br0", v6, &mac));
    }
    members(&mut desired, &[(1, 1), (2, 1)]);
    for (dst, number) in [("10.0.0.101/32", 3), ("2001:db8::101/128", 13)] {
        let hops = NextHops::by_object(id(number));
        desired.insert_route(RouteSpec::new(dst.parse().unwrap(), hops));
    }
    desired
}

fn members(desired: &mut Desired, members: &[(u32, u8)]) {
    desired.insert_next_hop(group(3, members));
    let v6: Vec<_> = members
        .iter()
        .map(|(n, weight)| (n + 10, *weight))
        .collect();
    desired.insert_next_hop(group(13, &v6));
}

/// The bridge with a port that has carrier.
fn links(kernel: &mut Netlink) {
    let mut links = Desired::default();
    links.insert_link(bridge("br0"));
    links.insert_link(veth("veth0", "inner0").with_master(name("br0")));
    reconcile(kernel, &links, &ours()).unwrap();
    ip("link set inner0 up");
    await_carrier();
}

/// The bridge has carrier a moment after its port.
fn await_carrier() {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !ip("link show br0").contains("LOWER_UP") {
        assert!(Instant::now() < deadline, "br0 gets no carrier");
    }
}

#[test]
fn a_group_and_its_members_come_change_and_go_in_both_families() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        links(&mut kernel);
        let mut desired = world();
        settle(&mut kernel, &desired);
        let shown = ip("nexthop show id 1111949315");
        assert!(
            shown.contains("group 1111949313/1111949314 type resilient"),
            "{shown}"
        );
        assert!(shown.contains("buckets 128 idle_timer 120"), "{shown}");
        assert!(ip("-4 route show 10.0.0.101").contains("nhid 1111949315"));
        assert!(ip("-6 route show 2001:db8::101").contains("nhid 1111949325"));
        for change in [&[(1, 255), (2, 1)][..], &[(1, 1)], &[(2, 255), (1, 1)]] {
            members(&mut desired, change);
            settle(&mut kernel, &desired);
        }
        let shown = ip("nexthop show id 1111949315");
        assert!(
            shown.contains("group 1111949314,255/1111949313 "),
            "{shown}"
        );
        desired.routes.clear();
        desired.next_hops.clear();
        settle(&mut kernel, &desired);
        assert_eq!(ip("nexthop"), "");
    });
}

#[test]
fn a_route_moves_between_next_hops_of_its_own_and_a_group() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        links(&mut kernel);
        let by_group = world();
        let mut direct = by_group.clone();
        for dst in ["10.0.0.101/32", "2001:db8::101/128"] {
            direct.insert_route(RouteSpec::on_link(dst.parse().unwrap(), name("br0")));
        }
        for desired in [&direct, &by_group, &direct] {
            settle(&mut kernel, desired);
            for (family, dst) in [("-4", "10.0.0.101"), ("-6", "2001:db8::101")] {
                let shown = ip(&format!("{family} route show {dst}"));
                assert_eq!(shown.matches(dst).count(), 1, "{shown}");
            }
        }
    });
}

#[test]
fn what_the_kernel_took_away_with_the_carrier_is_made_again() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        links(&mut kernel);
        let desired = world();
        settle(&mut kernel, &desired);
        ip("link set br0 down");
        ip("link set br0 up");
        await_carrier();
        assert_eq!(ip("nexthop"), "");
        settle(&mut kernel, &desired);
        assert_eq!(ip("nexthop").lines().count(), 6);
    });
}

#[test]
fn next_hops_of_others_are_neither_replaced_nor_deleted() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        links(&mut kernel);
        // One with our number and another protocol, one with ours outside of
        // our numbers.
        ip("nexthop add id 1111949313 via 169.254.9.9 dev br0 onlink proto 99");
        ip("nexthop add id 7 via 169.254.9.8 dev br0 onlink proto bgp");
        let before = ip("nexthop");
        let op = Op::ReplaceNextHop(gateway(1, "169.254.1.1"));
        let error = kernel.apply(&op).unwrap_err();
        assert!(error.is_not_ours(), "{error}");
        let mut nothing = world();
        nothing.next_hops.clear();
        nothing.routes.clear();
        settle(&mut kernel, &nothing);
        assert_eq!(ip("nexthop"), before);
    });
}

#[test]
fn a_next_hop_that_is_as_it_should_be_is_left_in_peace() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        links(&mut kernel);
        settle(&mut kernel, &world());
        let mut watch = std::process::Command::new("ip")
            .args(["monitor", "nexthop"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines =
            std::io::BufRead::lines(std::io::BufReader::new(watch.stdout.take().unwrap()));
        // The monitor listens once it tells of something.
        let told = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let listening = scope.spawn(|| {
                let first = lines.next().unwrap().unwrap();
                told.store(true, std::sync::atomic::Ordering::SeqCst);
                first
            });
            while !told.load(std::sync::atomic::Ordering::SeqCst) {
                ip("nexthop replace id 9 blackhole");
            }
            assert!(listening.join().unwrap().contains("id 9 "));
        });
        kernel
            .apply(&Op::ReplaceNextHop(gateway(1, "169.254.1.1")))
            .unwrap();
        kernel
            .apply(&Op::ReplaceNextHop(group(3, &[(1, 1), (2, 1)])))
            .unwrap();
        ip("nexthop replace id 8 blackhole");
        let mut next = || lines.next().unwrap().unwrap();
        let news = std::iter::repeat_with(&mut next).find(|line| !line.contains("id 9 "));
        watch.kill().unwrap();
        watch.wait().unwrap();
        assert!(news.unwrap().contains("id 8 "), "nothing else changed");
    });
}

#[test]
fn next_hops_on_links_of_another_owner_are_left_alone() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        links(&mut kernel);
        settle(&mut kernel, &world());
        let other = Owned {
            alias_prefix: "another:".to_owned(),
            ..ours()
        };
        let observed = kernel.observe().unwrap();
        assert_eq!(plan(&Desired::default(), &observed, &other), []);
        assert_ne!(plan(&Desired::default(), &observed, &ours()), []);
    });
}

#[test]
fn what_an_earlier_run_delivered_is_made_and_deleted_again_without_reading_a_table() {
    in_namespace(|| {
        let mut before = Netlink::open().unwrap();
        links(&mut before);
        settle(&mut before, &world());
        let mut kernel = Netlink::open().unwrap();
        let mut next_hops: Vec<_> = world().next_hops.into_values().collect();
        // A group comes after its members.
        next_hops.sort_by_key(|it| it.members().count());
        for next_hop in next_hops {
            kernel.apply(&Op::ReplaceNextHop(next_hop)).unwrap();
        }
        for route in world().routes.into_keys() {
            kernel.apply(&Op::DeleteRoute(route)).unwrap();
        }
        assert_eq!(kernel.tables_read(), 0);
        assert_eq!(ip("route show proto bgp"), "");
        assert_eq!(ip("-6 route show proto bgp"), "");
    });
}
