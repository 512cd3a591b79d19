//! One peer's task: drives its state machine, its connections and its session.

mod bfd;
mod connections;
mod events;
mod leaving;
mod neighbour;
mod wake;
mod wishes;

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bgp_fsm::{Connection, Input, Output, Peer, PeerConfig};
use bgp_wire::Asn;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::yield_now;

use self::wake::Wake;
use crate::adj_rib_in::AdjRibIn;
use crate::adj_rib_out::Finished;
use crate::controls::Controls;
use crate::dismissal::Dismissal;
use crate::inbox::Inbox;
use crate::rib::RibVersion;
use crate::session::{Session, WRITE_BUFFER};
use crate::socket::ConnectionOptions;
use crate::speaker::Shared;
use crate::wire::Wire;
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
    accepted: Inbox<TcpStream>,
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
    /// The machine was started: no operator wants the peer to be down.
    started: bool,
    /// No more than the last words are left to say.
    leaving: bool,
    bfd: Option<bfd::BfdWatch>,
    /// Where a peer on an interface was found.
    neighbour: Option<neighbour::Neighbour>,
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
        accepted: Inbox<TcpStream>,
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
            started: false,
            leaving: false,
            bfd: None,
            neighbour: None,
        }
    }

    /// The same task, which ends when its first connections have.
    pub(crate) fn leaving_with_its_session(mut self) -> Self {
        self.transient = true;
        self
    }

    /// Runs until dismissed and its last words are said. In a box, of which the
    /// future need not hold a copy.
    pub(crate) async fn run(mut self: Box<Self>, dismissal: Dismissal) {
        self.follow_controls();
        self.start_bfd();
        loop {
            let full = self.work();
            let more = full && self.has_room();
            // A socket that always has something to read would keep us going, while
            // our timers and everybody else wait: asking whether it is ready
            // never gives way.
            yield_now().await;
            match self.wait(dismissal.comes(), more).await {
                Wake::Dismissed => break,
                wake => self.react(Instant::now(), wake),
            }
            if self.transient && self.outgoing.is_none() && self.incoming.is_none() {
                break;
            }
        }
        self.leave(dismissal.code()).await;
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
            Wake::NeighbourChanged => self.neighbour_changed(now),
            Wake::Dialed(result) => self.dialed(now, result),
            Wake::Ready(connection, ready) => self.read(now, connection, ready),
            Wake::Bfd(changed) => self.bfd_changed(now, changed),
            Wake::Deadline => self.machine.handle_input(now, Input::Timeout),
            // The next round fills the buffers.
            Wake::RibChanged | Wake::FarewellSaid | Wake::Dismissed => {}
        }
    }

    /// Turns the machine's outputs into effects; nothing here waits.
    fn carry_out(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Connect => {
                    self.count_drops();
                    self.dialing = Some(self.dial());
                }
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
