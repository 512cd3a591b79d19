//! Two connections at once, and the speaker's own: RFC 4271 section 6.8, RFC
//! 6286 section 2.3.

use crate::harness::case::{Bench, Case, Script};
use crate::harness::peer::Family;
use crate::harness::speaker::{LOCAL_IDENTIFIER, Neighbour};
use crate::harness::wire::{KEEPALIVE, OPEN, Open, keepalive};

pub fn cases() -> Vec<Case> {
    let above = [192, 0, 2, 2];
    let below = [192, 0, 2, 0];
    let case = |id, clause, what, asn, identifier, script: Script| {
        let case = Case::script(id, clause, what, script).with(Neighbour { port: Some(0), ..Neighbour::of(asn) });
        let open = Open::new(asn).identifier(identifier);
        case.open(open, Family::BOTH)
    };
    let base = "RFC 4271 6.8";
    let equal = "RFC 6286 2.3";
    let high_as = 4_200_000_000;
    vec![
        case("D01", base, "the speaker connects", 65001, above, answered),
        case("D02", base, "identifier above ours, our connection first", 65001, above, |bench| {
            collide(bench, First::Theirs, Survivor::Mine)
        }),
        case("D03", base, "identifier above ours, theirs first", 65001, above, |bench| {
            collide(bench, First::Mine, Survivor::Mine)
        }),
        case("D04", base, "identifier below ours, our connection first", 65001, below, |bench| {
            collide(bench, First::Theirs, Survivor::Theirs)
        }),
        case("D05", base, "identifier below ours, theirs first", 65001, below, |bench| {
            collide(bench, First::Mine, Survivor::Theirs)
        }),
        case("D06", equal, "equal identifiers, AS below ours", 65001, LOCAL_IDENTIFIER, |bench| {
            collide(bench, First::Theirs, Survivor::Theirs)
        }),
        case("D07", equal, "equal identifiers, AS above ours", high_as, LOCAL_IDENTIFIER, |bench| {
            collide(bench, First::Theirs, Survivor::Mine)
        }),
    ]
}

/// On which connection the OPEN is sent first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Mine,
    Theirs,
}

/// Which connection has to stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Survivor {
    /// The one this peer opened.
    Mine,
    /// The one the speaker opened.
    Theirs,
}

fn answered(bench: &Bench<'_>) -> Result<(), String> {
    let mut peer = bench.accept()?;
    peer.establish(&bench.case.open.octets(), Family::BOTH)?;
    peer.barrier(Family::V4)?;
    bench.goodbye(peer)
}

fn collide(bench: &Bench<'_>, first: First, survivor: Survivor) -> Result<(), String> {
    let open = bench.case.open.octets();
    let mut theirs = bench.accept()?;
    theirs.expect(OPEN)?;
    let mut mine = bench.connect()?;
    mine.expect(OPEN)?;
    let (earlier, later) = match first {
        First::Mine => (&mut mine, &mut theirs),
        First::Theirs => (&mut theirs, &mut mine),
    };
    earlier.send(&open)?;
    earlier.expect(KEEPALIVE)?;
    later.send(&open)?;
    let (mut stays, mut goes) = match survivor {
        Survivor::Mine => (mine, theirs),
        Survivor::Theirs => (theirs, mine),
    };
    let farewell = goes.notified()?;
    if farewell.body != [6, 7] {
        return Err(format!("expected 6/7, got {}", farewell.text()));
    }
    if (first == First::Mine) == (survivor == Survivor::Theirs) {
        // Its OPEN came later, so its KEEPALIVE does too.
        stays.expect(KEEPALIVE)?;
    }
    stays.send(&keepalive())?;
    stays.first_transfer(Family::BOTH)?;
    stays.barrier(Family::V4)?;
    bench.goodbye(stays)
}
