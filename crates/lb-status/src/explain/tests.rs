//! Explanations as they are shown, with every gate open and shut.

use expect_test::{Expect, expect};

use super::{Facts, explain};
use crate::model::{
    AdvertisedRoute, Attributes, Container, Drain, DrainScope, DrainStage, Explanation, Fault,
    GateName, Health, Network, Peer, PeerState, Reason, Service, ServiceState, Session, Share,
    Verdict, Warning, Withheld,
};
use crate::show::{self, Screen};

const NOW: u64 = 1_790_000_000;

fn check(address: &str, facts: &Facts, expected: &Expect) -> Explanation {
    let explanation = explain(address.parse().unwrap(), facts);
    let mut shown = Vec::new();
    show::explanation(&explanation, &Screen::plain(NOW), &mut shown).unwrap();
    expected.assert_eq(&String::from_utf8(shown).unwrap());
    let text = serde_json::to_string(&explanation).unwrap();
    let read: Explanation = serde_json::from_str(&text).unwrap();
    assert_eq!(read, explanation);
    explanation
}

fn facts(service: Option<Service>, peers: Vec<Peer>) -> Facts {
    Facts {
        service,
        has_networks: true,
        route: None,
        peers,
        warnings: Vec::new(),
        drain: None,
    }
}

fn route(prefix: &str, peers: &[&str]) -> AdvertisedRoute {
    AdvertisedRoute {
        prefix: prefix.parse().unwrap(),
        peers: peers.iter().map(|it| (*it).to_owned()).collect(),
        attributes: Attributes::default(),
    }
}

fn peer(last: u8, families: &[&str]) -> Peer {
    let address = std::net::IpAddr::from([192, 0, 2, last]);
    Peer {
        peer: address.to_string(),
        address,
        interface: None,
        neighbour: None,
        name: None,
        dynamic: false,
        asn: Some(65500),
        remote_as: "65500".to_owned(),
        state: PeerState::Established,
        since: NOW - 7,
        administratively_down: false,
        graceful_shutdown: false,
        accepted_prefixes: 0,
        accepted_by_family: Default::default(),
        counters: Default::default(),
        end_of_rib: Vec::new(),
        withheld: Vec::new(),
        last_error: None,
        session: Some(Session {
            local_address: None,
            identifier: "192.0.2.1".to_owned(),
            hold_time: 90,
            families: families.iter().map(|it| (*it).to_owned()).collect(),
            max_message: 4096,
            capabilities: Vec::new(),
        }),
        bfd: None,
    }
}

fn every_peer() -> Vec<Peer> {
    let down = |last| Peer {
        state: PeerState::Active,
        session: None,
        ..peer(last, &[])
    };
    let both = ["ipv4-unicast", "ipv6-unicast"];
    vec![
        peer(1, &both),
        down(2),
        Peer {
            last_error: Some(Fault {
                at: NOW - 41,
                text: "connection refused".to_owned(),
            }),
            ..down(3)
        },
        Peer {
            administratively_down: true,
            ..down(4)
        },
        peer(5, &both[1..]),
        Peer {
            withheld: vec![Withheld {
                family: "ipv4-unicast".to_owned(),
                reason: "no next hop".to_owned(),
            }],
            ..peer(6, &both)
        },
        Peer {
            graceful_shutdown: true,
            ..peer(7, &both)
        },
        peer(8, &both),
    ]
}

fn service(state: ServiceState, reason: Reason, containers: Vec<Container>) -> Service {
    let network = Network::new("1201b136aae33ee4".to_owned(), Some("web1".to_owned()));
    Service {
        since: NOW - 600,
        reason_since: NOW - 14,
        explanation: "the container is not healthy for long enough yet".to_owned(),
        containers,
        ..Service::new("10.0.0.101/32".parse().unwrap(), network, state, reason)
    }
}

fn container(name: &str, health: Health) -> Container {
    Container {
        name: Some(name.to_owned()),
        ..Container::new("6c7afb574597".to_owned(), health, Share::None)
    }
}

#[test]
fn an_address_that_is_announced_has_open_gates_up_to_each_peer() {
    let audience = (1..8).map(|last| format!("192.0.2.{last}")).collect();
    let service = Service {
        audience: Some(audience),
        ..service(
            ServiceState::Announced,
            Reason::Serving,
            vec![container("web1", Health::Serving)],
        )
    };
    let facts = Facts {
        route: Some(route("10.0.0.101/32", &["192.0.2.1", "192.0.2.7"])),
        ..facts(Some(service), every_peer())
    };
    check(
        "10.0.0.101",
        &facts,
        &expect![[r#"
        10.0.0.101, in 10.0.0.101/32: routers are told of it
        GATE      VERDICT FOR    ABOUT      WHAT
        network   ok      -      web1       10.0.0.101/32 belongs to it
        endpoint  ok      -      web1       containers connected to it: 1
        container ok      -      web1       it runs, and its link is in place
        health    ok      -      web1       healthy, or without a health check
        drain     ok      -      web1       nobody drains it
        data-path ok      10m00s web1       the kernel delivers to it
        peer      ok      7s     192.0.2.1  there is a session
        family    ok      -      192.0.2.1  the session is for ipv4-unicast
        policy    ok      -      192.0.2.1  it may be told
        peer      blocked 7s     192.0.2.2  there is no session, it is Active
        peer      blocked 7s     192.0.2.3  Active; the last error was: connection refused
        peer      blocked 7s     192.0.2.4  an operator wants no session
        peer      ok      7s     192.0.2.5  there is a session
        family    blocked 7s     192.0.2.5  the session is not for ipv4-unicast
        peer      ok      7s     192.0.2.6  there is a session
        family    ok      -      192.0.2.6  the session is for ipv4-unicast
        policy    blocked -      192.0.2.6  no next hop
        peer      ok      7s     192.0.2.7  there is a session
        family    ok      -      192.0.2.7  the session is for ipv4-unicast
        policy    ok      -      192.0.2.7  it is told, as about to go (GRACEFUL_SHUTDOWN)
        peer      ok      7s     192.0.2.8  there is a session
        family    ok      -      192.0.2.8  the session is for ipv4-unicast
        policy    blocked -      192.0.2.8  the network's option bgplb.peers leaves it out
        to unblock it: bgplb-speaker up 192.0.2.4
                       activate ipv4-unicast for this host at the router
    "#]],
    );
}

#[test]
fn an_address_nobody_has_is_blocked_at_the_first_gate() {
    check(
        "10.0.0.9",
        &facts(None, Vec::new()),
        &expect![[r#"
        10.0.0.9: routers are not told of it
        GATE      VERDICT FOR    ABOUT      WHAT
        network   blocked -      -          no network of the plugin has it on this host
        to unblock it: docker network create --driver bgplb --ipam-driver bgplb --subnet 10.0.0.9/32 NAME
    "#]],
    );
    let v6 = explain("2001:db8::9".parse().unwrap(), &facts(None, Vec::new()));
    let remedy = v6.gates[0].remedy.as_deref().unwrap();
    assert!(
        remedy.contains("--ipv6 --ipam-opt v6subnet=2001:db8::9/128"),
        "{remedy}"
    );
    let speaker = Facts {
        has_networks: false,
        ..facts(None, vec![peer(1, &["ipv6-unicast"])])
    };
    check(
        "2001:db8::9",
        &speaker,
        &expect![[r#"
            2001:db8::9: routers are not told of it
            GATE      VERDICT FOR    ABOUT      WHAT
            network   blocked -      -          no service and no announced prefix holds it
            peer      ok      7s     192.0.2.1  there is a session
            family    ok      -      192.0.2.1  the session is for ipv6-unicast
            policy    ok      -      192.0.2.1  it may be told
            to unblock it: a service or an [[announce]] in the configuration and `bgplb-speaker reload`
        "#]],
    );
}

#[test]
fn an_address_within_an_announced_prefix_is_explained_by_it() {
    let facts = Facts {
        has_networks: false,
        route: Some(route("203.0.113.0/24", &["192.0.2.1"])),
        ..facts(None, vec![peer(1, &["ipv4-unicast"])])
    };
    check(
        "203.0.113.9",
        &facts,
        &expect![[r#"
        203.0.113.9, in 203.0.113.0/24: routers are told of it
        GATE      VERDICT FOR    ABOUT      WHAT
        network   ok      -      -          203.0.113.0/24 is announced, which holds it
        peer      ok      7s     192.0.2.1  there is a session
        family    ok      -      192.0.2.1  the session is for ipv4-unicast
        policy    ok      -      192.0.2.1  it may be told
    "#]],
    );
}

#[test]
fn every_fault_of_a_container_shuts_a_gate_with_a_remedy() {
    let unattached = Container {
        attached: false,
        ..container("e", Health::Serving)
    };
    let drained = Container {
        drain: Some(Drain::new(
            DrainScope::Container,
            DrainStage::Withdrawn,
            Some(NOW + 4),
        )),
        ..container("f", Health::Serving)
    };
    let containers = vec![
        container("a", Health::Stopped),
        container("b", Health::Paused),
        container("c", Health::Starting),
        container("d", Health::Unhealthy),
        unattached,
        drained,
        Container::new("6c7afb574597".to_owned(), Health::Unknown, Share::None),
    ];
    let service = Service {
        drain: Some(Drain::new(DrainScope::Host, DrainStage::Withdrawn, None)),
        ..service(ServiceState::Withheld, Reason::Unproven, containers)
    };
    let text = "net.ipv4.ip_forward is 0".to_owned();
    let remedy = Some("sysctl -w net.ipv4.ip_forward=1".to_owned());
    let facts = Facts {
        warnings: vec![Warning::new("forwarding-ipv4-off", NOW - 5, text, remedy)],
        ..facts(Some(service), Vec::new())
    };
    check(
        "10.0.0.101",
        &facts,
        &expect![[r#"
        10.0.0.101, in 10.0.0.101/32: routers are not told of it
        GATE      VERDICT FOR    ABOUT        WHAT
        network   ok      -      web1         10.0.0.101/32 belongs to it
        endpoint  ok      -      web1         containers connected to it: 7
        container blocked -      a            it does not run
        container blocked -      b            it is paused
        container ok      -      c            it runs, and its link is in place
        container ok      -      d            it runs, and its link is in place
        container blocked -      e            its link is not in place
        container ok      -      f            it runs, and its link is in place
        container ok      -      6c7afb574597 it runs, and its link is in place
        health    unknown -      a            there is none while it does not run
        health    unknown -      b            there is none while it does not run
        health    blocked -      c            its health check has not passed yet
        health    blocked -      d            its health check fails
        health    ok      -      e            healthy, or without a health check
        health    ok      -      f            healthy, or without a health check
        health    unknown -      6c7afb574597 Docker has not told its health yet
        health    blocked 14s    web1         the container is not healthy for long enough yet
        drain     blocked -      f            it is drained: withdrawn
        drain     blocked -      -            the whole host is drained
        data-path unknown 10m00s web1         the kernel is asked when a container can serve
        data-path blocked 5s     -            net.ipv4.ip_forward is 0
        to unblock it: docker start a
                       docker unpause b
                       docker inspect --format '{{json .State.Health}}' c
                       docker inspect --format '{{json .State.Health}}' d
                       docker restart f
                       bgplb-plugin undrain host
                       sysctl -w net.ipv4.ip_forward=1
    "#]],
    );
}

#[test]
fn a_network_without_containers_and_one_the_kernel_refuses() {
    let alone = service(ServiceState::Withheld, Reason::NoEndpoint, Vec::new());
    check(
        "10.0.0.101",
        &facts(Some(alone), Vec::new()),
        &expect![[r#"
            10.0.0.101, in 10.0.0.101/32: routers are not told of it
            GATE      VERDICT FOR    ABOUT      WHAT
            network   ok      -      web1       10.0.0.101/32 belongs to it
            endpoint  blocked 14s    web1       no container is connected to it
            drain     ok      -      web1       nobody drains it
            data-path unknown 10m00s web1       the kernel is asked when a container can serve
            to unblock it: docker network connect web1 CONTAINER
        "#]],
    );
    let refused = service(
        ServiceState::Undelivered,
        Reason::DatapathNotReady,
        vec![container("web1", Health::Serving)],
    );
    let shown = check(
        "10.0.0.101",
        &facts(Some(refused), Vec::new()),
        &expect![[r#"
            10.0.0.101, in 10.0.0.101/32: routers are not told of it
            GATE      VERDICT FOR    ABOUT      WHAT
            network   ok      -      web1       10.0.0.101/32 belongs to it
            endpoint  ok      -      web1       containers connected to it: 1
            container ok      -      web1       it runs, and its link is in place
            health    ok      -      web1       healthy, or without a health check
            drain     ok      -      web1       nobody drains it
            data-path blocked 10m00s web1       the kernel does not deliver yet
            to unblock it: it is tried again; the plugin's log says what the kernel refused
        "#]],
    );
    let mut gates = shown.gates.iter();
    let path = gates.find(|it| it.gate == GateName::DataPath).unwrap();
    assert_eq!(path.verdict, Verdict::Blocked);
}

#[test]
fn what_an_operator_keeps_back_is_opened_by_the_command_that_undoes_it() {
    let gate = |facts: &Facts| {
        let gates = explain("10.0.0.9".parse().unwrap(), facts).gates;
        let mut drains = gates.into_iter().filter(|it| it.gate == GateName::Drain);
        let gate = drains.next().expect("there is such a gate");
        (gate.about, gate.remedy.unwrap())
    };
    let withdrawn = |scope| Some(Drain::new(scope, DrainStage::Withdrawn, None));
    for (scope, about, remedy) in [
        (
            DrainScope::Service,
            Some("web1"),
            "bgplb-plugin undrain web1",
        ),
        (DrainScope::Host, None, "bgplb-plugin undrain host"),
        (
            DrainScope::Maintenance,
            None,
            "bgplb-plugin maintenance off",
        ),
    ] {
        let network = Network::new("1".repeat(64), Some("web1".to_owned()));
        let (state, reason) = (ServiceState::Withheld, Reason::Draining);
        let prefix = "10.0.0.9/32".parse().unwrap();
        let mut service = Service::new(prefix, network, state, reason);
        service.drain = withdrawn(scope);
        let found = gate(&facts(Some(service), Vec::new()));
        assert_eq!(found, (about.map(str::to_owned), remedy.to_owned()));
    }
    let speaker = Facts {
        has_networks: false,
        drain: withdrawn(DrainScope::Maintenance),
        ..facts(None, Vec::new())
    };
    assert_eq!(gate(&speaker).1, "bgplb-speaker maintenance off");
}
