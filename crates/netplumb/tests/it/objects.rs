//! What the watch of objects tells, and what it leaves out.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use netplumb::{
    Kernel as _, Netlink, NextHopId, NextHopKind, NextHopObject, ObjectNews, ObjectWatch, Op,
    RouteChange, RouteSpec,
};

use crate::world::{MARK, addr, bridge, in_namespace, ip, name, neigh, owned, veth};

/// Takes news until they are so; fails when they do not come to that.
fn until(watch: &mut ObjectWatch, what: &str, check: impl Fn(&ObjectNews) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut last = ObjectNews::default();
    while Instant::now() < deadline {
        if let Some(news) = watch.wait(Duration::from_secs(1)).unwrap() {
            if check(&news) {
                return;
            }
            last = news;
        }
    }
    panic!("{what}: the last news are {last:?}");
}

/// Takes what is there already, which the kernel has queued before a change's
/// acknowledgement.
fn drain(watch: &mut ObjectWatch) -> Vec<ObjectNews> {
    std::iter::from_fn(|| watch.take().unwrap()).collect()
}

/// Whether a link that is up has a carrier, or has none.
fn running(link: &str, wanted: bool) -> impl Fn(&ObjectNews) -> bool + use<> {
    let alias = format!("{MARK}{link}");
    move |news: &ObjectNews| {
        let link = news.links.get(&alias).and_then(|link| link.now.as_ref());
        link.is_some_and(|now| now.running == wanted && now.state.up)
    }
}

/// A bridge with a port that has carrier, a route onto it, a neighbour and a
/// next hop on it, made through `kernel`.
fn make(kernel: &mut Netlink, watch: &mut ObjectWatch) {
    let port = veth("veth0", "inner0").with_master(name("br0"));
    let hop = NextHopKind::Gateway {
        gateway: "169.254.1.1".parse().unwrap(),
        link: name("br0"),
        onlink: true,
    };
    let route = RouteSpec::on_link("10.0.0.101/32".parse().unwrap(), name("br0"));
    for op in [Op::CreateLink(bridge("br0")), Op::CreateLink(port)] {
        kernel.apply(&op).unwrap();
    }
    ip("link set inner0 up");
    // Without a carrier the kernel takes no next hop.
    until(watch, "carrier", running("veth0", true));
    for op in [
        Op::ReplaceNeigh(neigh("br0", "10.0.0.101", "02:42:0a:00:00:65")),
        Op::ReplaceRoute(route),
        Op::ReplaceNextHop(NextHopObject::new(NextHopId::new(0x4247_0000), hop)),
    ] {
        kernel.apply(&op).unwrap();
    }
}

#[test]
fn each_object_that_somebody_deletes_is_told() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mut watch = ObjectWatch::open(MARK).unwrap();
        watch.ignore(&kernel);
        make(&mut kernel, &mut watch);
        drain(&mut watch);

        ip("route del 10.0.0.101/32 proto 186");
        let dst = "10.0.0.101/32".parse().unwrap();
        until(&mut watch, "route", |news| {
            news.routes.iter().any(|key| key.dst == dst)
        });
        ip("neigh del 10.0.0.101 dev br0");
        let key = neigh("br0", "10.0.0.101", "02:42:0a:00:00:65").key();
        until(&mut watch, "neighbour", |news| news.neighs.contains(&key));
        ip("nexthop del id 1111949312");
        let hops = BTreeSet::from([NextHopId::new(0x4247_0000)]);
        until(&mut watch, "next hop", |news| news.next_hops == hops);

        let alias = format!("{MARK}br0");
        ip("link set br0 down");
        until(&mut watch, "link down", |news| {
            let link = news.links.get(&alias).and_then(|link| link.now.as_ref());
            link.is_some_and(|now| !now.state.up)
        });
        ip("link del br0");
        until(&mut watch, "link", |news| {
            let link = news.links.get(&alias);
            link.is_some_and(|link| link.now.is_none() && link.name == name("br0"))
        });
    });
}

#[test]
fn an_address_of_an_own_link_that_somebody_deletes_is_told() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mut watch = ObjectWatch::open(MARK).unwrap();
        watch.ignore(&kernel);
        kernel.apply(&Op::CreateLink(bridge("br0"))).unwrap();
        ip("link add br9 type bridge");
        let nets = ["169.254.65.0/32", "fe80::b6:1c:0/128"];
        for net in nets {
            kernel.apply(&Op::AddAddr(addr("br0", net))).unwrap();
            ip(&format!("addr add {net} dev br9"));
        }
        let told = drain(&mut watch);
        assert!(told.iter().all(|it| it.addrs.is_empty()), "{told:?}");
        for net in nets {
            ip(&format!("addr del {net} dev br9"));
            ip(&format!("addr del {net} dev br0"));
            let gone = BTreeSet::from([addr("br0", net)]);
            until(&mut watch, net, |news| news.addrs == gone);
        }
    });
}

#[test]
fn the_carrier_of_an_own_link_is_told() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mut watch = ObjectWatch::open(MARK).unwrap();
        watch.ignore(&kernel);
        make(&mut kernel, &mut watch);
        ip("link set inner0 down");
        until(&mut watch, "no carrier", running("veth0", false));
    });
}

#[test]
fn own_changes_and_tables_of_others_are_not_told() {
    in_namespace(|| {
        let mut kernel = Netlink::open().unwrap();
        let mut other = Netlink::open().unwrap();
        let mut watch = ObjectWatch::open(MARK).unwrap();
        watch.ignore(&kernel);
        make(&mut kernel, &mut watch);
        // Somebody else's links, neighbours and routes, many times what fits
        // into the socket.
        ip("link add br9 type bridge");
        ip("neigh add 10.9.9.9 lladdr 02:00:00:00:00:09 dev br9 nud permanent");
        let route = |number: u16| {
            let [third, last] = number.to_be_bytes();
            let dst = format!("11.{third}.{last}.0/24").parse().unwrap();
            RouteChange::Add(RouteSpec::on_link(dst, name("lo")))
        };
        let table: Vec<_> = (0..20_000).map(route).collect();
        assert!(other.change_routes(&table).iter().all(Result::is_ok));
        netplumb::reconcile(&mut kernel, &netplumb::Desired::default(), &owned()).unwrap();
        for news in drain(&mut watch) {
            assert!(!news.lost);
            assert_eq!(news.routes.len(), 0, "{news:?}");
            assert_eq!(news.next_hops.len(), 0, "{news:?}");
            let ours = |alias: &String| alias.starts_with(MARK);
            assert!(news.links.keys().all(ours), "{news:?}");
        }
    });
}

#[test]
fn switches_of_the_host_its_mtu_and_its_default_route_are_told() {
    in_namespace(|| {
        let mut watch = ObjectWatch::open(MARK).unwrap();
        ip("link add br0 type bridge");
        ip("link set br0 up");
        ip("addr add 192.0.2.1/24 dev br0");
        let set = |switch: &str, value: &str| {
            std::fs::write(format!("/proc/sys/net/{switch}"), value).unwrap();
        };
        // What a new link begins with.
        drain(&mut watch);
        for (what, change) in [
            ("ipv4/ip_forward", "1"),
            ("ipv4/ip_forward", "0"),
            ("ipv6/conf/all/forwarding", "1"),
            ("ipv4/conf/br0/rp_filter", "1"),
            ("ipv4/conf/br0/rp_filter", "2"),
            ("ipv4/conf/all/rp_filter", "1"),
            ("link set br0 mtu 1400", ""),
            ("route add default via 192.0.2.2", ""),
            ("route del default", ""),
        ] {
            match change {
                "" => _ = ip(what),
                value => set(what, value),
            }
            until(&mut watch, what, |news| news.path);
            drain(&mut watch);
        }
        ip("link add br1 type bridge");
        ip("link set br1 up");
        let news = drain(&mut watch);
        assert!(news.iter().all(|news| !news.path), "{news:?}");
    });
}

#[test]
fn a_flood_that_does_not_fit_is_told_as_lost() {
    in_namespace(|| {
        let mut other = Netlink::open().unwrap();
        let mut watch = ObjectWatch::open(MARK).unwrap();
        let route = |number: u16| {
            let [third, last] = number.to_be_bytes();
            let dst = format!("10.66.{third}.{last}/32").parse().unwrap();
            RouteChange::Add(RouteSpec::on_link(dst, name("lo")))
        };
        let table: Vec<_> = (0..30_000).map(route).collect();
        assert!(other.change_routes(&table).iter().all(Result::is_ok));
        assert!(drain(&mut watch).iter().any(|news| news.lost));
        // It is of use afterwards.
        ip("route del 10.66.0.7/32 proto 186");
        let dst = "10.66.0.7/32".parse().unwrap();
        until(&mut watch, "route", |news| {
            news.routes.iter().any(|key| key.dst == dst)
        });
    });
}
