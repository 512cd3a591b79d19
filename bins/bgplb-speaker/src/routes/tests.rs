use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_speaker::Gateway;
use netplumb::{NextHopSpec, Observed, Op};

use super::*;

const PLACE: KernelTable = KernelTable {
    table: 254,
    metric: 30,
    protocol: 186,
    source_v4: None,
    source_v6: None,
};

/// A kernel that has routes, and refuses those to one gateway.
#[derive(Default)]
struct FakeKernel {
    routes: BTreeMap<RouteKey, RouteSpec>,
    unreachable: Option<IpAddr>,
    applied: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("no way to the gateway")]
struct Refused;

impl Kernel for FakeKernel {
    type Error = Refused;

    fn observe(&mut self) -> Result<Observed, Refused> {
        Ok(Observed {
            routes: self.routes.clone(),
            ..Observed::default()
        })
    }

    fn apply(&mut self, op: &Op) -> Result<(), Refused> {
        match op {
            Op::ReplaceRoute(route) => {
                if route
                    .next_hops
                    .iter()
                    .any(|hop| hop.gateway == self.unreachable)
                {
                    return Err(Refused);
                }
                self.routes.insert(route.key(), route.clone());
            }
            Op::DeleteRoute(key) => {
                self.routes.remove(key);
            }
            other => panic!("{other}"),
        }
        self.applied.push(op.to_string());
        Ok(())
    }
}

fn change(prefix: &str, next_hops: &[&str]) -> LearnedChange {
    LearnedChange {
        prefix: prefix.parse().unwrap(),
        next_hops: next_hops
            .iter()
            .map(|hop| Gateway::new(hop.parse().unwrap()))
            .collect(),
    }
}

fn apply(routes: &mut Routes<FakeKernel>, change: LearnedChange) -> Outcome {
    routes.apply(&[change], &Ways::default())
}

fn route(prefix: &str, metric: u32) -> RouteSpec {
    let via = NextHopSpec::via("192.0.2.1".parse().unwrap());
    RouteSpec::new(prefix.parse().unwrap(), vec![via]).with_metric(metric)
}

fn start(routes: &[RouteSpec]) -> Routes<FakeKernel> {
    let mut kernel = FakeKernel::default();
    for route in routes {
        kernel.routes.insert(route.key(), route.clone());
    }
    Routes::take_over(kernel, PLACE).unwrap()
}

fn installed(routes: &Routes<FakeKernel>) -> Vec<String> {
    let route = |(key, route): (&RouteKey, &RouteSpec)| {
        let gateways = route.next_hops.iter().filter_map(|hop| hop.gateway);
        let gateways: Vec<_> = gateways.map(|gateway| gateway.to_string()).collect();
        format!(
            "{} metric {} via {}",
            key.dst,
            key.metric,
            gateways.join(" ")
        )
    };
    routes.kernel.routes.iter().map(route).collect()
}

#[test]
fn each_change_is_one_operation() {
    let mut routes = start(&[]);
    apply(&mut routes, change("198.51.100.0/24", &["192.0.2.1"]));
    apply(
        &mut routes,
        change("2001:db8:1::/48", &["2001:db8::1", "2001:db8::2"]),
    );
    assert_eq!(
        installed(&routes),
        [
            "198.51.100.0/24 metric 30 via 192.0.2.1",
            "2001:db8:1::/48 metric 30 via 2001:db8::1 2001:db8::2",
        ]
    );
    apply(
        &mut routes,
        change("198.51.100.0/24", &["192.0.2.1", "192.0.2.2"]),
    );
    apply(&mut routes, change("2001:db8:1::/48", &[]));
    assert_eq!(
        installed(&routes),
        ["198.51.100.0/24 metric 30 via 192.0.2.1 192.0.2.2"]
    );
    assert_eq!(routes.kernel.applied.len(), 4);
}

#[test]
fn a_prefix_that_was_never_installed_needs_no_deletion() {
    let mut routes = start(&[]);
    assert_eq!(
        apply(&mut routes, change("198.51.100.0/24", &[])),
        Outcome::Complete
    );
    assert!(routes.kernel.applied.is_empty());
}

#[test]
fn routes_of_an_earlier_run_forward_until_the_sweep() {
    let mut routes = start(&[route("198.51.100.0/24", 30), route("203.0.113.0/24", 30)]);
    apply(&mut routes, change("198.51.100.0/24", &["192.0.2.2"]));
    assert_eq!(routes.repair(), Outcome::Complete);
    assert_eq!(
        installed(&routes),
        [
            "198.51.100.0/24 metric 30 via 192.0.2.2",
            "203.0.113.0/24 metric 30 via 192.0.2.1",
        ]
    );
    routes.sweep();
    assert_eq!(
        installed(&routes),
        ["198.51.100.0/24 metric 30 via 192.0.2.2"]
    );
}

#[test]
fn other_routes_of_the_protocol_are_left_alone() {
    let mut routes = start(&[route("203.0.113.0/24", 20), route("203.0.113.0/24", 31)]);
    apply(&mut routes, change("198.51.100.0/24", &["192.0.2.1"]));
    routes.sweep();
    routes.remove_all();
    assert_eq!(
        installed(&routes),
        [
            "203.0.113.0/24 metric 20 via 192.0.2.1",
            "203.0.113.0/24 metric 31 via 192.0.2.1",
        ]
    );
}

#[test]
fn a_lost_route_comes_back_with_the_next_repair() {
    let mut routes = start(&[]);
    apply(&mut routes, change("198.51.100.0/24", &["192.0.2.1"]));
    routes.kernel.routes.clear();
    routes.repair();
    assert_eq!(
        installed(&routes),
        ["198.51.100.0/24 metric 30 via 192.0.2.1"]
    );
}

#[test]
fn a_refused_route_is_tried_again_by_repairs() {
    let mut routes = start(&[]);
    routes.kernel.unreachable = Some("192.0.2.9".parse().unwrap());
    assert_eq!(
        apply(&mut routes, change("198.51.100.0/24", &["192.0.2.9"])),
        Outcome::Incomplete
    );
    assert_eq!(routes.repair(), Outcome::Incomplete);
    routes.kernel.unreachable = None;
    assert_eq!(routes.repair(), Outcome::Complete);
    assert_eq!(
        installed(&routes),
        ["198.51.100.0/24 metric 30 via 192.0.2.9"]
    );
}

#[test]
fn weights_and_interfaces_of_next_hops_arrive() {
    let mut routes = start(&[]);
    let mut heavy = Gateway::new("192.0.2.2".parse().unwrap());
    heavy.weight = 3;
    let mut near = Gateway::new("fe80::2".parse().unwrap());
    near.interface = Some("eth1".into());
    for (prefix, next_hops) in [
        (
            "198.51.100.0/24",
            vec![Gateway::new("192.0.2.1".parse().unwrap()), heavy],
        ),
        ("203.0.113.0/24", vec![near]),
    ] {
        let prefix = prefix.parse().unwrap();
        apply(&mut routes, LearnedChange { prefix, next_hops });
    }
    let hops: Vec<_> = routes
        .kernel
        .routes
        .values()
        .flat_map(|route| route.next_hops.iter())
        .map(|hop| (hop.weight, hop.link.as_ref().map(ToString::to_string)))
        .collect();
    assert_eq!(hops, [(1, None), (3, None), (1, Some("eth1".to_owned()))]);
}

#[test]
fn many_changes_are_each_made_and_the_refused_ones_named() {
    let mut routes = start(&[]);
    routes.kernel.unreachable = Some("192.0.2.9".parse().unwrap());
    let changes: Vec<_> = (0..10_u8)
        .map(|number| {
            let next_hop = if number % 3 == 0 { 9 } else { 1 };
            change(
                &format!("198.51.100.{number}/32"),
                &[&format!("192.0.2.{next_hop}")],
            )
        })
        .collect();
    let ways = Ways::default();
    assert_eq!(routes.apply(&changes, &ways), Outcome::Incomplete);
    assert_eq!(installed(&routes).len(), 6);
    // What is not in the kernel is known, and what is there is left alone.
    routes.kernel.applied.clear();
    routes.kernel.unreachable = None;
    assert_eq!(routes.repair(), Outcome::Complete);
    assert_eq!(routes.kernel.applied.len(), 4);
    assert_eq!(installed(&routes).len(), 10);
    routes.remove_all();
    assert_eq!(installed(&routes), [""; 0]);
}

/// A kernel that notes in which way a route came.
#[derive(Default)]
struct Noting {
    steps: Vec<RouteChange>,
    refusing: bool,
}

impl Kernel for Noting {
    type Error = Refused;

    fn observe(&mut self) -> Result<Observed, Refused> {
        Ok(Observed::default())
    }

    fn apply(&mut self, op: &Op) -> Result<(), Refused> {
        panic!("{op} by itself");
    }

    fn change_routes(&mut self, changes: &[RouteChange]) -> Vec<Result<(), Refused>> {
        self.steps.extend(changes.iter().cloned());
        let refusing = self.refusing;
        let result = |_| if refusing { Err(Refused) } else { Ok(()) };
        changes.iter().map(result).collect()
    }
}

#[test]
fn only_what_was_made_is_replaced_unasked() {
    let mut routes = Routes::take_over(Noting::default(), PLACE).unwrap();
    let ways = Ways::default();
    let added = |routes: &mut Routes<Noting>, hop: &str| {
        routes.apply(&[change("198.51.100.0/24", &[hop])], &ways);
        match routes.kernel.steps.last() {
            Some(RouteChange::Add(_)) => true,
            Some(RouteChange::Replace(_)) => false,
            other => panic!("{other:?}"),
        }
    };
    routes.kernel.refusing = true;
    assert!(added(&mut routes, "192.0.2.1"));
    assert!(added(&mut routes, "192.0.2.2"));
    routes.kernel.refusing = false;
    assert!(added(&mut routes, "192.0.2.2"));
    assert!(!added(&mut routes, "192.0.2.1"));
    // A look that does not find it says that it is gone.
    routes.kernel.refusing = true;
    routes.repair();
    assert!(added(&mut routes, "192.0.2.2"));
    routes.apply(&[change("198.51.100.0/24", &[])], &ways);
    assert!(added(&mut routes, "192.0.2.2"));
}

#[test]
fn what_peers_announce_of_our_own_networks_is_not_installed() {
    let mut routes = Routes::take_over(FakeKernel::default(), PLACE).unwrap();
    let prefix: IpNet = "10.1.1.0/24".parse().unwrap();
    let installed = |routes: &Routes<FakeKernel>| routes.kernel.routes.len();
    apply(&mut routes, change("10.1.1.0/24", &["192.0.2.2"]));
    apply(&mut routes, change("10.1.2.0/24", &["192.0.2.2"]));
    assert_eq!(installed(&routes), 2);
    routes.leave_to_us(Arc::new([prefix].into()));
    assert_eq!(installed(&routes), 1);
    // Told anew, it stays out; a look at the kernel does not bring it back.
    apply(&mut routes, change("10.1.1.0/24", &["192.0.2.3"]));
    routes.repair();
    assert_eq!(installed(&routes), 1);
    // The network is gone: what was told last is installed.
    routes.leave_to_us(Arc::default());
    let route = &routes.kernel.routes[&routes.place.key(prefix)];
    let gateway = route.next_hops.iter().next().unwrap().gateway;
    assert_eq!(gateway, Some("192.0.2.3".parse().unwrap()));
    // And what was withdrawn meanwhile is not.
    routes.leave_to_us(Arc::new([prefix].into()));
    apply(&mut routes, change("10.1.1.0/24", &[]));
    routes.leave_to_us(Arc::default());
    assert_eq!(installed(&routes), 1);
}

#[test]
fn routes_have_the_source_of_their_family() {
    let place = KernelTable {
        source_v4: Some("10.1.1.1".parse().unwrap()),
        ..PLACE
    };
    let mut routes = Routes::take_over(FakeKernel::default(), place).unwrap();
    apply(&mut routes, change("10.1.2.0/24", &["192.0.2.2"]));
    apply(&mut routes, change("2001:db8:2::/64", &["2001:db8::2"]));
    let sources: Vec<_> = routes.kernel.routes.values().map(|it| it.src).collect();
    assert_eq!(sources, [Some("10.1.1.1".parse().unwrap()), None]);
}
