//! From Idle to a connection.

use bgp_fsm::{PeerConfig, State, Timer};
use bgp_sim::Solo;
use expect_test::expect;

use crate::support::*;

#[test]
fn the_first_attempt_is_made_at_once() {
    let mut solo = Solo::new(a(), 1);
    assert_eq!(solo.peer().state(), State::Idle);
    assert_eq!(solo.peer().poll_timeout(), None);
    solo.start();
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
            0.000    a Idle -> Connect
            0.000    a dial
        "#]],
    );
}

#[test]
fn a_second_start_changes_nothing() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    let _ = solo.transcript().take();
    let before = solo.peer().poll_timeout();
    solo.start();
    assert_eq!(solo.peer().poll_timeout(), before);
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
        "#]],
    );
}

#[test]
fn refused_attempts_come_quickly_at_first_and_ever_slower() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    for _ in 0..9 {
        solo.fail(Outgoing);
        let (_, timer) = solo.peer().poll_timeout().unwrap();
        assert_eq!(timer, Timer::ConnectRetry);
        while solo.peer().state() == State::Active {
            solo.run_for(ms(1));
        }
    }
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
            0.000    a Idle -> Connect
            0.000    a dial
            0.000    a < outgoing failed
            0.000    a Connect -> Active
            0.000    a down: TCP connection failed in Connect
            0.936    a Active -> Connect
            0.936    a dial
            0.937    a < outgoing failed
            0.937    a Connect -> Active
            0.937    a down: TCP connection failed in Connect
            2.659    a Active -> Connect
            2.659    a dial
            2.660    a < outgoing failed
            2.660    a Connect -> Active
            2.660    a down: TCP connection failed in Connect
            6.422    a Active -> Connect
            6.422    a dial
            6.423    a < outgoing failed
            6.423    a Connect -> Active
            6.423    a down: TCP connection failed in Connect
            13.467   a Active -> Connect
            13.467   a dial
            13.468   a < outgoing failed
            13.468   a Connect -> Active
            13.468   a down: TCP connection failed in Connect
            28.643   a Active -> Connect
            28.643   a dial
            28.644   a < outgoing failed
            28.644   a Connect -> Active
            28.644   a down: TCP connection failed in Connect
            55.677   a Active -> Connect
            55.677   a dial
            55.678   a < outgoing failed
            55.678   a Connect -> Active
            55.678   a down: TCP connection failed in Connect
            82.147   a Active -> Connect
            82.147   a dial
            82.148   a < outgoing failed
            82.148   a Connect -> Active
            82.148   a down: TCP connection failed in Connect
            105.900  a Active -> Connect
            105.900  a dial
            105.901  a < outgoing failed
            105.901  a Connect -> Active
            105.901  a down: TCP connection failed in Connect
            134.509  a Active -> Connect
            134.509  a dial
        "#]],
    );
}

#[test]
fn an_attempt_without_answer_is_made_anew() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    solo.run_for(s(25));
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
            0.000    a Idle -> Connect
            0.000    a dial
            8.916    a close outgoing
            8.916    a down: TCP connection attempt timed out
            8.916    a dial
            18.278   a close outgoing
            18.278   a down: TCP connection attempt timed out
            18.278   a dial
        "#]],
    );
}

#[test]
fn a_passive_peer_waits_and_never_dials() {
    let mut solo = Solo::new(a().passive(), 1);
    solo.start();
    assert_eq!(solo.peer().poll_timeout(), None);
    assert!(solo.peer().accepts_incoming());
    solo.run_for(s(86_400));
    solo.connect(Incoming);
    solo.fail(Incoming);
    solo.run_for(s(86_400));
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
            0.000    a Idle -> Active
            86400.000 a < incoming connected
            86400.000 a > incoming OPEN as=65001 hold=90 id=192.0.2.1
            86400.000 a Active -> OpenSent
            86400.000 a < incoming failed
            86400.000 a OpenSent -> Active
            86400.000 a down: TCP connection failed in OpenSent
        "#]],
    );
}

#[test]
fn a_stopped_peer_refuses_connections() {
    let mut solo = Solo::new(a(), 1);
    assert!(!solo.peer().accepts_incoming());
    solo.connect(Incoming);
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < incoming connected
            0.000    a close incoming
        "#]],
    );
}

#[test]
fn while_it_waits_to_retry_the_peer_may_dial() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    solo.fail(Outgoing);
    solo.connect(Incoming);
    // The retry is off: one connection is enough.
    solo.run_for(s(10));
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
            0.000    a Idle -> Connect
            0.000    a dial
            0.000    a < outgoing failed
            0.000    a Connect -> Active
            0.000    a down: TCP connection failed in Connect
            0.000    a < incoming connected
            0.000    a > incoming OPEN as=65001 hold=90 id=192.0.2.1
            0.000    a Active -> OpenSent
        "#]],
    );
}

#[test]
fn a_connection_that_is_established_ends_the_attempt_at_another() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    solo.connect(Incoming);
    solo.receive(Incoming, &bytes_of(&open_of_b()));
    solo.receive(Incoming, &keepalive());
    // Too late: the attempt was given up.
    solo.connect(Outgoing);
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
            0.000    a Idle -> Connect
            0.000    a dial
            0.000    a < incoming connected
            0.000    a > incoming OPEN as=65001 hold=90 id=192.0.2.1
            0.000    a Connect -> OpenSent
            0.000    a < incoming OPEN as=65002 hold=90 id=192.0.2.2
            0.000    a > incoming KEEPALIVE
            0.000    a OpenSent -> OpenConfirm
            0.000    a < incoming KEEPALIVE
            0.000    a close outgoing
            0.000    a OpenConfirm -> Established
            0.000    a up: incoming as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced
            0.000    a may send End-of-RIB
            0.000    a < outgoing connected
            0.000    a close outgoing
        "#]],
    );
}

#[test]
fn a_connection_lost_before_its_open_is_retried() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    solo.connect(Outgoing);
    solo.fail(Outgoing);
    solo.run_for(s(1));
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
            0.000    a Idle -> Connect
            0.000    a dial
            0.000    a < outgoing connected
            0.000    a > outgoing OPEN as=65001 hold=90 id=192.0.2.1
            0.000    a Connect -> OpenSent
            0.000    a < outgoing failed
            0.000    a OpenSent -> Active
            0.000    a down: TCP connection failed in OpenSent
            0.936    a Active -> Connect
            0.936    a dial
        "#]],
    );
}

#[test]
fn an_accepted_open_makes_retries_quick_again() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    for _ in 0..6 {
        solo.fail(Outgoing);
        solo.run_for(s(31));
        solo.fail(Outgoing);
        solo.run_for(s(31));
    }
    solo.connect(Outgoing);
    solo.receive(Outgoing, &bytes_of(&open_of_b()));
    solo.fail(Outgoing);
    solo.run_for(s(1));
    let _ = solo.transcript().take();
    solo.fail(Outgoing);
    solo.run_for(s(1));
    check_solo(
        &mut solo,
        expect![[r#"
            373.000  a < outgoing failed
            373.000  a Connect -> Active
            373.000  a down: TCP connection failed in Connect
            373.849  a Active -> Connect
            373.849  a dial
        "#]],
    );
}

#[test]
fn a_connection_lost_in_open_confirm_ends_the_attempt_at_another_too() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    solo.connect(Incoming);
    solo.receive(Incoming, &bytes_of(&open_of_b()));
    let _ = solo.transcript().take();
    solo.fail(Incoming);
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < incoming failed
            0.000    a close outgoing
            0.000    a OpenConfirm -> Idle
            0.000    a down: TCP connection failed in OpenConfirm
        "#]],
    );
}

#[test]
fn a_peer_that_only_probes_our_port_does_not_keep_us_from_dialling() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    for _ in 0..4 {
        solo.fail(Outgoing);
        solo.run_for(s(10));
    }
    solo.fail(Outgoing);
    let (due, _) = solo.peer().poll_timeout().unwrap();
    for _ in 0..5 {
        solo.connect(Incoming);
        solo.run_for(s(1));
        solo.fail(Incoming);
        assert_eq!(solo.peer().poll_timeout(), Some((due, Timer::ConnectRetry)));
    }
    solo.connect(Incoming);
    solo.run_for(s(60));
    let _ = solo.transcript().take();
    // Overdue by now.
    solo.fail(Incoming);
    solo.run_for(ms(0));
    check_solo(
        &mut solo,
        expect![[r#"
            105.000  a < incoming failed
            105.000  a OpenSent -> Active
            105.000  a down: TCP connection failed in OpenSent
            105.000  a Active -> Connect
            105.000  a dial
        "#]],
    );
}

#[test]
fn delay_open_lets_the_peer_speak_first() {
    let mut solo = Solo::new(a().delay_open_time(s(5)), 1);
    solo.start();
    solo.connect(Outgoing);
    solo.run_for(s(2));
    solo.receive(Outgoing, &bytes_of(&open_of_b()));
    solo.receive(Outgoing, &keepalive());
    // The timer does not fire any more.
    solo.run_for(s(10));
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
            0.000    a Idle -> Connect
            0.000    a dial
            0.000    a < outgoing connected
            2.000    a < outgoing OPEN as=65002 hold=90 id=192.0.2.2
            2.000    a > outgoing OPEN as=65001 hold=90 id=192.0.2.1
            2.000    a > outgoing KEEPALIVE
            2.000    a Connect -> OpenConfirm
            2.000    a < outgoing KEEPALIVE
            2.000    a OpenConfirm -> Established
            2.000    a up: outgoing as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced
            2.000    a may send End-of-RIB
        "#]],
    );
}

#[test]
fn delay_open_ends_and_our_open_is_sent() {
    let mut solo = Solo::new(a().delay_open_time(s(5)).passive(), 1);
    solo.start();
    solo.connect(Incoming);
    assert_eq!(solo.peer().state(), State::Active);
    solo.run_for(s(6));
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
            0.000    a Idle -> Active
            0.000    a < incoming connected
            5.000    a > incoming OPEN as=65001 hold=90 id=192.0.2.1
            5.000    a Active -> OpenSent
        "#]],
    );
}

#[test]
fn delay_open_takes_nothing_but_an_open() {
    let mut solo = Solo::new(a().delay_open_time(s(5)), 1);
    solo.start();
    solo.connect(Outgoing);
    solo.receive(Outgoing, &keepalive());
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
            0.000    a Idle -> Connect
            0.000    a dial
            0.000    a < outgoing connected
            0.000    a < outgoing KEEPALIVE
            0.000    a > outgoing NOTIFICATION Finite State Machine Error (5/0)
            0.000    a close outgoing
            0.000    a Connect -> Idle
            0.000    a down: sent Finite State Machine Error (5/0): KEEPALIVE received in Connect
        "#]],
    );
}

#[test]
fn a_connection_lost_during_delay_open_is_retried() {
    let mut solo = Solo::new(a().delay_open_time(s(5)), 1);
    solo.start();
    solo.connect(Outgoing);
    solo.fail(Outgoing);
    assert_eq!(solo.peer().poll_timeout().unwrap().1, Timer::ConnectRetry);
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
            0.000    a Idle -> Connect
            0.000    a dial
            0.000    a < outgoing connected
            0.000    a < outgoing failed
            0.000    a Connect -> Active
            0.000    a down: TCP connection failed in Connect
        "#]],
    );
}

/// In Idle, with IdleHoldTimer running.
fn pausing(config: PeerConfig) -> Solo {
    let mut solo = established(config, Outgoing);
    solo.fail(Outgoing);
    assert_eq!(solo.peer().poll_timeout().unwrap().1, Timer::IdleHold);
    let _ = solo.transcript().take();
    solo
}

#[test]
fn a_connection_made_during_the_pause_is_held_until_it_is_over() {
    let mut solo = pausing(a());
    solo.connect(Incoming);
    assert!(!solo.peer().accepts_incoming());
    // An OPEN, and a half of what follows it.
    let mut octets = bytes_of(&open_of_b());
    octets.extend(&keepalive()[..9]);
    solo.receive(Incoming, &octets[..20]);
    solo.receive(Incoming, &octets[20..]);
    assert_eq!(solo.peer().state(), State::Idle);
    solo.run_for(s(1));
    solo.receive(Incoming, &keepalive()[9..]);
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < incoming connected
            0.000    a < incoming 20 odd octets
            0.000    a < incoming 44 odd octets
            0.992    a > incoming OPEN as=65001 hold=90 id=192.0.2.1
            0.992    a Idle -> OpenSent
            0.992    a > incoming KEEPALIVE
            0.992    a OpenSent -> OpenConfirm
            1.000    a < incoming 10 odd octets
            1.000    a OpenConfirm -> Established
            1.000    a up: incoming as=65002 id=192.0.2.2 hold=90 ipv4-unicast,ipv6-unicast extended refresh enhanced
            1.000    a may send End-of-RIB
        "#]],
    );
}

#[test]
fn what_a_held_connection_left_unfinished_dies_with_it() {
    let mut solo = pausing(a());
    solo.connect(Incoming);
    solo.receive(Incoming, &keepalive()[..9]);
    solo.run_for(s(1));
    solo.fail(Incoming);
    solo.connect(Incoming);
    solo.receive(Incoming, &bytes_of(&open_of_b()));
    assert_eq!(solo.peer().state(), State::OpenConfirm);
}

#[test]
fn a_held_connection_may_fail_or_be_stopped() {
    let mut solo = pausing(a());
    solo.connect(Incoming);
    solo.fail(Incoming);
    assert!(solo.peer().accepts_incoming());
    solo.connect(Incoming);
    solo.stop(None);
    solo.run_for(s(100));
    check_solo(
        &mut solo,
        expect![[r#"
        0.000    a < incoming connected
        0.000    a < incoming failed
        0.000    a < incoming connected
        0.000    a < stop
        0.000    a > incoming NOTIFICATION Cease / Administrative Shutdown (6/2)
        0.000    a close incoming
    "#]],
    );
}

#[test]
fn a_held_connection_that_talks_too_much_is_closed() {
    let mut solo = pausing(a());
    solo.connect(Incoming);
    for _ in 0..4 {
        solo.receive(Incoming, &[0xff; 1024]);
    }
    assert!(!solo.peer().accepts_incoming());
    solo.receive(Incoming, &[0xff]);
    assert!(solo.peer().accepts_incoming());
}

#[test]
fn manual_start_ends_the_pause_of_a_held_connection() {
    let mut solo = pausing(a().delay_open_time(s(5)));
    solo.connect(Incoming);
    solo.start();
    check_solo(
        &mut solo,
        expect![[r#"
        0.000    a < incoming connected
        0.000    a < start
        0.000    a Idle -> Active
    "#]],
    );
}
