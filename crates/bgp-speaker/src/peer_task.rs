//! One peer's task: drives its state machine, its connections and its session.

mod bfd;
mod events;
mod leaving;
mod wake;

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bgp_fsm::{Connection, Input, Output, Peer, PeerConfig};
use bgp_wire::{Asn, Family};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::wake::Wake;
use crate::adj_rib_in::AdjRibIn;
use crate::adj_rib_out::Finished;
use crate::controls::Controls;
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
    /// The settings as far as they change while the session goes on.
    changes: watch::Receiver<PeerSettings>,
    /// Without a connection there is nothing left to do.
    transient: bool,
    dialing: Option<Dialing>,
    outgoing: Option<Wire>,
    incoming: Option<Wire>,
    /// Closed connections whose last octets are still on their way.
    farewells: Vec<Farewell>,
    session: Option<Session>,
    /// What the peer announced; it outlives sessions that end by a restart.
    adj_rib_in: AdjRibIn,
    /// The session that ends leaves routes behind.
    retained: bool,
    controls: watch::Receiver<Controls>,
    /// How many of the requests to ask the peer for its routes were met.
    refreshes: u64,
    bfd: Option<bfd::BfdWatch>,
}

impl PeerTask {
    #[expect(
        clippy::too_many_arguments,
        reason = "each is one thing the task needs"
    )]
    pub(crate) fn new(
        index: usize,
        local_as: Asn,
        settings: PeerSettings,
        machine: PeerConfig,
        shared: Arc<Shared>,
        local_addresses: watch::Receiver<Arc<LocalAddresses>>,
        accepted: mpsc::Receiver<TcpStream>,
        changes: watch::Receiver<PeerSettings>,
    ) -> Self {
        // The standard library's hasher has the random keys that the jitter needs.
        let seed = RandomState::new().build_hasher().finish();
        let learned = Arc::clone(&shared.learned);
        Self {
            index,
            adj_rib_in: AdjRibIn::new(index, &settings, learned),
            retained: false,
            controls: shared.controls.subscribe(),
            refreshes: 0,
            options: ConnectionOptions::new(&settings, settings.remote_as.is_external(local_as)),
            settings,
            local_as,
            machine: Peer::new(machine, seed),
            versions: shared.versions.subscribe(),
            shared,
            accepted,
            local_addresses,
            changes,
            transient: false,
            dialing: None,
            outgoing: None,
            incoming: None,
            farewells: Vec::new(),
            session: None,
            bfd: None,
        }
    }

    /// The same task, which ends when its first connections have.
    pub(crate) fn leaving_with_its_session(mut self) -> Self {
        self.transient = true;
        self
    }

    /// Runs until cancelled and its last words are said.
    pub(crate) async fn run(mut self, cancel: CancellationToken) {
        self.machine
            .handle_input(Instant::now(), Input::ManualStart);
        self.follow_controls();
        self.start_bfd();
        loop {
            let full = self.work();
            let more = full && self.has_room();
            // A socket that always has something to read would keep us going, while
            // our timers and everybody else wait: asking whether it is ready
            // never gives way.
            yield_now().await;
            match self.wait(&cancel, more).await {
                Wake::Cancelled => break,
                wake => self.react(Instant::now(), wake),
            }
            if self.transient && self.outgoing.is_none() && self.incoming.is_none() {
                break;
            }
        }
        self.leave().await;
    }

    /// Does everything that needs no waiting; `true` if more is to be packed
    /// than has room.
    fn work(&mut self) -> bool {
        self.carry_out();
        let full = self.fill();
        self.flush();
        full
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
            Wake::ControlsChanged => self.follow_controls(),
            Wake::SettingsChanged => self.update_settings(),
            Wake::Dialed(result) => self.dialed(now, result),
            Wake::Ready(connection, ready) => self.read(now, connection, ready),
            Wake::Bfd(changed) => self.bfd_changed(now, changed),
            Wake::Deadline => self.machine.handle_input(now, Input::Timeout),
            // The next round fills the buffers.
            Wake::RibChanged | Wake::FarewellSaid | Wake::Cancelled => {}
        }
    }

    /// Takes the newest wishes over.
    fn follow_controls(&mut self) {
        let peer = self.settings.address;
        let controls = self.controls.borrow_and_update();
        let complete = controls.table_complete;
        let shutting_down = controls.shutting_down(peer);
        let refreshes = controls.refreshes(peer);
        drop(controls);
        let now = Instant::now();
        if complete {
            self.machine.handle_input(now, Input::InitialTableComplete);
        }
        if let Some(session) = &mut self.session {
            session.set_shutting_down(shutting_down);
        }
        if mem::replace(&mut self.refreshes, refreshes) != refreshes {
            for family in [Family::IPV4_UNICAST, Family::IPV6_UNICAST] {
                self.machine
                    .handle_input(now, Input::RequestRefresh(family));
            }
        }
    }

    fn update_settings(&mut self) {
        self.settings = self.changes.borrow_and_update().clone();
        let addresses = Arc::clone(&self.local_addresses.borrow());
        if let Some(session) = &mut self.session {
            session.update(&self.settings, &addresses);
        }
        let name = &self.settings.name;
        self.shared
            .update_status(self.index, |status| status.name.clone_from(name));
    }

    /// Whether the sessions with this peer are about to be shut down.
    fn shutting_down(&self) -> bool {
        self.controls.borrow().shutting_down(self.settings.address)
    }

    fn accept(&mut self, now: Instant, stream: TcpStream) {
        self.notice_ends(now);
        if self.machine.renews_incoming(now) && self.incoming.take().is_some() {
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

    fn dialed(&mut self, now: Instant, result: io::Result<TcpStream>) {
        self.dialing = None;
        let input = match result.and_then(Wire::new) {
            Ok(wire) => {
                self.outgoing = Some(wire);
                Input::TcpConnected(Connection::Outgoing)
            }
            Err(error) => {
                let (address, port) = (self.settings.key(), self.settings.port);
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
        loop {
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
            // What comes to its end may let something else begin.
            if !self.note_finished() {
                return full;
            }
        }
    }

    /// Tells the machine what was told the peer as a whole.
    fn note_finished(&mut self) -> bool {
        let mut any = false;
        while let Some(finished) = self.session.as_mut().and_then(Session::take_finished) {
            any = true;
            let input = match finished {
                Finished::FirstTransfer(family) => Input::EndOfRibSent(family),
                Finished::Refresh(family) => Input::RefreshSent(family),
            };
            self.machine.handle_input(Instant::now(), input);
            self.carry_out();
        }
        any
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

/// Closed connections that are kept for their last octets; a peer that
/// connects faster than it listens loses the oldest.
const MAX_FAREWELLS: usize = 4;
