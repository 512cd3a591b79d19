use netplumb::ipvs::{DestinationSpec, FakeIpvs, Forward, Scheduler, ServiceSpec};

use super::*;

const LONG: Duration = Duration::from_secs(10);

fn key(port: u16) -> ServiceKey {
    ServiceKey {
        protocol: Protocol::Tcp,
        address: "192.0.2.80".parse().unwrap(),
        port,
    }
}

fn backend(last: u8) -> DestinationSpec {
    DestinationSpec::new([10, 0, 0, last].into(), 8080, Forward::Masquerade)
}

fn wanted(port: u16, backends: &[u8]) -> BTreeMap<ServiceKey, Balanced> {
    let spec = ServiceSpec::new(key(port), Scheduler::Rr);
    let mut service = DesiredService::new(spec).unwrap();
    for last in backends {
        service.insert(backend(*last)).unwrap();
    }
    let balanced = Balanced {
        service,
        drain_limit: LONG,
    };
    BTreeMap::from([(key(port), balanced)])
}

/// Each destination with its weight.
fn weights(kernel: &FakeIpvs, port: u16) -> Vec<(u8, u32)> {
    let Some(service) = kernel.state().get(&key(port)) else {
        return Vec::new();
    };
    let destinations = service.destinations.values();
    destinations
        .map(|it| match it.spec.key.address {
            IpAddr::V4(address) => (address.octets()[3], it.spec.weight),
            IpAddr::V6(_) => panic!("{:?}", it.spec),
        })
        .collect()
}

fn connect(kernel: &mut FakeIpvs, port: u16, last: u8, connections: u32) {
    let service = kernel.state_mut().get_mut(&key(port)).unwrap();
    let destination = service.destinations.get_mut(&backend(last).key).unwrap();
    destination.active = connections;
}

#[test]
fn a_destination_that_goes_keeps_its_connections_until_they_end() {
    let (mut kernel, mut balancer) = (FakeIpvs::new(), Balancer::default());
    let now = Instant::now();
    balancer
        .bring_about(&mut kernel, &wanted(80, &[1, 2]), now)
        .unwrap();
    assert_eq!(weights(&kernel, 80), [(1, 1), (2, 1)]);
    connect(&mut kernel, 80, 2, 3);
    let balance = balancer
        .bring_about(&mut kernel, &wanted(80, &[1]), now)
        .unwrap();
    assert!(balance.draining);
    assert_eq!(weights(&kernel, 80), [(1, 1), (2, 0)]);
    // It stays so.
    balancer
        .bring_about(&mut kernel, &wanted(80, &[1]), now)
        .unwrap();
    connect(&mut kernel, 80, 2, 0);
    let balance = balancer
        .bring_about(&mut kernel, &wanted(80, &[1]), now)
        .unwrap();
    assert!(!balance.draining);
    assert_eq!(weights(&kernel, 80), [(1, 1)]);
}

#[test]
fn connections_that_do_not_end_have_their_time_and_no_more() {
    let (mut kernel, mut balancer) = (FakeIpvs::new(), Balancer::default());
    let now = Instant::now();
    balancer
        .bring_about(&mut kernel, &wanted(80, &[1]), now)
        .unwrap();
    connect(&mut kernel, 80, 1, 1);
    let none = BTreeMap::new();
    let balance = balancer.bring_about(&mut kernel, &none, now).unwrap();
    assert_eq!(balance.lingering, BTreeSet::from([key(80).address]));
    let almost = now + LONG - Duration::from_millis(1);
    balancer.bring_about(&mut kernel, &none, almost).unwrap();
    assert_eq!(weights(&kernel, 80), [(1, 0)]);
    let balance = balancer
        .bring_about(&mut kernel, &none, now + LONG)
        .unwrap();
    assert!(balance.lingering.is_empty());
    assert!(kernel.state().is_empty() && balancer.owned().is_empty());
}

#[test]
fn a_destination_that_comes_back_while_it_drains_has_its_weight_again() {
    let (mut kernel, mut balancer) = (FakeIpvs::new(), Balancer::default());
    let now = Instant::now();
    balancer
        .bring_about(&mut kernel, &wanted(80, &[1, 2]), now)
        .unwrap();
    connect(&mut kernel, 80, 2, 1);
    balancer
        .bring_about(&mut kernel, &wanted(80, &[1]), now)
        .unwrap();
    let balance = balancer
        .bring_about(&mut kernel, &wanted(80, &[1, 2]), now)
        .unwrap();
    assert!(!balance.draining);
    assert_eq!(weights(&kernel, 80), [(1, 1), (2, 1)]);
    // A later drain has its whole time.
    let later = now + LONG;
    balancer
        .bring_about(&mut kernel, &wanted(80, &[1]), later)
        .unwrap();
    assert_eq!(weights(&kernel, 80), [(1, 1), (2, 0)]);
}

#[test]
fn what_others_have_made_is_left_alone_and_told_where_it_is_in_the_way() {
    let (mut kernel, mut other) = (FakeIpvs::new(), Balancer::default());
    let now = Instant::now();
    other
        .bring_about(&mut kernel, &wanted(80, &[9]), now)
        .unwrap();
    let before = kernel.state().clone();
    let mut ours = Balancer::default();
    // One that is killed and starts again must not take it for its own.
    let claims = ours.claims(&mut kernel, &wanted(80, &[1])).unwrap();
    assert_eq!(claims, BTreeSet::new());
    let balance = ours
        .bring_about(&mut kernel, &wanted(80, &[1]), now)
        .unwrap();
    assert!(
        balance.missing[&key(80)].contains("it is not ours"),
        "{balance:?}"
    );
    ours.bring_about(&mut kernel, &BTreeMap::new(), now)
        .unwrap();
    assert_eq!(*kernel.state(), before);
}

#[test]
fn one_that_starts_again_knows_what_it_has_made_and_takes_away_what_nobody_wants() {
    let (mut kernel, mut first) = (FakeIpvs::new(), Balancer::default());
    let now = Instant::now();
    let both: BTreeMap<_, _> = wanted(80, &[1])
        .into_iter()
        .chain(wanted(81, &[1]))
        .collect();
    let claims = first.claims(&mut kernel, &both).unwrap();
    assert!(claims.iter().eq(both.keys()));
    first.bring_about(&mut kernel, &both, now).unwrap();
    let mut second = Balancer::resumed(claims);
    second
        .bring_about(&mut kernel, &wanted(81, &[1, 2]), now)
        .unwrap();
    assert_eq!(weights(&kernel, 80), []);
    assert_eq!(weights(&kernel, 81), [(1, 1), (2, 1)]);
}

#[test]
fn what_the_kernel_refuses_is_told_and_done_the_next_time() {
    let (mut kernel, mut balancer) = (FakeIpvs::new(), Balancer::default());
    let now = Instant::now();
    // The first call looks.
    kernel.fail(1, libc::EPERM);
    let balance = balancer
        .bring_about(&mut kernel, &wanted(80, &[1]), now)
        .unwrap();
    // That a service which is not there can't have destinations, tells nobody why.
    let why = "create service tcp 192.0.2.80:80 with scheduler rr: Operation not permitted (EPERM)";
    assert_eq!(balance.missing[&key(80)], why);
    let balance = balancer
        .bring_about(&mut kernel, &wanted(80, &[1]), now)
        .unwrap();
    assert!(balance.missing.is_empty(), "{balance:?}");
    assert_eq!(weights(&kernel, 80), [(1, 1)]);
    // A service that can't be deleted stays ours.
    kernel.fail(1, libc::EPERM);
    balancer
        .bring_about(&mut kernel, &BTreeMap::new(), now)
        .unwrap();
    balancer
        .bring_about(&mut kernel, &BTreeMap::new(), now)
        .unwrap();
    assert!(kernel.state().is_empty());
}
