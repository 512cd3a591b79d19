//! The network between the peers: what they do becomes something that will happen to others.

use std::cmp::Reverse;
use std::time::Duration;

use bgp_fsm::{Connection, Input, Output};
use bytes::{Bytes, BytesMut};

use super::{End, Node, NodeId, Path, Sim, index};

/// Something that will happen to a node. Ordered by time, then by the order
/// in which it was scheduled.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scheduled {
    pub(super) at: Duration,
    sequence: u64,
    pub(super) node: usize,
    pub(super) what: What,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// The other end dials.
    Syn {
        pipe: u64,
    },
    /// The other end took our connection.
    Accepted {
        pipe: u64,
    },
    /// The connection of the other end is complete.
    Complete {
        pipe: u64,
    },
    Refused {
        pipe: u64,
    },
    Data {
        pipe: u64,
        octets: Bytes,
    },
    End {
        pipe: u64,
    },
}

impl Sim {
    /// One output becomes an effect.
    pub(super) fn act(&mut self, node: NodeId, output: Output) {
        let Node {
            name, path, remote, ..
        } = &self.nodes[node.0];
        self.transcript.output(self.now, name, &output);
        let (remote, latency) = (*remote, self.paths[*path].1);
        match output {
            Output::Connect => {
                self.pipes += 1;
                let pipe = self.pipes;
                self.nodes[node.0].dial = Some(pipe);
                self.schedule(latency, remote, What::Syn { pipe });
            }
            Output::Transmit(connection, octets) => {
                let end = self.nodes[node.0].ends[index(connection)].as_mut();
                let Some(end) = end else {
                    panic!("transmits on a closed connection:\n{}", self.transcript);
                };
                let at = end.busy_until.max(self.now + latency);
                end.busy_until = at;
                let (pipe, after) = (end.pipe, at - self.now);
                for piece in octets.chunks(self.piece) {
                    let octets = octets.slice_ref(piece);
                    self.schedule(after, remote, What::Data { pipe, octets });
                }
            }
            Output::Close(connection) => {
                if connection == Connection::Outgoing {
                    self.nodes[node.0].dial = None;
                }
                if let Some(end) = self.nodes[node.0].ends[index(connection)].take() {
                    let at = end.busy_until.max(self.now + latency);
                    self.schedule(at - self.now, remote, What::End { pipe: end.pipe });
                }
            }
            _ => {}
        }
    }

    pub(super) fn schedule(&mut self, after: Duration, node: NodeId, what: What) {
        self.scheduled += 1;
        self.queue.push(Reverse(Scheduled {
            at: self.now + after,
            sequence: self.scheduled,
            node: node.0,
            what,
        }));
    }

    /// Something scheduled comes true, unless the path swallows it or its
    /// connection is gone.
    pub(super) fn happen(&mut self, node: NodeId, what: What) {
        let Node { path, remote, .. } = &self.nodes[node.0];
        let (remote, (path, latency)) = (*remote, self.paths[*path]);
        if path == Path::Swallowing {
            return;
        }
        match what {
            What::Syn { pipe } => {
                if path == Path::Refusing || !self.listens(node) {
                    self.schedule(latency, remote, What::Refused { pipe });
                } else {
                    self.schedule(latency, remote, What::Accepted { pipe });
                    self.schedule(latency * 2, node, What::Complete { pipe });
                }
            }
            What::Accepted { pipe } if self.node(node).dial == Some(pipe) => {
                self.nodes[node.0].dial = None;
                self.connect(node, Connection::Outgoing, pipe);
            }
            // Given up meanwhile.
            What::Accepted { pipe } => self.schedule(latency, remote, What::End { pipe }),
            What::Complete { pipe } if self.listens(node) => {
                self.connect(node, Connection::Incoming, pipe);
            }
            What::Complete { pipe } => self.schedule(latency, remote, What::End { pipe }),
            What::Refused { pipe } => {
                if self.node(node).dial == Some(pipe) {
                    self.nodes[node.0].dial = None;
                    self.input(node, Input::TcpFailed(Connection::Outgoing));
                }
            }
            What::Data { pipe, octets } => {
                if let Some(connection) = self.connection_of(node, pipe) {
                    self.receive(node, connection, &octets);
                }
            }
            What::End { pipe } => {
                if let Some(connection) = self.connection_of(node, pipe) {
                    self.nodes[node.0].ends[index(connection)] = None;
                    self.input(node, Input::TcpFailed(connection));
                }
            }
        }
    }

    fn listens(&self, node: NodeId) -> bool {
        self.node(node).peer.accepts_incoming() && !self.has(node, Connection::Incoming)
    }

    fn connect(&mut self, node: NodeId, connection: Connection, pipe: u64) {
        self.nodes[node.0].ends[index(connection)] = Some(End {
            pipe,
            received: BytesMut::new(),
            busy_until: Duration::ZERO,
        });
        self.input(node, Input::TcpConnected(connection));
    }

    fn connection_of(&self, node: NodeId, pipe: u64) -> Option<Connection> {
        [Connection::Outgoing, Connection::Incoming]
            .into_iter()
            .find(|c| matches!(&self.node(node).ends[index(*c)], Some(end) if end.pipe == pipe))
    }

    pub(super) fn receive(&mut self, node: NodeId, connection: Connection, octets: &[u8]) {
        let Some(end) = &mut self.nodes[node.0].ends[index(connection)] else {
            return;
        };
        let mut buf = std::mem::take(&mut end.received);
        buf.extend_from_slice(octets);
        self.input(node, Input::Received(connection, &mut buf));
        if let Some(end) = &mut self.nodes[node.0].ends[index(connection)] {
            end.received = buf;
        }
    }
}
