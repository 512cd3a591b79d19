//! Peers as a table.

use std::io::{self, Write};

use super::Screen;
use super::table::{self, Cell, Column, Tone};
use crate::model::{BfdSession, BfdState, Peer, PeerState, Peers};
use crate::time::ago;

const PEERS: [Column; 8] = [
    ("PEER", 15),
    ("AS", 10),
    ("STATE", 11),
    ("SINCE", 8),
    ("PREFIXES", 8),
    ("BFD", 10),
    ("NAME", 12),
    ("LAST ERROR", 0),
];

/// Writes all peers.
///
/// # Errors
///
/// When `to` takes no more.
pub fn peers(peers: &Peers, screen: &Screen, to: &mut impl Write) -> io::Result<()> {
    let rows: Vec<_> = peers.peers.iter().map(|peer| row(peer, screen)).collect();
    table::write(&PEERS, &rows, screen, to)
}

fn row(peer: &Peer, screen: &Screen) -> Vec<Cell> {
    vec![
        place(peer).into(),
        peer.asn
            .map_or_else(|| peer.remote_as.clone(), |asn| asn.to_string())
            .into(),
        state(peer),
        ago(screen.now, peer.since).into(),
        peer.accepted_prefixes.to_string().into(),
        peer.bfd.as_ref().map_or_else(|| "-".into(), bfd),
        Cell::of(peer.name.as_ref()),
        Cell::of(peer.last_error.as_ref().map(|error| &error.text)),
    ]
}

/// Its state, and what an operator wants of it.
fn state(peer: &Peer) -> Cell {
    let word = peer.state.word();
    match (peer.administratively_down, peer.graceful_shutdown) {
        (true, _) => Cell::new(format!("{word} (down)"), Tone::Doubtful),
        (false, true) => Cell::new(format!("{word} (going)"), Tone::Doubtful),
        (false, false) if peer.state == PeerState::Established => Cell::new(word, Tone::Good),
        (false, false) => Cell::new(word, Tone::Bad),
    }
}

/// Its address, with its interface if it needs one; the interface alone until
/// somebody was found there.
fn place(peer: &Peer) -> String {
    let address = match &peer.interface {
        Some(_) if peer.address.is_unspecified() => peer.neighbour,
        _ => Some(peer.address),
    };
    let parts = [
        address.map(|address| address.to_string()),
        peer.interface.clone(),
    ];
    Vec::from_iter(parts.into_iter().flatten()).join("%")
}

/// `Up/150ms` with the time after which silence is noticed, `Down`, or
/// `problem`, which the JSON tells more of.
fn bfd(bfd: &BfdSession) -> Cell {
    match (&bfd.problem, bfd.detection_time, bfd.state) {
        (Some(_), ..) => Cell::new("problem", Tone::Bad),
        (None, Some(time), BfdState::Up) => Cell::new(format!("Up/{time}ms"), Tone::Good),
        (None, None, BfdState::Up) => Cell::new("Up", Tone::Good),
        (None, _, BfdState::AdminDown) => Cell::new("AdminDown", Tone::Doubtful),
        (None, _, state) => Cell::new(format!("{state:?}"), Tone::Bad),
    }
}
