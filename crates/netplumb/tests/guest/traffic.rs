//! What becomes of packets.

use std::net::SocketAddr;

use netplumb::ipvs::{
    DesiredService, DestinationSpec, DestinationState, Forward, Ipvs, IpvsKernel as _, Op,
    Protocol, Scheduler, ServiceKey, ServiceSpec, Statistics,
};
use netplumb::{
    AddrSpec, Desired, Kernel as _, LinkKind, LinkKindState, LinkSpec, Netlink, Owned, RouteSpec,
    plan, reconcile,
};

use crate::world::{SERVER, Server, Talk, World, ask, await_some, is_refused};

const SERVICE: [&str; 2] = ["192.0.2.80", "2001:db8:80::80"];
/// The director's own address for its own servers.
const OWN: [&str; 2] = ["10.0.0.9", "2001:db8:9::9"];

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

fn key(protocol: Protocol, family: usize) -> ServiceKey {
    ServiceKey {
        protocol,
        address: SERVICE[family].parse().unwrap(),
        port: 80,
    }
}

fn to(address: &str, port: u16, forward: Forward) -> DestinationSpec {
    DestinationSpec::new(address.parse().unwrap(), port, forward)
}

/// Gives the director a dummy link that holds the service's addresses and its
/// own, and has the client's packets come by.
fn hold_addresses(world: &World) {
    let owned = Owned::new("netplumb-test:", RouteSpec::PROTOCOL_BGP);
    let mut desired = Desired::default();
    let name: netplumb::LinkName = "vips".parse().unwrap();
    desired.insert_link(LinkSpec::new(
        name.clone(),
        LinkKind::Dummy,
        "netplumb-test:vips",
    ));
    for addr in [
        "192.0.2.80/32",
        "2001:db8:80::80/128",
        "10.0.0.9/32",
        "2001:db8:9::9/128",
    ] {
        desired.insert_addr(AddrSpec {
            link: name.clone(),
            addr: addr.parse().unwrap(),
        });
    }
    world.director.within(|| {
        let mut kernel = Netlink::open().unwrap();
        let report = reconcile(&mut kernel, &desired, &owned).unwrap();
        assert!(report.is_complete(), "{report:#?}");
        let observed = kernel.observe().unwrap();
        assert_eq!(plan(&desired, &observed, &owned), []);
        assert_eq!(observed.links[&name].kind, LinkKindState::Dummy);
    });
    world.lead_to_director(SERVICE);
}

fn create(ipvs: &mut Ipvs, service: &DesiredService) {
    let spec = service.spec();
    ipvs.apply(&Op::CreateService(spec.clone())).unwrap();
    for destination in service.destinations().values() {
        ipvs.apply(&Op::CreateDestination(spec.key, *destination))
            .unwrap();
    }
}

fn wanted(key: ServiceKey, destinations: &[DestinationSpec]) -> DesiredService {
    let mut service = DesiredService::new(ServiceSpec::new(key, Scheduler::Rr)).unwrap();
    for destination in destinations {
        service.insert(*destination).unwrap();
    }
    service
}

fn destination(ipvs: &mut Ipvs, key: &ServiceKey, spec: &DestinationSpec) -> DestinationState {
    let service = ipvs.service(key).unwrap().unwrap();
    service.destinations[&spec.key].clone()
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_local_server_is_reached_at_another_port_and_counted() {
    let world = World::new();
    hold_addresses(&world);
    let mut ipvs = world.director.within(|| Ipvs::open().unwrap());
    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
        for family in 0..2 {
            let key = key(protocol, family);
            let local = to(OWN[family], 8080, Forward::Masquerade);
            create(&mut ipvs, &wanted(key, &[local]));
            let server = Server::start(&world.director, protocol, at(OWN[family], 8080), "local");
            for _ in 0..3 {
                assert_eq!(ask(&world, protocol, at(SERVICE[family], 80)), "local");
            }
            let counted = |it: &Statistics| {
                it.connections == 3
                    && it.packets_in >= 3
                    && it.packets_out >= 3
                    && it.octets_in > it.packets_in * 20
                    && it.octets_out > it.packets_out * 20
            };
            await_some(&format!("three connections to {key} to be counted"), || {
                let state = ipvs.service(&key).unwrap().unwrap();
                let destination = state.destinations[&local.key].statistics;
                (counted(&state.statistics) && counted(&destination)).then_some(())
            });
            drop(server);
        }
    }
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_server_with_the_services_address_answers_by_itself() {
    let world = World::new();
    hold_addresses(&world);
    for address in ["192.0.2.80/32", "2001:db8:80::80/128 nodad"] {
        world.server.ip(&format!("addr add {address} dev lo"));
    }
    let mut ipvs = world.director.within(|| Ipvs::open().unwrap());
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        for family in 0..2 {
            let key = key(protocol, family);
            let remote = to(SERVER[family], 80, Forward::DirectRoute);
            create(&mut ipvs, &wanted(key, &[remote]));
            let _server = Server::start(&world.server, protocol, at(SERVICE[family], 80), "remote");
            assert_eq!(ask(&world, protocol, at(SERVICE[family], 80)), "remote");
            let state = await_some(&format!("a connection to {key} to be counted"), || {
                let state = destination(&mut ipvs, &key, &remote);
                (state.statistics.connections == 1).then_some(state)
            });
            assert!(state.statistics.packets_in > 0);
            assert_eq!(state.statistics.packets_out, 0, "they do not pass here");
        }
    }
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_server_is_reached_by_a_tunnel_in_either_family() {
    let world = World::new();
    hold_addresses(&world);
    for (tunnel, kind, how) in [
        ("tun4", "ipip", "local 10.1.0.2 remote 10.1.0.1"),
        ("tun6", "ip6tnl", "local 2001:db8:1::2 remote 2001:db8:1::1"),
    ] {
        let add = format!("link add {tunnel} type {kind} {how}");
        let add = match kind {
            // Both families in one that goes by IPv6.
            "ip6tnl" => format!("{add} mode any encaplimit none"),
            _ => add,
        };
        world.server.ip(&add);
        world.server.ip(&format!("link set {tunnel} up"));
    }
    for address in ["192.0.2.80/32", "2001:db8:80::80/128 nodad"] {
        world.server.ip(&format!("addr add {address} dev lo"));
    }
    let mut ipvs = world.director.within(|| Ipvs::open().unwrap());
    for (family, server) in [(0, SERVER[0]), (1, SERVER[1]), (0, SERVER[1])] {
        let key = key(Protocol::Tcp, family);
        let remote = to(server, 80, Forward::Tunnel);
        create(&mut ipvs, &wanted(key, &[remote]));
        let server = Server::start(
            &world.server,
            Protocol::Tcp,
            at(SERVICE[family], 80),
            "tunnel",
        );
        assert_eq!(
            ask(&world, Protocol::Tcp, at(SERVICE[family], 80)),
            "tunnel"
        );
        // Only then: it waits for the end of its connections.
        drop(server);
        ipvs.apply(&Op::DeleteService(key)).unwrap();
    }
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn connections_are_spread_over_the_destinations() {
    let world = World::new();
    hold_addresses(&world);
    let mut ipvs = world.director.within(|| Ipvs::open().unwrap());
    for family in 0..2 {
        let key = key(Protocol::Tcp, family);
        let destinations = [8081, 8082].map(|port| to(OWN[family], port, Forward::Masquerade));
        create(&mut ipvs, &wanted(key, &destinations));
        let _servers = [(8081, "one"), (8082, "two")].map(|(port, name)| {
            Server::start(&world.director, Protocol::Tcp, at(OWN[family], port), name)
        });
        let mut names: Vec<_> = (0..4)
            .map(|_| ask(&world, Protocol::Tcp, at(SERVICE[family], 80)))
            .collect();
        names.sort();
        assert_eq!(names, ["one", "one", "two", "two"]);
    }
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_drained_destination_keeps_its_connections_and_gets_no_new_ones() {
    let world = World::new();
    hold_addresses(&world);
    let mut ipvs = world.director.within(|| Ipvs::open().unwrap());
    for (family, from) in crate::world::CLIENT.into_iter().enumerate() {
        let key = key(Protocol::Tcp, family);
        let local = to(OWN[family], 8080, Forward::Masquerade);
        let service = at(SERVICE[family], 80);
        create(&mut ipvs, &wanted(key, &[local]));
        let _server = Server::start(
            &world.director,
            Protocol::Tcp,
            at(OWN[family], 8080),
            "local",
        );
        let mut talk = Talk::begin(&world.client, Protocol::Tcp, from, service).unwrap();
        assert!(talk.goes_on());

        ipvs.apply(&Op::SetDestination(key, local.with_weight(0)))
            .unwrap();
        assert!(is_refused(&world, Protocol::Tcp, service));
        assert!(talk.goes_on(), "what is established stays");
        assert_eq!(destination(&mut ipvs, &key, &local).active, 1);

        // Back again, and down for good once nobody is left.
        ipvs.apply(&Op::SetDestination(key, local)).unwrap();
        assert_eq!(ask(&world, Protocol::Tcp, service), "local");
        ipvs.apply(&Op::SetDestination(key, local.with_weight(0)))
            .unwrap();
        drop(talk);
        await_some("the last connection to end", || {
            (destination(&mut ipvs, &key, &local).active == 0).then_some(())
        });
        ipvs.apply(&Op::DeleteDestination(key, local.key)).unwrap();
        assert!(is_refused(&world, Protocol::Tcp, service));
    }
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_change_of_the_scheduler_leaves_connections_alone() {
    let world = World::new();
    hold_addresses(&world);
    let mut ipvs = world.director.within(|| Ipvs::open().unwrap());
    let key = key(Protocol::Tcp, 1);
    let local = to(OWN[1], 8080, Forward::Masquerade);
    create(&mut ipvs, &wanted(key, &[local]));
    let _server = Server::start(&world.director, Protocol::Tcp, at(OWN[1], 8080), "local");
    let service = at(SERVICE[1], 80);
    let mut talk = Talk::begin(
        &world.client,
        Protocol::Tcp,
        crate::world::CLIENT[1],
        service,
    )
    .unwrap();
    for scheduler in Scheduler::ALL {
        let spec = ServiceSpec::new(key, scheduler);
        ipvs.apply(&Op::SetService(spec)).unwrap();
        assert!(talk.goes_on());
        assert_eq!(ask(&world, Protocol::Tcp, service), "local");
    }
}
