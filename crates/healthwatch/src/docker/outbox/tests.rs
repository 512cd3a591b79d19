//! A slow reader loses repetitions and nothing else.

use super::*;
use crate::docker::level::Level;
use crate::docker::model::ContainerId;

fn id() -> ContainerId {
    ContainerId::new("aa").unwrap()
}

fn level() -> Observation {
    Observation::Level {
        container: id(),
        level: Level::Serving,
        event_time: None,
    }
}

fn signal(signal: u8) -> Observation {
    Observation::Signal {
        container: id(),
        signal,
    }
}

fn listed() -> Observation {
    Observation::Listed {
        containers: Vec::new(),
        networks: Vec::new(),
    }
}

fn drain(outbox: &mut Outbox) -> Vec<Option<Observation>> {
    std::iter::from_fn(|| outbox.pop())
        .map(|due| match due {
            Due::Observation(observation) => Some(observation),
            Due::Everything => None,
        })
        .collect()
}

#[test]
fn order_is_kept_while_there_is_room() {
    let mut outbox = Outbox::new(4);
    for observation in [level(), signal(12), level(), Observation::Reachable] {
        assert!(!outbox.push(observation));
    }
    let seen = drain(&mut outbox);
    assert_eq!(
        seen,
        [
            Some(level()),
            Some(signal(12)),
            Some(level()),
            Some(Observation::Reachable)
        ]
    );
}

#[test]
fn an_overflow_becomes_the_whole_truth_and_keeps_signals() {
    let mut outbox = Outbox::new(3);
    let unreachable = Observation::Unreachable {
        error: String::new(),
    };
    let overflows: Vec<_> = [
        level(),
        signal(12),
        unreachable,
        Observation::Reachable,
        level(),
        signal(12),
        signal(9),
    ]
    .into_iter()
    .map(|observation| outbox.push(observation))
    .collect();
    assert_eq!(overflows.iter().filter(|&&o| o).count(), 1, "reported once");
    assert!(!outbox.is_empty());
    let seen = drain(&mut outbox);
    assert_eq!(
        seen,
        [
            Some(Observation::Reachable),
            None,
            Some(signal(12)),
            Some(signal(9))
        ]
    );
    assert!(outbox.is_empty());
}

#[test]
fn a_list_replaces_the_levels_before_it_and_goes_before_signals() {
    let mut outbox = Outbox::new(10);
    for observation in [
        level(),
        signal(12),
        Observation::Reachable,
        listed(),
        level(),
    ] {
        outbox.push(observation);
    }
    let seen = drain(&mut outbox);
    assert_eq!(
        seen,
        [
            Some(Observation::Reachable),
            Some(listed()),
            Some(signal(12)),
            Some(level())
        ]
    );
}

#[test]
fn an_endless_stream_of_levels_takes_no_more_than_the_limit() {
    let mut outbox = Outbox::new(5);
    for n in 0..10_000u32 {
        outbox.push(level());
        outbox.push(signal((n % 7) as u8));
        assert!(outbox.queue.len() <= 5 + 7);
    }
}
