//! A peer's connections: made, accepted, read, written, lost, closed.

use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use bgp_fsm::{Connection, Input};
use tokio::net::TcpStream;
use tracing::debug;

use super::PeerTask;
use crate::Trouble;
use crate::socket;
use crate::wire::{Flushed, Wire};

impl PeerTask {
    pub(super) fn accept(&mut self, now: Instant, stream: TcpStream) {
        self.notice_ends(now);
        if self.machine.renews_incoming(now) && self.incoming.take().is_some() {
            let failed = Input::TcpFailed(Connection::Incoming);
            self.machine.handle_input(now, failed);
            self.carry_out();
        }
        if !self.machine.accepts_incoming() {
            debug!(peer = %self.settings.key(), "connection closed: not wanted in this state");
            return;
        }
        let adopted = self.options.adopt(&stream);
        match adopted.and_then(|()| self.new_wire(stream)) {
            Ok(wire) => {
                self.incoming = Some(wire);
                let connected = Input::TcpConnected(Connection::Incoming);
                self.machine.handle_input(now, connected);
            }
            Err(error) => {
                self.note_error(format!("accepted connection: {error}"), Trouble::Other);
            }
        }
    }

    /// The runtime may tell of a new connection before it tells that the old one
    /// has ended, and a peer that was restarted is not to be sent away for that.
    fn notice_ends(&mut self, now: Instant) {
        for connection in [Connection::Outgoing, Connection::Incoming] {
            let end = self.wire(connection).and_then(|wire| wire.end());
            if let Some(error) = end {
                self.lost(now, connection, &error);
                self.carry_out();
            }
        }
    }

    pub(super) fn dialed(&mut self, now: Instant, result: io::Result<TcpStream>) {
        self.dialing = None;
        let input = match result.and_then(|stream| self.new_wire(stream)) {
            Ok(wire) => {
                self.outgoing = Some(wire);
                Input::TcpConnected(Connection::Outgoing)
            }
            Err(error) => {
                let (address, port) = (self.settings.key(), self.settings.port);
                let trouble = Trouble::Connect(socket::os_error(&error));
                self.note_error(
                    format!("connect to {address} port {port}: {error}"),
                    trouble,
                );
                Input::TcpFailed(Connection::Outgoing)
            }
        };
        self.machine.handle_input(now, input);
    }

    fn new_wire(&self, stream: TcpStream) -> io::Result<Wire> {
        let taps = Arc::clone(&self.shared.taps);
        Wire::new(stream, self.settings.key(), taps, self.counters())
    }

    pub(super) fn read(&mut self, now: Instant, connection: Connection, ready: io::Result<()>) {
        let Some(wire) = self.wire(connection) else {
            return;
        };
        match ready.and_then(|()| wire.read()) {
            Ok(true) => {
                // Taken out, so that the machine and the wire can be borrowed together.
                let mut received = mem::take(&mut wire.received);
                let input = Input::Received(connection, &mut received);
                self.machine.handle_input(now, input);
                if let Some(wire) = self.wire(connection) {
                    wire.received = received;
                }
            }
            // Only writing is possible; the next round does that.
            Ok(false) => {}
            Err(error) => self.lost(now, connection, &error),
        }
    }

    /// Hands to the kernel what waits for it, on either connection.
    pub(super) fn flush(&mut self) {
        for connection in [Connection::Outgoing, Connection::Incoming] {
            let Some(wire) = self.wire(connection) else {
                continue;
            };
            let (flushed, written) = (wire.flush(), wire.written());
            let now = Instant::now();
            match flushed {
                Ok(Flushed::Nothing) => {}
                Ok(Flushed::Some) => {
                    if let Some(session) = &mut self.session
                        && session.connection() == connection
                    {
                        session.note_written(written);
                    }
                    self.machine
                        .handle_input(now, Input::WriteProgress(connection));
                }
                Ok(Flushed::Blocked) => {
                    self.machine
                        .handle_input(now, Input::WriteBlocked(connection));
                }
                Err(error) => self.lost(now, connection, &error),
            }
        }
        self.carry_out();
    }

    fn lost(&mut self, now: Instant, connection: Connection, error: &io::Error) {
        let trouble = Trouble::Lost {
            errno: error.raw_os_error(),
            state: self.machine.state(),
        };
        self.note_error(format!("connection lost: {error}"), trouble);
        *self.slot(connection) = None;
        self.machine.handle_input(now, Input::TcpFailed(connection));
    }

    pub(super) fn close(&mut self, connection: Connection) {
        if connection == Connection::Outgoing {
            self.dialing = None;
        }
        if let Some(wire) = self.slot(connection).take() {
            if self.farewells.len() >= MAX_FAREWELLS {
                drop(self.farewells.remove(0));
            }
            self.farewells.push(Box::pin(wire.close()));
        }
    }

    pub(super) fn slot(&mut self, connection: Connection) -> &mut Option<Wire> {
        match connection {
            Connection::Outgoing => &mut self.outgoing,
            Connection::Incoming => &mut self.incoming,
        }
    }

    pub(super) fn wire(&mut self, connection: Connection) -> Option<&mut Wire> {
        self.slot(connection).as_mut()
    }
}

/// Closed connections that are kept for their last octets; a peer that
/// connects faster than it listens loses the oldest.
const MAX_FAREWELLS: usize = 4;
