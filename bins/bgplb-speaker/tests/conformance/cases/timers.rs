//! Hold and keepalive times: RFC 4271 sections 4.4, 6.5 and 10. They run for
//! seconds, beside each other.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::base;
use crate::harness::case::{Bench, Case};
use crate::harness::peer::{Family, Peer, SILENCE};
use crate::harness::speaker::Neighbour;
use crate::harness::wire::{KEEPALIVE, Open, keepalive};

pub fn cases() -> Vec<Case> {
    let short = |case: Case| {
        let open = Open::new(65001).hold_time(3);
        case.open(open, Family::BOTH)
    };
    let (hold, keep) = ("RFC 4271 6.5", "RFC 4271 4.4");
    let neighbour = Neighbour { hold_time: Some(3), ..Neighbour::EXTERNAL };
    vec![
        short(Case::script("T01", hold, "a peer that falls silent", |bench| expires(&mut established(bench)?, Instant::now()))),
        short(Case::script("T02", hold, "a peer that falls silent in OpenConfirm", |bench| {
            let mut peer = bench.connect()?;
            peer.open(&bench.case.open.octets())?;
            expires(&mut peer, Instant::now())
        })),
        Case::script("T03", hold, "our hold time is the lower one", |bench| expires(&mut established(bench)?, Instant::now())).with(neighbour),
        short(Case::script("T04", hold, "octets that are no message yet do not count", |bench| {
            let mut peer = established(bench)?;
            let began = Instant::now();
            for octet in &keepalive()[..5] {
                peer.send(&[*octet])?;
                sleep(Duration::from_millis(500));
            }
            expires(&mut peer, began)
        })),
        short(Case::script("T05", keep, "KEEPALIVEs keep the session", |bench| kept_up(bench, &keepalive()))),
        short(Case::script("T06", "RFC 4271 8.2.2", "UPDATEs keep the session", |bench| kept_up(bench, &base()))),
        short(Case::script("T07", keep, "KEEPALIVEs come every third of the hold time", |bench| {
            let mut peer = established(bench)?;
            for _ in 0..4 {
                let began = Instant::now();
                peer.expect(KEEPALIVE)?;
                peer.send(&keepalive())?;
                let pause = began.elapsed();
                if pause > Duration::from_millis(1500) {
                    return Err(format!("{pause:?} without a KEEPALIVE"));
                }
            }
            bench.goodbye(peer)
        })),
        Case::script("T08", keep, "hold time 0: no KEEPALIVEs, and no end", |bench| {
            let mut peer = established(bench)?;
            peer.patience(Duration::from_secs(4))?;
            match peer.next() {
                Err(error) if error == SILENCE => {}
                other => return Err(format!("expected silence, got {other:?}")),
            }
            peer.patience(crate::harness::peer::PATIENCE)?;
            peer.barrier(Family::V4)?;
            bench.goodbye(peer)
        })
        .open(Open::new(65001).hold_time(0), Family::BOTH),
    ]
}

fn established(bench: &Bench<'_>) -> Result<Peer, String> {
    let mut peer = bench.connect()?;
    peer.establish(&bench.case.open.octets(), Family::BOTH)?;
    Ok(peer)
}

/// Three seconds after the last message comes 4/0.
fn expires(peer: &mut Peer, began: Instant) -> Result<(), String> {
    let end = peer.notified()?;
    let time = began.elapsed();
    if end.body != [4, 0] {
        return Err(format!("expected 4/0, got {}", end.text()));
    }
    // Some of it was over before we looked; a busy machine is late.
    let around = Duration::from_millis(2500)..Duration::from_millis(5500);
    match around.contains(&time) {
        true => Ok(()),
        false => Err(format!("the hold time of 3 s took {time:?}")),
    }
}

/// For longer than the hold time something is said every second.
fn kept_up(bench: &Bench<'_>, octets: &[u8]) -> Result<(), String> {
    let mut peer = established(bench)?;
    for _ in 0..6 {
        peer.send(octets)?;
        sleep(Duration::from_secs(1));
    }
    peer.barrier(Family::V4)?;
    bench.goodbye(peer)
}
