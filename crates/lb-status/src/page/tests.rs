//! The page of a program of which everything is known.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use expect_test::expect_file;

use super::view::{Counts, Part, SHOWN, View};
use super::{document, words};
use crate::model::{
    AdvertisedRoute, Attributes, Configuration, Container, Docker, Event, EventKind, Fault,
    Finding, Health, Host, LearnedRoute, Network, Peer, PeerCounters, PeerCounts, PeerState,
    Program, Reason, RouteCounts, Service, ServiceCounts, ServiceState, Session, Severity, Share,
    Status,
};

const NOW: u64 = 1_795_313_745;

fn attributes() -> Attributes {
    Attributes {
        origin: "igp".to_owned(),
        as_path: "64512".to_owned(),
        med: Some(50),
        communities: vec!["65000:1".to_owned()],
        ..Attributes::default()
    }
}

fn peer(address: &str, state: PeerState) -> Peer {
    let up = state == PeerState::Established;
    Peer {
        peer: address.to_owned(),
        address: address.parse().unwrap(),
        interface: None,
        neighbour: None,
        name: None,
        dynamic: false,
        asn: Some(65500),
        remote_as: "65500".to_owned(),
        state,
        since: NOW - 90,
        administratively_down: false,
        graceful_shutdown: false,
        accepted_prefixes: u64::from(up),
        accepted_by_family: BTreeMap::new(),
        end_of_rib: Vec::new(),
        withheld: Vec::new(),
        last_error: (!up).then(|| Fault {
            at: NOW - 7,
            text: "Connection refused".to_owned(),
        }),
        session: up.then(|| Session {
            local_address: None,
            identifier: "192.0.2.1".to_owned(),
            hold_time: 9,
            families: vec!["ipv4-unicast".to_owned(), "ipv6-unicast".to_owned()],
            max_message: 4096,
            capabilities: Vec::new(),
        }),
        bfd: None,
        counters: PeerCounters::default(),
    }
}

fn service(name: &str, prefix: &str, state: ServiceState, reason: Reason) -> Service {
    let network = Network::new(format!("{name:0<64}"), Some(name.to_owned()));
    let (health, share) = match state {
        ServiceState::Announced => (Health::Serving, Share::Full),
        _ => (Health::Unhealthy, Share::None),
    };
    let mut container = Container::new("e".repeat(64), health, share);
    container.name = Some(format!("{name}-1"));
    Service {
        since: NOW - 600,
        explanation: "in words".to_owned(),
        containers: vec![container],
        ..Service::new(prefix.parse().unwrap(), network, state, reason)
    }
}

fn event(sequence: u64, at: u64, kind: EventKind, prefix: &str) -> Arc<Event> {
    let event = Event::new(kind, format!("{} {prefix}", kind.word()));
    let event = event.of_prefix(prefix.parse().unwrap());
    Arc::new(Event {
        sequence,
        at,
        ..event
    })
}

/// So many announcements at these places of the bounds, and one withdrawal at
/// each.
fn latency(announced: &[(usize, u64)]) -> [Counts; 2] {
    let mut both = [Counts::default(); 2];
    for (place, count) in announced {
        both[0][*place] = *count;
        both[1][*place] = 1;
    }
    both
}

fn view() -> View {
    let program = Program::new("bgplb-plugin", "0.1.0", NOW - 86_400);
    let host = Host::new("h1".to_owned(), Ipv4Addr::new(192, 0, 2, 11), 64512);
    let mut status = Status::new(NOW, program, host, Configuration::new(None, NOW - 86_400));
    status.docker = Some(Docker::new(true, NOW - 86_400));
    status.services = Some(ServiceCounts {
        announced: 1,
        withheld: 1,
        ..ServiceCounts::default()
    });
    status.peers = PeerCounts {
        configured: 2,
        established: 1,
    };
    status.routes = RouteCounts {
        advertised: 1,
        learned: 1,
    };
    let (announced, withheld) = (ServiceState::Announced, ServiceState::Withheld);
    let mut finding = Finding::new(
        "peer 192.0.2.2",
        "refused",
        Severity::Error,
        NOW - 90,
        "No session.",
    );
    finding.show = Some("ss -tn dst 192.0.2.2".to_owned());
    finding.mend = Some("configure us as its neighbour".to_owned());
    View {
        status,
        peers: vec![
            peer("192.0.2.1", PeerState::Established),
            peer("192.0.2.2", PeerState::Active),
        ],
        services: Some(Part {
            rows: vec![
                service("web1", "10.0.0.101/32", announced, Reason::Serving),
                service("web7", "2001:db8::107/128", withheld, Reason::Unhealthy),
            ],
            more: false,
        }),
        advertised: Part {
            rows: vec![AdvertisedRoute {
                prefix: "10.0.0.101/32".parse().unwrap(),
                peers: vec!["192.0.2.1".to_owned()],
                attributes: attributes(),
            }],
            more: false,
        },
        learned: Part {
            rows: vec![LearnedRoute {
                prefix: "0.0.0.0/0".parse().unwrap(),
                peer: IpAddr::from([192, 0, 2, 1]),
                best: true,
                used: true,
                stale: false,
                next_hop: IpAddr::from([192, 0, 2, 1]),
                attributes: attributes(),
            }],
            more: false,
        },
        findings: vec![finding],
        latency: Some(latency(&[(0, 3), (2, 40), (3, 7)])),
        events: vec![
            event(1, NOW - 7200, EventKind::ServiceAnnounced, "10.0.0.101/32"),
            event(2, NOW - 1800, EventKind::ServiceWithdrawn, "10.0.0.101/32"),
            event(3, NOW - 600, EventKind::ServiceAnnounced, "10.0.0.101/32"),
        ],
    }
}

fn html(view: &View) -> String {
    document(view).into_string()
}

#[test]
fn the_page_shows_everything_there_is() {
    let shown = html(&view()).replace("><", ">\n<");
    expect_file!["tests/page.html"].assert_eq(&shown);
}

#[test]
fn what_others_choose_is_text_and_never_markup() {
    const EVIL: &str = "<script>alert('x')</script>\"><img src=x onerror=y>";
    let mut view = view();
    view.status.host.name = EVIL.to_owned();
    view.peers[0].name = Some(EVIL.to_owned());
    view.peers[1].last_error.as_mut().unwrap().text = EVIL.to_owned();
    view.findings[0].text = EVIL.to_owned();
    view.findings[0].mend = Some(EVIL.to_owned());
    let services = view.services.as_mut().unwrap();
    services.rows[0].network.name = Some(EVIL.to_owned());
    services.rows[0].explanation = EVIL.to_owned();
    services.rows[0].containers[0].name = Some(EVIL.to_owned());
    view.learned.rows[0].attributes.as_path = EVIL.to_owned();
    view.events
        .push(Arc::new(Event::new(EventKind::Other, EVIL)));
    let html = html(&view);
    assert!(!html.contains("<script>alert"), "{html}");
    assert!(!html.contains("<img"), "{html}");
    assert!(html.matches("&lt;script&gt;").count() >= 9, "{html}");
}

#[test]
fn nothing_on_the_page_comes_from_elsewhere() {
    let html = html(&view());
    for text in [&html, super::STYLE, super::SCRIPT] {
        assert!(!text.contains("http://") && !text.contains("https://"));
        assert!(!text.contains("url(") && !text.contains("@import"));
    }
    // What its policy forbids would not work.
    assert!(!html.contains(" style=") && !html.contains("<style"));
    assert!(!html.contains(" onclick=") && !html.contains("javascript:"));
}

#[test]
fn the_title_says_the_worst() {
    let mut view = view();
    assert_eq!(super::title(&view), "✗ h1");
    view.findings.clear();
    view.peers[1].administratively_down = true;
    assert_eq!(super::title(&view), "⚠ h1", "an operator wants it so");
    view.peers.pop();
    assert_eq!(super::title(&view), "⚠ h1");
    view.services.as_mut().unwrap().rows.pop();
    assert_eq!(super::title(&view), "✓ h1");
    assert_eq!(view.worst(), words::Tone::Good);
}

#[test]
fn a_program_without_services_has_no_table_of_them() {
    let mut view = view();
    view.services = None;
    view.status.services = None;
    let html = html(&view);
    assert!(!html.contains("id=\"services\""));
    assert!(!html.contains("v1/services"));
}

#[test]
fn more_than_fits_is_said_to_be_there() {
    let mut view = view();
    let services = view.services.as_mut().unwrap();
    let one = services.rows[0].clone();
    services.rows = (0..SHOWN)
        .map(|number| {
            let mut service = one.clone();
            service.network.id = format!("{number:064}");
            service
        })
        .collect();
    services.more = true;
    let html = html(&view);
    assert!(html.contains("… and more"));
    assert!(html.contains("191 more networks"));
}

/// The parts of the first service's line: class, place, width.
fn line(view: &View) -> Vec<(String, String, String)> {
    let service = &view.services.as_ref().unwrap().rows[0];
    let line = super::pictures::timeline(view, service).into_string();
    let rects = line.split("<rect ").skip(1);
    rects
        .map(|rect| {
            let value = |name: &str| {
                let begin = rect.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
                rect[begin..].split('"').next().unwrap().to_owned()
            };
            (value("class"), value("x"), value("width"))
        })
        .collect()
}

fn parts(expected: &[(&str, u32, u32)]) -> Vec<(String, String, String)> {
    let part = |(class, from, width): &(&str, u32, u32)| {
        ((*class).to_owned(), from.to_string(), width.to_string())
    };
    expected.iter().map(part).collect()
}

#[test]
fn the_line_of_an_address_has_its_states_of_the_last_hour() {
    let expected = parts(&[("good", 0, 180), ("doubtful", 180, 120), ("good", 300, 60)]);
    assert_eq!(line(&view()), expected);
}

#[test]
fn what_is_not_known_any_more_has_no_colour() {
    let mut view = view();
    view.events.clear();
    assert_eq!(
        line(&view),
        parts(&[("unknown", 0, 300), ("good", 300, 60)])
    );
}

#[test]
fn a_moment_is_seen_on_the_line() {
    let mut view = view();
    let moment = event(4, NOW - 300, EventKind::ServiceWithdrawn, "10.0.0.101/32");
    let back = event(5, NOW - 299, EventKind::ServiceAnnounced, "10.0.0.101/32");
    view.events.extend([moment, back]);
    let line = line(&view);
    assert_eq!(line[3], parts(&[("doubtful", 330, 1)])[0]);
}

#[test]
fn times_are_drawn_from_the_shortest_to_the_longest_there_was() {
    let mut view = view();
    view.latency = Some(latency(&[(2, 40), (14, 1)]));
    let html = html(&view);
    assert!(html.contains("≤ 2 ms") && html.contains("≤ 10 s") && html.contains("longer"));
    assert!(!html.contains("≤ 1 ms"));
    assert!(html.contains("announced 41") && html.contains("withdrawn 2"));
    view.latency = Some([Counts::default(); 2]);
    assert!(!self::html(&view).contains("id=\"latency\""));
}
