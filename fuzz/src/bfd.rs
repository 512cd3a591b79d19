//! BFD: its packets, and two sessions that anything may happen to.

use std::time::{Duration, Instant};

use bfd::{
    ControlPacket, Discriminator, Event, Input, Output, PACKET_LEN, Session, SessionConfig, State,
    Timing,
};

/// Reads a control packet.
///
/// # Panics
///
/// On a finding: reading is total, everything printed says something, and
/// what is written again is read as the same but for the authentication.
pub fn bfd_packet(data: &[u8]) {
    match ControlPacket::parse(data) {
        Ok(mut packet) => {
            assert!(!packet.to_string().is_empty());
            packet.authenticated = false;
            assert_eq!(ControlPacket::parse(&packet.encode()), Ok(packet));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Runs two sessions through a list of operations. The lowest bit of each
/// octet is the session it is about, the next three are what happens, the
/// others are its amount.
///
/// # Panics
///
/// On a finding: each input has few outputs, states follow from each other,
/// Up and Down alternate, and what must send has a deadline.
pub fn bfd_session(data: &[u8]) {
    let mut world = World::new();
    let mut rest = data;
    while let Some((&operation, more)) = rest.split_first() {
        rest = more;
        let node = usize::from(operation & 1);
        let amount = operation >> 4;
        match operation >> 1 & 7 {
            0 => world.input(node, Input::Start),
            1 => world.input(node, Input::AdminDown),
            2 => world.input(node, Input::Retime(timing(amount))),
            3 => world.run(Duration::from_micros(500 << amount)),
            4 if amount == 15 => world.input(node, Input::Overslept(Duration::from_millis(100))),
            4 => world.deliver(node),
            5 => world.flights.clear(),
            6 => world.input(node, Input::Timeout),
            _ => {
                let Some((octets, more)) = rest.split_first_chunk::<PACKET_LEN>() else {
                    return;
                };
                rest = more;
                if let Ok(packet) = ControlPacket::parse(octets) {
                    let ttl = 255 - amount / 15;
                    world.input(node, Input::Received { packet, ttl });
                }
            }
        }
    }
}

struct World {
    now: Instant,
    sessions: [Session; 2],
    states: [State; 2],
    up: [bool; 2],
    flights: Vec<(usize, ControlPacket)>,
}

impl World {
    fn new() -> Self {
        let session = |number: u32| {
            let discriminator = Discriminator::new(number).expect("not zero");
            Session::new(SessionConfig::new(discriminator), number.into())
        };
        Self {
            now: Instant::now(),
            sessions: [session(1), session(2)],
            states: [State::AdminDown; 2],
            up: [false; 2],
            flights: Vec::new(),
        }
    }

    fn input(&mut self, node: usize, input: Input) {
        let session = &mut self.sessions[node];
        session.handle_input(self.now, input);
        let mut outputs = 0;
        while let Some(output) = session.poll_output() {
            outputs += 1;
            match output {
                Output::Transmit(packet) => {
                    assert_eq!(packet.state, self.states[node]);
                    self.flights.push((1 - node, packet));
                }
                Output::Event(Event::StateChanged { from, to }) => {
                    assert!(from == self.states[node] && from != to);
                    self.states[node] = to;
                }
                Output::Event(Event::Up) => {
                    assert!(!self.up[node] && self.states[node] == State::Up);
                    self.up[node] = true;
                }
                Output::Event(Event::Down(why)) => {
                    assert!(self.up[node] && !why.to_string().is_empty());
                    self.up[node] = false;
                }
                Output::Event(_) => {}
                other => panic!("new output {other:?}"),
            }
        }
        assert!(outputs <= 6, "{outputs} outputs of {input:?}");
        assert_eq!(session.state(), self.states[node]);
        assert_eq!(self.up[node], session.state() == State::Up);
        let sends = session.parameters().transmit_interval.is_some();
        assert!(!sends || session.poll_timeout().is_some());
        // The link holds so many.
        self.flights.truncate(64);
    }

    fn deliver(&mut self, node: usize) {
        if let Some(at) = self.flights.iter().position(|(to, _)| *to == node) {
            let (_, packet) = self.flights.remove(at);
            self.input(node, Input::Received { packet, ttl: 255 });
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        // A millisecond is the shortest interval there is.
        for _ in 0..64 {
            let timers = self.sessions.iter().filter_map(Session::poll_timeout);
            let Some(next) = timers.map(|(at, _)| at).min().filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.input(0, Input::Timeout);
            self.input(1, Input::Timeout);
        }
        self.now = end;
    }
}

fn timing(amount: u8) -> Timing {
    let time = |step: u8| Duration::from_millis(1 << ((step & 3) * 3));
    Timing::new(time(amount), time(amount >> 2), amount % 4 + 1).expect("within bounds")
}
