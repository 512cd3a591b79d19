use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::super::fake::FakeIpvs;
use super::super::model::{
    DesiredService, DestinationKey, DestinationSpec, Forward, Protocol, Scheduler, SchedulerFlags,
    ServiceKey, ServiceSpec,
};
use super::super::op::{IpvsKernel as _, Op};
use super::super::state::{DestinationState, ServiceState, Statistics};
use super::plan;

fn key(number: u8) -> ServiceKey {
    let protocols = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
    let protocol = protocols[usize::from(number % 3)];
    let address = if number.is_multiple_of(2) {
        [192, 0, 2, 80].into()
    } else {
        "2001:db8::80".parse().unwrap()
    };
    let port = 80;
    ServiceKey {
        protocol,
        address,
        port,
    }
}

fn destination(number: u8, key: &ServiceKey, forward: Forward, weight: u32) -> DestinationSpec {
    let address = if key.address.is_ipv6() {
        format!("2001:db8:1::{number}").parse().unwrap()
    } else {
        [10, 0, 0, number].into()
    };
    DestinationSpec::new(address, key.port, forward).with_weight(weight)
}

fn any_destination(key: ServiceKey) -> impl Strategy<Value = DestinationSpec> {
    let forward = prop_oneof![
        Just(Forward::Masquerade),
        Just(Forward::DirectRoute),
        Just(Forward::Tunnel)
    ];
    (1..4_u8, forward, 0..3_u32)
        .prop_map(move |(number, forward, weight)| destination(number, &key, forward, weight))
}

fn any_service() -> impl Strategy<Value = DesiredService> {
    let spec = (0..6_u8, 0..6_usize, any::<(bool, bool)>(), 0..3_u64);
    let spec = spec.prop_map(|(number, scheduler, (fallback, port), seconds)| {
        let scheduler = Scheduler::ALL[scheduler].clone();
        let hashes = matches!(scheduler, Scheduler::Sh | Scheduler::Mh);
        let mut spec = ServiceSpec::new(key(number), scheduler);
        if hashes {
            spec.flags = SchedulerFlags { fallback, port };
        }
        spec.persistence = Some(Duration::from_secs(seconds)).filter(|it| !it.is_zero());
        spec
    });
    spec.prop_flat_map(|spec| {
        let destinations = prop::collection::vec(any_destination(spec.key), 0..4);
        (Just(spec), destinations).prop_map(|(spec, destinations)| {
            let mut service = DesiredService::new(spec).unwrap();
            for destination in destinations {
                service.insert(destination).unwrap();
            }
            service
        })
    })
}

type Services = BTreeMap<ServiceKey, DesiredService>;

fn any_services() -> impl Strategy<Value = Services> {
    let services = prop::collection::vec(any_service(), 0..6);
    services.prop_map(|services| services.into_iter().map(|it| (it.spec().key, it)).collect())
}

/// What the kernel shows of a service; `plain` is whether something is set that
/// nobody can want here.
fn state(service: &DesiredService, plain: bool) -> ServiceState {
    let of = |spec: &DestinationSpec| DestinationState {
        spec: *spec,
        plain,
        active: 3,
        inactive: 0,
        persistent: 0,
        statistics: Statistics::default(),
    };
    let destinations = service.destinations().iter();
    ServiceState {
        spec: service.spec().clone(),
        plain,
        destinations: destinations.map(|(key, spec)| (*key, of(spec))).collect(),
        statistics: Statistics::default(),
    }
}

fn kernel(services: &Services, plain: bool) -> FakeIpvs {
    let mut kernel = FakeIpvs::new();
    let states = services.iter().map(|(key, it)| (*key, state(it, plain)));
    kernel.state_mut().extend(states);
    kernel
}

fn one(service: &DesiredService) -> Services {
    BTreeMap::from([(service.spec().key, service.clone())])
}

fn web() -> DesiredService {
    let key = key(0);
    let mut web = DesiredService::new(ServiceSpec::new(key, Scheduler::Wrr)).unwrap();
    for number in 1..3 {
        let destination = destination(number, &key, Forward::Masquerade, 1);
        web.insert(destination).unwrap();
    }
    web
}

#[test]
fn another_weight_is_one_step() {
    let before = web();
    let mut after = before.clone();
    let drained = destination(1, &key(0), Forward::Masquerade, 0);
    after.insert(drained).unwrap();
    let owned = BTreeSet::from([key(0)]);
    let plan = plan(&one(&after), kernel(&one(&before), true).state(), &owned);
    assert_eq!(plan.ops, [Op::SetDestination(key(0), drained)]);
}

#[test]
fn a_new_destination_comes_before_the_old_one_goes() {
    let before = web();
    let mut after = before.clone();
    let [old, new] = [1, 9].map(|number| destination(number, &key(0), Forward::Masquerade, 1));
    after.remove(&old.key).unwrap();
    after.insert(new).unwrap();
    let owned = BTreeSet::from([key(0)]);
    let plan = plan(&one(&after), kernel(&one(&before), true).state(), &owned);
    assert_eq!(
        plan.ops,
        [
            Op::CreateDestination(key(0), new),
            Op::DeleteDestination(key(0), old.key)
        ]
    );
}

#[test]
fn an_unknown_service_is_adopted_only_if_it_is_as_wanted() {
    let nothing = BTreeSet::new();
    let web = web();
    let same = plan(&one(&web), kernel(&one(&web), true).state(), &nothing);
    assert_eq!((same.ops.len(), same.adopted), (0, vec![key(0)]));
    assert!(same.in_the_way.is_empty());

    let odd = plan(&one(&web), kernel(&one(&web), false).state(), &nothing);
    assert_eq!((odd.ops.len(), odd.adopted.len()), (0, 0));
    let told: Vec<_> = odd.in_the_way.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "service tcp 192.0.2.80:80: there is one with other settings, it is not ours and is left alone"
        ]
    );

    let mut more = web.clone();
    more.insert(destination(9, &key(0), Forward::Masquerade, 1))
        .unwrap();
    let fewer = plan(&one(&more), kernel(&one(&web), true).state(), &nothing);
    assert!(fewer.ops.is_empty());
    assert!(
        fewer.in_the_way[0]
            .to_string()
            .contains("other destinations")
    );
}

#[test]
fn an_owned_service_that_is_gone_already_needs_no_step() {
    let owned = BTreeSet::from([key(0)]);
    let plan = plan(&BTreeMap::new(), &BTreeMap::new(), &owned);
    assert!(plan.ops.is_empty());
}

fn weightless(kernel: &FakeIpvs, key: &ServiceKey, destination: &DestinationKey) -> bool {
    let state = &kernel.state()[key].destinations[destination];
    state.spec.weight == 0
}

proptest! {
    #[test]
    fn the_steps_lead_to_what_is_wanted_and_touch_nothing_else(
        desired in any_services(),
        before in any_services(),
        plain in any::<bool>(),
        owned in prop::collection::btree_set((0..6_u8).prop_map(key), 0..6),
    ) {
        let mut kernel = kernel(&before, plain);
        let observed = kernel.state().clone();
        let first = plan(&desired, &observed, &owned);
        for op in &first.ops {
            kernel.apply(op).unwrap();
        }
        let blocked: BTreeSet<_> = first.in_the_way.iter().map(|it| it.key).collect();
        for (key, wanted) in desired.iter().filter(|(key, _)| !blocked.contains(key)) {
            prop_assert!(kernel.state()[key].satisfies_all(wanted));
        }
        for (key, there) in observed.iter().filter(|(key, _)| !owned.contains(key)) {
            prop_assert_eq!(&kernel.state()[key], there, "not owned, not touched");
        }
        for key in owned.iter().filter(|key| !desired.contains_key(key)) {
            prop_assert!(!kernel.state().contains_key(key));
        }
        // What was made is owned from now on.
        let owned: BTreeSet<_> = desired.keys().copied().filter(|it| !blocked.contains(it)).collect();
        let second = plan(&desired, kernel.state(), &owned);
        prop_assert_eq!(second.ops, []);
        prop_assert_eq!(second.in_the_way, first.in_the_way);
    }

    #[test]
    fn what_drains_is_not_deleted(desired in any_services(), before in any_services()) {
        let mut kernel = kernel(&before, true);
        let owned: BTreeSet<_> = before.keys().copied().collect();
        let plan = plan(&desired, &kernel.state().clone(), &owned);
        for op in &plan.ops {
            kernel.apply(op).unwrap();
        }
        for (key, service) in &desired {
            for draining in service.destinations().values().filter(|it| it.weight == 0) {
                prop_assert!(!plan.ops.contains(&Op::DeleteDestination(*key, draining.key)));
                prop_assert!(weightless(&kernel, key, &draining.key));
            }
        }
    }

    #[test]
    fn after_a_fault_the_next_pass_does_the_rest(
        desired in any_services(),
        before in any_services(),
        nth in 0..20_usize,
    ) {
        let mut kernel = kernel(&before, true);
        let owned: BTreeSet<_> = before.keys().chain(desired.keys()).copied().collect();
        kernel.fail(nth, libc::ENOMEM);
        for _ in 0..2 {
            for op in plan(&desired, &kernel.state().clone(), &owned).ops {
                _ = kernel.apply(&op);
            }
        }
        let left = plan(&desired, kernel.state(), &owned);
        prop_assert_eq!(left.ops, []);
    }

    #[test]
    fn each_step_may_be_taken_twice(desired in any_services(), before in any_services()) {
        let mut kernel = kernel(&before, true);
        let owned: BTreeSet<_> = before.keys().copied().collect();
        for op in plan(&desired, &kernel.state().clone(), &owned).ops {
            kernel.apply(&op).unwrap();
            let after = kernel.state().clone();
            kernel.apply(&op).unwrap();
            prop_assert_eq!(kernel.state(), &after);
        }
    }
}
