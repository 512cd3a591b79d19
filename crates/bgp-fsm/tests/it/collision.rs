//! Two connections at once (RFC 4271 section 6.8, RFC 6286).

use bgp_fsm::{Connection, PeerConfig, State};
use bgp_sim::{Sim, Solo};
use bgp_wire::NotificationCode;
use expect_test::expect;

use crate::support::*;

/// Both connections of `config` in OpenSent.
fn both_open_sent(config: PeerConfig) -> Solo {
    let mut solo = Solo::new(config, 1);
    solo.start();
    solo.connect(Incoming);
    solo.connect(Outgoing);
    let _ = solo.transcript().take();
    solo
}

#[test]
fn two_speakers_that_dial_at_once_agree_on_the_connection_of_the_higher_identifier() {
    let mut sim = Sim::new();
    let (a, b) = sim.pair(("a", a()), ("b", b()));
    sim.start(a);
    sim.start(b);
    sim.run_for(s(1));
    assert_eq!(sim.peer(a).negotiated().unwrap().connection, Incoming);
    assert_eq!(sim.peer(b).negotiated().unwrap().connection, Outgoing);
    check(
        &mut sim,
        expect![[r#"
            0.000    a Idle -> Connect
            0.000    a dial
            0.000    b Idle -> Connect
            0.000    b dial
            0.010    a > outgoing OPEN as=65001 hold=90 id=192.0.2.1
            0.010    a Connect -> OpenSent
            0.010    b > outgoing OPEN as=65002 hold=90 id=192.0.2.2
            0.010    b Connect -> OpenSent
            0.015    b > incoming OPEN as=65002 hold=90 id=192.0.2.2
            0.015    a > incoming OPEN as=65001 hold=90 id=192.0.2.1
            0.015    b > incoming KEEPALIVE
            0.015    b OpenSent -> OpenConfirm
            0.015    a > incoming KEEPALIVE
            0.015    a OpenSent -> OpenConfirm
            0.020    a > outgoing NOTIFICATION Cease / Connection Collision Resolution (6/7)
            0.020    a close outgoing
            0.020    a outgoing closed: sent Cease / Connection Collision Resolution (6/7)
            0.020    b > outgoing KEEPALIVE
            0.020    b > incoming NOTIFICATION Cease / Connection Collision Resolution (6/7)
            0.020    b close incoming
            0.020    b incoming closed: sent Cease / Connection Collision Resolution (6/7)
            0.020    b OpenConfirm -> Established
            0.020    b up: outgoing as=65001 id=192.0.2.1 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced
            0.020    b may send End-of-RIB
            0.025    a OpenConfirm -> Established
            0.025    a up: incoming as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced
            0.025    a may send End-of-RIB
        "#]],
    );
}

#[test]
fn the_lower_identifier_gives_up_what_it_dialled() {
    for (first, second) in [(Outgoing, Incoming), (Incoming, Outgoing)] {
        let mut solo = both_open_sent(a());
        solo.receive(first, &bytes_of(&open_of_b()));
        solo.receive(second, &bytes_of(&open_of_b()));
        assert_survivor(&mut solo, Incoming);
    }
}

#[test]
fn the_higher_identifier_keeps_what_it_dialled() {
    for (first, second) in [(Outgoing, Incoming), (Incoming, Outgoing)] {
        let mut solo = both_open_sent(config([192, 0, 2, 3], A, B));
        solo.receive(first, &bytes_of(&open_of_b()));
        solo.receive(second, &bytes_of(&open_of_b()));
        assert_survivor(&mut solo, Outgoing);
    }
}

#[test]
fn identifiers_are_compared_as_numbers_not_as_text() {
    let mut solo = both_open_sent(config([20, 0, 0, 1], A, B));
    let mut open = open_of_b();
    open.identifier = std::net::Ipv4Addr::new(100, 0, 0, 1).into();
    solo.receive(Outgoing, &bytes_of(&open));
    solo.receive(Incoming, &bytes_of(&open));
    assert_survivor(&mut solo, Incoming);
}

#[test]
fn with_equal_identifiers_the_higher_as_keeps_what_it_dialled() {
    for (local, peer, survivor) in [(A, B, Incoming), (B, A, Outgoing)] {
        let mut solo = both_open_sent(config([192, 0, 2, 9], local, peer));
        let open = bytes_of(&config([192, 0, 2, 9], peer, local).open());
        solo.receive(Outgoing, &open);
        solo.receive(Incoming, &open);
        assert_survivor(&mut solo, survivor);
    }
}

fn assert_survivor(solo: &mut Solo, survivor: Connection) {
    assert_eq!(solo.peer().state(), State::OpenConfirm);
    solo.receive(survivor, &keepalive());
    assert_eq!(
        solo.peer().negotiated().map(|n| n.connection),
        Some(survivor),
        "{}",
        solo.transcript()
    );
    let loser = match survivor {
        Outgoing => Incoming,
        Incoming => Outgoing,
    };
    let told = format!("> {loser} NOTIFICATION Cease / Connection Collision Resolution (6/7)");
    assert!(
        solo.transcript().as_str().contains(&told),
        "{}",
        solo.transcript()
    );
}

#[test]
fn an_established_session_is_never_given_up_for_a_new_connection() {
    let mut solo = established(a(), Outgoing);
    assert!(solo.peer().accepts_incoming());
    solo.connect(Incoming);
    solo.receive(Incoming, &bytes_of(&open_of_b()));
    assert_eq!(solo.peer().state(), State::Established);
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < incoming connected
            0.000    a > incoming OPEN as=65001 hold=90 id=192.0.2.1
            0.000    a < incoming OPEN as=65002 hold=90 id=192.0.2.2
            0.000    a > incoming NOTIFICATION Cease / Connection Collision Resolution (6/7)
            0.000    a close incoming
            0.000    a incoming closed: sent Cease / Connection Collision Resolution (6/7)
        "#]],
    );
}

#[test]
fn a_second_connection_that_says_nothing_leaves_the_session_alone() {
    let mut solo = established(a().hold_time(bgp_wire::HoldTime::ZERO), Outgoing);
    solo.connect(Incoming);
    solo.run_for(s(300));
    assert_eq!(solo.peer().state(), State::Established);
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < incoming connected
            0.000    a > incoming OPEN as=65001 hold=0 id=192.0.2.1
            240.000  a > incoming NOTIFICATION Hold Timer Expired (4/0)
            240.000  a close incoming
            240.000  a incoming closed: sent Hold Timer Expired (4/0)
        "#]],
    );
}

#[test]
fn the_peer_may_close_the_loser_first() {
    let mut solo = both_open_sent(a());
    solo.receive(Incoming, &bytes_of(&open_of_b()));
    solo.receive(
        Outgoing,
        &notification(NotificationCode::CEASE_CONNECTION_COLLISION),
    );
    solo.receive(Incoming, &keepalive());
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < incoming OPEN as=65002 hold=90 id=192.0.2.2
            0.000    a > incoming KEEPALIVE
            0.000    a OpenSent -> OpenConfirm
            0.000    a < outgoing NOTIFICATION Cease / Connection Collision Resolution (6/7)
            0.000    a close outgoing
            0.000    a outgoing closed: received Cease / Connection Collision Resolution (6/7)
            0.000    a < incoming KEEPALIVE
            0.000    a OpenConfirm -> Established
            0.000    a up: incoming as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced
            0.000    a may send End-of-RIB
        "#]],
    );
}

#[test]
fn a_session_that_fails_beside_a_younger_connection_is_told_as_down() {
    let mut solo = established(a(), Outgoing);
    solo.connect(Incoming);
    solo.fail(Outgoing);
    assert_eq!(solo.peer().negotiated(), None);
    solo.receive(Incoming, &bytes_of(&open_of_b()));
    solo.receive(Incoming, &keepalive());
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < incoming connected
            0.000    a > incoming OPEN as=65001 hold=90 id=192.0.2.1
            0.000    a < outgoing failed
            0.000    a Established -> OpenSent
            0.000    a down: TCP connection failed in Established
            0.000    a < incoming OPEN as=65002 hold=90 id=192.0.2.2
            0.000    a > incoming KEEPALIVE
            0.000    a OpenSent -> OpenConfirm
            0.000    a < incoming KEEPALIVE
            0.000    a OpenConfirm -> Established
            0.000    a up: incoming as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced
            0.000    a may send End-of-RIB
        "#]],
    );
}

#[test]
fn a_second_connection_is_not_taken_while_one_of_its_kind_is_there() {
    let mut solo = open_sent(a(), Incoming);
    assert!(!solo.peer().accepts_incoming());
    solo.connect(Incoming);
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < incoming connected
        "#]],
    );
}

#[test]
fn races_of_every_kind_end_with_one_session() {
    // Different delays on both sides and different seeds make all orders of
    // dialling, OPEN and KEEPALIVE; some end both connections (RFC 4271 knows
    // no cure), and then jitter has to break the tie.
    for seed in 0..200 {
        let mut sim = Sim::new();
        let (a, b) = sim.pair(("a", a()), ("b", b()));
        sim.seed(a, seed);
        sim.seed(b, seed + 1000);
        sim.latency(a, ms(1 + seed % 7));
        sim.start(a);
        sim.run_for(ms(seed % 40));
        sim.start(b);
        sim.run_for(s(20));
        let one = sim.peer(a).negotiated().map(|n| n.connection);
        let other = sim.peer(b).negotiated().map(|n| n.connection);
        assert!(
            one.is_some() && other.is_some() && one != other,
            "{}",
            sim.transcript()
        );
        assert!(sim.has(a, one.unwrap()) && !sim.has(a, other.unwrap()));
    }
}

#[test]
fn an_established_session_takes_part_in_collisions_if_it_is_configured_to() {
    // The identifier of b is the higher one, so what b dials stays.
    let mut solo = established(a().collision_detect_established(), Outgoing);
    solo.connect(Incoming);
    solo.receive(Incoming, &bytes_of(&open_of_b()));
    check_solo(
        &mut solo,
        expect![[r#"
        0.000    a < incoming connected
        0.000    a > incoming OPEN as=65001 hold=90 id=192.0.2.1
        0.000    a < incoming OPEN as=65002 hold=90 id=192.0.2.2
        0.000    a > incoming KEEPALIVE
        0.000    a > outgoing NOTIFICATION Cease / Connection Collision Resolution (6/7)
        0.000    a close outgoing
        0.000    a Established -> OpenConfirm
        0.000    a down: sent Cease / Connection Collision Resolution (6/7)
    "#]],
    );
    solo.receive(Incoming, &keepalive());
    let session = solo.peer().negotiated().map(|n| n.connection);
    assert_eq!(session, Some(Incoming));

    // Were it the lower one, the session would stay.
    let higher = config([192, 0, 2, 9], A, B).collision_detect_established();
    let mut solo = established(higher, Outgoing);
    solo.connect(Incoming);
    solo.receive(Incoming, &bytes_of(&open_of_b()));
    let session = solo.peer().negotiated().map(|n| n.connection);
    assert_eq!(session, Some(Outgoing));
    assert_eq!(solo.peer().state(), State::Established);
}
