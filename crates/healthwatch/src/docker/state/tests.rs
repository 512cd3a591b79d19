//! Events and lists in every order end with the truth.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};

use super::*;
use crate::docker::level::{Facts, Health, Level, Phase};
use crate::docker::model::{Attachment, Container};
use crate::docker::question::Answer;

mod world;

fn id(text: &str) -> ContainerId {
    ContainerId::new(text).unwrap()
}

fn listing(name: &str, phase: Phase, health: Health) -> Listing {
    Listing {
        id: id(name),
        name: name.to_owned(),
        labels: BTreeMap::new(),
        endpoints: Vec::new(),
        facts: Facts { phase, health },
    }
}

fn serving(name: &str) -> Listing {
    listing(name, Phase::Running, Health::Healthy)
}

fn network(id: &str) -> Network {
    Network {
        id: id.to_owned(),
        name: "net".to_owned(),
        driver: String::new(),
        labels: BTreeMap::new(),
        subnets: vec![],
    }
}

fn event(name: &str, change: Change) -> Event {
    Event::Container {
        id: id(name),
        change,
        time: None,
    }
}

fn kill(name: &str, signal: u8) -> Event {
    Event::Kill {
        id: id(name),
        signal: Some(signal),
        time: None,
    }
}

/// A state with a clock and short words for what is done to it.
struct Bench {
    state: State,
    now: Instant,
}

impl Bench {
    /// Opened, with `listings` listed and nothing left to ask for.
    fn listed(listings: &[Listing]) -> Self {
        let mut bench = Self {
            state: State::default(),
            now: Instant::now(),
        };
        bench.state.stream_opened(bench.now);
        bench.answer_with(listings);
        bench.now += Duration::from_secs(3);
        bench.answer_with(listings);
        bench.said();
        assert_eq!(bench.ask(), None);
        bench
    }

    fn event(&mut self, event: Event) -> &mut Self {
        self.state.handle_event(self.now, event);
        self
    }

    fn ask(&mut self) -> Option<Request> {
        self.state.poll_request(self.now)
    }

    fn answer(&mut self, request: &Request, listings: &[Listing]) {
        let wanted = |listing: &&Listing| match &request.scope {
            Scope::Everything => true,
            Scope::Some { containers, .. } => containers.contains(&listing.id),
        };
        let networks = match request.scope {
            Scope::Everything | Scope::Some { networks: true, .. } => Some(Vec::new()),
            Scope::Some { .. } => None,
        };
        let containers = listings.iter().filter(wanted).cloned().collect();
        self.state.handle_answer(
            self.now,
            request.ticket,
            Answer {
                containers,
                networks,
            },
        );
    }

    fn answer_with(&mut self, listings: &[Listing]) {
        let request = self.ask().expect("a question");
        self.answer(&request, listings);
    }

    fn said(&mut self) -> String {
        let mut text = String::new();
        while let Some(observation) = self.state.poll_observation() {
            text.push_str(&in_words(&observation));
            text.push('\n');
        }
        text
    }

    fn check(&mut self, expect: &Expect) {
        expect.assert_eq(&self.said());
    }
}

fn in_words(observation: &Observation) -> String {
    let short = |id: &ContainerId| id.as_str().chars().take(6).collect::<String>();
    match observation {
        Observation::Listed {
            containers,
            networks,
        } => {
            let levels: Vec<_> = containers
                .iter()
                .map(|c| format!("{} {}", short(&c.id), c.level))
                .collect();
            format!("all: {} and {} networks", levels.join(", "), networks.len())
        }
        Observation::Container(c) => format!("{} \"{}\" {}", short(&c.id), c.name, c.level),
        Observation::ContainerGone(id) => format!("{} gone", short(id)),
        Observation::Level {
            container, level, ..
        } => format!("{} {level}", short(container)),
        Observation::Signal { container, signal } => {
            format!("{} signal {signal}", short(container))
        }
        Observation::Network(network) => format!("network {}", network.id),
        Observation::NetworkGone(id) => format!("network {id} gone"),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_verdict_is_told_at_once_and_asks_nothing() {
    let mut bench = Bench::listed(&[serving("web")]);
    bench.event(event("web", Change::Health(Health::Unhealthy)));
    bench.check(&expect![[r#"
        web not serving: unhealthy
    "#]]);
    assert_eq!(bench.ask(), None);
    bench.event(event("web", Change::Health(Health::Healthy)));
    bench.check(&expect![[r#"
        web serving
    "#]]);
}

#[test]
fn an_event_carries_its_time() {
    let mut bench = Bench::listed(&[serving("web")]);
    let time = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(5));
    bench.event(Event::Container {
        id: id("web"),
        change: Change::Paused,
        time,
    });
    let said = bench.state.poll_observation();
    assert!(matches!(said, Some(Observation::Level { event_time, .. }) if event_time == time));
}

#[test]
fn a_list_asked_for_before_an_event_does_not_undo_it() {
    let mut bench = Bench::listed(&[serving("web")]);
    bench.state.resync();
    let old = bench.ask().unwrap();
    bench.event(event("web", Change::Health(Health::Unhealthy)));
    bench.said();
    bench.answer(&old, &[serving("web")]);
    bench.check(&expect![[r#"
        all: web not serving: unhealthy and 0 networks
    "#]]);
    // And it is looked at again, by a question that is younger than the event.
    bench.answer_with(&[serving("web")]);
    bench.check(&expect![[r#"
        web serving
    "#]]);
    assert_eq!(bench.ask(), None);
}

#[test]
fn events_during_the_first_list_are_replayed_on_it() {
    let mut bench = Bench {
        state: State::default(),
        now: Instant::now(),
    };
    bench.state.stream_opened(bench.now);
    let first = bench.ask().unwrap();
    for e in [
        event("died", Change::Ended),
        event("gone", Change::Removed),
        event("sick", Change::Health(Health::Unhealthy)),
        event("born", Change::Altered),
    ] {
        bench.event(e);
    }
    bench.check(&expect![""]);
    bench.answer(
        &first,
        &[
            serving("died"),
            serving("gone"),
            serving("sick"),
            serving("well"),
        ],
    );
    bench.check(&expect![[r#"
        all: died not serving: exited, sick not serving: unhealthy, well serving and 0 networks
    "#]]);
    let Some(Request {
        scope: Scope::Some {
            containers,
            networks: false,
        },
        ..
    }) = bench.ask()
    else {
        panic!("a look at what the events named");
    };
    let asked: Vec<_> = containers.iter().map(ContainerId::as_str).collect();
    assert_eq!(asked, ["born", "died", "sick"]);
}

#[test]
fn only_the_newest_question_may_be_answered() {
    let mut bench = Bench::listed(&[serving("web")]);
    bench.state.resync();
    let old = bench.ask().unwrap();
    bench.state.stream_opened(bench.now);
    let new = bench.ask().unwrap();
    bench.answer(&old, &[]);
    bench.check(&expect![""]);
    bench.answer(&new, &[serving("web")]);
    bench.check(&expect![[r#"
        all: web serving and 0 networks
    "#]]);
}

#[test]
fn a_container_that_a_list_lacks_but_an_event_named_is_not_gone_yet() {
    let mut bench = Bench::listed(&[serving("web")]);
    bench.state.resync();
    let request = bench.ask().unwrap();
    bench.event(event("web", Change::Altered));
    bench.answer(&request, &[]);
    bench.check(&expect![[r#"
        all: web serving and 0 networks
    "#]]);
    bench.answer_with(&[]);
    bench.check(&expect![[r#"
        web gone
    "#]]);
}

#[test]
fn lists_that_lag_behind_an_end_are_doubted_until_a_start_or_some_time() {
    let mut bench = Bench::listed(&[serving("web")]);
    bench.event(event("web", Change::Ended));
    bench.check(&expect![[r#"
        web not serving: exited
    "#]]);
    bench.answer_with(&[serving("web")]);
    bench.check(&expect![""]);
    bench.now += Duration::from_millis(20);
    bench.answer_with(&[listing("web", Phase::Restarting, Health::Unknown)]);
    bench.check(&expect![[r#"
        web not serving: restarting
    "#]]);
    bench.event(event("web", Change::Started));
    bench.check(&expect![[r#"
        web not serving: starting
    "#]]);
    bench.answer_with(&[listing("web", Phase::Running, Health::None)]);
    bench.check(&expect![[r#"
        web serving
    "#]]);

    // A start whose event was lost is believed late, but it is believed.
    bench.event(event("web", Change::Ended));
    bench.now += Duration::from_secs(60);
    bench.answer_with(&[serving("web")]);
    bench.check(&expect![[r#"
        web not serving: exited
        web serving
    "#]]);
}

#[test]
fn a_pause_and_its_end_are_settled_by_repeated_looks() {
    let mut bench = Bench::listed(&[serving("web")]);
    bench
        .event(event("web", Change::Paused))
        .event(event("web", Change::Resumed));
    let paused = listing("web", Phase::Paused, Health::Unknown);
    bench.answer_with(std::slice::from_ref(&paused));
    bench.check(&expect![[r#"
        web not serving: paused
    "#]]);
    assert_eq!(bench.ask(), None);
    bench.now = bench.state.poll_timeout().unwrap();
    bench.answer_with(&[paused]);
    bench.now = bench.state.poll_timeout().unwrap();
    bench.answer_with(&[serving("web")]);
    bench.check(&expect![[r#"
        web serving
    "#]]);
    bench.now = bench.state.poll_timeout().unwrap();
    bench.answer_with(&[serving("web")]);
    assert_eq!(bench.state.poll_timeout(), None);
}

#[test]
fn a_sigkill_ends_serving_before_the_container_died() {
    let mut bench = Bench::listed(&[serving("web")]);
    bench.event(kill("web", 9));
    bench.event(Event::Attachment {
        network: "n".to_owned(),
        container: Some(id("web")),
    });
    bench.answer_with(&[serving("web")]);
    bench.event(event("web", Change::Health(Health::Healthy)));
    bench.event(event("web", Change::Ended));
    bench.check(&expect![[r#"
        web signal 9
        web not serving: exited
    "#]]);
}

#[test]
fn other_signals_are_told_and_change_no_level() {
    let mut bench = Bench::listed(&[serving("web")]);
    bench.event(kill("web", 12)).event(kill("web", 15));
    bench.check(&expect![[r#"
        web signal 12
        web signal 15
    "#]]);
}

#[test]
fn a_label_named_signal_makes_signals_untold() {
    let mut forged = serving("web");
    forged.labels.insert("signal".to_owned(), "12".to_owned());
    let mut bench = Bench::listed(&[forged.clone()]);
    bench.event(kill("web", 12)).event(kill("web", 9));
    bench.event(Event::Kill {
        id: id("web"),
        signal: None,
        time: None,
    });
    bench.check(&expect![""]);
    assert!(bench.state.containers[&id("web")].warned);
    // The mark outlives a new list, so that the warning does not repeat.
    bench.state.resync();
    bench.answer_with(&[forged]);
    assert!(bench.state.containers[&id("web")].warned);
}

#[test]
fn a_signal_to_an_unknown_container_waits_for_its_labels() {
    let mut forged = serving("forged");
    forged.labels.insert("signal".to_owned(), "12".to_owned());
    let mut bench = Bench::listed(&[]);
    bench
        .event(kill("web", 12))
        .event(kill("forged", 12))
        .event(kill("gone", 12))
        .event(kill("web", 12));
    bench.answer_with(&[serving("web"), forged]);
    bench.check(&expect![[r#"
        forged "forged" serving
        web "web" serving
        web signal 12
    "#]]);
    assert!(bench.state.unproven.is_empty());
}

#[test]
fn a_signal_during_the_first_list_is_told_after_it() {
    let mut bench = Bench {
        state: State::default(),
        now: Instant::now(),
    };
    bench.state.stream_opened(bench.now);
    let first = bench.ask().unwrap();
    bench.event(kill("web", 12)).event(kill("gone", 12));
    bench.answer(&first, &[serving("web")]);
    bench.check(&expect![[r#"
        all: web serving and 0 networks
        web signal 12
    "#]]);
    bench.answer_with(&[serving("web")]);
    assert!(bench.state.unproven.is_empty());
}

#[test]
fn networks_are_looked_at_when_one_changes_or_an_unknown_one_is_joined() {
    let mut bench = Bench::listed(&[serving("web")]);
    let look = |bench: &mut Bench, networks: Vec<Network>| {
        let Some(Request {
            ticket,
            scope: Scope::Some { networks: true, .. },
        }) = bench.ask()
        else {
            panic!("networks are asked for");
        };
        let answer = Answer {
            containers: vec![serving("web")],
            networks: Some(networks),
        };
        bench.state.handle_answer(bench.now, ticket, answer);
    };
    bench.event(Event::Network);
    look(&mut bench, vec![network("a"), network("b")]);
    bench.event(Event::Attachment {
        network: "c".to_owned(),
        container: Some(id("web")),
    });
    look(&mut bench, vec![network("a"), network("c")]);
    bench.check(&expect![[r#"
        network a
        network b
        network c
        network b gone
    "#]]);
    bench.event(Event::Attachment {
        network: "a".to_owned(),
        container: Some(id("web")),
    });
    assert!(matches!(
        bench.ask(),
        Some(Request {
            scope: Scope::Some {
                networks: false,
                ..
            },
            ..
        })
    ));
}

#[test]
fn many_containers_are_asked_for_in_parts_and_very_many_at_once() {
    let mut bench = Bench::listed(&[]);
    let mut asked = 0;
    for n in 0..130 {
        bench.event(event(&format!("c{n}"), Change::Altered));
    }
    while let Some(Request {
        ticket,
        scope: Scope::Some { containers, .. },
    }) = bench.ask()
    {
        assert!(containers.len() <= MAX_LOOKS);
        asked += containers.len();
        bench
            .state
            .handle_answer(bench.now, ticket, Answer::default());
    }
    assert_eq!(asked, 130);
    for n in 0..=MANY_LOOKS {
        bench.event(event(&format!("c{n}"), Change::Altered));
    }
    assert!(matches!(
        bench.ask(),
        Some(Request {
            scope: Scope::Everything,
            ..
        })
    ));
}

#[test]
fn a_failed_question_is_asked_again() {
    let mut bench = Bench::listed(&[serving("web")]);
    bench.event(event("web", Change::Altered));
    let failed = bench.ask().unwrap();
    bench.state.forget_request();
    let again = bench.ask().unwrap();
    assert_eq!(again.scope, failed.scope);
    assert_ne!(again.ticket, failed.ticket);
}

#[test]
fn the_recorded_lives_of_all_engines_end_as_they_did() {
    for (engine, text) in crate::docker::fixtures::EVENTS {
        let mut bench = Bench::listed(&[]);
        let events: Vec<_> = text
            .lines()
            .filter_map(|line| Event::parse(line.as_bytes()).unwrap())
            .collect();
        let first = events.iter().find_map(|e| match e {
            Event::Container { id, .. } => Some(id.clone()),
            _ => None,
        });
        // Docker's list as it was while the first container ran: each look
        // finds it so, however late, and the events must put it right.
        let mut web = serving("web");
        web.id = first.unwrap();
        web.labels.insert("signal".to_owned(), "12".to_owned());
        let mut levels = String::new();
        for e in events {
            bench.event(e);
            while let Some(Request { ticket, scope }) = bench.ask() {
                let Scope::Some {
                    containers,
                    networks,
                } = scope
                else {
                    panic!("no whole list")
                };
                let answer = Answer {
                    containers: containers
                        .contains(&web.id)
                        .then(|| web.clone())
                        .into_iter()
                        .collect(),
                    networks: networks.then(Vec::new),
                };
                bench.state.handle_answer(bench.now, ticket, answer);
            }
            levels.push_str(&bench.said().replace(&web.id.as_str()[..6], "web"));
        }
        assert!(bench.state.containers.is_empty(), "{engine}");
        let levels: Vec<_> = levels
            .lines()
            .filter(|line| line.starts_with("web "))
            .collect();
        // How often it failed differs between the recordings.
        let failures = levels
            .iter()
            .filter(|line| line.ends_with("unhealthy"))
            .count();
        assert!((1..=2).contains(&failures), "{engine}");
        assert_eq!(levels[..1], ["web \"web\" serving"], "{engine}");
        let from_the_pause_on = &levels[1 + 2 * failures - 1..];
        assert_eq!(from_the_pause_on, PAUSED_RESTARTED_TWICE_KILLED, "{engine}");
    }
}

/// What the recorded container went through after its health check failed,
/// as its levels tell it.
const PAUSED_RESTARTED_TWICE_KILLED: &[&str] = &[
    "web not serving: paused",
    "web serving",
    "web not serving: exited",
    "web not serving: starting",
    "web serving",
    "web not serving: exited",
    "web not serving: starting",
    "web serving",
    "web not serving: exited",
    "web gone",
];
