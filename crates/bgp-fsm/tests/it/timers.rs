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
    check_solo(
        &mut solo,
        expect![[r#"
            2.808    a > outgoing KEEPALIVE
            4.000    a < outgoing KEEPALIVE
            5.786    a > outgoing KEEPALIVE
            8.000    a < outgoing KEEPALIVE
            8.370    a > outgoing KEEPALIVE
            10.952   a > outgoing KEEPALIVE
            12.000   a < outgoing KEEPALIVE
            13.774   a > outgoing KEEPALIVE
            16.000   a < outgoing KEEPALIVE
        "#]],
    );
}

#[test]
fn keepalives_never_go_out_more_than_once_a_second() {
    let mut solo = established(a().hold_time(hold(3)), Outgoing);
    let mut last = s(0);
    for _ in 0..100 {
        solo.run_for(ms(100));
        if solo.take_outputs().is_empty() {
            continue;
        }
        assert!(solo.now() - last >= s(1), "{}", solo.transcript());
        last = solo.now();
        solo.receive(Outgoing, &keepalive());
    }
    assert!(last > s(8), "{}", solo.transcript());
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
    check_solo(
        &mut solo,
        expect![[r#"
            8.000    a < outgoing UPDATE of 23 octets
            8.000    a has UPDATE of 23 octets
            16.500   a < outgoing ROUTE-REFRESH request ipv4-unicast
            25.500   a > outgoing NOTIFICATION Hold Timer Expired (4/0)
            25.500   a close outgoing
            25.500   a Established -> Idle
            25.500   a down: sent Hold Timer Expired (4/0)
        "#]],
    );
}

#[test]
fn silence_in_open_confirm_ends_with_hold_timer_expired() {
    let mut solo = open_confirm(a().hold_time(hold(3)), Incoming);
    solo.transcript().hide_keepalives();
    solo.run_for(s(3));
    check_solo(
        &mut solo,
        expect![[r#"
            3.000    a > incoming NOTIFICATION Hold Timer Expired (4/0)
            3.000    a close incoming
            3.000    a OpenConfirm -> Idle
            3.000    a down: sent Hold Timer Expired (4/0)
        "#]],
    );
}

#[test]
fn a_peer_that_never_sends_its_open_is_given_four_minutes() {
    let mut solo = open_sent(a(), Outgoing);
    solo.run_for(s(240));
    check_solo(
        &mut solo,
        expect![[r#"
            240.000  a > outgoing NOTIFICATION Hold Timer Expired (4/0)
            240.000  a close outgoing
            240.000  a OpenSent -> Idle
            240.000  a down: sent Hold Timer Expired (4/0)
        "#]],
    );
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
    check_solo(
        &mut solo,
        expect![[r#"
            240.000  a > outgoing NOTIFICATION Hold Timer Expired (4/0)
            240.000  a close outgoing
            240.000  a OpenConfirm -> Idle
            240.000  a down: sent Hold Timer Expired (4/0)
        "#]],
    );
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
    check_solo(
        &mut solo,
        expect![[r#"
            26.000   a < outgoing KEEPALIVE
            27.000   a < outgoing KEEPALIVE
            28.000   a < outgoing KEEPALIVE
            29.000   a < outgoing KEEPALIVE
            30.000   a < outgoing KEEPALIVE
            31.000   a < outgoing KEEPALIVE
            32.000   a < outgoing KEEPALIVE
            33.000   a < outgoing KEEPALIVE
            34.000   a < outgoing KEEPALIVE
            35.000   a close outgoing
            35.000   a Established -> Idle
            35.000   a down: Send Hold Timer Expired: the peer stopped reading
            35.858   a Idle -> Connect
            35.858   a dial
        "#]],
    );
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
    expect![[r#"
        [
            937,
            1723,
            3763,
            7045,
            15176,
            28836,
            52940,
            47505,
            57217,
        ]
    "#]]
    .assert_debug_eq(&pauses);
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
fn time_after_a_session_does_not_count_as_its_own() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    let reject = notification(NotificationCode::CEASE_CONNECTION_REJECTED);
    for _ in 0..5 {
        solo.connect(Outgoing);
        solo.receive(Outgoing, &reject);
        idle_for(&mut solo);
    }
    solo.connect(Outgoing);
    solo.receive(Outgoing, &bytes_of(&open_of_b()));
    solo.receive(Outgoing, &keepalive());
    solo.connect(Incoming);
    solo.fail(Outgoing);
    // A younger connection goes on for a while, but to no session.
    solo.run_for(s(100));
    solo.receive(Incoming, &reject);
    let pause = idle_for(&mut solo);
    assert!(pause >= s(24), "{pause:?}");
}

#[test]
fn manual_start_ends_the_pause() {
    let mut solo = established(a(), Outgoing);
    solo.fail(Outgoing);
    assert_eq!(solo.peer().state(), State::Idle);
    assert_eq!(solo.peer().connect_retry_counter(), 1);
    solo.start();
    assert_eq!(solo.peer().connect_retry_counter(), 0);
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < outgoing failed
            0.000    a Established -> Idle
            0.000    a down: TCP connection failed in Established
            0.000    a < start
            0.000    a Idle -> Connect
            0.000    a dial
        "#]],
    );
}

fn idle_for(solo: &mut Solo) -> Duration {
    let begin = solo.now();
    while solo.peer().state() == State::Idle {
        solo.run_for(ms(1));
    }
    solo.now() - begin
}
