//! Links, addresses, routes and neighbours in a real kernel.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use netplumb::{
    AddrSpec, Desired, FakeKernel, Kernel, LinkKind, LinkKindState, LinkSpec, Netlink, NextHopSpec,
    Observed, Op, RouteSpec, Wake, Watch, plan, reconcile,
};

use crate::world::{
    MARK, addr, bridge, everything, in_namespace, ip, name, neigh, owned, route, veth, via,
};

fn settle(kernel: &mut Netlink, desired: &Desired) {
    let report = reconcile(kernel, desired, &owned()).unwrap();
    assert!(report.is_complete(), "{report:#?}");
    let rest = plan(desired, &kernel.observe().unwrap(), &owned());
    assert_eq!(rest, [], "a second pass has nothing to do");
}

#[test]
fn everything_wanted_is_made_and_a_second_pass_is_empty() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        settle(&mut kernel, &everything());

        let bridge = ip("-d link show br0");
        assert!(bridge.contains("ageing_time 0 "), "{bridge}");
        assert!(bridge.contains("group_fwd_mask 0xfff8 "), "{bridge}");
        assert!(bridge.contains(&format!("alias {MARK}br0")), "{bridge}");
        let veth = ip("-d link show veth0");
        assert!(
            veth.contains("master br0") && veth.contains("mtu 1400"),
            "{veth}"
        );
        let inner = ip("link show inner0");
        assert!(
            inner.contains("02:42:0a:00:00:65") && inner.contains("mtu 1400"),
            "{inner}"
        );
        assert_eq!(
            ip("link")
                .lines()
                .filter(|line| line.contains(": np"))
                .count(),
            0
        );

        assert_eq!(
            ip("route show 10.0.0.101"),
            "10.0.0.101 dev br0 proto bgp scope link"
        );
        assert_eq!(
            ip("route show 10.9.0.0/16"),
            "10.9.0.0/16 proto bgp metric 77\n\
             \tnexthop via 10.1.0.2 dev br0 weight 1\n\
             \tnexthop via 10.1.0.3 dev br0 weight 3"
        );
        assert_eq!(
            ip("-6 route show 2001:db8:0:1000::101"),
            "2001:db8:0:1000::101 dev br0 proto bgp metric 1024 pref medium"
        );
        let v6 = ip("-6 route show table 4242");
        assert!(
            v6.contains("nexthop via 2001:db8:1::2") && v6.contains("nexthop via 2001:db8:1::3"),
            "{v6}"
        );
        assert!(ip("neigh show 10.0.0.101").contains("02:42:0a:00:00:65 PERMANENT"));
        assert!(ip("-6 addr show br0").contains("2001:db8:9::9/128 scope global nodad"));
    });
}

#[test]
fn nothing_wanted_leaves_nothing_of_ours_and_everything_of_others() {
    in_namespace(|| {
        ip("link add foreign type bridge");
        ip("link set foreign up");
        ip("addr add 172.16.0.1/24 dev foreign");
        ip("route add 10.50.0.0/16 dev foreign proto bgp");
        ip("neigh add 172.16.0.9 lladdr 02:00:00:00:00:09 dev foreign");
        let before = (ip("addr"), ip("route show table all"), ip("neigh"));

        let mut kernel = Netlink::open().unwrap();
        settle(&mut kernel, &everything());
        settle(&mut kernel, &Desired::default());

        // Multicast routes of the kernel differ in order only.
        let sorted = |text: String| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let after = (ip("addr"), ip("route show table all"), ip("neigh"));
        assert_eq!(before.0, after.0);
        assert_eq!(sorted(before.1), sorted(after.1));
        assert_eq!(before.2, after.2);
    });
}

#[test]
fn every_operation_can_be_repeated() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let desired = everything();
        let make = plan(&desired, &kernel.observe().unwrap(), &owned());
        for op in make.iter().chain(&make) {
            kernel.apply(op).unwrap();
        }
        // Another handle does not know who made what.
        let mut other = Netlink::open().unwrap();
        for op in &make {
            other.apply(op).unwrap();
        }
        let take = plan(&Desired::default(), &kernel.observe().unwrap(), &owned());
        assert!(!take.is_empty());
        for op in take.iter().chain(&take) {
            other.apply(op).unwrap();
        }
    });
}

#[test]
fn a_multipath_route_is_replaced_as_a_whole_in_both_families() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mut desired = Desired::default();
        desired.insert_link(bridge("br0"));
        desired.insert_addr(addr("br0", "10.1.0.1/24"));
        desired.insert_addr(addr("br0", "2001:db8:1::1/64"));
        for (dst, net) in [
            ("10.9.0.0/16", "10.1.0."),
            ("2001:db8:99::/48", "2001:db8:1::"),
        ] {
            for hosts in [&[2, 3, 4][..], &[3, 5], &[6], &[2, 3], &[]] {
                let hops: Vec<_> = hosts
                    .iter()
                    .map(|host| via(&format!("{net}{host}"), "br0"))
                    .collect();
                let route = match hosts {
                    [] => RouteSpec::on_link(dst.parse().unwrap(), name("br0")),
                    _ => route(dst, &hops),
                };
                desired.insert_route(route.clone());
                settle(&mut kernel, &desired);
                let observed = kernel.observe().unwrap();
                let have = &observed.routes[&route.key()];
                assert_eq!(have.next_hops, route.next_hops);
                let family = if dst.contains('.') { "-4" } else { "-6" };
                let shown = ip(&format!("{family} route show {dst}"));
                let lines = shown.lines().filter(|line| line.contains(dst)).count();
                assert_eq!(lines, 1, "one route and no rest of the old: {shown}");
            }
        }
    });
}

#[test]
fn the_kernel_finds_the_link_of_a_gateway() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mut desired = Desired::default();
        desired.insert_link(bridge("br0"));
        desired.insert_addr(addr("br0", "10.1.0.1/24"));
        desired.insert_addr(addr("br0", "2001:db8:1::1/64"));
        for (dst, gateways) in [
            ("10.9.0.0/16", ["10.1.0.2", "10.1.0.3"]),
            ("2001:db8:99::/48", ["2001:db8:1::2", "2001:db8:1::3"]),
        ] {
            let hops = gateways.map(|gateway| NextHopSpec::via(gateway.parse().unwrap()));
            desired.insert_route(route(dst, &hops[..1]).with_metric(5));
            desired.insert_route(route(dst, &hops).with_metric(6));
        }
        settle(&mut kernel, &desired);
        assert_eq!(ip("route show proto bgp").matches("dev br0").count(), 3);
    });
}

#[test]
fn an_ipv4_route_goes_by_an_ipv6_router() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mut desired = Desired::default();
        desired.insert_link(bridge("br0"));
        desired.insert_route(route("10.7.0.0/16", &[via("fe80::7", "br0")]));
        desired.insert_route(route(
            "10.8.0.0/16",
            &[via("fe80::7", "br0"), via("fe80::8", "br0")],
        ));
        settle(&mut kernel, &desired);
        assert_eq!(
            ip("route show proto bgp"),
            "10.7.0.0/16 via inet6 fe80::7 dev br0\n\
             10.8.0.0/16\n\
             \tnexthop via inet6 fe80::7 dev br0 weight 1\n\
             \tnexthop via inet6 fe80::8 dev br0 weight 1"
        );
    });
}

#[test]
fn onlink_source_and_default_routes_are_seen_as_made() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mut desired = Desired::default();
        desired.insert_link(bridge("br0"));
        desired.insert_addr(addr("br0", "10.1.0.1/32"));
        desired.insert_addr(addr("br0", "2001:db8:1::1/128"));
        for (dst, gateway, src) in [
            ("0.0.0.0/0", "10.200.0.1", "10.1.0.1"),
            ("::/0", "2001:db8:200::1", "2001:db8:1::1"),
        ] {
            let hop = NextHopSpec {
                onlink: true,
                ..via(gateway, "br0")
            };
            let mut route = route(dst, &[hop]);
            route.src = Some(src.parse().unwrap());
            desired.insert_route(route);
        }
        settle(&mut kernel, &desired);
        assert_eq!(
            ip("route show default"),
            "default via 10.200.0.1 dev br0 proto bgp src 10.1.0.1 onlink"
        );
    });
}

#[test]
fn a_pair_whose_inner_end_lives_in_a_container_is_in_order() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mut desired = Desired::default();
        desired.insert_link(bridge("br0"));
        desired.insert_link(veth("veth0", "inner0").with_master(name("br0")));
        settle(&mut kernel, &desired);

        let container = Container::start();
        ip(&format!(
            "link set inner0 netns {} name eth0",
            container.0.id()
        ));
        let observed = kernel.observe().unwrap();
        assert_eq!(
            observed.links[&name("veth0")].kind,
            LinkKindState::Veth { peer: None }
        );
        assert_eq!(plan(&desired, &observed, &owned()), []);
        kernel
            .apply(&Op::CreateLink(desired.links[&name("veth0")].clone()))
            .unwrap();

        settle(&mut kernel, &Desired::default());
    });
}

/// A process in a network namespace of its own.
struct Container(std::process::Child);

impl Container {
    fn start() -> Self {
        let mut child = std::process::Command::new("unshare")
            .args(["--net", "sh", "-c", "echo; exec cat"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // The first octet says that the namespace is there.
        let stdout = child.stdout.as_mut().unwrap();
        std::io::Read::read_exact(stdout, &mut [0]).unwrap();
        Self(child)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[test]
fn a_foreign_link_of_the_wanted_name_is_left_alone() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        ip("link add web type bridge");
        let mut desired = Desired::default();
        desired.insert_link(bridge("web"));
        desired.insert_addr(addr("web", "10.0.0.1/32"));
        let report = reconcile(&mut kernel, &desired, &owned()).unwrap();
        let [(op, error)] = report.failed.as_slice() else {
            panic!("{report:#?}");
        };
        assert_eq!(*op, Op::CreateLink(bridge("web")));
        assert!(error.is_not_ours());
        assert_eq!(
            error.to_string(),
            "create bridge web: a link of that name exists without a mark, it is not ours and is left alone"
        );
        assert!(!ip("addr show web").contains("10.0.0.1"));

        let error = kernel
            .apply(&Op::CreateLink(veth("web", "inner")))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "create veth web with peer inner: a bridge of that name exists, it is not ours and is left alone"
        );
        let delete = Op::DeleteLink {
            name: name("web"),
            alias: format!("{MARK}web"),
        };
        assert!(kernel.apply(&delete).unwrap_err().is_not_ours());
        ip("link show web");
    });
}

#[test]
fn a_foreign_route_in_the_same_place_is_left_alone() {
    in_namespace(|| {
        ip("link add br9 up type bridge");
        ip("route add 10.9.0.0/16 dev br9 proto static metric 7");
        ip("-6 route add 2001:db8:99::/48 dev br9 proto static metric 7");
        let mut kernel = Netlink::open().unwrap();
        for dst in ["10.9.0.0/16", "2001:db8:99::/48"] {
            let ours = RouteSpec::on_link(dst.parse().unwrap(), name("br9")).with_metric(7);
            let error = kernel.apply(&Op::ReplaceRoute(ours.clone())).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "replace route {dst} metric 7 protocol 186: a route of protocol 4 is in its place, it is not ours and is left alone"
                )
            );
            kernel.apply(&Op::DeleteRoute(ours.key())).unwrap();
        }
        assert!(ip("route show 10.9.0.0/16").contains("proto static"));
        assert!(ip("-6 route show 2001:db8:99::/48").contains("proto static"));
    });
}

#[test]
fn deleting_a_route_of_metric_zero_spares_its_neighbours() {
    in_namespace(|| {
        ip("link add br9 up type bridge");
        ip("route add 10.9.0.0/16 dev br9 proto bgp metric 20");
        ip("route add 10.9.0.0/16 dev br9 proto static metric 0");
        let mut kernel = Netlink::open().unwrap();
        let ours = RouteSpec::on_link("10.9.0.0/16".parse().unwrap(), name("br9"));
        kernel.apply(&Op::DeleteRoute(ours.key())).unwrap();
        assert_eq!(ip("route show 10.9.0.0/16").lines().count(), 2);
    });
}

#[test]
fn routes_are_owned_by_table_and_metric_too() {
    in_namespace(|| {
        ip("link add br9 up type bridge");
        ip("route add 10.1.0.0/16 dev br9 proto bgp metric 20");
        ip("route add 10.2.0.0/16 dev br9 proto bgp metric 4242");
        ip("route add 10.3.0.0/16 dev br9 proto bgp metric 4242 table 7");
        ip("-6 route add 2001:db8::/48 dev br9 proto bgp metric 4242");
        let mut kernel = Netlink::open().unwrap();
        let owned = owned().with_routes(RouteSpec::TABLE_MAIN, 4242);
        let report = reconcile(&mut kernel, &Desired::default(), &owned).unwrap();
        assert!(report.is_complete() && report.applied == 2, "{report:#?}");
        assert_eq!(
            ip("route show proto bgp"),
            "10.1.0.0/16 dev br9 scope link metric 20"
        );
        assert_eq!(ip("route show table 7").lines().count(), 1);
    });
}

#[test]
fn errors_carry_the_kernels_reason() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let message = |kernel: &mut Netlink, op: Op| kernel.apply(&op).unwrap_err().to_string();

        let mut bad = bridge("web");
        bad.kind = LinkKind::Bridge(netplumb::BridgeSpec {
            group_fwd_mask: Some(1),
            ..Default::default()
        });
        assert_eq!(
            message(&mut kernel, Op::CreateLink(bad)),
            "create bridge web: Invalid argument (EINVAL)"
        );

        let flat = LinkSpec::new(
            name("web"),
            LinkKind::Bridge(Default::default()),
            format!("{MARK}web"),
        );
        let text = message(&mut kernel, Op::CreateLink(flat.with_mtu(10)));
        assert!(text.contains("kernel says: mtu"), "{text}");

        kernel.apply(&Op::CreateLink(bridge("br0"))).unwrap();
        let text = message(
            &mut kernel,
            Op::ReplaceRoute(route("10.9.0.0/16", &[via("10.1.0.2", "br0")])),
        );
        assert_eq!(
            text,
            "replace route 10.9.0.0/16 metric 0 protocol 186: Network is unreachable (ENETUNREACH): kernel says: Nexthop has invalid gateway"
        );
        assert_eq!(
            message(&mut kernel, Op::AddAddr(addr("none", "10.0.0.1/32"))),
            "add 10.0.0.1/32 to none: there is no link `none`"
        );
        let on_two_links = [
            NextHopSpec::on_link(name("br0")),
            NextHopSpec::on_link(name("lo")),
        ];
        let text = message(
            &mut kernel,
            Op::ReplaceRoute(route("2001:db8:99::/48", &on_two_links)),
        );
        assert!(
            text.contains("Device only routes can not be added for IPv6 using the multipath API"),
            "{text}"
        );

        kernel
            .apply(&Op::CreateLink(veth("veth0", "inner0")))
            .unwrap();
        let text = message(&mut kernel, Op::CreateLink(veth("veth1", "inner0")));
        assert!(
            text.contains("the name of the peer, `inner0`, is taken"),
            "{text}"
        );
        let lost = veth("veth2", "inner2").with_master(name("none"));
        assert_eq!(
            message(&mut kernel, Op::CreateLink(lost)),
            "create veth veth2 with peer inner2: there is no link `none`"
        );
        let text = message(
            &mut kernel,
            Op::CreateLink(veth("veth3", "inner3").with_master(name("lo"))),
        );
        assert!(text.contains("(EOPNOTSUPP)"), "{text}");
        let links = ip("-br link");
        assert_eq!(
            links.lines().count(),
            4,
            "a failed creation leaves nothing: {links}"
        );
    });
}

#[test]
fn a_link_type_the_kernel_lacks_is_named() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let spec = LinkSpec::new(name("web"), LinkKind::Dummy, format!("{MARK}web"));
        match kernel.apply(&Op::CreateLink(spec)) {
            Ok(()) => assert!(ip("-d link show web").contains("dummy")),
            Err(error) => {
                assert_eq!(
                    error.to_string(),
                    "create dummy web: Operation not supported (EOPNOTSUPP): the kernel lacks the `dummy` link type: kernel says: Unknown device type"
                );
                assert_eq!(error.kernel_message(), Some("Unknown device type"));
            }
        }
    });
}

#[test]
fn a_link_with_another_mark_of_ours_is_made_anew() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mut desired = everything();
        settle(&mut kernel, &desired);
        let before = kernel.observe().unwrap().links[&name("br0")].index;
        let mut other = desired.links[&name("br0")].clone();
        other.alias.push_str("-2");
        desired.insert_link(other);
        settle(&mut kernel, &desired);
        assert_ne!(kernel.observe().unwrap().links[&name("br0")].index, before);
    });
}

#[test]
fn what_somebody_changed_is_put_right() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let desired = everything();
        settle(&mut kernel, &desired);
        for damage in [
            "link set br0 down",
            "link set veth0 nomaster",
            "link set veth0 mtu 1500",
            "link set br0 type bridge ageing_time 30000",
            "addr flush dev br0",
            "addr add 10.66.0.1/24 dev br0",
            "route del 10.0.0.101",
            "route replace 10.0.0.101 dev lo proto bgp",
            "neigh replace 10.0.0.101 lladdr 02:00:00:00:00:01 dev br0",
            "neigh del 10.0.0.101 dev br0",
            "link del veth0",
            "link del br0",
        ] {
            ip(damage);
            assert_ne!(
                plan(&desired, &kernel.observe().unwrap(), &owned()),
                [],
                "{damage}"
            );
            settle(&mut kernel, &desired);
        }
    });
}

#[test]
fn another_prefix_length_of_the_same_address_takes_its_place() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        for (long, short) in [
            ("10.0.0.1/32", "10.0.0.1/24"),
            ("2001:db8::1/128", "2001:db8::1/64"),
        ] {
            for net in [long, short, long] {
                let mut desired = Desired::default();
                desired.insert_link(bridge("br0"));
                desired.insert_addr(addr("br0", net));
                settle(&mut kernel, &desired);
            }
            kernel.apply(&Op::AddAddr(addr("br0", long))).unwrap();
        }
        let error = kernel
            .apply(&Op::AddAddr(addr("br0", "2001:db8::1/64")))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "add 2001:db8::1/64 to br0: File exists (EEXIST): the link has it as 2001:db8::1/128: kernel says: ipv6: address already assigned"
        );
    });
}

#[test]
fn addresses_are_grouped_by_link() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        kernel.apply(&Op::CreateLink(bridge("br0"))).unwrap();
        for net in ["10.1.0.1/24", "2001:db8::1/64"] {
            kernel.apply(&Op::AddAddr(addr("br0", net))).unwrap();
        }
        let groups = kernel.addresses().unwrap();
        let (_, br0) = groups
            .iter()
            .find(|(link, _)| *link == name("br0"))
            .unwrap();
        assert!(br0.contains(&"10.1.0.1/24".parse().unwrap()));
        assert!(br0.contains(&"2001:db8::1/64".parse().unwrap()));
        let (_, lo) = groups.iter().find(|(link, _)| *link == name("lo")).unwrap();
        assert!(lo.contains(&"127.0.0.1/8".parse().unwrap()));
    });
}

#[test]
fn the_watch_wakes_for_links_addresses_and_routes_and_not_without() {
    in_namespace(|| {
        let mut watch = Watch::open().unwrap();
        assert_eq!(watch.wait(Duration::from_millis(20)).unwrap(), Wake::Quiet);
        for change in [
            "link set lo mtu 1400",
            "addr add 10.1.0.1/24 dev lo",
            "addr add 2001:db8::1/64 dev lo nodad",
            "route add 10.9.0.0/16 dev lo",
            "-6 route add 2001:db8:9::/48 dev lo",
            "link add br0 type bridge",
        ] {
            ip(change);
            assert_eq!(
                watch.wait(Duration::from_secs(5)).unwrap(),
                Wake::LookAgain,
                "{change}"
            );
            while watch.wait(Duration::from_millis(20)).unwrap() == Wake::LookAgain {}
        }
    });
}

#[test]
fn a_flood_of_changes_still_wakes_the_watch() {
    in_namespace(|| {
        let mut watch = Watch::open().unwrap();
        let mut kernel = Netlink::open().unwrap();
        for third in 0..20_u8 {
            for last in 0..=255_u8 {
                let dst = format!("10.66.{third}.{last}/32").parse().unwrap();
                let route = RouteSpec::on_link(dst, name("lo"));
                kernel.apply(&Op::ReplaceRoute(route)).unwrap();
            }
        }
        assert_eq!(watch.wait(Duration::from_secs(5)).unwrap(), Wake::LookAgain);
        let routes = kernel.observe().unwrap().routes;
        assert_eq!(
            routes.keys().filter(|key| key.protocol == 186).count(),
            20 * 256
        );
        // It is of use afterwards.
        while watch.wait(Duration::from_millis(100)).unwrap() == Wake::LookAgain {}
        ip("link set lo mtu 1400");
        assert_eq!(watch.wait(Duration::from_secs(5)).unwrap(), Wake::LookAgain);
    });
}

#[test]
fn tables_are_read_whole_while_they_change() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        // Enough for several datagrams of each dump.
        for number in 0..100_u8 {
            let link = veth(&format!("v{number}"), &format!("p{number}"));
            kernel.apply(&Op::CreateLink(link)).unwrap();
            let net = addr(&format!("v{number}"), &format!("10.1.{number}.1/32"));
            kernel.apply(&Op::AddAddr(net)).unwrap();
        }
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // A thread begins in the namespace of the one that starts it.
            scope.spawn(|| {
                let mut other = Netlink::open().unwrap();
                let (create, delete) = (veth("coming", "going"), MARK.to_owned() + "coming");
                while !done.load(Ordering::Relaxed) {
                    other.apply(&Op::CreateLink(create.clone())).unwrap();
                    let (name, alias) = (name("coming"), delete.clone());
                    other.apply(&Op::DeleteLink { name, alias }).unwrap();
                }
            });
            let looks: Vec<_> = (0..10).map(|_| kernel.observe()).collect();
            done.store(true, Ordering::Relaxed);
            for look in looks {
                match look {
                    Ok(observed) => {
                        let named = |prefix| {
                            observed
                                .links
                                .keys()
                                .filter(move |name| name.as_str().starts_with(prefix))
                        };
                        assert!(named("v").count() == 100 && named("p").count() == 100);
                        assert!(observed.addrs.len() >= 100);
                    }
                    // Never half an answer.
                    Err(error) => assert!(error.to_string().contains("kept changing"), "{error}"),
                }
            }
        });
    });
}

#[test]
fn a_neighbour_is_replaced_and_deleted() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        kernel.apply(&Op::CreateLink(bridge("br0"))).unwrap();
        for host in ["10.0.0.101", "2001:db8::101"] {
            for mac in ["02:00:00:00:00:01", "02:00:00:00:00:02"] {
                let spec = neigh("br0", host, mac);
                kernel.apply(&Op::ReplaceNeigh(spec.clone())).unwrap();
                assert!(ip(&format!("neigh show {host}")).contains(mac));
                assert_eq!(kernel.observe().unwrap().neighs[&spec.key()], spec);
            }
            let key = neigh("br0", host, "02:00:00:00:00:02").key();
            kernel.apply(&Op::DeleteNeigh(key.clone())).unwrap();
            assert!(!kernel.observe().unwrap().neighs.contains_key(&key));
        }
    });
}

#[test]
fn the_fake_kernel_does_as_the_real_one() {
    in_namespace(|| {
        let mut real = Netlink::open().unwrap();
        let mut fake = FakeKernel::new();
        let mut fewer = everything();
        fewer.links.remove(&name("veth0"));
        fewer.addrs.remove(&addr("br0", "10.1.0.1/24"));
        fewer.routes.clear();
        fewer.neighs.clear();
        for desired in [everything(), fewer, everything(), Desired::default()] {
            settle(&mut real, &desired);
            let report = reconcile(&mut fake, &desired, &owned()).unwrap();
            assert!(report.is_complete());
            assert_eq!(essence(&real.observe().unwrap()), essence(fake.state()));
        }
    });
}

/// What both kernels can agree on: nothing the real one makes by itself.
fn essence(observed: &Observed) -> String {
    let mut lines = Vec::new();
    for (name, link) in observed
        .links
        .iter()
        .filter(|(name, _)| name.as_str() != "lo")
    {
        let (kind, master) = (&link.kind, &link.master);
        lines.push(format!(
            "{name} {kind:?} {} {master:?} {}",
            link.up, link.alias
        ));
    }
    let global =
        |addr: &&AddrSpec| addr.link.as_str() != "lo" && !addr.addr.to_string().starts_with("fe80");
    lines.extend(
        observed
            .addrs
            .iter()
            .filter(global)
            .map(|addr| format!("{addr:?}")),
    );
    let bgp = observed
        .routes
        .iter()
        .filter(|(key, _)| key.protocol == 186);
    lines.extend(bgp.map(|(key, route)| format!("{key} {:?}", route.next_hops)));
    lines.extend(observed.neighs.values().map(|neigh| format!("{neigh:?}")));
    lines.join("\n")
}
