//! HoldTimer, KeepaliveTimer, IdleHoldTimer, SendHoldTimer.

use std::time::Duration;

use bgp_fsm::{Connection, Input, State, Timer};
use bgp_sim::Solo;
use bgp_wire::{HoldTime, NotificationCode};
use expect_test::expect;

use crate::support::*;

#[test]
fn keepalives_go_out_every_third_of_the_hold_time_with_jitter() {
    let mut solo = established(a().hold_time(hold(9)), Outgoing);
    for _ in 0..4 {
        solo.run_for(s(4));
        solo.receive(Outgoing, &keepalive());
    }
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn an_update_of_ours_puts_the_next_keepalive_off() {
    let mut solo = established(a().hold_time(hold(30)), Outgoing);
    let (before, timer) = solo.peer().poll_timeout().unwrap();
    assert_eq!(timer, Timer::Keepalive(Outgoing));
    solo.run_for(s(5));
    solo.handle(Input::UpdateSent);
    let (after, _) = solo.peer().poll_timeout().unwrap();
    assert!(after > before, "{:?}", after - before);
}

#[test]
fn silence_in_established_ends_with_hold_timer_expired() {
    let mut solo = established(a().hold_time(hold(9)), Outgoing);
    solo.transcript().hide_keepalives();
    solo.run_for(s(8));
    // Any message counts, not only KEEPALIVE.
    solo.receive(Outgoing, &end_of_rib());
    solo.run_for(ms(8_500));
    solo.receive(Outgoing, &message(5, &[0, 1, 0, 1]));
    solo.run_for(s(9));
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn silence_in_open_confirm_ends_with_hold_timer_expired() {
    let mut solo = open_confirm(a().hold_time(hold(3)), Incoming);
    solo.transcript().hide_keepalives();
    solo.run_for(s(3));
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn a_peer_that_never_sends_its_open_is_given_four_minutes() {
    let mut solo = open_sent(a(), Outgoing);
    solo.run_for(s(240));
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn hold_time_zero_means_no_timers_once_established() {
    let mut solo = open_confirm(a().hold_time(HoldTime::ZERO), Outgoing);
    // But a peer can't leave us waiting for its KEEPALIVE for ever.
    assert_eq!(solo.peer().poll_timeout().unwrap().1, Timer::Hold(Outgoing));
    solo.receive(Outgoing, &keepalive());
    assert_eq!(solo.peer().poll_timeout(), None);
    solo.handle(Input::WriteBlocked(Outgoing));
    solo.run_for(s(1_000_000));
    assert_eq!(solo.peer().state(), State::Established);
}

#[test]
fn hold_time_zero_and_no_keepalive_ends_after_the_large_value() {
    let mut solo = open_confirm(a().hold_time(HoldTime::ZERO), Outgoing);
    solo.run_for(s(240));
    check_solo(&mut solo, expect![[""]]);
}

#[test]
fn a_peer_that_stops_reading_is_dropped_without_a_word() {
    let mut solo = established(a().hold_time(hold(9)).send_hold_time(s(20)), Outgoing);
    solo.transcript().hide_keepalives();
    solo.handle(Input::WriteBlocked(Outgoing));
    talk_for(&mut solo, Outgoing, 15);
    solo.handle(Input::WriteProgress(Outgoing));
    solo.handle(Input::WriteBlocked(Outgoing));
    talk_for(&mut solo, Outgoing, 10);
    // Still blocked: this does not start the timer anew.
    solo.handle(Input::WriteBlocked(Outgoing));
    let _ = solo.transcript().take();
    talk_for(&mut solo, Outgoing, 12);
    check_solo(&mut solo, expect![[""]]);
}

/// The peer sends a KEEPALIVE every second.
fn talk_for(solo: &mut Solo, connection: Connection, seconds: u64) {
    for _ in 0..seconds {
        solo.run_for(s(1));
        if solo.peer().state() == State::Established {
            solo.receive(connection, &keepalive());
        }
    }
}

#[test]
fn send_hold_time_is_eight_minutes_or_twice_the_hold_time() {
    for (hold_time, seconds) in [(9, 480), (300, 600)] {
        let config = a().hold_time(hold(hold_time));
        let mut open = open_of_b();
        open.hold_time = hold(hold_time);
        let mut solo = open_sent(config, Outgoing);
        solo.receive(Outgoing, &bytes_of(&open));
        solo.receive(Outgoing, &keepalive());
        let begin = solo.now();
        solo.handle(Input::WriteBlocked(Outgoing));
        talk_for(&mut solo, Outgoing, seconds - 1);
        assert_eq!(solo.peer().state(), State::Established);
        talk_for(&mut solo, Outgoing, 1);
        assert_eq!(solo.peer().state(), State::Idle, "{:?}", solo.now() - begin);
    }
}

#[test]
fn repeated_failures_are_damped() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        solo.connect(Outgoing);
        let reject = notification(NotificationCode::CEASE_CONNECTION_REJECTED);
        solo.receive(Outgoing, &reject);
        assert_eq!(solo.peer().poll_timeout().unwrap().1, Timer::IdleHold);
        pauses.push(idle_for(&mut solo).as_millis());
    }
    expect![[""]].assert_debug_eq(&pauses);
    assert_eq!(solo.peer().connect_retry_counter(), 9);
}

#[test]
fn a_session_that_lasted_clears_the_record() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    let reject = notification(NotificationCode::CEASE_CONNECTION_REJECTED);
    for _ in 0..5 {
        solo.connect(Outgoing);
        solo.receive(Outgoing, &reject);
        idle_for(&mut solo);
    }
    for (lasts, pause) in [(30, s(24)..=s(32)), (60, ms(750)..=s(1))] {
        solo.connect(Outgoing);
        solo.receive(Outgoing, &bytes_of(&open_of_b()));
        solo.receive(Outgoing, &keepalive());
        talk_for(&mut solo, Outgoing, lasts);
        solo.fail(Outgoing);
        let was = idle_for(&mut solo);
        assert!(pause.contains(&was), "{was:?} after a session of {lasts} s");
    }
}

#[test]
fn manual_start_ends_the_pause() {
    let mut solo = established(a(), Outgoing);
    solo.fail(Outgoing);
    assert_eq!(solo.peer().state(), State::Idle);
    solo.start();
    check_solo(&mut solo, expect![[""]]);
}

fn idle_for(solo: &mut Solo) -> Duration {
    let begin = solo.now();
    while solo.peer().state() == State::Idle {
        solo.run_for(ms(1));
    }
    solo.now() - begin
}
