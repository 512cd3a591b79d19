//! Services as a table.

use std::io::{self, Write};

use super::Screen;
use super::table::{self, Cell, Column, Tone};
use crate::model::{Check, CheckState, Container, Drain, Service, ServiceState, Share};
use crate::time::{ago, span};

const SERVICES: [Column; 7] = [
    ("ADDRESS", 18),
    ("NETWORK", 10),
    ("STATE", 9),
    ("FOR", 6),
    ("REASON", 9),
    ("CONTAINERS", 10),
    ("DRAIN", 0),
];

/// Writes all services.
///
/// # Errors
///
/// When `to` takes no more.
pub fn services(services: &[Service], screen: &Screen, to: &mut impl Write) -> io::Result<()> {
    let rows: Vec<_> = services.iter().map(|it| row(it, screen)).collect();
    let mut columns = SERVICES;
    // A program makes checks of its own, or it has containers.
    if services.iter().any(|it| it.checks.is_some()) {
        columns[1].0 = "SERVICE";
        columns[5].0 = "CHECKS";
    }
    table::write(&columns, &rows, screen, to)
}

fn row(service: &Service, screen: &Screen) -> Vec<Cell> {
    let network = &service.network;
    let name = network.name.clone();
    let name = name.unwrap_or_else(|| network.id.chars().take(12).collect());
    let served_by = match &service.checks {
        Some(checks) => passing(checks),
        None => {
            let containers: Vec<_> = service.containers.iter().map(container).collect();
            containers.join(",")
        }
    };
    vec![
        service.prefix.to_string().into(),
        name.into(),
        state(service.state),
        ago(screen.now, service.since).into(),
        service.reason.word().into(),
        served_by.into(),
        drains(service, screen.now).into(),
    ]
}

pub(super) fn state(state: ServiceState) -> Cell {
    let tone = match state {
        ServiceState::Announced => Tone::Good,
        ServiceState::Draining => Tone::Doubtful,
        _ => Tone::Bad,
    };
    Cell::new(state.word(), tone)
}

/// `2/3 passing`.
fn passing(checks: &[Check]) -> String {
    let passing = checks.iter().filter(|it| it.state == CheckState::Passing);
    match checks.len() {
        0 => "none".to_owned(),
        all => format!("{}/{all} passing", passing.count()),
    }
}

/// `web1:serving*`: the star is for one that is delivered to.
fn container(container: &Container) -> String {
    let name = container.name.clone();
    let name = name.unwrap_or_else(|| container.endpoint.chars().take(12).collect());
    let star = match container.share {
        Share::Full => "*",
        Share::Leaving => "-",
        _ => "",
    };
    format!("{name}:{}{star}", container.health.word())
}

/// `container withdrawn 4s left`.
fn drains(service: &Service, now: u64) -> String {
    let containers = service.containers.iter().filter_map(|it| it.drain);
    let all: Vec<_> = service
        .drain
        .into_iter()
        .chain(containers)
        .map(|drain| one_drain(&drain, now))
        .collect();
    all.join(", ")
}

pub(super) fn one_drain(drain: &Drain, now: u64) -> String {
    let (scope, stage) = (drain.scope.word(), drain.stage.word());
    match drain.until {
        Some(until) => format!("{scope} {stage}, {} left", span(until.saturating_sub(now))),
        None => format!("{scope} {stage}"),
    }
}
