//! Whatever happens in whatever order, some things hold.

use std::time::Duration;

use bgp_fsm::{Connection, DownReason, Event, Input, Output, PeerConfig, State, Support};
use bgp_sim::{Path, Sim, Solo};
use bgp_wire::{Family, HoldTime, NotificationCode};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::*;

/// One thing that may happen to a peer.
#[derive(Clone, Debug)]
enum Step {
    Start,
    Stop,
    Reset,
    Connected(Connection),
    Failed(Connection),
    Received(Connection, Vec<u8>),
    UpdateSent,
    WriteBlocked(Connection),
    WriteProgress(Connection),
    EarlyTimeout,
    Run(Duration),
}

fn any_connection() -> impl Strategy<Value = Connection> {
    prop_oneof![Just(Outgoing), Just(Incoming)]
}

fn any_octets() -> impl Strategy<Value = Vec<u8>> {
    let open = (
        prop_oneof![Just(3_u16), Just(90), Just(0), Just(1)],
        prop_oneof![
            Just([192, 0, 2, 2]),
            Just([10, 0, 0, 1]),
            Just([192, 0, 2, 1])
        ],
        prop_oneof![9 => Just(65002_u16), 1 => any::<u16>()],
    )
        .prop_map(|(hold, id, my_as)| raw_open(4, my_as, hold, id, &[]));
    let sound = prop_oneof![
        6 => open,
        2 => Just(bytes_of(&open_of_b())),
        8 => Just(keepalive()),
        2 => Just(end_of_rib()),
        1 => Just(message(2, &[0, 9, 0, 0])),
        1 => Just(message(5, &[0, 1, 0, 1])),
        1 => Just(notification(NotificationCode::CEASE_CONNECTION_COLLISION)),
    ]
    .boxed();
    let odd =
        (any::<u8>(), vec(any::<u8>(), 0..40)).prop_map(|(kind, body)| message(kind % 8, &body));
    let cut = (sound.clone(), any::<prop::sample::Index>()).prop_map(|(mut octets, at)| {
        octets.truncate(at.index(octets.len()));
        octets
    });
    prop_oneof![
        12 => vec(sound, 1..4).prop_map(|messages| messages.concat()),
        2 => odd,
        1 => cut,
        1 => vec(any::<u8>(), 0..60),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Start),
        1 => Just(Step::Stop),
        1 => Just(Step::Reset),
        8 => any_connection().prop_map(Step::Connected),
        3 => any_connection().prop_map(Step::Failed),
        20 => (any_connection(), any_octets()).prop_map(|(c, octets)| Step::Received(c, octets)),
        1 => Just(Step::UpdateSent),
        2 => any_connection().prop_map(Step::WriteBlocked),
        1 => any_connection().prop_map(Step::WriteProgress),
        1 => Just(Step::EarlyTimeout),
        6 => (0_u64..400_000).prop_map(|time| Step::Run(ms(time))),
        6 => (0_u64..3_000).prop_map(|time| Step::Run(ms(time))),
    ]
}

fn any_config() -> impl Strategy<Value = PeerConfig> {
    (
        prop_oneof![Just(0_u16), Just(3), Just(90), Just(65535)],
        any::<bool>(),
        prop::option::of(0_u64..20),
        prop_oneof![
            Just(vec![Family::IPV6_UNICAST]),
            Just(vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST])
        ],
        prop_oneof![Just(Support::Supported), Just(Support::Unsupported)],
    )
        .prop_map(|(hold_time, passive, delay_open, families, extended)| {
            let mut config = a()
                .hold_time(hold(hold_time))
                .extended_message(extended)
                .families(families)
                .unwrap();
            if passive {
                config = config.passive();
            }
            if let Some(delay) = delay_open {
                config = config.delay_open_time(s(delay));
            }
            config
        })
}

/// What a careful driver may believe, and checks.
struct Oracle {
    solo: Solo,
    passive: bool,
    stopped: bool,
    open: [bool; 2],
    dialling: bool,
    state: State,
    up: Option<Connection>,
    /// A session ended, and its end was not told yet.
    owes_down: bool,
}

impl Oracle {
    fn new(config: PeerConfig, seed: u64) -> Self {
        let passive = config == config.clone().passive();
        Self {
            solo: Solo::new(config, seed),
            passive,
            stopped: true,
            open: [false; 2],
            dialling: false,
            state: State::Idle,
            up: None,
            owes_down: false,
        }
    }

    /// Does what a driver could do: an answer to a dial that was not asked
    /// for, or a connection beside one of its kind, is no such thing.
    fn step(&mut self, step: &Step) {
        let mut octets = 0;
        match step {
            Step::Start => {
                self.stopped = false;
                self.solo.start();
            }
            Step::Stop => {
                self.stopped = true;
                self.solo.stop(Some("enough"));
            }
            Step::Reset => self
                .solo
                .handle(Input::Reset(NotificationCode::CEASE_OUT_OF_RESOURCES)),
            Step::Connected(Outgoing) if !self.dialling => {}
            Step::Connected(Incoming) if !self.solo.peer().accepts_incoming() => {}
            Step::Connected(connection) => {
                self.open[usize::from(*connection == Incoming)] = true;
                self.dialling &= *connection == Incoming;
                self.solo.connect(*connection);
            }
            Step::Failed(connection) => {
                self.open[usize::from(*connection == Incoming)] = false;
                self.dialling &= *connection == Incoming;
                self.solo.fail(*connection);
            }
            Step::Received(connection, bytes) => {
                if self.open[usize::from(*connection == Incoming)] {
                    octets = bytes.len() + self.solo.buffered(*connection);
                    self.solo.receive(*connection, bytes);
                }
            }
            Step::UpdateSent => self.solo.handle(Input::UpdateSent),
            Step::WriteBlocked(connection) => self.solo.handle(Input::WriteBlocked(*connection)),
            Step::WriteProgress(connection) => self.solo.handle(Input::WriteProgress(*connection)),
            Step::EarlyTimeout => self.solo.handle(Input::Timeout),
            Step::Run(time) => {
                self.solo.run_for(*time);
                // Timers fire one by one; their number is bounded by time.
                octets = usize::try_from(time.as_millis()).unwrap();
            }
        }
        self.check(octets);
    }

    fn check(&mut self, octets: usize) {
        let outputs = self.solo.take_outputs();
        // An input has a few outputs of its own, and a few for each message.
        assert!(
            outputs.len() <= 10 + octets / 19 * 4,
            "{}",
            self.solo.transcript()
        );
        for output in outputs {
            self.observe(output);
        }
        assert!(!self.owes_down, "{}", self.solo.transcript());
        let peer = self.solo.peer();
        assert_eq!(peer.state(), self.state);
        assert_eq!(peer.negotiated().map(|n| n.connection), self.up);
        assert_eq!(peer.state() == State::Established, self.up.is_some());
        let may_sleep = match peer.state() {
            State::Idle => self.stopped,
            State::Active => self.passive,
            State::Established => peer.negotiated().map(|n| n.hold_time) == Some(HoldTime::ZERO),
            State::Connect | State::OpenSent | State::OpenConfirm => false,
        };
        assert!(
            may_sleep || peer.poll_timeout().is_some(),
            "{}",
            self.solo.transcript()
        );
        if peer.state() == State::Idle {
            assert!(!self.dialling && !self.open[0]);
        }
        if self.stopped {
            assert_eq!(peer.state(), State::Idle);
            assert_eq!(peer.poll_timeout(), None);
        }
        for connection in [Outgoing, Incoming] {
            let buffered = self.solo.buffered(connection);
            let open = self.open[usize::from(connection == Incoming)];
            assert!(buffered == 0 || open, "{buffered} octets for nobody");
        }
    }

    fn observe(&mut self, output: Output) {
        match output {
            Output::Connect => {
                assert!(!self.passive && !self.open[0] && !self.dialling);
                self.dialling = true;
            }
            Output::Transmit(connection, octets) => {
                assert!(self.open[usize::from(connection == Incoming)]);
                assert!((19..=4096).contains(&octets.len()));
            }
            Output::Close(connection) => {
                self.open[usize::from(connection == Incoming)] = false;
                self.dialling &= connection == Incoming;
                // The session's end is told after its connection is closed.
            }
            Output::Event(Event::StateChanged { from, to }) => {
                assert_eq!(from, self.state);
                assert_ne!(from, to);
                self.state = to;
                if from == State::Established {
                    self.up = None;
                    self.owes_down = true;
                }
            }
            Output::Event(Event::Established(negotiated)) => {
                assert_eq!(self.up, None, "{}", self.solo.transcript());
                assert_eq!(self.state, State::Established);
                assert!(!negotiated.families.is_empty());
                self.up = Some(negotiated.connection);
            }
            Output::Event(Event::Update(_) | Event::RouteRefresh(_)) => {
                assert!(self.up.is_some());
            }
            Output::Event(Event::ConnectionClosed(connection, reason)) => {
                assert_ne!(self.up, Some(connection));
                let other = self.open[usize::from(connection == Outgoing)];
                assert!(other || self.dialling);
                assert_ne!(reason, DownReason::ManualStop);
            }
            Output::Event(Event::Down(_)) => {
                assert_eq!(self.up, None);
                self.owes_down = false;
            }
            other => panic!("new output {other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_peer_keeps_its_promises_whatever_happens(
        config in any_config(),
        seed in any::<u64>(),
        steps in vec(any_step(), 1..60),
    ) {
        let mut oracle = Oracle::new(config, seed);
        for step in &steps {
            oracle.step(step);
        }
    }

    #[test]
    fn inputs_that_no_driver_should_make_do_no_harm(
        config in any_config(),
        steps in vec(any_step(), 1..60),
    ) {
        let mut solo = Solo::new(config, 1);
        for step in steps {
            match step {
                Step::Start => solo.start(),
                Step::Stop => solo.stop(None),
                Step::Connected(connection) => solo.connect(connection),
                Step::Failed(connection) => solo.fail(connection),
                Step::Received(connection, octets) => solo.receive(connection, &octets),
                Step::Run(time) => solo.run_for(time),
                _ => solo.handle(Input::Timeout),
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_transcript(
        config in any_config(),
        seed in any::<u64>(),
        steps in vec(any_step(), 1..40),
    ) {
        let run = || {
            let mut oracle = Oracle::new(config.clone(), seed);
            for step in &steps {
                oracle.step(step);
            }
            oracle.solo.transcript().take()
        };
        prop_assert_eq!(run(), run());
    }
}

/// One thing that may happen to the network between two peers.
#[derive(Clone, Debug)]
enum Trouble {
    Path(Path),
    Cut,
    Inject(usize, Connection, Vec<u8>),
    Stop(usize),
    Start(usize),
    Update(usize),
    Latency(Duration),
    Run(Duration),
}

fn any_trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        2 => prop_oneof![Just(Path::Open), Just(Path::Refusing), Just(Path::Swallowing)]
            .prop_map(Trouble::Path),
        2 => Just(Trouble::Cut),
        2 => (0..2_usize, any_connection(), any_octets())
            .prop_map(|(node, connection, octets)| Trouble::Inject(node, connection, octets)),
        1 => (0..2_usize).prop_map(Trouble::Stop),
        2 => (0..2_usize).prop_map(Trouble::Start),
        1 => (0..2_usize).prop_map(Trouble::Update),
        1 => (1_u64..2_000).prop_map(|time| Trouble::Latency(ms(time))),
        4 => (0_u64..100).prop_map(|time| Trouble::Run(ms(time))),
        4 => (0_u64..30_000).prop_map(|time| Trouble::Run(ms(time))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn after_any_trouble_two_peers_find_each_other(
        seed in any::<u64>(),
        passive in any::<bool>(),
        piece in 1..200_usize,
        troubles in vec(any_trouble(), 0..40),
    ) {
        let mut sim = Sim::new();
        let config_of_b = if passive { b().passive() } else { b() };
        let (a, b) = sim.pair(("a", a()), ("b", config_of_b));
        sim.seed(a, seed);
        sim.seed(b, !seed);
        sim.pieces_of(piece);
        let nodes = [a, b];
        for trouble in troubles {
            match trouble {
                Trouble::Path(path) => sim.set_path(a, path),
                Trouble::Cut => sim.cut(a),
                Trouble::Inject(node, connection, octets) => {
                    sim.inject(nodes[node], connection, &octets);
                }
                Trouble::Stop(node) => sim.stop(nodes[node], None),
                Trouble::Start(node) => sim.start(nodes[node]),
                Trouble::Update(node) => {
                    sim.send(nodes[node], &end_of_rib());
                }
                Trouble::Latency(latency) => sim.latency(a, latency),
                Trouble::Run(time) => sim.run_for(time),
            }
        }
        sim.set_path(a, Path::Open);
        sim.latency(a, ms(20));
        sim.start(a);
        sim.start(b);
        // A connection that was swallowed needs up to four minutes to be
        // given up, and then the longest pauses.
        sim.run_for(s(900));
        let one = sim.peer(a).negotiated().map(|n| n.connection);
        let other = sim.peer(b).negotiated().map(|n| n.connection);
        prop_assert!(one.is_some() && other.is_some() && one != other, "{}", sim.transcript());
    }
}
