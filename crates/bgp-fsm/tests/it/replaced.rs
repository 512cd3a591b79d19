//! Sessions that a restarting peer has lost unheard (RFC 4724 section 5).

use bgp_sim::{Path, Sim, Solo};
use expect_test::expect;

use crate::restarts::*;
use crate::support::*;

#[test]
fn a_peer_that_lost_the_session_unheard_gets_another_at_once() {
    let mut sim = Sim::new();
    sim.transcript().hide_keepalives();
    let (a, b) = sim.pair(("a", graceful(a())), ("b", graceful(b().passive())));
    sim.start(b);
    sim.start(a);
    sim.run_for(s(15));
    let _ = sim.transcript().take();
    // The machine of b loses power: nothing tells a, whose session is its own
    // outgoing connection.
    sim.set_path(a, Path::Swallowing);
    sim.crash(b, b_again());
    sim.run_for(s(5));
    sim.set_path(a, Path::Open);
    sim.start(b);
    sim.run_for(s(1));
    check(
        &mut sim,
        expect![[r#"
            15.000   a path swallowing
            15.000   b crash
            20.000   a path open
            20.000   b Idle -> Connect
            20.000   b dial
            20.010   b > outgoing OPEN as=65002 hold=90 id=192.0.2.2 restarted
            20.010   b Connect -> OpenSent
            20.015   a > incoming OPEN as=65001 hold=90 id=192.0.2.1
            20.015   a close outgoing
            20.015   a keeps ipv4-unicast,ipv6-unicast for 120 s
            20.015   a Established -> OpenConfirm
            20.015   a down: peer opened another connection
            20.020   b OpenSent -> OpenConfirm
            20.020   b OpenConfirm -> Established
            20.020   b up: outgoing as=65001 id=192.0.2.1 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced graceful=120 notification kept
            20.025   a OpenConfirm -> Established
            20.025   a up: incoming as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced graceful=120 restarted notification kept
            20.025   a may send End-of-RIB
        "#]],
    );
}

#[test]
fn a_young_session_is_not_given_up_for_a_late_connection() {
    let mut solo = Solo::new(graceful(a()), 1);
    solo.start();
    solo.connect(Outgoing);
    solo.receive(Outgoing, &open_keeping(&KEPT, true));
    solo.receive(Outgoing, &keepalive());
    assert!(!solo.renews_incoming());
    solo.run_for(s(9));
    solo.connect(Incoming);
    solo.receive(Incoming, &open_keeping(&KEPT, true));
    assert_eq!(
        solo.peer().negotiated().map(|n| n.connection),
        Some(Outgoing)
    );
    check_routes(
        &mut solo,
        &expect![[r#"
        0.000    a up: outgoing as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced graceful=120 notification kept
        9.000    a > incoming NOTIFICATION Cease / Connection Collision Resolution (6/7)
    "#]],
    );
}

#[test]
fn an_incoming_session_yields_to_a_new_connection_only_if_restarts_are_graceful() {
    let mut solo = session(a(), true);
    assert!(!solo.renews_incoming());
    solo.run_for(s(10));
    assert!(solo.renews_incoming());

    let mut plain = established(a(), Incoming);
    plain.run_for(s(10));
    assert!(!plain.renews_incoming());
}
