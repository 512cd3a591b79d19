//! Routes of both families in a real kernel.

use netplumb::{Desired, Kernel as _, Netlink, NextHopSpec, Op, RouteSpec, reconcile};

use crate::world::{bridged, in_namespace, ip, name, owned, route, settle, via};

#[test]
fn a_multipath_route_is_replaced_as_a_whole_in_both_families() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mut desired = bridged(&["10.1.0.1/24", "2001:db8:1::1/64"]);
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
        let mut desired = bridged(&["10.1.0.1/24", "2001:db8:1::1/64"]);
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
        let mut desired = bridged(&[]);
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
        let mut desired = bridged(&["10.1.0.1/32", "2001:db8:1::1/128"]);
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
