//! How sessions come up and go down.

use std::time::Duration;

use bfd::{Diagnostic, DownReason, Input, Session, State};
use expect_test::expect;

use crate::support::{A, B, Pair, config, ms, timing};

fn fast() -> bfd::Timing {
    timing(50, 50, 3)
}

#[test]
fn two_sessions_come_up_by_a_three_way_handshake() {
    let quick = |number| config(number).timing(fast());
    let mut pair = Pair::new(quick(1), quick(2));
    pair.start();
    pair.run(ms(60));
    expect![[r#"
        0.000 a AdminDown -> Down
        0.000 a Down my=0x00000001 your=0 mult=3 tx=1s rx=50ms
        0.000 a sending every 1s, peer not known
        0.000 b AdminDown -> Down
        0.000 b Down my=0x00000002 your=0 mult=3 tx=1s rx=50ms
        0.000 b sending every 1s, peer not known
        0.001 b Down -> Init
        0.001 b Init my=0x00000002 your=0x00000001 mult=3 tx=1s rx=50ms
        0.001 b sending every 1s, detection time 3s
        0.001 a Down -> Init
        0.001 a Init my=0x00000001 your=0x00000002 mult=3 tx=1s rx=50ms
        0.001 a sending every 1s, detection time 3s
        0.002 a Init -> Up
        0.002 a UP
        0.002 a Up P my=0x00000001 your=0x00000002 mult=3 tx=50ms rx=50ms
        0.002 a sending every 50ms, detection time 3s
        0.002 b Init -> Up
        0.002 b UP
        0.002 b Up P my=0x00000002 your=0x00000001 mult=3 tx=50ms rx=50ms
        0.002 b sending every 50ms, detection time 3s
        0.003 b Up F my=0x00000002 your=0x00000001 mult=3 tx=50ms rx=50ms
        0.003 b sending every 50ms, detection time 150ms
        0.003 a Up F my=0x00000001 your=0x00000002 mult=3 tx=50ms rx=50ms
        0.003 a sending every 50ms, detection time 150ms
        0.047 b Up my=0x00000002 your=0x00000001 mult=3 tx=50ms rx=50ms
        0.052 a Up my=0x00000001 your=0x00000002 mult=3 tx=50ms rx=50ms
    "#]]
    .assert_eq(&pair.transcript());
}

#[test]
fn silence_takes_a_session_down_after_the_detection_time() {
    let mut pair = Pair::up(fast(), timing(40, 40, 5));
    let before = pair.now();
    pair.deaf[A] = true;
    pair.lose_flights();
    pair.run(ms(2_000));
    // B wants to send every 40 ms, A takes 50, and 5 may be lost.
    let (at, why) = pair.downs(A)[0];
    assert_eq!(why, DownReason::DetectionTimeExpired(ms(250)));
    assert!(why.is_failure());
    assert!(at - before <= ms(250) && at - before >= ms(200), "{at:?}");
    // B heard of it at once, with the reason.
    let (told, why) = pair.downs(B)[0];
    assert_eq!(told, at + ms(1));
    let expired = Diagnostic::CONTROL_DETECTION_TIME_EXPIRED;
    assert_eq!(why, DownReason::PeerDown(expired));
    assert!(why.is_failure());
    let signaled = Diagnostic::NEIGHBOR_SIGNALED_SESSION_DOWN;
    assert_eq!(pair.node(B).diagnostic(), signaled);
    assert_eq!(pair.node(A).remote(), None);
}

#[test]
fn after_silence_the_sessions_find_each_other_again() {
    let mut pair = Pair::up(fast(), fast());
    pair.deaf = [true; 2];
    pair.run(ms(20_000));
    assert_eq!(pair.states(), [State::Down, State::Down]);
    pair.deaf = [false; 2];
    pair.run(ms(2_500));
    assert_eq!(pair.states(), [State::Up, State::Up]);
    assert_eq!(pair.node(A).diagnostic(), Diagnostic::NONE);
}

#[test]
fn a_link_that_works_one_way_only_never_comes_up() {
    let mut pair = Pair::new(config(1), config(2));
    pair.deaf[B] = true;
    pair.start();
    pair.run(ms(60_000));
    assert_eq!(pair.states(), [State::Init, State::Down]);
}

#[test]
fn packets_that_waited_while_the_driver_slept_count_as_heard() {
    let mut pair = Pair::up(fast(), fast());
    pair.run(ms(200));
    let (_, packet) = *pair.sent(B).last().unwrap();
    pair.lose_flights();
    pair.deaf = [true; 2];
    // A's driver sleeps for ten seconds, while a packet lies in its socket.
    pair.sleep(ms(10_000));
    let waited = pair.now();
    pair.input(A, Input::Received { packet, ttl: 255 });
    pair.input(A, Input::Timeout);
    assert_eq!(pair.downs(A), []);
    pair.run(ms(2_000));
    let (at, _) = pair.downs(A)[0];
    assert_eq!(at - waited, ms(150));
}

#[test]
fn time_in_which_the_driver_could_not_listen_is_no_silence() {
    let mut pair = Pair::up(fast(), fast());
    pair.lose_flights();
    pair.deaf = [true; 2];
    pair.run(ms(30));
    let heard = pair.now();
    // The machine stands still, and nothing has arrived when it goes on.
    pair.sleep(ms(10_000));
    pair.input(A, Input::Overslept(ms(9_990)));
    pair.input(A, Input::Timeout);
    assert_eq!(pair.downs(A), []);
    // What was left of the Detection Time still counts.
    pair.run(ms(2_000));
    let (at, why) = pair.downs(A)[0];
    assert_eq!(why, DownReason::DetectionTimeExpired(ms(150)));
    let took = at - heard;
    assert!(took > ms(10_050) && took <= ms(10_150), "{took:?}");
}

#[test]
fn nobody_is_heard_in_the_future() {
    let mut pair = Pair::up(fast(), fast());
    pair.lose_flights();
    pair.deaf = [true; 2];
    let now = pair.now();
    pair.input(A, Input::Overslept(Duration::MAX));
    pair.run(ms(2_000));
    assert_eq!(pair.downs(A)[0].0 - now, ms(150));
}

#[test]
fn an_operator_takes_a_session_down_and_the_peer_knows_that_it_is_no_failure() {
    let mut pair = Pair::up(fast(), fast());
    pair.input(A, Input::AdminDown);
    pair.run(ms(5_000));
    assert_eq!(pair.states(), [State::AdminDown, State::Down]);
    assert_eq!(pair.downs(A)[0].1, DownReason::AdminDown);
    let why = pair.downs(B)[0].1;
    let admin = Diagnostic::ADMINISTRATIVELY_DOWN;
    assert_eq!(why, DownReason::PeerAdminDown(admin));
    assert!(!why.is_failure() && !DownReason::AdminDown.is_failure());
    // The peer is told for as long as it lasts, slowly.
    let sent = pair.sent(A);
    assert!((5..=9).contains(&sent.len()), "{}", pair.transcript());
    for (_, packet) in sent {
        assert_eq!(packet.state, State::AdminDown);
        assert_eq!(packet.diagnostic, admin);
        assert_eq!(packet.desired_min_tx, ms(1_000));
    }

    pair.input(A, Input::Start);
    pair.run(ms(2_500));
    assert_eq!(pair.states(), [State::Up, State::Up]);
}

#[test]
fn the_farewell_lasts_until_a_peer_that_hears_one_packet_in_three_must_have_heard_it() {
    let mut pair = Pair::up(fast(), fast());
    pair.input(A, Input::AdminDown);
    // Three packets with a second in between, by the 1 s that they tell.
    let farewell = pair.node(A).farewell_time();
    assert_eq!(farewell, ms(3_000));
    pair.run_losing_every_third(farewell);
    assert!(pair.sent(A).len() >= 3, "{}", pair.transcript());
    assert!(matches!(pair.downs(B)[0].1, DownReason::PeerAdminDown(_)));

    let nobody = Session::new(config(9), 1);
    assert_eq!(nobody.farewell_time(), ms(0));
}

#[test]
fn a_session_says_nothing_before_it_is_started() {
    let mut pair = Pair::new(config(1), config(2));
    pair.input(B, Input::Start);
    pair.input(A, Input::AdminDown);
    pair.run(ms(10_000));
    assert_eq!(pair.sent(A), []);
    assert_eq!(pair.states(), [State::AdminDown, State::Down]);
}

#[test]
fn a_peer_that_restarted_is_noticed_by_its_first_packet() {
    let mut pair = Pair::up(fast(), fast());
    let before = pair.now();
    pair.replace(B, config(99).timing(fast()));
    pair.run(ms(10_000));
    let (at, why) = pair.downs(A)[0];
    assert_eq!(why, DownReason::PeerDown(Diagnostic::NONE));
    assert_eq!(at - before, ms(1));
    assert_eq!(pair.states(), [State::Up, State::Up]);
    let known = pair.node(A).remote().map(|remote| remote.discriminator);
    assert_eq!(known, bfd::Discriminator::new(99));
}

#[test]
fn a_passive_session_waits_for_the_peer_to_speak_first() {
    let mut pair = Pair::new(config(1).passive(), config(2));
    pair.input(A, Input::Start);
    pair.run(ms(10_000));
    assert_eq!(pair.sent(A), []);
    pair.input(B, Input::Start);
    pair.run(ms(3_000));
    assert_eq!(pair.states(), [State::Up, State::Up]);
}

#[test]
fn two_passive_sessions_never_speak() {
    let mut pair = Pair::new(config(1).passive(), config(2).passive());
    pair.start();
    pair.run(ms(60_000));
    assert!(pair.sent(A).is_empty() && pair.sent(B).is_empty());
    assert!(pair.node(A).poll_timeout().is_none());
}

#[test]
fn the_control_plane_bit_is_sent_and_reported() {
    let mut pair = Pair::new(config(1).control_plane_independent(), config(2));
    pair.start();
    pair.run(ms(3_000));
    let independent = |node| {
        let remote = pair.node(node).remote().unwrap();
        remote.control_plane_independent
    };
    assert_eq!((independent(A), independent(B)), (false, true));
}
