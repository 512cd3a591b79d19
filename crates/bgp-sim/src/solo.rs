//! One peer, whose network is the test.

use std::time::{Duration, Instant};

use bgp_fsm::{Connection, Input, Output, Peer, PeerConfig};
use bytes::BytesMut;

use crate::transcript::{Transcript, input_name, messages};

/// One peer in virtual time; a test plays the network and the other speaker.
#[derive(Debug)]
pub struct Solo {
    epoch: Instant,
    now: Duration,
    peer: Peer,
    buffers: [BytesMut; 2],
    open: [bool; 2],
    outputs: Vec<Output>,
    transcript: Transcript,
}

impl Solo {
    /// A peer in Idle at time 0.
    #[must_use]
    pub fn new(config: PeerConfig, seed: u64) -> Self {
        Self {
            epoch: Instant::now(),
            now: Duration::ZERO,
            peer: Peer::new(config, seed),
            buffers: [BytesMut::new(), BytesMut::new()],
            open: [false; 2],
            outputs: Vec::new(),
            transcript: Transcript::default(),
        }
    }

    /// The peer.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What happened.
    pub const fn transcript(&mut self) -> &mut Transcript {
        &mut self.transcript
    }

    /// Virtual time since the start.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// Everything the peer put out since the last call.
    #[must_use]
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// ManualStart.
    pub fn start(&mut self) {
        self.note("< start");
        self.handle(Input::ManualStart);
    }

    /// ManualStop with a shutdown communication.
    pub fn stop(&mut self, communication: Option<&str>) {
        self.note("< stop");
        let communication = communication.map(str::to_owned);
        self.handle(Input::ManualStop { communication });
    }

    /// A TCP connection comes up.
    pub fn connect(&mut self, connection: Connection) {
        self.note(&input_name(connection, "connected"));
        self.open[index(connection)] = true;
        self.handle(Input::TcpConnected(connection));
    }

    /// A TCP connection fails.
    pub fn fail(&mut self, connection: Connection) {
        self.note(&input_name(connection, "failed"));
        self.forget(connection);
        self.handle(Input::TcpFailed(connection));
    }

    /// Octets arrive.
    pub fn receive(&mut self, connection: Connection, octets: &[u8]) {
        self.note(&input_name(connection, &messages(octets)));
        let mut buf = std::mem::take(&mut self.buffers[index(connection)]);
        buf.extend_from_slice(octets);
        self.handle(Input::Received(connection, &mut buf));
        self.buffers[index(connection)] = buf;
    }

    /// Whether a connection of the peer would take the place of the incoming
    /// one.
    #[must_use]
    pub fn renews_incoming(&self) -> bool {
        self.peer.renews_incoming(self.epoch + self.now)
    }

    /// Octets of a partial message that wait for more.
    #[must_use]
    pub fn buffered(&self, connection: Connection) -> usize {
        self.buffers[index(connection)].len()
    }

    /// Any other input; writes no line of its own.
    ///
    /// # Panics
    ///
    /// If the peer transmits on a connection it closed.
    pub fn handle(&mut self, input: Input<'_>) {
        self.peer.handle_input(self.epoch + self.now, input);
        while let Some(output) = self.peer.poll_output() {
            self.transcript.output(self.now, "a", &output);
            match &output {
                Output::Transmit(connection, _) => assert!(
                    self.open[index(*connection)],
                    "transmits on a closed connection:\n{}",
                    self.transcript
                ),
                Output::Close(connection) => self.forget(*connection),
                _ => {}
            }
            self.outputs.push(output);
        }
    }

    /// Lets time pass, and timers fire at their deadlines.
    ///
    /// # Panics
    ///
    /// If timers fire without end at one instant.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        let mut stuck = 0;
        while let Some((at, _)) = self.peer.poll_timeout() {
            let at = at.saturating_duration_since(self.epoch);
            if at > end {
                break;
            }
            stuck = if at > self.now { 0 } else { stuck + 1 };
            assert!(stuck < 100, "time does not pass:\n{}", self.transcript);
            self.now = self.now.max(at);
            self.handle(Input::Timeout);
        }
        self.now = end;
    }

    /// The socket and what was read from it are gone.
    fn forget(&mut self, connection: Connection) {
        self.open[index(connection)] = false;
        self.buffers[index(connection)].clear();
    }

    fn note(&mut self, what: &str) {
        self.transcript.line(self.now, "a", what);
    }
}

const fn index(connection: Connection) -> usize {
    match connection {
        Connection::Outgoing => 0,
        Connection::Incoming => 1,
    }
}
