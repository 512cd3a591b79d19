//! Intervals: negotiated, jittered, changed while Up.

use std::time::Duration;

use bfd::{ControlPacket, Input, Parameters, State, Timing};

use crate::support::{A, B, Pair, config, ms, timing};

/// The shortest and the longest pause between packets without F.
fn pauses(sent: &[(Duration, ControlPacket)]) -> (Duration, Duration) {
    let periodic: Vec<_> = sent.iter().filter(|(_, p)| !p.is_final).collect();
    let pauses = periodic.windows(2).map(|two| two[1].0 - two[0].0);
    (pauses.clone().min().unwrap(), pauses.max().unwrap())
}

fn detection(pair: &Pair, node: usize) -> Option<Duration> {
    pair.node(node).parameters().detection_time
}

#[test]
fn each_side_sends_no_faster_than_the_other_can_receive() {
    let mut pair = Pair::up(timing(10, 300, 3), timing(50, 100, 4));
    pair.run(ms(20_000));
    let (least, most) = pauses(&pair.sent(A));
    assert!(least >= ms(75) && least < ms(77), "{least:?}");
    assert!(most <= ms(100) && most > ms(98), "{most:?}");
    let (least, most) = pauses(&pair.sent(B));
    assert!(least >= ms(225) && most <= ms(300), "{least:?} {most:?}");
    // The other's multiplier times what was agreed for its direction.
    assert_eq!(detection(&pair, A), Some(ms(4 * 300)));
    assert_eq!(detection(&pair, B), Some(ms(3 * 100)));
}

#[test]
fn with_a_multiplier_of_one_packets_leave_well_before_the_interval_ends() {
    let mut pair = Pair::up(timing(100, 100, 1), timing(100, 100, 3));
    pair.run(ms(60_000));
    let (least, most) = pauses(&pair.sent(A));
    assert!(least >= ms(75) && least < ms(77), "{least:?}");
    assert!(most <= ms(90) && most > ms(88), "{most:?}");
    assert_eq!(pair.states(), [State::Up, State::Up]);
}

#[test]
fn a_session_that_is_not_up_sends_about_once_a_second() {
    let mut pair = Pair::new(config(1).timing(timing(10, 10, 3)), config(2));
    pair.input(A, Input::Start);
    pair.run(ms(60_000));
    let sent = pair.sent(A);
    let (least, most) = pauses(&sent);
    assert!(least >= ms(750) && most <= ms(1_000), "{least:?} {most:?}");
    assert!(sent.iter().all(|(_, p)| p.desired_min_tx == ms(1_000)));
}

#[test]
fn coming_up_the_faster_times_are_told_by_a_poll_sequence() {
    let fast = timing(20, 20, 3);
    let mut pair = Pair::new(config(1).timing(fast), config(2).timing(fast));
    pair.start();
    pair.run(ms(5_000));
    let sent = pair.sent(A);
    let polls = sent.iter().filter(|(_, p)| p.poll).count();
    assert!((1..=2).contains(&polls), "{}", pair.transcript());
    assert!(sent.iter().any(|(_, p)| p.is_final));
    assert!(sent.iter().all(|(_, p)| !(p.poll && p.is_final)));
    assert!(!pair.node(A).is_polling());
}

#[test]
fn sending_less_often_waits_until_the_peer_knows() {
    let fast = timing(50, 50, 3);
    let mut pair = Pair::up(fast, fast);
    // The change is told into the void.
    pair.deaf[B] = true;
    pair.lose_flights();
    pair.input(A, Input::Retime(timing(400, 50, 3)));
    let sending = Parameters {
        transmit_interval: Some(ms(50)),
        detection_time: Some(ms(150)),
    };
    pair.run(ms(60));
    assert!(pair.node(A).is_polling());
    assert_eq!(pair.node(A).parameters(), sending);
    let every = |(_, p): &(Duration, ControlPacket)| p.poll && p.desired_min_tx == ms(400);
    assert!(pair.sent(A).iter().all(every), "{}", pair.transcript());
    // The peer hears and answers before it gives up.
    pair.deaf[B] = false;
    pair.run(ms(60));
    assert!(!pair.node(A).is_polling());
    let slower = Parameters {
        transmit_interval: Some(ms(400)),
        ..sending
    };
    assert_eq!(pair.node(A).parameters(), slower);
    assert_eq!(detection(&pair, B), Some(ms(1_200)));
    pair.run(ms(20_000));
    assert!(pair.downs(A).is_empty() && pair.downs(B).is_empty());
}

#[test]
fn expecting_more_packets_waits_until_the_peer_sends_them() {
    let (slow, fast) = (timing(50, 400, 3), timing(50, 50, 3));
    let mut pair = Pair::up(slow, fast);
    pair.deaf[B] = true;
    pair.input(A, Input::Retime(fast));
    pair.run(ms(100));
    assert_eq!(detection(&pair, A), Some(ms(1_200)));
    pair.deaf[B] = false;
    pair.run(ms(1_000));
    assert_eq!(detection(&pair, A), Some(ms(150)));
    assert_eq!(pair.node(B).parameters().transmit_interval, Some(ms(50)));
    pair.run(ms(20_000));
    assert!(pair.downs(A).is_empty() && pair.downs(B).is_empty());
}

#[test]
fn times_change_up_and_down_without_losing_the_session() {
    let mut pair = Pair::up(Timing::default(), timing(10, 10, 3));
    for (tx, rx, multiplier) in [(10, 10, 3), (1_000, 10, 1), (10, 2_000, 5), (300, 300, 3)] {
        pair.input(A, Input::Retime(timing(tx, rx, multiplier)));
        pair.run(ms(7_000));
        let transmit = pair.node(A).parameters().transmit_interval;
        assert_eq!(transmit, Some(ms(tx)));
        assert_eq!(detection(&pair, A), Some(ms(3 * rx)));
        let there = detection(&pair, B);
        assert_eq!(there, Some(ms(tx) * u32::from(multiplier)));
        assert!(!pair.node(A).is_polling());
    }
    assert!(pair.downs(A).is_empty() && pair.downs(B).is_empty());
}

#[test]
fn a_change_during_a_poll_sequence_is_polled_again() {
    let fast = timing(50, 50, 3);
    let mut pair = Pair::up(fast, fast);
    pair.latency = ms(30);
    pair.input(A, Input::Retime(timing(400, 50, 3)));
    pair.run(ms(40));
    pair.input(A, Input::Retime(timing(800, 50, 3)));
    // The answer to the first values arrives, and changes nothing yet.
    pair.run(ms(40));
    assert!(pair.node(A).is_polling());
    let transmit = pair.node(A).parameters().transmit_interval;
    assert_eq!(transmit, Some(ms(50)));
    pair.run(ms(2_000));
    assert!(!pair.node(A).is_polling());
    assert_eq!(detection(&pair, B), Some(ms(2_400)));
    pair.run(ms(20_000));
    assert!(pair.downs(A).is_empty() && pair.downs(B).is_empty());
}

/// Has `A` hear what `B` would have said with these changes.
fn hear(pair: &mut Pair, change: impl FnOnce(&mut ControlPacket)) {
    pair.run(ms(1_000));
    let (_, mut packet) = *pair.sent(B).last().unwrap();
    pair.deaf = [true; 2];
    pair.lose_flights();
    pair.said.clear();
    change(&mut packet);
    pair.input(A, Input::Received { packet, ttl: 255 });
}

#[test]
fn a_peer_that_can_receive_nothing_is_sent_nothing() {
    let mut pair = Pair::up(Timing::default(), timing(300, 300, 100));
    hear(&mut pair, |packet| packet.required_min_rx = Duration::ZERO);
    pair.run(ms(20_000));
    assert_eq!(pair.sent(A), []);
    assert_eq!(pair.node(A).parameters().transmit_interval, None);
    assert_eq!(pair.node(A).state(), State::Up);
}

#[test]
fn a_peer_in_demand_mode_is_left_in_peace_but_answered_and_polled() {
    let mut pair = Pair::up(Timing::default(), timing(300, 300, 100));
    hear(&mut pair, |packet| packet.demand = true);
    pair.run(ms(10_000));
    assert_eq!(pair.sent(A), []);
    // Its own question is answered.
    let (_, question) = {
        let mut other = Pair::up(Timing::default(), timing(300, 300, 100));
        other.run(ms(1_000));
        *other.sent(B).last().unwrap()
    };
    let packet = ControlPacket {
        poll: true,
        demand: true,
        ..question
    };
    pair.input(A, Input::Received { packet, ttl: 255 });
    assert!(pair.sent(A)[0].1.is_final);
    // A question of ours is repeated until it is answered.
    pair.said.clear();
    pair.input(A, Input::Retime(timing(200, 300, 3)));
    pair.run(ms(3_000));
    let asked = pair.sent(A);
    assert!(asked.len() >= 10 && asked.iter().all(|(_, p)| p.poll));
    let packet = ControlPacket {
        poll: false,
        is_final: true,
        ..packet
    };
    pair.input(A, Input::Received { packet, ttl: 255 });
    pair.said.clear();
    pair.run(ms(5_000));
    assert_eq!(pair.sent(A), []);
}

#[test]
fn times_that_cannot_be_kept_are_refused_with_their_reason() {
    let refused = |tx, rx, multiplier| {
        Timing::new(tx, rx, multiplier)
            .expect_err("not possible")
            .to_string()
    };
    let day = Duration::from_secs(86_400);
    assert_eq!(
        refused(Duration::ZERO, ms(1), 3),
        "BFD interval 0ns is not between 1 ms and 4294 s"
    );
    assert_eq!(
        refused(ms(1), day, 3),
        "BFD interval 86400s is not between 1 ms and 4294 s"
    );
    assert_eq!(
        refused(ms(1), ms(1), 0),
        "BFD multiplier 0 is not between 1 and 255"
    );
}
