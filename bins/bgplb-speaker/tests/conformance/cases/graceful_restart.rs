//! Routes of a peer that went away: RFC 4724, RFC 8538, RFC 7313 section 4.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::base;
use crate::harness::case::{Bench, Case, Script};
use crate::harness::peer::{Family, Peer};
use crate::harness::wire::{
    A, A_SHOWN, AS_PATH, AS4, B_SHOWN, NEXT_HOP, ORIGIN, Open, V4, V6, V6_A, V6_A_SHOWN, hex, keepalive, message, notification, route_refresh, update,
};

/// What is written already and not yet done.
pub const AWAITING: &[&str] = &[];

pub fn cases() -> Vec<Case> {
    let mut cases = offers();
    cases.extend(kept());
    cases.extend(dropped());
    cases
}

/// Restart time 120 s, both families, forwarding kept.
const GRACEFUL: &str = "400a 0078 00010180 00020180";

/// And NOTIFICATIONs are survived.
const NOTIFIED: &str = "400a 4078 00010180 00020180";

/// With a session that has this capability too.
fn with(id: &'static str, clause: &'static str, what: &'static str, capability: &str, script: Script) -> Case {
    let capabilities = [V4, V6, "0200", AS4, capability].concat();
    let open = Open::new(65001).capabilities(&capabilities);
    Case::script(id, clause, what, script).open(open, Family::BOTH)
}

fn offers() -> Vec<Case> {
    vec![
        Case::script("G01", "RFC 4724 2", "End-of-RIB of both families is noticed", noticed),
        Case::script("G03", "RFC 4724 3", "our OPEN offers it", offered),
        Case::script("G20", "RFC 7313 3", "our OPEN offers enhanced route refresh", |bench| has_capability(bench, "4600")),
        with("G21", "RFC 7313 4", "an answer stands between a beginning and an end", "4600", framed),
    ]
}

fn kept() -> Vec<Case> {
    vec![
        with("G04", "RFC 4724 4.2", "routes are kept until End-of-RIB", GRACEFUL, kept_until_the_end),
        with("G05", "RFC 4724 4.2", "routes are kept while the peer is away", GRACEFUL, |bench| {
            let peer = with_routes(bench)?;
            peer.abort()?;
            let mut peer = bench.connect()?;
            peer.open(&bench.case.open.octets())?;
            both_are_there(bench)?;
            peer.send(&keepalive())?;
            bench.goodbye(peer)
        }),
        with("G06", "RFC 8538 4", "routes outlive a NOTIFICATION", NOTIFIED, |bench| {
            let mut peer = with_routes(bench)?;
            peer.send(&notification(6, 4, &[]))?;
            peer.closed()?;
            kept_for_the_next(bench)
        }),
        with("G10", "RFC 4724 5", "a new connection takes the place of the old one", GRACEFUL, |bench| {
            let mut old = with_routes(bench)?;
            // So soon after the first one it would count as a collision.
            sleep(Duration::from_millis(10_500));
            let mut peer = bench.connect()?;
            peer.open(&bench.case.open.octets())?;
            old.ends()?;
            both_are_there(bench)?;
            peer.send(&keepalive())?;
            peer.first_transfer(Family::BOTH)?;
            bench.goodbye(peer)
        }),
        with("G12", "RFC 8538 4", "routes outlive the hold time", NOTIFIED, |bench| {
            let mut peer = bench.connect()?;
            let open = bench.case.open.clone().hold_time(3).octets();
            peer.establish(&open, Family::BOTH)?;
            peer.send(&base())?;
            ends_with(&mut peer, [4, 0])?;
            kept_for_the_next(bench)
        }),
        with("G14", "RFC 8538 4", "routes outlive a fault of the peer", NOTIFIED, |bench| {
            let mut peer = with_routes(bench)?;
            peer.send(&message(2, &hex("0000 0001")))?;
            ends_with(&mut peer, [3, 1])?;
            kept_for_the_next(bench)
        }),
        with("G15", "RFC 4724 4.2", "only the families that are named are kept", "4006 0078 00010180", |bench| {
            let mut peer = with_routes(bench)?;
            let next_hop = "20010db8 00000000 00000000 00000063";
            let reach = format!("800e1c 0002 01 10 {next_hop} 00 {V6_A}");
            peer.send(&update("", &[ORIGIN, AS_PATH, &reach].concat(), ""))?;
            peer.barrier(Family::V4)?;
            bench.has_routes(&[json!({"prefix": A_SHOWN}), json!({"prefix": B_SHOWN}), json!({"prefix": V6_A_SHOWN})])?;
            peer.abort()?;
            let mut peer = bench.connect()?;
            peer.open(&bench.case.open.octets())?;
            both_are_there(bench)?;
            peer.send(&keepalive())?;
            bench.goodbye(peer)
        }),
    ]
}

fn dropped() -> Vec<Case> {
    vec![
        Case::script("G02", "RFC 4724 4.2", "without the capability nothing is kept", |bench| {
            let peer = with_routes(bench)?;
            peer.abort()?;
            let peer = connected(bench)?;
            bench.has_routes(&[])?;
            bench.goodbye(peer)
        }),
        with("G07", "RFC 8538 3", "a Hard Reset leaves nothing", NOTIFIED, |bench| {
            let mut peer = with_routes(bench)?;
            peer.send(&notification(6, 9, &hex("0602")))?;
            peer.closed()?;
            let mut peer = bench.connect()?;
            peer.open(&bench.case.open.octets())?;
            bench.has_routes(&[])?;
            peer.send(&keepalive())?;
            bench.goodbye(peer)
        }),
        with("G08", "RFC 4724 4.2", "a family without forwarding is dropped at once", GRACEFUL, |bench| {
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
        with("G09", "RFC 4724 4.2", "after the restart time nothing is left", "400a 0001 00010180 00020180", |bench| {
            with_routes(bench)?.abort()?;
            sleep(Duration::from_millis(3_500));
            bench.has_routes(&[])
        }),
        with("G11", "RFC 4724 4", "a NOTIFICATION that nobody agreed to survive", GRACEFUL, |bench| {
            let mut peer = with_routes(bench)?;
            peer.send(&notification(6, 4, &[]))?;
            peer.closed()?;
            let mut peer = bench.connect()?;
            peer.open(&bench.case.open.octets())?;
            bench.has_routes(&[])?;
            peer.send(&keepalive())?;
            bench.goodbye(peer)
        }),
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

/// The speaker ends the session, and says why.
fn ends_with(peer: &mut Peer, why: [u8; 2]) -> Result<(), String> {
    let end = peer.notified()?;
    match end.body == why {
        true => Ok(()),
        false => Err(format!("expected {why:?}, got {}", end.text())),
    }
}

/// The routes are there when the peer comes back, which ends hard.
fn kept_for_the_next(bench: &Bench<'_>) -> Result<(), String> {
    let mut peer = bench.connect()?;
    peer.open(&bench.case.open.octets())?;
    both_are_there(bench)?;
    peer.send(&keepalive())?;
    peer.send(&notification(6, 9, &hex("0602")))?;
    peer.closed()
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
