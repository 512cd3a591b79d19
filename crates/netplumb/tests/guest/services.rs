//! Services in a real kernel, with ipvsadm as a second opinion.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use netplumb::ipvs::{
    DesiredService, DestinationSpec, Forward, Ipvs, IpvsKernel as _, Op, Plan, Protocol, Scheduler,
    SchedulerFlags, ServiceKey, ServiceSpec, plan, reconcile,
};

use crate::world::Space;

const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
const ADDRESSES: [&str; 2] = ["192.0.2.80", "2001:db8:80::80"];

type Services = BTreeMap<ServiceKey, DesiredService>;

fn key(protocol: Protocol, address: &str) -> ServiceKey {
    ServiceKey {
        protocol,
        address: address.parse().unwrap(),
        port: 80,
    }
}

/// With three destinations, one for each way to get there.
fn service(spec: ServiceSpec) -> DesiredService {
    let v6 = spec.key.address.is_ipv6();
    let mut service = DesiredService::new(spec).unwrap();
    for (number, forward) in [Forward::Masquerade, Forward::DirectRoute, Forward::Tunnel]
        .into_iter()
        .enumerate()
    {
        let address = if v6 {
            format!("2001:db8:1::1{number}")
        } else {
            format!("10.1.0.1{number}")
        };
        let weight = u32::try_from(number).unwrap();
        let destination = DestinationSpec::new(address.parse().unwrap(), 80, forward);
        service.insert(destination.with_weight(weight)).unwrap();
    }
    service
}

fn owned(services: &Services) -> BTreeSet<ServiceKey> {
    services.keys().copied().collect()
}

/// Makes the kernel as desired and looks again whether it is.
fn settle(ipvs: &mut Ipvs, desired: &Services, owned: &BTreeSet<ServiceKey>) {
    let report = reconcile(ipvs, desired, owned).unwrap();
    assert!(report.is_complete(), "{report:#?}");
    let rest = plan(desired, &ipvs.services().unwrap(), owned);
    assert_eq!(rest, Plan::default(), "a second pass has nothing to do");
}

fn in_space(test: impl FnOnce(&mut Ipvs, &Space) + Send) {
    let space = Space::new();
    space.within(|| test(&mut Ipvs::open().unwrap(), &space));
}

fn all_specs() -> Vec<ServiceSpec> {
    let mut specs = Vec::new();
    for protocol in PROTOCOLS {
        for address in ADDRESSES {
            for scheduler in Scheduler::ALL {
                let spec = ServiceSpec::new(key(protocol, address), scheduler);
                let hashes = matches!(spec.scheduler, Scheduler::Sh | Scheduler::Mh);
                specs.push(spec.clone().with_persistence(Duration::from_secs(90)));
                specs.push(spec.clone());
                let flags = [(true, false), (false, true), (true, true)];
                for (fallback, port) in flags.into_iter().filter(|_| hashes) {
                    let flags = SchedulerFlags { fallback, port };
                    specs.push(spec.clone().with_flags(flags));
                }
            }
        }
    }
    specs
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn every_kind_of_service_is_shown_as_it_was_wanted() {
    in_space(|ipvs, _| {
        for spec in all_specs() {
            let desired = Services::from([(spec.key, service(spec))]);
            // First made, and from the second of each key on changed in place.
            settle(ipvs, &desired, &owned(&desired));
            for (key, wanted) in &desired {
                let state = ipvs.service(key).unwrap().unwrap();
                assert!(state.satisfies_all(wanted), "{state:?}");
            }
        }
        assert_eq!(ipvs.services().unwrap().len(), 6);
        let one_packet = ServiceSpec {
            one_packet: true,
            ..ServiceSpec::new(key(Protocol::Udp, ADDRESSES[0]), Scheduler::Rr)
        };
        let desired = Services::from([(one_packet.key, service(one_packet))]);
        settle(ipvs, &desired, &owned(&desired));
        assert!(
            ipvs.services().unwrap()[&key(Protocol::Udp, ADDRESSES[0])]
                .spec
                .one_packet
        );
    });
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn ipvsadm_sees_what_was_wanted() {
    in_space(|ipvs, space| {
        let flags = SchedulerFlags {
            fallback: true,
            port: true,
        };
        for address in ADDRESSES {
            let spec = ServiceSpec::new(key(Protocol::Tcp, address), Scheduler::Mh);
            let spec = spec
                .with_flags(flags)
                .with_persistence(Duration::from_secs(90));
            let desired = Services::from([(spec.key, service(spec))]);
            settle(ipvs, &desired, &owned(&desired));
        }
        let mut lines: Vec<_> = space
            .run("ipvsadm --save --numeric")
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        assert_eq!(
            lines,
            [
                "-A -t 192.0.2.80:80 -s mh -p 90 -b mh-fallback,mh-port",
                "-A -t [2001:db8:80::80]:80 -s mh -p 90 -b mh-fallback,mh-port",
                "-a -t 192.0.2.80:80 -r 10.1.0.10:80 -m -w 0",
                "-a -t 192.0.2.80:80 -r 10.1.0.11:80 -g -w 1",
                "-a -t 192.0.2.80:80 -r 10.1.0.12:80 -i -w 2 --tun-type ipip",
                "-a -t [2001:db8:80::80]:80 -r [2001:db8:1::10]:80 -m -w 0",
                "-a -t [2001:db8:80::80]:80 -r [2001:db8:1::11]:80 -g -w 1",
                "-a -t [2001:db8:80::80]:80 -r [2001:db8:1::12]:80 -i -w 2 --tun-type ipip",
            ]
        );
    });
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_tunnel_leads_to_the_other_family() {
    in_space(|ipvs, _| {
        let spec = ServiceSpec::new(key(Protocol::Tcp, ADDRESSES[0]), Scheduler::Rr);
        let mut wanted = DesiredService::new(spec).unwrap();
        let server = "2001:db8:1::12".parse().unwrap();
        wanted
            .insert(DestinationSpec::new(server, 80, Forward::Tunnel))
            .unwrap();
        let desired = Services::from([(wanted.spec().key, wanted)]);
        settle(ipvs, &desired, &owned(&desired));
    });
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn what_others_change_is_repaired() {
    in_space(|ipvs, space| {
        let spec = ServiceSpec::new(key(Protocol::Tcp, ADDRESSES[0]), Scheduler::Wrr);
        let desired = Services::from([(spec.key, service(spec))]);
        let owned = owned(&desired);
        settle(ipvs, &desired, &owned);
        for change in [
            "-E -t 192.0.2.80:80 -s sh",
            "-E -t 192.0.2.80:80 -s wrr -p 30",
            "-E -t 192.0.2.80:80 -s wrr -p 30 -M 255.255.255.0",
            "-e -t 192.0.2.80:80 -r 10.1.0.11 -g -w 7",
            "-e -t 192.0.2.80:80 -r 10.1.0.11 -m -w 1",
            "-e -t 192.0.2.80:80 -r 10.1.0.11 -g -w 1 --u-threshold 5",
            "-d -t 192.0.2.80:80 -r 10.1.0.11",
            "-a -t 192.0.2.80:80 -r 10.1.0.19 -m",
            "-D -t 192.0.2.80:80",
        ] {
            space.run(&format!("ipvsadm {change}"));
            let steps = plan(&desired, &ipvs.services().unwrap(), &owned);
            assert!(!steps.ops.is_empty(), "{change} is not seen");
            settle(ipvs, &desired, &owned);
        }
        // Whatever is made of it, one step undoes it.
        space.run("ipvsadm -C");
        settle(ipvs, &desired, &owned);
        settle(ipvs, &Services::new(), &owned);
        assert_eq!(space.run("ipvsadm --save --numeric"), "");
    });
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn services_of_others_are_read_and_left_alone() {
    in_space(|ipvs, space| {
        for others in [
            "-A -f 7 -s rr",
            "-a -f 7 -r 10.1.0.17 -m",
            "-A -t 192.0.2.90:80 -s dh",
            "-a -t 192.0.2.90:80 -r 10.1.0.17 -m --u-threshold 9",
            "-A -u 192.0.2.90:53 -s rr -o",
            "-A -t [2001:db8:80::90]:80 -s wlc -p 60 -M 64",
        ] {
            space.run(&format!("ipvsadm {others}"));
        }
        let before = space.run("ipvsadm --save --numeric");
        let read = ipvs.services().unwrap();
        assert_eq!(read.len(), 3, "all but that of the mark: {read:#?}");
        let dh = &read[&key(Protocol::Tcp, "192.0.2.90")];
        assert_eq!(dh.spec.scheduler, Scheduler::Other("dh".to_owned()));
        assert!(dh.plain && dh.destinations.values().all(|it| !it.plain));

        // One of theirs is in the way, and another is as wanted by chance.
        let blocked = ServiceSpec::new(key(Protocol::Tcp, "192.0.2.90"), Scheduler::Mh);
        let ours = ServiceSpec::new(key(Protocol::Tcp, ADDRESSES[0]), Scheduler::Mh);
        let mut desired = Services::new();
        for spec in [blocked, ours] {
            desired.insert(spec.key, service(spec));
        }
        let owned = BTreeSet::from([key(Protocol::Tcp, ADDRESSES[0])]);
        let steps = plan(&desired, &read, &owned);
        assert_eq!(
            steps.in_the_way.first().map(ToString::to_string).as_deref(),
            Some(
                "service tcp 192.0.2.90:80: there is one with another scheduler, it is not ours and is left alone"
            )
        );
        for op in &steps.ops {
            ipvs.apply(op).unwrap();
        }
        for key in &owned {
            ipvs.apply(&Op::DeleteService(*key)).unwrap();
        }
        assert_eq!(space.run("ipvsadm --save --numeric"), before);
    });
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_lost_memory_is_regained_by_adoption() {
    in_space(|ipvs, _| {
        let spec = ServiceSpec::new(key(Protocol::Tcp, ADDRESSES[1]), Scheduler::Wlc);
        let desired = Services::from([(spec.key, service(spec))]);
        settle(ipvs, &desired, &owned(&desired));
        let steps = plan(&desired, &ipvs.services().unwrap(), &BTreeSet::new());
        assert_eq!((steps.ops, steps.in_the_way), (vec![], vec![]));
        assert_eq!(steps.adopted, [key(Protocol::Tcp, ADDRESSES[1])]);
    });
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn each_step_may_be_taken_twice_and_what_is_gone_is_gone() {
    in_space(|ipvs, _| {
        let spec = ServiceSpec::new(key(Protocol::Tcp, ADDRESSES[0]), Scheduler::Wrr);
        let key = spec.key;
        let wanted = service(spec.clone());
        let destination = *wanted.destinations().values().next().unwrap();
        let other = destination.with_weight(9);
        let mut better = spec.clone();
        better.scheduler = Scheduler::Mh;
        for op in [
            Op::CreateService(spec),
            Op::SetService(better.clone()),
            Op::CreateDestination(key, destination),
            Op::SetDestination(key, other),
            Op::DeleteDestination(key, destination.key),
            Op::CreateDestination(key, other),
            Op::DeleteService(key),
            Op::DeleteDestination(key, destination.key),
        ] {
            ipvs.apply(&op).unwrap();
            let after = ipvs.services().unwrap();
            ipvs.apply(&op).unwrap();
            assert_eq!(ipvs.services().unwrap(), after, "{op}");
        }
        assert_eq!(ipvs.service(&key).unwrap(), None);
        let error = ipvs.apply(&Op::SetService(better)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "set service tcp 192.0.2.80:80 to scheduler mh: No such process (ESRCH)"
        );
        let error = ipvs.apply(&Op::SetDestination(key, other)).unwrap_err();
        assert_eq!(error.errno(), Some(libc::ESRCH));
    });
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn many_services_are_read_whole() {
    in_space(|ipvs, _| {
        let mut desired = Services::new();
        for number in 1..=400_u16 {
            let mut spec = ServiceSpec::new(key(Protocol::Tcp, ADDRESSES[1]), Scheduler::Wrr);
            spec.key.port = number;
            let mut wanted = DesiredService::new(spec).unwrap();
            let server = "2001:db8:1::12".parse().unwrap();
            for port in 1..=3 {
                let destination = DestinationSpec::new(server, port, Forward::Masquerade);
                wanted.insert(destination).unwrap();
            }
            desired.insert(wanted.spec().key, wanted);
        }
        // And many destinations of one.
        if let Some(wanted) = desired.values_mut().next() {
            for port in 1000..1400 {
                let server = "2001:db8:1::13".parse().unwrap();
                let destination = DestinationSpec::new(server, port, Forward::Masquerade);
                wanted.insert(destination).unwrap();
            }
        }
        settle(ipvs, &desired, &owned(&desired));
        settle(ipvs, &Services::new(), &owned(&desired));
        assert!(ipvs.services().unwrap().is_empty());
    });
}
