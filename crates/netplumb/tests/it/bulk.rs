//! Many routes at once.

use netplumb::{
    FakeKernel, IpFamily, Kernel, Netlink, NextHopSpec, RouteChange, RoutePlace, RouteSpec,
};

use crate::world::{in_namespace, ip, name};

const PLACE: RoutePlace = RoutePlace {
    table: RouteSpec::TABLE_MAIN,
    metric: 30,
    protocol: RouteSpec::PROTOCOL_BGP,
};

fn route(dst: &str, gateways: &[&str]) -> RouteSpec {
    let hops = gateways
        .iter()
        .map(|it| NextHopSpec::via(it.parse().unwrap()));
    RouteSpec::new(dst.parse().unwrap(), hops.collect::<Vec<_>>()).with_metric(PLACE.metric)
}

fn numbered(number: usize, gateway: &str) -> RouteSpec {
    let [.., second, third, last] = number.to_be_bytes();
    route(&format!("10.{second}.{third}.{last}/32"), &[gateway])
}

/// A link with gateways of both families on it.
fn with_gateways() -> Netlink {
    ip("link add br0 type bridge");
    ip("link set br0 up");
    ip("addr add 192.0.2.1/24 dev br0");
    ip("addr add 2001:db8::1/64 dev br0 nodad");
    Netlink::open().unwrap()
}

fn shown<K: Kernel>(kernel: &mut K, family: IpFamily) -> Vec<String> {
    let mut routes = Vec::new();
    let visit = &mut |route: Option<RouteSpec>| match route {
        None => routes.clear(),
        Some(route) => routes.push(route.dst.to_string()),
    };
    kernel.visit_routes(PLACE, family, visit).unwrap();
    routes.sort();
    routes
}

#[test]
fn each_of_many_refusals_is_told_of_its_own_route() {
    in_namespace(|| {
        let mut kernel = with_gateways();
        let gateway = |number| match number % 3 {
            0 => "203.0.113.1",
            _ => "192.0.2.2",
        };
        let changes: Vec<_> = (0..1_000)
            .map(|number| RouteChange::Add(numbered(number, gateway(number))))
            .collect();
        let results = kernel.change_routes(&changes);
        assert_eq!(results.len(), changes.len());
        for (number, (change, result)) in changes.iter().zip(results).enumerate() {
            match result {
                Ok(()) => assert_ne!(number % 3, 0, "{change}"),
                Err(error) => {
                    assert_eq!(number % 3, 0, "{error}");
                    assert_eq!(error.errno(), Some(libc::ENETUNREACH));
                    assert_eq!(error.operation(), change.to_string());
                }
            }
        }
        assert_eq!(shown(&mut kernel, IpFamily::V4).len(), 666);
    });
}

#[test]
fn changes_of_one_route_are_made_in_order() {
    in_namespace(|| {
        let mut kernel = with_gateways();
        let first = route("10.9.0.0/16", &["192.0.2.2"]);
        let second = route("10.9.0.0/16", &["192.0.2.3", "192.0.2.4"]);
        let v6 = route("2001:db8:9::/48", &["2001:db8::2", "2001:db8::3"]);
        let changes = [
            RouteChange::Add(first.clone()),
            RouteChange::Delete(first.key()),
            // An addition where one of ours is replaces that.
            RouteChange::Add(first.clone()),
            RouteChange::Add(second.clone()),
            RouteChange::Add(v6.clone()),
            RouteChange::Delete(route("10.8.0.0/16", &[]).key()),
        ];
        assert_eq!(kernel.change_routes(&changes), vec![Ok(()); 6]);
        let routes = kernel.observe().unwrap().routes;
        assert_eq!(routes[&second.key()].next_hops.len(), 2);
        assert_eq!(routes[&v6.key()].next_hops.len(), 2);
        let changes = [
            RouteChange::Replace(first.clone()),
            RouteChange::Delete(v6.key()),
        ];
        assert_eq!(kernel.change_routes(&changes), vec![Ok(()); 2]);
        let routes = kernel.observe().unwrap().routes;
        assert_eq!(routes[&first.key()].next_hops.len(), 1);
        assert_eq!(shown(&mut kernel, IpFamily::V6), [""; 0]);
    });
}

#[test]
fn an_addition_spares_what_another_protocol_has_in_its_place() {
    in_namespace(|| {
        let mut kernel = with_gateways();
        ip("route add 10.9.0.0/16 via 192.0.2.7 metric 30 proto static");
        let changes = [
            RouteChange::Add(route("10.9.0.0/16", &["192.0.2.2"])),
            RouteChange::Add(route("10.8.0.0/16", &["192.0.2.2"])),
            RouteChange::Delete(route("10.9.0.0/16", &[]).key()),
        ];
        let results = kernel.change_routes(&changes);
        assert!(results[0].as_ref().unwrap_err().is_not_ours());
        assert_eq!(results[1..], [Ok(()), Ok(())]);
        assert!(ip("route show 10.9.0.0/16").contains("proto static"));
    });
}

#[test]
fn routes_of_metric_zero_are_deleted_alone() {
    in_namespace(|| {
        let mut kernel = with_gateways();
        let zero = route("10.9.0.0/16", &["192.0.2.2"]).with_metric(0);
        let other = route("10.9.0.0/16", &["192.0.2.2"]);
        let changes = [
            RouteChange::Add(other),
            RouteChange::Delete(zero.key()),
            RouteChange::Add(zero.clone()),
            RouteChange::Delete(zero.key()),
        ];
        assert_eq!(kernel.change_routes(&changes), vec![Ok(()); 4]);
        assert_eq!(shown(&mut kernel, IpFamily::V4), ["10.9.0.0/16"]);
    });
}

#[test]
fn only_the_routes_of_the_place_are_shown() {
    in_namespace(|| {
        let mut kernel = with_gateways();
        let spare = RoutePlace {
            table: 4242,
            ..PLACE
        };
        // A table that was never made has no routes.
        let visit = &mut |route: Option<RouteSpec>| assert_eq!(route, None);
        for family in IpFamily::ALL {
            kernel.visit_routes(spare, family, visit).unwrap();
        }
        for other in [
            "route add 10.1.0.0/16 dev br0 metric 30 proto static",
            "route add 10.2.0.0/16 dev br0 metric 31 proto bgp",
            "route add 10.3.0.0/16 dev br0 metric 30 proto bgp table 4242",
            "route add 10.4.0.0/16 dev br0 metric 30 proto bgp",
            "-6 route add 2001:db8:4::/48 dev br0 metric 30 proto bgp",
        ] {
            ip(other);
        }
        assert_eq!(shown(&mut kernel, IpFamily::V4), ["10.4.0.0/16"]);
        assert_eq!(shown(&mut kernel, IpFamily::V6), ["2001:db8:4::/48"]);
        // A model of the kernel shows the same.
        let mut model = FakeKernel::new();
        *model.state_mut() = kernel.observe().unwrap();
        for family in IpFamily::ALL {
            assert_eq!(shown(&mut model, family), shown(&mut kernel, family));
        }
        let link = RouteSpec::on_link("10.5.0.0/16".parse().unwrap(), name("none"));
        let refused = kernel.change_routes(&[RouteChange::Add(link)]).remove(0);
        assert!(refused.unwrap_err().to_string().contains("none"));
    });
}
