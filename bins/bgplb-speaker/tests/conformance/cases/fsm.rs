//! Messages and events in states that do not expect them: RFC 4271 sections
//! 6.6 and 8.2.2, RFC 6608.

use serde_json::json;

use super::base;
use crate::harness::case::{At, Bench, Case, Expect};
use crate::harness::peer::{Family, Peer};
use crate::harness::wire::{A_SHOWN, B_SHOWN, OPEN, Open, hex, keepalive, message, notification, route_refresh};

use At::{Established, OpenConfirm, OpenSent};

pub fn cases() -> Vec<Case> {
    let mut cases = unexpected();
    cases.extend(notifications());
    cases.extend(connections());
    cases
}

fn unexpected() -> Vec<Case> {
    let update = || message(2, &[0, 0, 0, 0]);
    let refresh = || route_refresh(1, 0);
    let open = || Open::new(65001).octets();
    [
        ("F01", "KEEPALIVE in OpenSent", OpenSent, keepalive(), 1, 4),
        ("F02", "UPDATE in OpenSent", OpenSent, update(), 1, 2),
        ("F03", "ROUTE-REFRESH in OpenSent", OpenSent, refresh(), 1, 5),
        ("F04", "OPEN in OpenConfirm", OpenConfirm, open(), 2, 1),
        ("F05", "UPDATE in OpenConfirm", OpenConfirm, update(), 2, 2),
        ("F06", "ROUTE-REFRESH in OpenConfirm", OpenConfirm, refresh(), 2, 5),
        ("F07", "OPEN in Established", Established, open(), 3, 1),
        (
            "F08",
            "OPEN of another version in Established",
            Established,
            Open::new(65001).version(3).octets(),
            3,
            1,
        ),
    ]
    .into_iter()
    .map(|(id, what, at, octets, subcode, kind)| {
        let expect = Expect::Notification(5, subcode, vec![kind]);
        Case::new(id, "RFC 6608 3", what, at, octets, expect)
    })
    .collect()
}

/// Nothing is answered to a NOTIFICATION, known or not.
fn notifications() -> Vec<Case> {
    [
        ("F20", "NOTIFICATION 2/1 in OpenSent", OpenSent, 2, 1, "0003"),
        ("F21", "NOTIFICATION 6/5 in OpenSent", OpenSent, 6, 5, ""),
        ("F22", "NOTIFICATION 2/6 in OpenConfirm", OpenConfirm, 2, 6, ""),
        ("F23", "NOTIFICATION 1/1", Established, 1, 1, ""),
        ("F24", "NOTIFICATION 3/1", Established, 3, 1, ""),
        ("F25", "NOTIFICATION 4/0", Established, 4, 0, ""),
        ("F26", "NOTIFICATION 5/3", Established, 5, 3, "01"),
        ("F27", "NOTIFICATION 6/2 with a text", Established, 6, 2, "03 627965"),
        ("F28", "NOTIFICATION 6/2 with a text longer than itself", Established, 6, 2, "ff 627965"),
        ("F29", "NOTIFICATION 6/2 with a text that is not UTF-8", Established, 6, 2, "02 c3c3"),
        ("F30", "NOTIFICATION 6/9 around another", Established, 6, 9, "0602"),
        ("F31", "NOTIFICATION 8/0", Established, 8, 0, ""),
        ("F32", "NOTIFICATION of an unknown subcode", Established, 6, 200, ""),
        ("F33", "NOTIFICATION of an unknown code", Established, 77, 7, "00"),
        ("F34", "NOTIFICATION 0/0", Established, 0, 0, ""),
    ]
    .into_iter()
    .map(|(id, what, at, code, subcode, data)| {
        let octets = notification(code, subcode, &hex(data));
        Case::new(id, "RFC 4271 6.4", what, at, octets, Expect::Close)
    })
    .collect()
}

fn connections() -> Vec<Case> {
    let event = "RFC 4271 8.2.2";
    vec![
        Case::script("F40", event, "the connection ends in OpenSent", |bench| bench.connect()?.finish()),
        Case::script("F41", event, "the connection ends in OpenConfirm", |bench| {
            let mut peer = bench.connect()?;
            peer.open(&bench.case.open.octets())?;
            peer.finish()?;
            peer.closed()
        }),
        Case::script("F42", event, "the connection ends in Established", |bench| {
            let mut peer = with_routes(bench)?;
            peer.finish()?;
            peer.closed()
        }),
        Case::script("F43", event, "the connection is reset in OpenSent", |bench| bench.connect()?.abort()),
        Case::script("F44", event, "the connection is reset in Established", |bench| with_routes(bench)?.abort()),
        Case::script("F45", event, "the connection ends within a message", |bench| {
            let mut peer = with_routes(bench)?;
            peer.send(&keepalive()[..18])?;
            peer.finish()?;
            peer.closed()
        }),
        Case::script("F46", "RFC 4271 4.1", "a session octet by octet", octet_by_octet),
        Case::script("F47", "RFC 4271 4.1", "a session in one segment", all_at_once),
        Case::script("F48", "RFC 4271 6.8", "a second connection beside an Established one", second_connection),
        Case::script("F49", event, "nine connections that end at once", |bench| {
            (0..9).try_for_each(|_| {
                let mut peer = bench.connect()?;
                peer.expect(OPEN)?;
                peer.abort()
            })
        }),
    ]
}

fn with_routes(bench: &Bench<'_>) -> Result<Peer, String> {
    let mut peer = bench.connect()?;
    peer.establish(&bench.case.open.octets(), Family::BOTH)?;
    peer.send(&base())?;
    peer.barrier(Family::V4)?;
    has_both(bench)?;
    Ok(peer)
}

fn has_both(bench: &Bench<'_>) -> Result<(), String> {
    bench.has_routes(&[json!({"prefix": A_SHOWN}), json!({"prefix": B_SHOWN})])
}

fn octet_by_octet(bench: &Bench<'_>) -> Result<(), String> {
    let mut peer = bench.connect()?;
    let all = [bench.case.open.octets(), keepalive(), base()].concat();
    peer.dribble(&all)?;
    peer.open(&[])?;
    peer.first_transfer(Family::BOTH)?;
    peer.barrier(Family::V4)?;
    has_both(bench)?;
    bench.goodbye(peer)
}

fn all_at_once(bench: &Bench<'_>) -> Result<(), String> {
    let mut peer = bench.connect()?;
    let all = [bench.case.open.octets(), keepalive(), base()].concat();
    peer.open(&all)?;
    peer.first_transfer(Family::BOTH)?;
    peer.barrier(Family::V4)?;
    has_both(bench)?;
    bench.goodbye(peer)
}

/// The one that is there stays, and the other is closed, with a reason or
/// without.
fn second_connection(bench: &Bench<'_>) -> Result<(), String> {
    let mut first = with_routes(bench)?;
    let mut second = bench.connect()?;
    // It is closed before or after our OPEN is read.
    let _ = second.send(&bench.case.open.octets());
    second.ends()?;
    first.barrier(Family::V4)?;
    has_both(bench)?;
    bench.goodbye(first)
}
