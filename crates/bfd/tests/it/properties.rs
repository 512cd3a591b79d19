//! Whatever happens in whatever order, some things hold.

use std::time::Duration;

use bfd::{ControlPacket, Diagnostic, Discriminator, Event, Input, Output, State, Timing};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{A, B, Pair, config, ms, timing};

/// One thing that may happen to one session, or to the link.
#[derive(Clone, Debug)]
enum Step {
    Start(usize),
    AdminDown(usize),
    Retime(usize, Timing),
    Timeout(usize),
    Overslept(usize, Duration),
    Received(usize, ControlPacket, u8),
    Deaf(usize, bool),
    Latency(Duration),
    LoseFlights,
    Restart(usize, u32),
    Run(Duration),
}

fn any_timing() -> impl Strategy<Value = Timing> {
    (1..2_000_u64, 1..2_000_u64, 1..6_u8)
        .prop_map(|(tx, rx, multiplier)| timing(tx, rx, multiplier))
}

fn any_time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        (0..2_000_000_u64).prop_map(Duration::from_micros),
        any::<u32>().prop_map(|micros| Duration::from_micros(micros.into())),
    ]
}

prop_compose! {
    fn any_packet()(
        yours in prop_oneof![3 => Just(1_u32), 3 => Just(2), 2 => Just(0), 1 => any::<u32>()],
        mine in 1..4_u32,
        bits in any::<[bool; 5]>(),
        state in 0..4_u8,
        diagnostic in 0..32_u8,
        detect_multiplier in prop_oneof![1..4_u8, 1..=255_u8],
        times in (any_time(), any_time()),
    ) -> ControlPacket {
        ControlPacket {
            diagnostic: Diagnostic::from_bits(diagnostic),
            state: State::from_bits(state),
            poll: bits[0],
            is_final: bits[1],
            control_plane_independent: bits[2],
            authenticated: bits[3] && bits[0],
            demand: bits[4],
            detect_multiplier,
            my_discriminator: Discriminator::new(mine).unwrap(),
            your_discriminator: Discriminator::new(yours),
            desired_min_tx: times.0,
            required_min_rx: times.1,
            required_min_echo_rx: Duration::ZERO,
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let node = || 0..2_usize;
    let ttl = prop_oneof![9 => Just(255_u8), 1 => any::<u8>()];
    prop_oneof![
        3 => node().prop_map(Step::Start),
        1 => node().prop_map(Step::AdminDown),
        2 => (node(), any_timing()).prop_map(|(node, timing)| Step::Retime(node, timing)),
        1 => node().prop_map(Step::Timeout),
        1 => (node(), any_time()).prop_map(|(node, time)| Step::Overslept(node, time)),
        6 => (node(), any_packet(), ttl).prop_map(|(n, packet, ttl)| Step::Received(n, packet, ttl)),
        2 => (node(), any::<bool>()).prop_map(|(node, deaf)| Step::Deaf(node, deaf)),
        1 => (0..300_u64).prop_map(|time| Step::Latency(ms(time))),
        1 => Just(Step::LoseFlights),
        1 => (node(), 1..4_u32).prop_map(|(node, number)| Step::Restart(node, number)),
        6 => (0..3_000_u64).prop_map(|time| Step::Run(ms(time))),
        3 => (0..50_u64).prop_map(|time| Step::Run(ms(time))),
    ]
}

/// A pair and what may be believed about it.
struct Oracle {
    pair: Pair,
    started: [bool; 2],
    states: [State; 2],
    up: [bool; 2],
}

impl Oracle {
    fn new(a: Timing, b: Timing) -> Self {
        Self {
            pair: Pair::new(config(1).timing(a), config(2).timing(b)),
            started: [false; 2],
            states: [State::AdminDown; 2],
            up: [false; 2],
        }
    }

    fn step(&mut self, step: &Step) {
        let pair = &mut self.pair;
        let mut most = 8;
        match *step {
            Step::Start(node) => {
                self.started[node] = true;
                pair.input(node, Input::Start);
            }
            Step::AdminDown(node) => pair.input(node, Input::AdminDown),
            Step::Retime(node, timing) => pair.input(node, Input::Retime(timing)),
            Step::Timeout(node) => pair.input(node, Input::Timeout),
            Step::Overslept(node, time) => pair.input(node, Input::Overslept(time)),
            Step::Received(node, packet, ttl) => {
                pair.input(node, Input::Received { packet, ttl });
            }
            Step::Deaf(node, deaf) => pair.deaf[node] = deaf,
            Step::Latency(latency) => pair.latency = latency,
            Step::LoseFlights => pair.lose_flights(),
            Step::Restart(node, number) => {
                self.started[node] = true;
                self.states[node] = State::AdminDown;
                self.up[node] = false;
                pair.replace(node, config(number));
            }
            Step::Run(time) => {
                pair.run(time);
                // A packet a millisecond each way, and their answers.
                most = 50 + 8 * usize::try_from(time.as_millis()).unwrap();
            }
        }
        assert!(pair.said.len() <= most, "{}", pair.transcript());
        self.check();
    }

    fn check(&mut self) {
        for said in std::mem::take(&mut self.pair.said) {
            let node = said.node;
            match said.output {
                Output::Transmit(packet) => {
                    assert!(self.started[node]);
                    assert_eq!(packet.state, self.states[node]);
                    assert_eq!(ControlPacket::parse(&packet.encode()), Ok(packet));
                    assert!(!(packet.poll && packet.is_final));
                    assert!(packet.state == State::Up || packet.desired_min_tx >= ms(1_000));
                }
                Output::Event(Event::StateChanged { from, to }) => {
                    assert_eq!(from, self.states[node]);
                    assert_ne!(from, to);
                    self.states[node] = to;
                }
                Output::Event(Event::Up) => {
                    assert!(!std::mem::replace(&mut self.up[node], true));
                    assert_eq!(self.states[node], State::Up);
                }
                Output::Event(Event::Down(_)) => {
                    assert!(std::mem::replace(&mut self.up[node], false));
                    assert_ne!(self.states[node], State::Up);
                }
                _ => {}
            }
        }
        for node in [A, B] {
            let session = self.pair.node(node);
            assert_eq!(session.state(), self.states[node]);
            assert_eq!(self.up[node], session.state() == State::Up);
            let heard = session.remote().is_some();
            assert!(heard || !matches!(session.state(), State::Init | State::Up));
            let must_send = session.parameters().transmit_interval.is_some();
            assert!(self.started[node] || !must_send);
            let asleep = session.poll_timeout().is_none();
            assert!(!asleep || !(must_send || heard), "{session:?}");
            assert!(!session.is_polling() || session.state() == State::Up);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_session_keeps_its_promises_whatever_happens(
        (a, b) in (any_timing(), any_timing()),
        steps in vec(any_step(), 1..60),
    ) {
        let mut oracle = Oracle::new(a, b);
        for step in &steps {
            oracle.step(step);
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_transcript(
        (a, b) in (any_timing(), any_timing()),
        steps in vec(any_step(), 1..40),
    ) {
        let run = || {
            let mut oracle = Oracle::new(a, b);
            let mut transcript = String::new();
            for step in &steps {
                if let Step::Run(time) = step {
                    oracle.pair.run(*time);
                    transcript.push_str(&oracle.pair.transcript());
                    oracle.check();
                } else {
                    oracle.step(step);
                }
            }
            transcript
        };
        prop_assert_eq!(run(), run());
    }

    /// Without packets of strangers, nobody is Up whom the other never heard
    /// in this life: Up means that the other said Init or Up to us.
    #[test]
    fn nobody_is_up_without_the_others_consent(
        (a, b) in (any_timing(), any_timing()),
        steps in vec(any_step(), 1..40),
    ) {
        let mut pair = Pair::new(config(1).timing(a), config(2).timing(b));
        for step in steps {
            match step {
                Step::Start(node) => pair.input(node, Input::Start),
                Step::AdminDown(node) => pair.input(node, Input::AdminDown),
                Step::Retime(node, timing) => pair.input(node, Input::Retime(timing)),
                Step::Deaf(node, deaf) => pair.deaf[node] = deaf,
                Step::Latency(latency) => pair.latency = latency,
                Step::LoseFlights => pair.lose_flights(),
                Step::Run(time) => pair.run(time),
                _ => {}
            }
        }
        let mut knows = [false; 2];
        for said in &pair.said {
            let other = 1 - said.node;
            match said.output {
                Output::Transmit(packet) => {
                    let names = packet.your_discriminator == Some(pair.node(other).discriminator());
                    knows[said.node] |= names && matches!(packet.state, State::Init | State::Up);
                }
                Output::Event(Event::Up) => {
                    prop_assert!(knows[other], "{}", pair.transcript());
                }
                _ => {}
            }
        }
    }

    #[test]
    fn after_any_trouble_two_sessions_find_each_other_and_stay(
        (a, b) in (any_timing(), any_timing()),
        steps in vec(any_step(), 0..40),
    ) {
        let mut oracle = Oracle::new(a, b);
        for step in &steps {
            oracle.step(step);
        }
        let pair = &mut oracle.pair;
        pair.deaf = [false; 2];
        pair.lose_flights();
        pair.latency = ms(0);
        pair.replace(A, config(11).timing(a));
        pair.replace(B, config(12).timing(b));
        pair.run(ms(10_000));
        prop_assert_eq!(pair.states(), [State::Up, State::Up]);
        // Changes of times in both directions lose nothing.
        pair.said.clear();
        pair.input(A, Input::Retime(b));
        pair.input(B, Input::Retime(a));
        pair.run(ms(20_000));
        prop_assert!(pair.downs(A).is_empty() && pair.downs(B).is_empty(), "{}", pair.transcript());
        let asked = [pair.node(A).is_polling(), pair.node(B).is_polling()];
        prop_assert_eq!(asked, [false; 2]);
    }

    /// As long as fewer packets in a row are lost than the multiplier allows,
    /// and changes are told, nobody is given up. The link keeps the order of
    /// packets: old times that arrive after the new ones would be believed
    /// until the next packet (RFC 5880 has no numbers without authentication).
    #[test]
    fn a_link_that_loses_one_packet_in_three_keeps_sessions_of_multiplier_four(
        (a, b) in ((2..500_u64, 2..500_u64), (2..500_u64, 2..500_u64)),
        changes in vec((0..2_usize, 2..500_u64, 2..500_u64, 0..3_000_u64), 1..12),
    ) {
        let mut pair = Pair::up(timing(a.0, a.1, 4), timing(b.0, b.1, 4));
        for (node, tx, rx, time) in changes {
            pair.input(node, Input::Retime(timing(tx, rx, 4)));
            pair.run_losing_every_third(ms(time));
        }
        prop_assert!(pair.downs(A).is_empty() && pair.downs(B).is_empty(), "{}", pair.transcript());
    }
}
