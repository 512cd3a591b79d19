//! What tables look like, with every state in them.

mod page;

use std::net::{IpAddr, Ipv4Addr};

use expect_test::{Expect, expect};

use super::{
    Events, Routes, Screen, check as check_status, diff, findings, peers, services, status,
    unanswered,
};
use crate::model::{
    AdvertisedRoute, Attributes, BfdDown, BfdSession, BfdState, Configuration, Container, Diff,
    Docker, Drain, DrainScope, DrainStage, Event, EventKind, Explanation, Fault, Finding, Gate,
    GateName, Health, Host, LearnedRoute, Network, Peer, PeerCounts, PeerState, Peers, Program,
    Reason, RouteCounts, Service, ServiceCounts, ServiceState, Severity, Share, Status, Verdict,
    Warning,
};

const NOW: u64 = 1_790_000_000;

fn check(write: impl FnOnce(&Screen, &mut Vec<u8>) -> std::io::Result<()>, expected: &Expect) {
    on(&Screen::plain(NOW), write, expected);
}

fn on(
    screen: &Screen,
    write: impl FnOnce(&Screen, &mut Vec<u8>) -> std::io::Result<()>,
    expected: &Expect,
) {
    let mut written = Vec::new();
    write(screen, &mut written).unwrap();
    let written = String::from_utf8(written).unwrap();
    // Escapes would not survive every editor.
    expected.assert_eq(&written.replace('\x1b', "␛"));
}

fn peer(last: u8, state: PeerState) -> Peer {
    let address = IpAddr::from([192, 0, 2, last]);
    Peer {
        peer: address.to_string(),
        address,
        interface: None,
        neighbour: None,
        name: None,
        dynamic: false,
        asn: Some(65500),
        remote_as: "65500".to_owned(),
        state,
        since: NOW - 7,
        administratively_down: false,
        graceful_shutdown: false,
        accepted_prefixes: 0,
        accepted_by_family: Default::default(),
        counters: Default::default(),
        end_of_rib: Vec::new(),
        withheld: Vec::new(),
        last_error: None,
        session: None,
        bfd: None,
    }
}

fn bfd(state: BfdState) -> BfdSession {
    BfdSession {
        state,
        since: NOW - 90,
        diagnostic: "No Diagnostic".to_owned(),
        discriminator: Some(7),
        transmit_interval: Some(50.0),
        detection_time: (state == BfdState::Up).then_some(150.0),
        failures: 1,
        last_down: Some(BfdDown {
            at: NOW - 100,
            text: "silence".to_owned(),
        }),
        remote: None,
        problem: None,
    }
}

fn all_peers() -> Peers {
    let states = [
        PeerState::Idle,
        PeerState::Connect,
        PeerState::Active,
        PeerState::OpenSent,
        PeerState::OpenConfirm,
    ];
    let mut all: Vec<_> = (1..).zip(states).map(|(n, state)| peer(n, state)).collect();
    all.push(Peer {
        since: NOW - 12 * 86400,
        accepted_prefixes: 24,
        bfd: Some(bfd(BfdState::Up)),
        name: Some("spine".to_owned()),
        ..peer(6, PeerState::Established)
    });
    all.push(Peer {
        graceful_shutdown: true,
        bfd: Some(bfd(BfdState::Down)),
        ..peer(7, PeerState::Established)
    });
    all.push(Peer {
        administratively_down: true,
        bfd: Some(bfd(BfdState::AdminDown)),
        last_error: Some(Fault {
            at: NOW - 9,
            text: "Cease / Administrative Shutdown: \u{1b}[2Jback at 14:00".to_owned(),
        }),
        ..peer(8, PeerState::Idle)
    });
    all.push(Peer {
        interface: Some("eth0".to_owned()),
        address: IpAddr::from([0_u16; 8]),
        asn: None,
        remote_as: "external".to_owned(),
        bfd: Some(BfdSession {
            problem: Some("port 3784 is taken".to_owned()),
            ..bfd(BfdState::Down)
        }),
        ..peer(9, PeerState::Active)
    });
    all.push(Peer {
        interface: Some("eth1".to_owned()),
        address: IpAddr::from([0_u16; 8]),
        neighbour: "fe80::1".parse().ok(),
        ..peer(9, PeerState::Established)
    });
    Peers::new(all)
}

fn container(name: &str, health: Health, share: Share) -> Container {
    Container {
        name: Some(name.to_owned()),
        id: Some("c0ffee".to_owned()),
        ..Container::new("6c7afb574597".to_owned(), health, share)
    }
}

fn service(last: u8, state: ServiceState, reason: Reason, containers: Vec<Container>) -> Service {
    let network = Network::new("1201b136aae33ee4".to_owned(), Some(format!("web{last}")));
    let prefix = IpAddr::from([10, 0, 0, last]).into();
    Service {
        since: NOW - 3 * 3600,
        reason_since: NOW - 14,
        containers,
        ..Service::new(prefix, network, state, reason)
    }
}

fn all_services() -> Vec<Service> {
    let host = Drain::new(DrainScope::Host, DrainStage::Withdrawn, None);
    let drained = |stage, left| Drain::new(DrainScope::Container, stage, Some(NOW + left));
    let leaving = |stage, left, share| Container {
        drain: Some(drained(stage, left)),
        ..container("web", Health::Serving, share)
    };
    let with = |health, share| vec![container("web", health, share)];
    let unnamed = "6c7afb574597eeed4200".to_owned();
    let unnamed = Container::new(unnamed, Health::Unknown, Share::None);
    let mut all = vec![
        service(
            1,
            ServiceState::Announced,
            Reason::Serving,
            vec![
                container("a", Health::Serving, Share::Full),
                leaving(DrainStage::Over, 0, Share::Leaving),
            ],
        ),
        service(
            2,
            ServiceState::Draining,
            Reason::Draining,
            vec![leaving(DrainStage::Marked, 22, Share::Full)],
        ),
        Service {
            drain: Some(host),
            ..service(
                3,
                ServiceState::Draining,
                Reason::Draining,
                vec![leaving(DrainStage::Withdrawn, 4, Share::Full)],
            )
        },
        service(
            4,
            ServiceState::Undelivered,
            Reason::DatapathNotReady,
            with(Health::Serving, Share::None),
        ),
        service(5, ServiceState::Withheld, Reason::NoEndpoint, Vec::new()),
        service(
            6,
            ServiceState::Withheld,
            Reason::HealthUnknown,
            vec![unnamed],
        ),
    ];
    let whose = [
        (Reason::NotAttached, Health::Serving),
        (Reason::Starting, Health::Starting),
        (Reason::Unhealthy, Health::Unhealthy),
        (Reason::Paused, Health::Paused),
        (Reason::Stopped, Health::Stopped),
        (Reason::Unproven, Health::Serving),
        (Reason::HeldDown, Health::Serving),
    ];
    let withheld = (7..).zip(whose).map(|(last, (reason, health))| {
        service(
            last,
            ServiceState::Withheld,
            reason,
            with(health, Share::None),
        )
    });
    all.extend(withheld);
    all
}

fn whole_status() -> Status {
    let program = Program::new("bgplb-plugin", "0.1.0", NOW - 90_000);
    let host = Host::new("h1".to_owned(), Ipv4Addr::new(192, 0, 2, 11), 64512);
    Status {
        docker: Some(Docker::new(false, NOW - 61)),
        services: Some(ServiceCounts {
            announced: 9,
            draining: 1,
            undelivered: 0,
            withheld: 2,
        }),
        peers: PeerCounts {
            configured: 2,
            established: 1,
        },
        routes: RouteCounts {
            advertised: 9,
            learned: 24,
        },
        drain: Some(Drain::new(DrainScope::Host, DrainStage::Withdrawn, None)),
        warnings: vec![
            Warning::new(
                "forwarding-ipv4-off",
                NOW - 5,
                "net.ipv4.ip_forward is 0".to_owned(),
                Some("sysctl -w net.ipv4.ip_forward=1".to_owned()),
            ),
            Warning::new("peer-down", NOW - 41, "no session".to_owned(), None),
        ],
        ..Status::new(NOW, program, host, Configuration::new(None, NOW - 90_000))
    }
}

fn attributes() -> Attributes {
    Attributes {
        origin: "igp".to_owned(),
        as_path: "64500 64501".to_owned(),
        med: Some(7),
        communities: vec!["65500:1".to_owned(), "no-export".to_owned()],
        ..Attributes::default()
    }
}

fn learned(last: u8, best: bool, used: bool, stale: bool) -> LearnedRoute {
    LearnedRoute {
        prefix: IpAddr::from([203, 0, 113, last]).into(),
        peer: IpAddr::from([192, 0, 2, 1]),
        best,
        used,
        stale,
        next_hop: IpAddr::from([192, 0, 2, 9]),
        attributes: attributes(),
    }
}

#[test]
fn peers_in_every_state() {
    check(
        |screen, to| peers(&all_peers(), screen, to),
        &expect![[r#"
            PEER            AS         STATE               SINCE    PREFIXES BFD        NAME         LAST ERROR
            192.0.2.1       65500      Idle                7s       0        -          -            -
            192.0.2.2       65500      Connect             7s       0        -          -            -
            192.0.2.3       65500      Active              7s       0        -          -            -
            192.0.2.4       65500      OpenSent            7s       0        -          -            -
            192.0.2.5       65500      OpenConfirm         7s       0        -          -            -
            192.0.2.6       65500      Established         12d00h   24       Up/150ms   spine        -
            192.0.2.7       65500      Established (going) 7s       0        Down       -            -
            192.0.2.8       65500      Idle (down)         7s       0        AdminDown  -            Cease / Administrative Shutdown: �[2Jback at 14:00
            eth0            external   Active              7s       0        problem    -            -
            fe80::1%eth1    65500      Established         7s       0        -          -            -
        "#]],
    );
}

#[test]
fn services_in_every_state() {
    check(
        |screen, to| services(&all_services(), screen, to),
        &expect![[r#"
            ADDRESS            NETWORK    STATE       FOR    REASON             CONTAINERS              DRAIN
            10.0.0.1/32        web1       announced   3h00m  serving            a:serving*,web:serving- container over, 0s left
            10.0.0.2/32        web2       draining    3h00m  draining           web:serving*            container marked, 22s left
            10.0.0.3/32        web3       draining    3h00m  draining           web:serving*            host withdrawn, container withdrawn, 4s left
            10.0.0.4/32        web4       undelivered 3h00m  datapath-not-ready web:serving             -
            10.0.0.5/32        web5       withheld    3h00m  no-endpoint        -                       -
            10.0.0.6/32        web6       withheld    3h00m  health-unknown     6c7afb574597:unknown    -
            10.0.0.7/32        web7       withheld    3h00m  not-attached       web:serving             -
            10.0.0.8/32        web8       withheld    3h00m  starting           web:starting            -
            10.0.0.9/32        web9       withheld    3h00m  unhealthy          web:unhealthy           -
            10.0.0.10/32       web10      withheld    3h00m  paused             web:paused              -
            10.0.0.11/32       web11      withheld    3h00m  stopped            web:stopped             -
            10.0.0.12/32       web12      withheld    3h00m  unproven           web:serving             -
            10.0.0.13/32       web13      withheld    3h00m  held-down          web:serving             -
        "#]],
    );
}

#[test]
fn a_status_with_everything_in_it() {
    check(
        |screen, to| status(&whole_status(), screen, to),
        &expect![[r#"
            bgplb-plugin 0.1.0 on h1, up 1d01h
            AS 64512, identifier 192.0.2.11, configuration from environment, read 1d01h ago
            Docker can't be reached, what was known is held, for 1m01s
            addresses: 9 announced, 1 draining, 0 undelivered, 2 withheld
            peers: 1 of 2 up; routes: 9 advertised, 24 learned
            drained: host withdrawn
            WARNING forwarding-ipv4-off, for 5s: net.ipv4.ip_forward is 0
                    mend it with: sysctl -w net.ipv4.ip_forward=1
            WARNING peer-down, for 41s: no session
        "#]],
    );
}

#[test]
fn monitoring_is_told_in_one_line_how_bad_it_is() {
    let well = Status {
        docker: Some(Docker::new(true, NOW - 61)),
        warnings: Vec::new(),
        ..whole_status()
    };
    let alone = Status {
        peers: PeerCounts {
            configured: 2,
            established: 0,
        },
        ..well.clone()
    };
    let speaker = Status {
        docker: None,
        services: None,
        ..well.clone()
    };
    let checks = [
        check_status(&well),
        check_status(&whole_status()),
        check_status(&alone),
        check_status(&speaker),
        unanswered("ask the plugin at /data/status.sock: connection refused"),
    ];
    let lines = checks.map(|it| format!("{} {}", it.severity as u8, it.line));
    expect![[r#"
        0 BGPLB OK - 1 of 2 peers up, 9 of 12 addresses announced | peers=1;;;0;2 advertised=9 learned=24 announced=9 draining=1 undelivered=0 withheld=2
        1 BGPLB WARNING - 1 of 2 peers up, 9 of 12 addresses announced, Docker can't be reached, forwarding-ipv4-off, peer-down | peers=1;;;0;2 advertised=9 learned=24 announced=9 draining=1 undelivered=0 withheld=2
        2 BGPLB CRITICAL - 0 of 2 peers up, 9 of 12 addresses announced | peers=0;;;0;2 advertised=9 learned=24 announced=9 draining=1 undelivered=0 withheld=2
        0 BGPLB OK - 1 of 2 peers up | peers=1;;;0;2 advertised=9 learned=24
        3 BGPLB UNKNOWN - ask the plugin at /data/status.sock: connection refused"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn routes_with_every_mark() {
    check(
        |screen, to| {
            let mut table = Routes::learned(screen, to)?;
            table.write_learned(&learned(1, true, true, false))?;
            table.write_learned(&learned(2, false, true, true))?;
            table.write_learned(&learned(3, false, false, false))?;
            let mut table = Routes::advertised(screen, to)?;
            table.write_advertised(&AdvertisedRoute {
                prefix: IpAddr::from([10, 0, 0, 1]).into(),
                peers: vec!["192.0.2.1".to_owned(), "fe80::1%eth0".to_owned()],
                attributes: attributes(),
            })
        },
        &expect![[r#"
                PREFIX               NEXT HOP        PEER            LP    MED   ORIGIN     AS PATH
            *>  203.0.113.1/32       192.0.2.9       192.0.2.1       -     7     igp        64500 64501
            *=s 203.0.113.2/32       192.0.2.9       192.0.2.1       -     7     igp        64500 64501
                203.0.113.3/32       192.0.2.9       192.0.2.1       -     7     igp        64500 64501
            PREFIX               LP    MED   AS PATH      COMMUNITIES          TOLD
            10.0.0.1/32          -     7     64500 64501  65500:1,no-export    192.0.2.1,fe80::1%eth0
        "#]],
    );
}

#[test]
fn a_narrow_terminal_cuts_cells_and_has_colours() {
    let screen = Screen {
        width: Some(64),
        colours: true,
        now: NOW,
    };
    let some = all_services().into_iter().take(4).collect::<Vec<_>>();
    on(
        &screen,
        |screen, to| services(&some, screen, to),
        &expect![[r#"
            ADDRESS            NETWORK  STATE    FOR    REASON   CONTAIN… D…
            10.0.0.1/32        web1     ␛[32mannounc…␛[0m 3h00m  serving  a:servi… c…
            10.0.0.2/32        web2     ␛[33mdraining␛[0m 3h00m  draining web:ser… c…
            10.0.0.3/32        web3     ␛[33mdraining␛[0m 3h00m  draining web:ser… h…
            10.0.0.4/32        web4     ␛[31mundeliv…␛[0m 3h00m  datapat… web:ser… -
        "#]],
    );
    let mut written = Vec::new();
    services(&all_services(), &screen, &mut written).unwrap();
    peers(&all_peers(), &screen, &mut written).unwrap();
    for line in String::from_utf8(written).unwrap().lines() {
        let shown = [31, 32, 33, 0].iter().fold(line.to_owned(), |line, code| {
            line.replace(&format!("\x1b[{code}m"), "")
        });
        assert!(shown.chars().count() <= 64, "{shown}");
    }
}

/// What is served is what is read, in every state there is.
#[test]
fn everything_survives_json() {
    let peers = all_peers();
    let text = serde_json::to_string(&peers).unwrap();
    assert_eq!(serde_json::from_str::<Peers>(&text).unwrap(), peers);
    for service in all_services() {
        let text = serde_json::to_string(&service).unwrap();
        assert_eq!(serde_json::from_str::<Service>(&text).unwrap(), service);
    }
    let status = whole_status();
    let text = serde_json::to_string(&status).unwrap();
    assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), status);
    let route = learned(1, true, true, true);
    let text = serde_json::to_string(&route).unwrap();
    assert_eq!(serde_json::from_str::<LearnedRoute>(&text).unwrap(), route);
}

#[test]
fn a_service_as_json() {
    let service = &all_services()[1];
    expect![[r#"
        {
          "prefix": "10.0.0.2/32",
          "network": {
            "name": "web2",
            "id": "1201b136aae33ee4"
          },
          "state": "draining",
          "since": 1789989200,
          "changes": 0,
          "reason": "draining",
          "reason_since": 1789999986,
          "explanation": "",
          "containers": [
            {
              "name": "web",
              "id": "c0ffee",
              "endpoint": "6c7afb574597",
              "health": "serving",
              "attached": true,
              "share": "full",
              "drain": {
                "scope": "container",
                "stage": "marked",
                "until": 1790000022
              }
            }
          ],
          "checks": null,
          "ports": [],
          "attributes": null,
          "audience": null,
          "drain": null
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(service).unwrap());
}

#[test]
fn a_finding_has_its_subject_its_word_a_sentence_and_two_ways_on() {
    let mut wrong_as = Finding::new(
        "peer 192.0.2.1",
        "wrong-as",
        Severity::Error,
        NOW - 90,
        "192.0.2.1 is in AS 64513, and AS 64599 is configured for it",
    );
    wrong_as.show = Some("bgplb-speaker peers -o json".to_owned());
    wrong_as.mend = Some("configure AS 64513 for the peer here".to_owned());
    let text = "net.ipv4.ip_forward is 0\x1b[2J";
    let host = Finding::new("host", "forwarding-ipv4-off", Severity::Warning, NOW, text);
    check(
        |screen, to| findings(&[wrong_as.clone(), host.clone()], screen, to),
        &expect![[r#"
            ERROR peer 192.0.2.1: wrong-as, for 1m30s
              192.0.2.1 is in AS 64513, and AS 64599 is configured for it
              see:  bgplb-speaker peers -o json
              mend: configure AS 64513 for the peer here
            WARNING host: forwarding-ipv4-off, for 0s
              net.ipv4.ip_forward is 0�[2J
        "#]],
    );
    check(
        |screen, to| findings(&[], screen, to),
        &expect![[r#"
        nothing is wrong
    "#]],
    );
}

/// What happens around a container that falls ill, and some more.
fn some_events() -> Vec<Event> {
    let network = || Network::new("1".repeat(64), Some("web1".to_owned()));
    let prefix = "10.0.0.1/32".parse().unwrap();
    let events = [
        Event::new(EventKind::Started, "bgplb-plugin 0.1.0 was started"),
        Event::new(
            EventKind::PeerEstablished,
            "there is a session with 192.0.2.1",
        )
        .of_peer("192.0.2.1"),
        Event::new(EventKind::ContainerHealth, "web is unhealthy")
            .of_network(network())
            .of_container("web")
            .with_code("unhealthy"),
        Event::new(
            EventKind::ServiceWithdrawn,
            "10.0.0.1/32 of web1 is withdrawn",
        )
        .of_network(network())
        .of_prefix(prefix)
        .with_code("unhealthy"),
        Event::new(
            EventKind::ServiceState,
            "web1 is withheld: the health check fails",
        )
        .of_network(network())
        .with_code("unhealthy"),
        Event::new(EventKind::PeerDown, "the session with \u{1b}[2J has ended").of_peer("eth0"),
        Event::new(EventKind::MaintenanceOn, "this host is in maintenance"),
    ];
    let mut events = events.to_vec();
    for (sequence, event) in (1..).zip(&mut events) {
        (event.sequence, event.at) = (sequence, NOW - 20 + sequence);
    }
    events[5].sequence = 21;
    events[5].lost = Some(15);
    events[6].sequence = 22;
    events
}

fn write_events(screen: &Screen, to: &mut Vec<u8>) -> std::io::Result<()> {
    let mut table = Events::new(screen, to)?;
    some_events().iter().try_for_each(|it| table.write(it))
}

#[test]
fn events_as_they_happen() {
    check(
        write_events,
        &expect![[r#"
        NUMBER TIME                 EVENT              ABOUT           WHAT
        1      2026-09-21T14:13:01Z started            -               bgplb-plugin 0.1.0 was started
        2      2026-09-21T14:13:02Z peer-established   192.0.2.1       there is a session with 192.0.2.1
        3      2026-09-21T14:13:03Z container-health   web             web is unhealthy
        4      2026-09-21T14:13:04Z service-withdrawn  10.0.0.1/32     10.0.0.1/32 of web1 is withdrawn
        5      2026-09-21T14:13:05Z service-state      web1            web1 is withheld: the health check fails
        -      -                    lost               -               15 before the next one are no longer held
        21     2026-09-21T14:13:06Z peer-down          eth0            the session with �[2J has ended
        22     2026-09-21T14:13:07Z maintenance-on     -               this host is in maintenance
    "#]],
    );
}

#[test]
fn an_event_is_written_at_once() {
    struct Held(Vec<u8>, usize);
    impl std::io::Write for Held {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.extend_from_slice(octets);
            Ok(octets.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            self.1 = self.0.len();
            Ok(())
        }
    }
    let mut held = Held(Vec::new(), 0);
    let screen = Screen::plain(NOW);
    let mut table = Events::new(&screen, &mut held).unwrap();
    table.write(&some_events()[0]).unwrap();
    drop(table);
    assert!(held.1 > 0 && held.1 == held.0.len());
}

/// What a reload would do, with everything in it.
fn whole_diff() -> Diff {
    let mut diff = Diff::none();
    diff.changes = [
        "peer 192.0.2.1: attributes change, the session stays",
        "peer 192.0.2.2: changed, its session begins anew",
        "prefix 203.0.113.1/32: announced",
    ]
    .map(str::to_owned)
    .to_vec();
    diff.resets = vec!["192.0.2.2".to_owned()];
    diff
}

#[test]
fn what_a_reload_would_do() {
    check(
        |_, to| diff(&whole_diff(), to),
        &expect![[r#"
        peer 192.0.2.1: attributes change, the session stays
        peer 192.0.2.2: changed, its session begins anew
        prefix 203.0.113.1/32: announced
        sessions reset: 192.0.2.2
    "#]],
    );
    check(
        |_, to| diff(&Diff::none(), to),
        &expect![[r#"
        nothing would change
        sessions reset: none
    "#]],
    );
    let mut refused = Diff::none();
    refused.refused = Some("peers[0].as = 0: accepted is 1 to 4294967295".to_owned());
    check(
        |_, to| diff(&refused, to),
        &expect![[r#"
        it would be refused, and nothing changed: peers[0].as = 0: accepted is 1 to 4294967295
    "#]],
    );
}
