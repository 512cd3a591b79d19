//! ROUTE-REFRESH, plain (RFC 2918) and enhanced (RFC 7313).

use bgp_fsm::{Input, State};
use bgp_sim::{Sim, Solo};
use bgp_wire::{Capability, Family, encode_end_of_rib};
use bytes::BytesMut;
use expect_test::expect;

use crate::restarts::*;
use crate::support::*;

const REQUEST: u8 = 0;
const BEGIN: u8 = 1;
const END: u8 = 2;
const V4: Family = Family::IPV4_UNICAST;

/// A session whose first transfer is over.
fn transferred() -> Solo {
    let mut solo = established(a().hold_time(hold(0)), Outgoing);
    solo.handle(Input::EndOfRibSent(V4));
    solo
}

#[test]
fn two_peers_ask_and_answer_with_begin_and_end() {
    let mut sim = Sim::new();
    let (a, b) = sim.pair(("a", a()), ("b", b().passive()));
    sim.start(b);
    sim.start(a);
    sim.run_for(s(1));
    for family in [V4, Family::IPV6_UNICAST] {
        sim.send(b, &end_of_rib_of(family));
        sim.input(b, Input::EndOfRibSent(family));
    }
    sim.run_for(s(1));
    let _ = sim.transcript().take();
    sim.input(a, Input::RequestRefresh(V4));
    sim.run_for(ms(10));
    sim.send(b, &message(2, &[0, 0, 0, 0]));
    sim.input(b, Input::RefreshSent(V4));
    sim.run_for(s(1));
    check(
        &mut sim,
        expect![[r#"
        2.000    a > outgoing ROUTE-REFRESH request ipv4-unicast
        2.005    b > incoming ROUTE-REFRESH begin ipv4-unicast
        2.005    b asked for ipv4-unicast
        2.010    a refresh of ipv4-unicast begins
        2.010    b > incoming UPDATE of 23 octets
        2.010    b > incoming ROUTE-REFRESH end ipv4-unicast
        2.015    a has UPDATE of 23 octets
        2.015    a refresh of ipv4-unicast ends
    "#]],
    );
}

#[test]
fn requests_during_an_answer_get_one_more() {
    let mut solo = transferred();
    for _ in 0..5 {
        solo.receive(Outgoing, &refresh(V4, REQUEST));
    }
    solo.handle(Input::RefreshSent(V4));
    solo.handle(Input::RefreshSent(V4));
    // Nothing is being answered any more.
    solo.handle(Input::RefreshSent(V4));
    check_solo(
        &mut solo,
        expect![[r#"
        0.000    a < outgoing ROUTE-REFRESH request ipv4-unicast
        0.000    a > outgoing ROUTE-REFRESH begin ipv4-unicast
        0.000    a asked for ipv4-unicast
        0.000    a < outgoing ROUTE-REFRESH request ipv4-unicast
        0.000    a < outgoing ROUTE-REFRESH request ipv4-unicast
        0.000    a < outgoing ROUTE-REFRESH request ipv4-unicast
        0.000    a < outgoing ROUTE-REFRESH request ipv4-unicast
        0.000    a > outgoing ROUTE-REFRESH end ipv4-unicast
        0.000    a > outgoing ROUTE-REFRESH begin ipv4-unicast
        0.000    a asked for ipv4-unicast
        0.000    a > outgoing ROUTE-REFRESH end ipv4-unicast
    "#]],
    );
}

#[test]
fn an_answer_waits_for_the_first_transfers_end() {
    let mut solo = established(a(), Outgoing);
    solo.receive(Outgoing, &refresh(V4, REQUEST));
    solo.receive(Outgoing, &refresh(V4, REQUEST));
    solo.handle(Input::EndOfRibSent(Family::IPV6_UNICAST));
    solo.handle(Input::EndOfRibSent(V4));
    check_solo(
        &mut solo,
        expect![[r#"
        0.000    a < outgoing ROUTE-REFRESH request ipv4-unicast
        0.000    a < outgoing ROUTE-REFRESH request ipv4-unicast
        0.000    a > outgoing ROUTE-REFRESH begin ipv4-unicast
        0.000    a asked for ipv4-unicast
    "#]],
    );
}

#[test]
fn a_plain_peer_gets_its_answer_without_begin_and_end() {
    let mut solo = open_sent(a(), Outgoing);
    let mut capabilities = both_families();
    capabilities.push(Capability::RouteRefresh);
    solo.receive(Outgoing, &open_with(capabilities));
    solo.receive(Outgoing, &keepalive());
    let _ = solo.transcript().take();
    solo.receive(Outgoing, &refresh(V4, REQUEST));
    solo.handle(Input::RefreshSent(V4));
    // It did not promise to send these.
    solo.receive(Outgoing, &refresh(V4, BEGIN));
    solo.receive(Outgoing, &refresh(V4, END));
    check_solo(
        &mut solo,
        expect![[r#"
        0.000    a < outgoing ROUTE-REFRESH request ipv4-unicast
        0.000    a asked for ipv4-unicast
        0.000    a < outgoing ROUTE-REFRESH begin ipv4-unicast
        0.000    a < outgoing ROUTE-REFRESH end ipv4-unicast
    "#]],
    );
}

#[test]
fn a_peer_without_the_capability_is_not_asked() {
    let mut solo = open_sent(a(), Outgoing);
    solo.receive(Outgoing, &open_with(both_families()));
    solo.receive(Outgoing, &keepalive());
    let _ = solo.transcript().take();
    solo.handle(Input::RequestRefresh(V4));
    check_solo(&mut solo, expect![""]);
    // Nor is anybody before the session is up, or for a family not agreed.
    let mut solo = open_confirm(a(), Outgoing);
    solo.handle(Input::RequestRefresh(V4));
    solo.receive(Outgoing, &keepalive());
    let _ = solo.transcript().take();
    solo.handle(Input::RequestRefresh(Family {
        afi: bgp_wire::Afi(99),
        safi: bgp_wire::Safi(1),
    }));
    check_solo(&mut solo, expect![""]);
}

#[test]
fn ends_without_begin_and_unknown_subtypes_mean_nothing() {
    let mut solo = transferred();
    solo.receive(Outgoing, &refresh(V4, END));
    solo.receive(Outgoing, &refresh(V4, BEGIN));
    solo.receive(Outgoing, &refresh(V4, 77));
    solo.receive(Outgoing, &refresh(V4, END));
    solo.receive(Outgoing, &refresh(V4, END));
    assert_eq!(solo.peer().state(), State::Established);
    check_solo(
        &mut solo,
        expect![[r#"
        0.000    a < outgoing ROUTE-REFRESH end ipv4-unicast
        0.000    a < outgoing ROUTE-REFRESH begin ipv4-unicast
        0.000    a refresh of ipv4-unicast begins
        0.000    a < outgoing ROUTE-REFRESH subtype-77 ipv4-unicast
        0.000    a ignores refresh of ipv4-unicast: subtype 77
        0.000    a < outgoing ROUTE-REFRESH end ipv4-unicast
        0.000    a refresh of ipv4-unicast ends
        0.000    a < outgoing ROUTE-REFRESH end ipv4-unicast
    "#]],
    );
}

#[test]
fn a_graceful_peer_repeats_nothing_before_its_first_transfer_has_ended() {
    let mut solo = open_sent(a(), Outgoing);
    solo.receive(Outgoing, &open_keeping(&KEPT, true));
    solo.receive(Outgoing, &keepalive());
    let begins = |solo: &mut Solo, family| {
        let _ = solo.transcript().take();
        solo.receive(Outgoing, &refresh(family, BEGIN));
        solo.transcript().take().contains("begins")
    };
    assert!(!begins(&mut solo, V4));
    let mut end_of_rib = BytesMut::new();
    encode_end_of_rib(&mut end_of_rib, V4);
    solo.receive(Outgoing, &end_of_rib);
    assert!(begins(&mut solo, V4));
    // Each family has a first transfer of its own.
    assert!(!begins(&mut solo, Family::IPV6_UNICAST));
}

#[test]
fn an_answer_that_does_not_end_is_ended() {
    let mut solo = transferred();
    solo.receive(Outgoing, &refresh(V4, BEGIN));
    solo.run_for(s(100));
    solo.receive(Outgoing, &refresh(Family::IPV6_UNICAST, BEGIN));
    solo.run_for(s(1000));
    check_solo(
        &mut solo,
        expect![[r#"
        0.000    a < outgoing ROUTE-REFRESH begin ipv4-unicast
        0.000    a refresh of ipv4-unicast begins
        100.000  a < outgoing ROUTE-REFRESH begin ipv6-unicast
        100.000  a refresh of ipv6-unicast begins
        360.000  a refresh of ipv4-unicast ends
        460.000  a refresh of ipv6-unicast ends
    "#]],
    );
}

#[test]
fn a_session_takes_its_refreshes_with_it() {
    let mut solo = transferred();
    solo.receive(Outgoing, &refresh(V4, BEGIN));
    solo.receive(Outgoing, &refresh(V4, REQUEST));
    solo.fail(Outgoing);
    solo.stop(None);
    assert_eq!(solo.peer().poll_timeout(), None);
    solo.start();
    solo.connect(Outgoing);
    solo.receive(Outgoing, &bytes_of(&open_of_b()));
    solo.receive(Outgoing, &keepalive());
    let _ = solo.transcript().take();
    solo.handle(Input::RefreshSent(V4));
    solo.receive(Outgoing, &refresh(V4, END));
    check_solo(
        &mut solo,
        expect![[r#"
        0.000    a < outgoing ROUTE-REFRESH end ipv4-unicast
    "#]],
    );
}

#[test]
fn a_wrong_length_is_told_with_the_whole_message() {
    for (body, expected) in [
        (
            &[0, 1, BEGIN, 1, 9][..],
            expect![[r#"
            0.000    a < outgoing ROUTE-REFRESH (route-refresh body is longer than four octets)
            0.000    a > outgoing NOTIFICATION ROUTE-REFRESH Message Error / Invalid Message Length (7/1), data ffffffffffffffffffffffffffffffff0018050001010109
            0.000    a close outgoing
            0.000    a Established -> Idle
            0.000    a down: sent ROUTE-REFRESH Message Error / Invalid Message Length (7/1): route-refresh body is longer than four octets
        "#]],
        ),
        (
            &[0, 1, 0][..],
            expect![[r#"
            0.000    a < outgoing ROUTE-REFRESH (message length 22 is out of range)
            0.000    a > outgoing NOTIFICATION Message Header Error / Bad Message Length (1/2), data 0016
            0.000    a close outgoing
            0.000    a Established -> Idle
            0.000    a down: sent Message Header Error / Bad Message Length (1/2): message length 22 is out of range
        "#]],
        ),
    ] {
        let mut solo = transferred();
        solo.receive(Outgoing, &message(5, body));
        check_solo(&mut solo, expected);
    }
}
