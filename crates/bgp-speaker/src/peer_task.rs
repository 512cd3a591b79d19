//! One peer's task: drives its state machine, its connections and its session.

mod bfd;
mod events;

use std::collections::hash_map::RandomState;
use std::future::{Future, pending, poll_fn};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::mem;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bgp_fsm::{Connection, Input, Output, Peer, PeerConfig, State};
use bgp_wire::Asn;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::rib::RibVersion;
use crate::session::{Session, WRITE_BUFFER};
use crate::socket::ConnectionOptions;
use crate::speaker::Shared;
use crate::wire::{Flushed, Wire};
use crate::{LocalAddresses, PeerSettings};

type Dialing = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;
type Farewell = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The task of one peer. It alone touches the peer's state machine, its
/// connections and its session.
pub(crate) struct PeerTask {
    index: usize,
    settings: PeerSettings,
    local_as: Asn,
    options: ConnectionOptions,
    machine: Peer,
    shared: Arc<Shared>,
    accepted: mpsc::Receiver<TcpStream>,
    versions: watch::Receiver<RibVersion>,
    local_addresses: watch::Receiver<Arc<LocalAddresses>>,
    dialing: Option<Dialing>,
    outgoing: Option<Wire>,
    incoming: Option<Wire>,
    /// Closed connections whose last octets are still on their way.
    farewells: Vec<Farewell>,
    session: Option<Session>,
    bfd: Option<bfd::BfdWatch>,
}

/// Everything that can wake the task.
enum Wake {
    Cancelled,
    Accepted(TcpStream),
    RibChanged,
    AddressesChanged,
    Dialed(io::Result<TcpStream>),
    /// The connection can be read from or written to, or has failed.
    Ready(Connection, io::Result<()>),
    FarewellSaid,
    /// BFD has news; `false` if it will have none any more.
    Bfd(bool),
    Deadline,
}

impl PeerTask {
    pub(crate) fn new(
        index: usize,
        local_as: Asn,
        settings: PeerSettings,
        machine: PeerConfig,
        shared: Arc<Shared>,
        local_addresses: watch::Receiver<Arc<LocalAddresses>>,
        accepted: mpsc::Receiver<TcpStream>,
    ) -> Self {
        // The standard library's hasher has the random keys that the jitter needs.
        let seed = RandomState::new().build_hasher().finish();
        Self {
            index,
            options: ConnectionOptions::new(&settings, settings.remote_as != local_as),
            settings,
            local_as,
            machine: Peer::new(machine, seed),
            versions: shared.versions.subscribe(),
            shared,
            accepted,
            local_addresses,
            dialing: None,
            outgoing: None,
            incoming: None,
            farewells: Vec::new(),
            session: None,
            bfd: None,
        }
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.settings.address.to_canonical()
    }

    /// Runs until cancelled and its last words are said.
    pub(crate) async fn run(mut self, cancel: CancellationToken) {
        self.machine
            .handle_input(Instant::now(), Input::ManualStart);
        self.start_bfd().await;
        loop {
            self.carry_out();
            let full = self.fill();
            self.flush();
            let more = full && self.has_room();
            match self.wait(&cancel, more).await {
                Wake::Cancelled => break,
                wake => self.react(Instant::now(), wake),
            }
        }
        let stop = Input::ManualStop {
            communication: None,
        };
        self.machine.handle_input(Instant::now(), stop);
        self.carry_out();
        while !self.farewells.is_empty() {
            farewell_said(&mut self.farewells).await;
        }
    }

    /// Only waits; everything raced here is cancel safe. What can be ready
    /// without end stands behind what cannot, so that nothing starves.
    async fn wait(&mut self, cancel: &CancellationToken, more: bool) -> Wake {
        let deadline = self.machine.poll_timeout().map(|(at, _)| at);
        tokio::select! {
            biased;
            () = cancel.cancelled() => Wake::Cancelled,
            changed = bfd::changed(self.bfd.as_mut()) => Wake::Bfd(changed),
            () = until(deadline) => Wake::Deadline,
            Some(stream) = self.accepted.recv() => Wake::Accepted(stream),
            Ok(()) = self.local_addresses.changed() => Wake::AddressesChanged,
            dialed = dialed(&mut self.dialing) => Wake::Dialed(dialed),
            r = ready(self.outgoing.as_ref()) => Wake::Ready(Connection::Outgoing, r),
            r = ready(self.incoming.as_ref()) => Wake::Ready(Connection::Incoming, r),
            () = farewell_said(&mut self.farewells) => Wake::FarewellSaid,
            Ok(()) = self.versions.changed() => Wake::RibChanged,
            // Others have their turn before the rest of a long table.
            () = yield_now(), if more => Wake::RibChanged,
        }
    }

    fn react(&mut self, now: Instant, wake: Wake) {
        match wake {
            Wake::Accepted(stream) => self.accept(now, stream),
            Wake::AddressesChanged => {
                let addresses = Arc::clone(&self.local_addresses.borrow_and_update());
                if let Some(session) = &mut self.session {
                    session.resolve_next_hops(&addresses);
                }
            }
            Wake::Dialed(result) => self.dialed(now, result),
            Wake::Ready(connection, ready) => self.read(now, connection, ready),
            Wake::Bfd(changed) => self.bfd_changed(now, changed),
            Wake::Deadline => self.machine.handle_input(now, Input::Timeout),
            // The next round fills the buffers.
            Wake::RibChanged | Wake::FarewellSaid | Wake::Cancelled => {}
        }
    }

    fn accept(&mut self, now: Instant, stream: TcpStream) {
        if self.machine.state() != State::Established && self.incoming.take().is_some() {
            // A peer dials once at a time, so it has given up on the older one.
            let failed = Input::TcpFailed(Connection::Incoming);
            self.machine.handle_input(now, failed);
            self.carry_out();
        }
        if !self.machine.accepts_incoming() {
            debug!(peer = %self.settings.address, "connection closed: not wanted in this state");
            return;
        }
        match self.options.adopt(&stream).and_then(|()| Wire::new(stream)) {
            Ok(wire) => {
                self.incoming = Some(wire);
                let connected = Input::TcpConnected(Connection::Incoming);
                self.machine.handle_input(now, connected);
            }
            Err(error) => self.note_error(format!("accepted connection: {error}")),
        }
    }

    fn dialed(&mut self, now: Instant, result: io::Result<TcpStream>) {
        self.dialing = None;
        let input = match result.and_then(Wire::new) {
            Ok(wire) => {
                self.outgoing = Some(wire);
                Input::TcpConnected(Connection::Outgoing)
            }
            Err(error) => {
                let PeerSettings { address, port, .. } = self.settings;
                self.note_error(format!("connect to {address} port {port}: {error}"));
                Input::TcpFailed(Connection::Outgoing)
            }
        };
        self.machine.handle_input(now, input);
    }

    fn read(&mut self, now: Instant, connection: Connection, ready: io::Result<()>) {
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
    fn flush(&mut self) {
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
        self.note_error(format!("connection lost: {error}"));
        *self.slot(connection) = None;
        self.machine.handle_input(now, Input::TcpFailed(connection));
    }

    /// Turns the machine's outputs into effects; nothing here waits.
    fn carry_out(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Connect => self.dialing = Some(Box::pin(self.options.clone().dial())),
                Output::Transmit(connection, octets) => {
                    if let Some(wire) = self.wire(connection) {
                        wire.unsent.extend_from_slice(&octets);
                    }
                }
                Output::Close(connection) => self.close(connection),
                Output::Event(event) => self.note_event(event),
                _ => {}
            }
        }
    }

    fn close(&mut self, connection: Connection) {
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

    /// Packs what the session has to say into its connection's buffer;
    /// `true` if there is more than fits.
    fn fill(&mut self) -> bool {
        let Some(session) = &mut self.session else {
            return false;
        };
        let wire = match session.connection() {
            Connection::Outgoing => &mut self.outgoing,
            Connection::Incoming => &mut self.incoming,
        };
        let Some(wire) = wire else {
            return false;
        };
        let messages = session.fill(wire);
        let full = wire.unsent.len() >= WRITE_BUFFER;
        if messages > 0 {
            self.machine.handle_input(Instant::now(), Input::UpdateSent);
            self.carry_out();
        }
        full
    }

    /// Whether the session's connection can take more messages.
    fn has_room(&mut self) -> bool {
        let Some(connection) = self.session.as_ref().map(Session::connection) else {
            return false;
        };
        self.wire(connection)
            .is_some_and(|wire| wire.unsent.len() < WRITE_BUFFER)
    }
}

impl PeerTask {
    fn slot(&mut self, connection: Connection) -> &mut Option<Wire> {
        match connection {
            Connection::Outgoing => &mut self.outgoing,
            Connection::Incoming => &mut self.incoming,
        }
    }

    fn wire(&mut self, connection: Connection) -> Option<&mut Wire> {
        self.slot(connection).as_mut()
    }
}

async fn dialed(dialing: &mut Option<Dialing>) -> io::Result<TcpStream> {
    match dialing {
        Some(dialing) => dialing.await,
        None => pending().await,
    }
}

async fn ready(wire: Option<&Wire>) -> io::Result<()> {
    match wire {
        Some(wire) => wire.ready().await,
        None => pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}

/// Completes when one of the farewells has, and forgets it.
async fn farewell_said(farewells: &mut Vec<Farewell>) {
    poll_fn(|context| {
        let before = farewells.len();
        farewells.retain_mut(|farewell| farewell.as_mut().poll(context).is_pending());
        if farewells.len() < before {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Closed connections that are kept for their last octets; a peer that
/// connects faster than it listens loses the oldest.
const MAX_FAREWELLS: usize = 4;
