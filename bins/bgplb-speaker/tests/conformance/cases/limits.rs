//! The limit of prefixes: RFC 4486.

use std::thread::sleep;
use std::time::Duration;

use super::base;
use crate::harness::case::{Bench, Case};
use crate::harness::peer::{Family, Peer};
use crate::harness::speaker::Neighbour;
use crate::harness::wire::{AS_PATH, NEXT_HOP, ORIGIN, update};

/// What is written already and not yet done.
pub const AWAITING: &[&str] = &[];

pub fn cases() -> Vec<Case> {
    let with = |more| Neighbour { more, ..Neighbour::EXTERNAL };
    vec![
        Case::script("L01", "RFC 4486 4", "one prefix too many", too_many).with(with("max-prefixes = 2\nmax-prefixes-pause = 1")),
        Case::script("L02", "RFC 4486 4", "as many prefixes as may be, again and again", as_many).with(with("max-prefixes = 2")),
    ]
}

/// The data names the family and the limit.
fn too_many(bench: &Bench<'_>) -> Result<(), String> {
    let mut peer = established(bench)?;
    peer.send(&base())?;
    peer.barrier(Family::V4)?;
    peer.send(&update("", &[ORIGIN, AS_PATH, NEXT_HOP].concat(), "18 0a0300"))?;
    let end = peer.notified()?;
    if end.body != [6, 1, 0, 1, 1, 0, 0, 0, 2] {
        return Err(format!("expected 6/1, got {}", end.text()));
    }
    // Sooner than after the pause it is not wanted.
    bench.connect()?.ends()?;
    sleep(Duration::from_millis(1_500));
    Ok(())
}

fn as_many(bench: &Bench<'_>) -> Result<(), String> {
    let mut peer = established(bench)?;
    for _ in 0..5 {
        peer.send(&base())?;
    }
    peer.barrier(Family::V4)?;
    bench.goodbye(peer)
}

fn established(bench: &Bench<'_>) -> Result<Peer, String> {
    let mut peer = bench.connect()?;
    peer.establish(&bench.case.open.octets(), Family::BOTH)?;
    peer.patience(Duration::from_secs(4))?;
    Ok(peer)
}
