//! Two sessions and the link between them, in virtual time.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bfd::{
    ControlPacket, Discriminator, DownReason, Event, Input, Output, Session, SessionConfig, State,
    Timing,
};

pub(crate) const A: usize = 0;
pub(crate) const B: usize = 1;

pub(crate) const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

pub(crate) fn timing(tx: u64, rx: u64, multiplier: u8) -> Timing {
    Timing::new(ms(tx), ms(rx), multiplier).unwrap()
}

pub(crate) fn config(number: u32) -> SessionConfig {
    SessionConfig::new(Discriminator::new(number).unwrap())
}

/// What a session said, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    pub(crate) at: Duration,
    pub(crate) node: usize,
    pub(crate) output: Output,
}

/// A packet on its way.
#[derive(Clone, Copy, Debug)]
struct Flight {
    at: Instant,
    to: usize,
    octets: [u8; bfd::PACKET_LEN],
}

/// Node `A`, node `B`, and a link that may lose, delay and reorder.
pub(crate) struct Pair {
    origin: Instant,
    now: Instant,
    nodes: [Session; 2],
    flights: Vec<Flight>,
    /// Packets to this node are lost.
    pub(crate) deaf: [bool; 2],
    pub(crate) latency: Duration,
    /// Every so many packets to a node, one is lost; zero for none.
    lose_one_in: u32,
    counts: [u32; 2],
    pub(crate) said: Vec<Said>,
}

impl Pair {
    pub(crate) fn new(a: SessionConfig, b: SessionConfig) -> Self {
        #[expect(clippy::disallowed_methods, reason = "some instant must be the first")]
        let origin = Instant::now();
        Self {
            origin,
            now: origin,
            nodes: [Session::new(a, 1), Session::new(b, 2)],
            flights: Vec::new(),
            deaf: [false; 2],
            latency: ms(1),
            lose_one_in: 0,
            counts: [0; 2],
            said: Vec::new(),
        }
    }

    /// Both started and Up, with what it took forgotten.
    pub(crate) fn up(a: Timing, b: Timing) -> Self {
        let mut pair = Self::new(config(1).timing(a), config(2).timing(b));
        pair.start();
        pair.run(ms(10_000));
        assert_eq!(pair.states(), [State::Up, State::Up]);
        pair.said.clear();
        pair
    }

    pub(crate) fn start(&mut self) {
        self.input(A, Input::Start);
        self.input(B, Input::Start);
    }

    pub(crate) fn node(&self, node: usize) -> &Session {
        &self.nodes[node]
    }

    pub(crate) fn replace(&mut self, node: usize, config: SessionConfig) {
        self.nodes[node] = Session::new(config, 77);
        self.input(node, Input::Start);
    }

    pub(crate) fn states(&self) -> [State; 2] {
        [self.nodes[A].state(), self.nodes[B].state()]
    }

    pub(crate) fn now(&self) -> Duration {
        self.now - self.origin
    }

    pub(crate) fn input(&mut self, node: usize, input: Input) {
        self.nodes[node].handle_input(self.now, input);
        while let Some(output) = self.nodes[node].poll_output() {
            self.said.push(Said {
                at: self.now - self.origin,
                node,
                output,
            });
            let to = 1 - node;
            if let Output::Transmit(packet) = output
                && !self.deaf[to]
                && !self.loses(to)
            {
                self.flights.push(Flight {
                    at: self.now + self.latency,
                    to,
                    octets: packet.encode(),
                });
            }
        }
    }

    pub(crate) fn receive(&mut self, node: usize, octets: &[u8], ttl: u8) {
        if let Ok(packet) = ControlPacket::parse(octets) {
            self.input(node, Input::Received { packet, ttl });
        }
    }

    fn loses(&mut self, to: usize) -> bool {
        self.counts[to] += 1;
        self.lose_one_in > 0 && self.counts[to].is_multiple_of(self.lose_one_in)
    }

    pub(crate) fn run_losing_every_third(&mut self, time: Duration) {
        self.lose_one_in = 3;
        self.run(time);
    }

    /// Drops what is on its way.
    pub(crate) fn lose_flights(&mut self) {
        self.flights.clear();
    }

    /// Time passes, and nobody looks.
    pub(crate) fn sleep(&mut self, time: Duration) {
        self.now += time;
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let flight = self.flights.iter().map(|f| f.at).min();
            let timers = self.nodes.iter().filter_map(Session::poll_timeout);
            let timer = timers.map(|(at, _)| at).min();
            let Some(next) = [flight, timer].into_iter().flatten().min() else {
                break;
            };
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            // What has arrived is read before the clock is looked at.
            if let Some(index) = self.flights.iter().position(|f| f.at <= self.now) {
                let flight = self.flights.remove(index);
                self.receive(flight.to, &flight.octets, 255);
                continue;
            }
            for node in [A, B] {
                let due = self.nodes[node].poll_timeout();
                if due.is_some_and(|(at, _)| at <= self.now) {
                    self.input(node, Input::Timeout);
                }
            }
        }
        self.now = end;
    }

    /// The packets a node sent.
    pub(crate) fn sent(&self, node: usize) -> Vec<(Duration, ControlPacket)> {
        let said = self.said.iter().filter(|said| said.node == node);
        said.filter_map(|said| match said.output {
            Output::Transmit(packet) => Some((said.at, packet)),
            _ => None,
        })
        .collect()
    }

    /// Why and when a node left Up.
    pub(crate) fn downs(&self, node: usize) -> Vec<(Duration, DownReason)> {
        let said = self.said.iter().filter(|said| said.node == node);
        said.filter_map(|said| match said.output {
            Output::Event(Event::Down(why)) => Some((said.at, why)),
            _ => None,
        })
        .collect()
    }

    /// Everything said, a line each.
    pub(crate) fn transcript(&self) -> String {
        let mut text = String::new();
        for said in &self.said {
            let seconds = said.at.as_secs_f64();
            let name = ["a", "b"][said.node];
            let what = match said.output {
                Output::Transmit(packet) => packet.to_string(),
                Output::Event(Event::StateChanged { from, to }) => format!("{from} -> {to}"),
                Output::Event(Event::Down(why)) => format!("lost: {why}"),
                Output::Event(Event::ParametersChanged(now)) => now.to_string(),
                Output::Event(Event::Discarded(why)) => format!("discarded: {why}"),
                Output::Event(Event::Up) => "UP".to_owned(),
                other => format!("{other:?}"),
            };
            writeln!(text, "{seconds:.3} {name} {what}").unwrap();
        }
        text
    }
}
