//! Peers joined by paths, in virtual time.

mod network;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use bgp_fsm::{Connection, Input, Output, Peer, PeerConfig};
use bytes::{Bytes, BytesMut};

use self::network::{Scheduled, What};
use crate::transcript::{Transcript, messages};

/// A world of joined peers.
#[derive(Debug)]
pub struct Sim {
    epoch: Instant,
    now: Duration,
    nodes: Vec<Node>,
    paths: Vec<(Path, Duration)>,
    queue: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
    pipes: u64,
    piece: usize,
    transcript: Transcript,
}

/// Which peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeId(usize);

/// How the way between two peers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Connections are made and carry octets.
    Open,
    /// Nobody listens: attempts are refused. What is open stays so.
    Refusing,
    /// Everything is swallowed, attempts and octets alike.
    Swallowing,
}

#[derive(Debug)]
struct Node {
    name: String,
    peer: Peer,
    remote: NodeId,
    path: usize,
    /// The attempt under way.
    dial: Option<u64>,
    ends: [Option<End>; 2],
}

/// This node's end of a connection.
#[derive(Debug)]
struct End {
    pipe: u64,
    received: BytesMut,
    /// When what was sent last arrives; what follows does not overtake it.
    busy_until: Duration,
}

impl Default for Sim {
    fn default() -> Self {
        Self::new()
    }
}

impl Sim {
    /// An empty world at time 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            epoch: Instant::now(),
            now: Duration::ZERO,
            nodes: Vec::new(),
            paths: Vec::new(),
            queue: BinaryHeap::new(),
            scheduled: 0,
            pipes: 0,
            piece: usize::MAX,
            transcript: Transcript::default(),
        }
    }

    /// Adds two peers and an open path between them, of 5 ms each way. Their
    /// seeds are their numbers, counted from 1.
    pub fn pair(&mut self, a: (&str, PeerConfig), b: (&str, PeerConfig)) -> (NodeId, NodeId) {
        let (first, second) = (NodeId(self.nodes.len()), NodeId(self.nodes.len() + 1));
        let path = self.paths.len();
        self.paths.push((Path::Open, DEFAULT_LATENCY));
        for ((name, config), remote) in [(a, second), (b, first)] {
            let seed = self.nodes.len() as u64 + 1;
            self.nodes.push(Node {
                name: name.to_owned(),
                peer: Peer::new(config, seed),
                remote,
                path,
                dial: None,
                ends: [None, None],
            });
        }
        (first, second)
    }

    /// Replaces a peer that was not used yet by one with this seed.
    pub fn seed(&mut self, node: NodeId, seed: u64) {
        let config = self.node(node).peer.config().clone();
        self.nodes[node.0].peer = Peer::new(config, seed);
    }

    /// Sets the time octets need from this node to its remote and back.
    pub fn latency(&mut self, node: NodeId, latency: Duration) {
        let path = self.node(node).path;
        self.paths[path].1 = latency;
    }

    /// Changes the way between this node and its remote.
    pub fn set_path(&mut self, node: NodeId, path: Path) {
        self.note(
            node,
            match path {
                Path::Open => "path open",
                Path::Refusing => "path refusing",
                Path::Swallowing => "path swallowing",
            },
        );
        let index = self.node(node).path;
        self.paths[index].0 = path;
    }

    /// Octets arrive in pieces of at most this many.
    pub fn pieces_of(&mut self, octets: usize) {
        self.piece = octets.max(1);
    }

    /// ManualStart.
    pub fn start(&mut self, node: NodeId) {
        self.input(node, Input::ManualStart);
    }

    /// ManualStop.
    pub fn stop(&mut self, node: NodeId, communication: Option<&str>) {
        let communication = communication.map(str::to_owned);
        self.input(node, Input::ManualStop { communication });
    }

    /// Both ends of every connection between the node and its remote fail,
    /// as after a crash of a middlebox.
    pub fn cut(&mut self, node: NodeId) {
        self.note(node, "cut");
        for node in [node, self.node(node).remote] {
            for connection in [Connection::Outgoing, Connection::Incoming] {
                if self.nodes[node.0].ends[index(connection)].take().is_some() {
                    self.input(node, Input::TcpFailed(connection));
                }
            }
        }
    }

    /// The node's program dies and is begun again with this configuration. Its
    /// kernel closes its connections, which the remote hears of unless the
    /// path swallows it.
    pub fn crash(&mut self, node: NodeId, config: PeerConfig) {
        self.note(node, "crash");
        let seed = self.scheduled + 1;
        let crashed = &mut self.nodes[node.0];
        crashed.peer = Peer::new(config, seed);
        crashed.dial = None;
        let (remote, ends) = (crashed.remote, std::mem::take(&mut crashed.ends));
        let latency = self.paths[self.node(node).path].1;
        for end in ends.into_iter().flatten() {
            let at = end.busy_until.max(self.now + latency);
            self.schedule(at - self.now, remote, What::End { pipe: end.pipe });
        }
    }

    /// Octets that nobody sent arrive at the node.
    pub fn inject(&mut self, node: NodeId, connection: Connection, octets: &[u8]) {
        if self.nodes[node.0].ends[index(connection)].is_some() {
            self.note(node, &format!("< {connection} {}", messages(octets)));
            self.receive(node, connection, octets);
        }
    }

    /// The node's driver sends a message of its own, as it would an UPDATE;
    /// says whether there was a session to send it on.
    pub fn send(&mut self, node: NodeId, octets: &[u8]) -> bool {
        let Some(connection) = self.node(node).peer.negotiated().map(|n| n.connection) else {
            return false;
        };
        let octets = Bytes::copy_from_slice(octets);
        self.act(node, Output::Transmit(connection, octets));
        self.input(node, Input::UpdateSent);
        true
    }

    /// Any input.
    ///
    /// # Panics
    ///
    /// If the peer transmits on a connection it closed.
    pub fn input(&mut self, node: NodeId, input: Input<'_>) {
        let now = self.epoch + self.now;
        self.nodes[node.0].peer.handle_input(now, input);
        while let Some(output) = self.nodes[node.0].peer.poll_output() {
            self.act(node, output);
        }
    }

    /// Lets time pass: what was scheduled happens, timers fire.
    ///
    /// # Panics
    ///
    /// If things happen without end at one instant.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        let mut stuck = 0;
        while let Some(at) = self.next_time().filter(|at| *at <= end) {
            stuck = if at > self.now { 0 } else { stuck + 1 };
            assert!(stuck < 100_000, "time does not pass:\n{}", self.transcript);
            self.now = self.now.max(at);
            if self.queue.peek().is_some_and(|next| next.0.at <= self.now) {
                if let Some(Reverse(next)) = self.queue.pop() {
                    self.happen(NodeId(next.node), next.what);
                }
                continue;
            }
            for node in 0..self.nodes.len() {
                if self.deadline(node).is_some_and(|at| at <= self.now) {
                    self.input(NodeId(node), Input::Timeout);
                }
            }
        }
        self.now = end;
    }

    /// Virtual time since the start.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// The peer of a node.
    #[must_use]
    pub fn peer(&self, node: NodeId) -> &Peer {
        &self.node(node).peer
    }

    /// Whether the node has this connection.
    #[must_use]
    pub fn has(&self, node: NodeId, connection: Connection) -> bool {
        self.node(node).ends[index(connection)].is_some()
    }

    /// What happened.
    pub const fn transcript(&mut self) -> &mut Transcript {
        &mut self.transcript
    }

    fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.0]
    }

    fn note(&mut self, node: NodeId, what: &str) {
        self.transcript
            .line(self.now, &self.nodes[node.0].name, what);
    }

    fn deadline(&self, node: usize) -> Option<Duration> {
        let (at, _) = self.nodes[node].peer.poll_timeout()?;
        Some(at.saturating_duration_since(self.epoch))
    }

    fn next_time(&self) -> Option<Duration> {
        let timers = (0..self.nodes.len()).filter_map(|node| self.deadline(node));
        timers.chain(self.queue.peek().map(|next| next.0.at)).min()
    }
}

const fn index(connection: Connection) -> usize {
    match connection {
        Connection::Outgoing => 0,
        Connection::Incoming => 1,
    }
}

const DEFAULT_LATENCY: Duration = Duration::from_millis(5);
