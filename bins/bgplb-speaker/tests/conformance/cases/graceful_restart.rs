//! Routes of a peer that went away: RFC 4724, RFC 8538, RFC 7313 section 4.

use serde_json::json;

use super::base;
use crate::harness::case::{Bench, Case};
use crate::harness::peer::{Family, Peer};
use crate::harness::wire::{A, A_SHOWN, AS_PATH, AS4, B_SHOWN, NEXT_HOP, ORIGIN, Open, V4, V6, hex, keepalive, notification, route_refresh, update};

/// What is written already and not yet done.
pub const AWAITING: &[&str] = &[];

pub fn cases() -> Vec<Case> {
    let with = |id, clause, what, capability: &str, script| {
        let capabilities = [V4, V6, "0200", AS4, capability].concat();
        let open = Open::new(65001).capabilities(&capabilities);
        Case::script(id, clause, what, script).open(open, Family::BOTH)
    };
    // Restart time 120 s, both families, forwarding kept.
    let graceful = "400a 0078 00010180 00020180";
    // And NOTIFICATIONs are survived.
    let notified = "400a 4078 00010180 00020180";
    vec![
        Case::script("G01", "RFC 4724 2", "End-of-RIB of both families is noticed", noticed),
        Case::script("G02", "RFC 4724 4.2", "without the capability nothing is kept", |bench| {
            let peer = with_routes(bench)?;
            peer.abort()?;
            let peer = connected(bench)?;
            bench.has_routes(&[])?;
            bench.goodbye(peer)
        }),
        Case::script("G03", "RFC 4724 3", "our OPEN offers it", offered),
        with("G04", "RFC 4724 4.2", "routes are kept until End-of-RIB", graceful, kept_until_the_end),
        with("G05", "RFC 4724 4.2", "routes are kept while the peer is away", graceful, |bench| {
            let peer = with_routes(bench)?;
            peer.abort()?;
            let mut peer = bench.connect()?;
            peer.open(&bench.case.open.octets())?;
            both_are_there(bench)?;
            peer.send(&keepalive())?;
            bench.goodbye(peer)
        }),
        with("G06", "RFC 8538 4", "routes outlive a NOTIFICATION", notified, |bench| {
            let mut peer = with_routes(bench)?;
            peer.send(&notification(6, 4, &[]))?;
            peer.closed()?;
            let mut peer = bench.connect()?;
            peer.open(&bench.case.open.octets())?;
            both_are_there(bench)?;
            peer.send(&keepalive())?;
            peer.send(&notification(6, 9, &hex("0602")))?;
            peer.closed()
        }),
        with("G07", "RFC 8538 3", "a Hard Reset leaves nothing", notified, |bench| {
            let mut peer = with_routes(bench)?;
            peer.send(&notification(6, 9, &hex("0602")))?;
            peer.closed()?;
            let mut peer = bench.connect()?;
            peer.open(&bench.case.open.octets())?;
            bench.has_routes(&[])?;
            peer.send(&keepalive())?;
            bench.goodbye(peer)
        }),
        with("G08", "RFC 4724 4.2", "a family without forwarding is dropped at once", graceful, |bench| {
            with_routes(bench)?.abort()?;
            let mut peer = bench.connect()?;
            let capabilities = [V4, V6, "0200", AS4, "400a 0078 00010100 00020100"].concat();
            let open = Open::new(65001).capabilities(&capabilities).octets();
            peer.open(&open)?;
            both_are_there(bench)?;
            peer.send(&keepalive())?;
            peer.first_transfer(Family::BOTH)?;
            peer.barrier(Family::V4)?;
            bench.has_routes(&[])?;
            bench.goodbye(peer)
        }),
        Case::script("G20", "RFC 7313 3", "our OPEN offers enhanced route refresh", |bench| has_capability(bench, "4600")),
        with("G21", "RFC 7313 4", "an answer stands between a beginning and an end", "4600", framed),
    ]
}

fn connected(bench: &Bench<'_>) -> Result<Peer, String> {
    let mut peer = bench.connect()?;
    peer.establish(&bench.case.open.octets(), Family::BOTH)?;
    Ok(peer)
}

fn with_routes(bench: &Bench<'_>) -> Result<Peer, String> {
    let mut peer = connected(bench)?;
    peer.send(&base())?;
    peer.barrier(Family::V4)?;
    both_are_there(bench)?;
    Ok(peer)
}

fn both_are_there(bench: &Bench<'_>) -> Result<(), String> {
    bench.has_routes(&[json!({"prefix": A_SHOWN}), json!({"prefix": B_SHOWN})])
}

/// End-of-RIB of both families.
fn ends() -> Vec<u8> {
    [update("", "", ""), update("", "800f03 000201", "")].concat()
}

fn noticed(bench: &Bench<'_>) -> Result<(), String> {
    let mut peer = connected(bench)?;
    peer.send(&ends())?;
    peer.barrier(Family::V4)?;
    let status = bench.control.peer(bench.address);
    if status["end_of_rib"] != json!(["ipv4-unicast", "ipv6-unicast"]) {
        return Err(format!("end_of_rib is {}", status["end_of_rib"]));
    }
    bench.goodbye(peer)
}

fn has_capability(bench: &Bench<'_>, capability: &str) -> Result<(), String> {
    let mut peer = bench.connect()?;
    let open = peer.open(&bench.case.open.octets())?;
    let wanted = hex(capability);
    if !open.body.windows(wanted.len()).any(|it| it == wanted) {
        return Err(format!("no capability {capability} in {}", open.text()));
    }
    peer.send(&keepalive())?;
    bench.goodbye(peer)
}

/// 120 s with the N bit, with or without the R bit, and both families.
fn offered(bench: &Bench<'_>) -> Result<(), String> {
    let families = "00010180 00020180";
    let running = has_capability(bench, &["400a 4078", families].concat());
    running.or_else(|_| has_capability(bench, &["400a c078", families].concat()))
}

fn kept_until_the_end(bench: &Bench<'_>) -> Result<(), String> {
    let peer = with_routes(bench)?;
    peer.abort()?;
    let mut peer = connected(bench)?;
    both_are_there(bench)?;
    peer.send(&update("", &[ORIGIN, AS_PATH, NEXT_HOP].concat(), A))?;
    peer.send(&ends())?;
    peer.barrier(Family::V4)?;
    bench.has_routes(&[json!({"prefix": A_SHOWN})])?;
    bench.goodbye(peer)
}

fn framed(bench: &Bench<'_>) -> Result<(), String> {
    let mut peer = connected(bench)?;
    peer.send(&route_refresh(1, 0))?;
    let begin = peer.expect(5)?;
    let routes = peer.next_update()?;
    let end = peer.expect(5)?;
    if begin.body != hex("00010101") || end.body != hex("00010201") {
        let (begin, routes, end) = (begin.text(), routes.text(), end.text());
        return Err(format!("got {begin}, {routes}, {end}"));
    }
    bench.goodbye(peer)
}
