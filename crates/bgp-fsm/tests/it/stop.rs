//! ManualStop and Reset.

use bgp_fsm::{Input, State};
use bgp_sim::Solo;
use bgp_wire::NotificationCode;
use expect_test::expect;

use crate::support::*;

#[test]
fn a_stopped_session_says_why() {
    let mut solo = established(a(), Outgoing);
    solo.stop(Some("bis gleich"));
    assert_eq!(solo.peer().poll_timeout(), None);
    assert!(!solo.peer().accepts_incoming());
    solo.run_for(s(86_400));
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < stop
            0.000    a > outgoing NOTIFICATION Cease / Administrative Shutdown (6/2): bis gleich
            0.000    a close outgoing
            0.000    a Established -> Idle
            0.000    a down: sent Cease / Administrative Shutdown (6/2): bis gleich
        "#]],
    );
}

#[test]
fn a_stop_ends_both_connections() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    solo.connect(Incoming);
    solo.connect(Outgoing);
    let _ = solo.transcript().take();
    solo.stop(None);
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < stop
            0.000    a > outgoing NOTIFICATION Cease / Administrative Shutdown (6/2)
            0.000    a close outgoing
            0.000    a > incoming NOTIFICATION Cease / Administrative Shutdown (6/2)
            0.000    a close incoming
            0.000    a OpenSent -> Idle
            0.000    a down: sent Cease / Administrative Shutdown (6/2)
        "#]],
    );
}

#[test]
fn a_stop_while_dialling_gives_up_the_attempt() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    solo.stop(None);
    // The driver's answer comes too late.
    solo.fail(Outgoing);
    solo.run_for(s(100));
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
            0.000    a Idle -> Connect
            0.000    a dial
            0.000    a < stop
            0.000    a close outgoing
            0.000    a Connect -> Idle
            0.000    a down: stopped
            0.000    a < outgoing failed
        "#]],
    );
}

#[test]
fn a_stop_ends_the_pause_too() {
    let mut solo = established(a(), Outgoing);
    solo.fail(Outgoing);
    solo.stop(None);
    solo.run_for(s(100));
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < outgoing failed
            0.000    a Established -> Idle
            0.000    a down: TCP connection failed in Established
            0.000    a < stop
        "#]],
    );
}

#[test]
fn a_stopped_peer_starts_afresh() {
    let mut solo = Solo::new(a(), 1);
    solo.start();
    for _ in 0..5 {
        solo.connect(Outgoing);
        solo.receive(
            Outgoing,
            &notification(NotificationCode::CEASE_CONNECTION_REJECTED),
        );
        solo.run_for(s(70));
        solo.fail(Outgoing);
        solo.run_for(s(1));
    }
    solo.stop(None);
    solo.start();
    assert_eq!(solo.peer().connect_retry_counter(), 0);
    let _ = solo.transcript().take();
    solo.fail(Outgoing);
    solo.run_for(s(1));
    check_solo(
        &mut solo,
        expect![[r#"
            355.000  a < outgoing failed
            355.000  a Connect -> Active
            355.000  a down: TCP connection failed in Connect
            355.916  a Active -> Connect
            355.916  a dial
        "#]],
    );
}

#[test]
fn a_reset_pauses_and_comes_back() {
    let mut solo = established(a(), Incoming);
    solo.handle(Input::Reset(NotificationCode::CEASE_ADMINISTRATIVE_RESET));
    solo.run_for(s(1));
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a > incoming NOTIFICATION Cease / Administrative Reset (6/4)
            0.000    a close incoming
            0.000    a Established -> Idle
            0.000    a down: sent Cease / Administrative Reset (6/4)
            0.861    a Idle -> Connect
            0.861    a dial
        "#]],
    );
}

#[test]
fn a_reset_without_a_connection_is_a_pause() {
    let mut solo = Solo::new(a(), 1);
    solo.handle(Input::Reset(
        NotificationCode::CEASE_OTHER_CONFIGURATION_CHANGE,
    ));
    assert_eq!(solo.peer().state(), State::Idle);
    solo.start();
    solo.handle(Input::Reset(
        NotificationCode::CEASE_OTHER_CONFIGURATION_CHANGE,
    ));
    check_solo(
        &mut solo,
        expect![[r#"
            0.000    a < start
            0.000    a Idle -> Connect
            0.000    a dial
            0.000    a close outgoing
            0.000    a Connect -> Idle
            0.000    a down: reset: Cease / Other Configuration Change (6/6)
        "#]],
    );
}
