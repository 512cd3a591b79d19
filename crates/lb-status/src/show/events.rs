//! Events as a table that grows.

use std::io::{self, Write};

use super::Screen;
use super::table::{Cell, Column, Lines, Tone};
use crate::model::{Event, EventKind};
use crate::time::clock;

const EVENTS: [Column; 5] = [
    ("NUMBER", 6),
    ("TIME", 20),
    ("EVENT", 18),
    ("ABOUT", 15),
    ("WHAT", 0),
];

/// A table of events that is written while they happen.
#[derive(Debug)]
pub struct Events<'a, W> {
    lines: Lines<'a, W>,
}

impl<'a, W: Write> Events<'a, W> {
    /// Writes the headings.
    ///
    /// # Errors
    ///
    /// When `to` takes no more.
    pub fn new(screen: &'a Screen, to: &'a mut W) -> io::Result<Self> {
        let mut lines = Lines::new(&EVENTS, screen, to)?;
        lines.flush()?;
        Ok(Self { lines })
    }

    /// Writes one event, at once.
    ///
    /// # Errors
    ///
    /// When the output takes no more.
    pub fn write(&mut self, event: &Event) -> io::Result<()> {
        if let Some(lost) = event.lost {
            let text = format!("{lost} before the next one are no longer held");
            let cells = ["-", "-", "lost", "-"].map(Cell::from);
            let row = [&cells[..], &[Cell::new(text, Tone::Bad)]].concat();
            self.lines.line(&row)?;
        }
        let network = event.network.as_ref();
        let network = network.map(|it| {
            it.name
                .clone()
                .unwrap_or_else(|| it.id.chars().take(12).collect())
        });
        let prefix = event.prefix.map(|it| it.to_string());
        let about = event.peer.clone().or_else(|| event.container.clone());
        let about = about.or(prefix).or(network);
        self.lines.line(&[
            event.sequence.to_string().into(),
            clock(event.at).into(),
            Cell::new(event.kind.word(), tone(event.kind)),
            Cell::of(about),
            Cell::from(&event.message),
        ])?;
        self.lines.flush()
    }
}

const fn tone(kind: EventKind) -> Tone {
    match kind {
        EventKind::ServiceAnnounced
        | EventKind::PeerEstablished
        | EventKind::BfdUp
        | EventKind::DockerConnected
        | EventKind::FindingGone => Tone::Good,
        EventKind::PeerDown
        | EventKind::BfdDown
        | EventKind::DockerDisconnected
        | EventKind::FindingAppeared => Tone::Bad,
        EventKind::DrainBegun | EventKind::MaintenanceOn | EventKind::ServiceWithdrawn => {
            Tone::Doubtful
        }
        _ => Tone::Plain,
    }
}
