//! From Idle to a connection.

use bgp_fsm::{State, Timer};
use bgp_sim::Solo;
use expect_test::expect;

use crate::support::*;

#[test]
fn the_first_attempt_is_made_at_once() {
    let mut solo = Solo::new(a(), 1);
    assert_eq!(solo.peer().state(), State::Idle);
    assert_eq!(solo.peer().poll_timeout(), None);
    solo.start();
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn a_second_start_changes_nothing() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    let _ = solo.transcript().take();
    let before = solo.peer().poll_timeout();
    solo.start();
    assert_eq!(solo.peer().poll_timeout(), before);
    check_solo(&mut solo, expect![[""]]);
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
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn an_attempt_without_answer_is_made_anew() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    solo.run_for(s(25));
    check_solo(&mut solo, expect![[""]]);
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
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn in_idle_connections_are_refused() {
    let mut solo = Solo::new(a(), 1);
    assert!(!solo.peer().accepts_incoming());
    solo.connect(Incoming);
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn while_it_waits_to_retry_the_peer_may_dial() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    solo.fail(Outgoing);
    solo.connect(Incoming);
    // The retry is off: one connection is enough.
    solo.run_for(s(10));
    check_solo(&mut solo, expect![[""]]);
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
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn a_connection_lost_before_its_open_is_retried() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    solo.connect(Outgoing);
    solo.fail(Outgoing);
    solo.run_for(s(1));
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn delay_open_lets_the_peer_speak_first() {
    let mut solo = Solo::new(a().delay_open_time(s(5)), 1);
    solo.start();
    solo.connect(Outgoing);
    solo.run_for(s(2));
    solo.receive(Outgoing, &bytes_of(&open_of_b()));
    solo.receive(Outgoing, &keepalive());
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn delay_open_ends_and_our_open_is_sent() {
    let mut solo = Solo::new(a().delay_open_time(s(5)).passive(), 1);
    solo.start();
    solo.connect(Incoming);
    assert_eq!(solo.peer().state(), State::Active);
    solo.run_for(s(6));
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn delay_open_takes_nothing_but_an_open() {
    let mut solo = Solo::new(a().delay_open_time(s(5)), 1);
    solo.start();
    solo.connect(Outgoing);
    solo.receive(Outgoing, &keepalive());
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn a_connection_lost_during_delay_open_is_retried() {
    let mut solo = Solo::new(a().delay_open_time(s(5)), 1);
    solo.start();
    solo.connect(Outgoing);
    solo.fail(Outgoing);
    assert_eq!(solo.peer().poll_timeout().unwrap().1, Timer::ConnectRetry);
    check_solo(&mut solo, expect![[""]]);
}
