//! What wakes the watch, and what does not.

use std::time::Duration;

use netplumb::{Kernel as _, Netlink, Op, RouteChange, RouteSpec, Wake, Watch};

use crate::world::{in_namespace, ip, name};

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
fn the_watch_for_addresses_wakes_for_them_and_for_nothing_else() {
    in_namespace(|| {
        ip("link add br0 type bridge");
        let mut watch = Watch::open_for_addresses().unwrap();
        let all = |watch: &mut Watch| {
            while watch.wait(Duration::from_millis(20)).unwrap() == Wake::LookAgain {}
        };
        all(&mut watch);
        for change in [
            "link set lo mtu 1400",
            "route add 10.9.0.0/16 dev lo",
            "-6 route add 2001:db8:9::/48 dev lo",
            "link add br1 type bridge",
        ] {
            ip(change);
            let heard = watch.wait(Duration::from_millis(200)).unwrap();
            assert_eq!(heard, Wake::Quiet, "{change}");
        }
        for change in [
            "addr add 10.1.0.1/24 dev br0",
            "addr add 2001:db8::1/64 dev lo nodad",
            // With its address.
            "link delete br0",
        ] {
            ip(change);
            let heard = watch.wait(Duration::from_secs(5)).unwrap();
            assert_eq!(heard, Wake::LookAgain, "{change}");
            all(&mut watch);
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
fn own_changes_can_be_ignored_and_those_of_others_not() {
    in_namespace(|| {
        let mut own = Netlink::open().unwrap();
        let mut other = Netlink::open().unwrap();
        let mut watch = Watch::open().unwrap();
        watch.ignore(&own);
        let route = |last: u8| {
            let dst = format!("10.66.0.{last}/32").parse().unwrap();
            RouteSpec::on_link(dst, name("lo"))
        };
        for last in 0..100 {
            own.apply(&Op::ReplaceRoute(route(last))).unwrap();
        }
        assert_eq!(watch.wait(Duration::from_millis(200)).unwrap(), Wake::Quiet);
        // Somebody else takes one of them away.
        other.apply(&Op::DeleteRoute(route(7).key())).unwrap();
        assert_eq!(watch.wait(Duration::from_secs(5)).unwrap(), Wake::LookAgain);
        // So does the kernel itself.
        ip("link set lo down");
        assert_eq!(watch.wait(Duration::from_secs(5)).unwrap(), Wake::LookAgain);
    });
}

#[test]
fn a_flood_of_own_changes_hides_nothing_of_others() {
    in_namespace(|| {
        let mut own = Netlink::open().unwrap();
        let mut watch = Watch::open().unwrap();
        watch.ignore(&own);
        let route = |number: u16| {
            let [third, last] = number.to_be_bytes();
            let dst = format!("10.66.{third}.{last}/32").parse().unwrap();
            RouteSpec::on_link(dst, name("lo"))
        };
        // Many times what fits into the watch's socket, and nobody reads.
        let changes: Vec<_> = (0..5_000).map(|n| RouteChange::Add(route(n))).collect();
        assert!(own.change_routes(&changes).iter().all(Result::is_ok));
        assert_eq!(watch.wait(Duration::from_millis(200)).unwrap(), Wake::Quiet);
        ip("link set lo mtu 1400");
        assert_eq!(watch.wait(Duration::from_secs(5)).unwrap(), Wake::LookAgain);
    });
}
