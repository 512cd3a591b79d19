//! One peer: its inputs and outputs, and what its two connections share.

mod attempt;
mod connection;
mod ending;
mod graceful;
mod prefix_limit;
mod refresh;

use std::collections::{BTreeSet, VecDeque};
use std::mem;
use std::time::Instant;

use bgp_wire::Family;
use bytes::BytesMut;

use self::graceful::Graceful;
use self::refresh::Refreshes;
use crate::config::PeerConfig;
use crate::error::DownReason;
use crate::io::{Connection, Event, Input, Output, StaleEnd};
use crate::negotiate::Negotiated;
use crate::state::{Slot, State};
use crate::timer::{Jitter, Timer, TimerTable};

/// One BGP peer (RFC 4271 section 8) without sockets and clock.
///
/// After every [`handle_input`](Self::handle_input), drain
/// [`poll_output`](Self::poll_output) to `None`, then sleep no longer than
/// [`poll_timeout`](Self::poll_timeout) says.
#[derive(Debug)]
pub struct Peer {
    config: PeerConfig,
    timers: TimerTable,
    jitter: Jitter,
    /// What a held connection had received when its time came, and is not a
    /// whole message yet.
    backlog: BytesMut,
    slots: [Slot; 2],
    outputs: VecDeque<Output>,
    /// Started, and not pausing in Idle.
    running: bool,
    /// The state last told by [`Event::StateChanged`].
    state: State,
    /// Attempts since the last OPEN that was accepted.
    connect_failures: u32,
    /// Failures since the last session that lasted.
    idle_failures: u32,
    connect_retry_counter: u32,
    established_since: Option<Instant>,
    /// When the next attempt would have been, had the peer not connected.
    retry_due: Option<Instant>,
    graceful: Graceful,
    refreshes: Refreshes,
    /// Families that [`Event::PrefixWarning`] was told of.
    prefix_warnings: BTreeSet<Family>,
}

impl Peer {
    /// A peer in Idle, which waits for [`Input::ManualStart`].
    ///
    /// `seed` is the only source of randomness (jitter, RFC 4271 section 10):
    /// the same seed and inputs give the same outputs.
    #[must_use]
    pub fn new(config: PeerConfig, seed: u64) -> Self {
        Self {
            graceful: Graceful::new(&config),
            refreshes: Refreshes::default(),
            prefix_warnings: BTreeSet::new(),
            config,
            timers: TimerTable::default(),
            jitter: Jitter::new(seed),
            backlog: BytesMut::new(),
            slots: [Slot::Closed, Slot::Closed],
            outputs: VecDeque::new(),
            running: false,
            state: State::Idle,
            connect_failures: 0,
            idle_failures: 0,
            connect_retry_counter: 0,
            established_since: None,
            retry_due: None,
        }
    }

    /// Takes one input. `now` never runs backwards.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::ManualStart => self.manual_start(now),
            Input::ManualStop { communication } => {
                self.manual_stop(now, communication.as_deref());
            }
            Input::TcpConnected(connection) => self.tcp_connected(now, connection),
            Input::TcpFailed(connection) => self.tcp_failed(now, connection),
            Input::Received(connection, buf) => self.received(now, connection, buf),
            Input::UpdateSent => self.update_sent(now),
            Input::WriteBlocked(connection) => self.write_blocked(now, connection),
            Input::WriteProgress(connection) => self.timers.stop(Timer::SendHold(connection)),
            Input::Reset(code) => self.reset(now, code),
            Input::ForwardingFailed => self.end_stale(StaleEnd::ForwardingFailed),
            Input::InitialTableComplete => self.initial_table_complete(),
            Input::EndOfRibSent(family) => self.end_of_rib_sent(family),
            Input::RequestRefresh(family) => self.request_refresh(now, family),
            Input::RefreshSent(family) => self.refresh_sent(now, family),
            Input::PrefixCount(family, count) => self.prefix_count(now, family, count),
            Input::Timeout => self.timeout(now),
        }
    }

    /// The next thing to do; `None` when all is done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call with [`Input::Timeout`], and which timer it will be.
    ///
    /// `None` while stopped, while a passive peer waits, and while a session
    /// without hold time is Established.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }

    /// The peer's state; with two connections, the one that is further.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// What was agreed, while Established.
    #[must_use]
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.slots.iter().find_map(|slot| match slot {
            Slot::Established(negotiated) => Some(&**negotiated),
            _ => None,
        })
    }

    /// Whether a connection from this peer would be taken now. If not, close
    /// it at once: the peer is stopped, or has one already.
    #[must_use]
    pub fn accepts_incoming(&self) -> bool {
        let started = self.running || self.timers.is_set(Timer::IdleHold);
        started && matches!(self.slot(Connection::Incoming), Slot::Closed)
    }

    /// Whether a new connection from this peer takes the place of the incoming
    /// one there is. If so, report that one as [`Input::TcpFailed`] first.
    ///
    /// A peer dials once at a time, so it has given up on the older one, and
    /// one that restarts gracefully dials when it has lost a session (RFC 4724
    /// section 5).
    #[must_use]
    pub fn renews_incoming(&self, now: Instant) -> bool {
        match self.slot(Connection::Incoming) {
            Slot::Closed | Slot::Dialing => false,
            Slot::Established(_) => self.yields(now, Connection::Incoming),
            _ => self.state != State::Established,
        }
    }

    /// How often the peer fell back to Idle since [`Input::ManualStart`]
    /// (ConnectRetryCounter, RFC 4271 section 8).
    #[must_use]
    pub const fn connect_retry_counter(&self) -> u32 {
        self.connect_retry_counter
    }

    /// The configuration it was made with.
    #[must_use]
    pub const fn config(&self) -> &PeerConfig {
        &self.config
    }

    fn manual_start(&mut self, now: Instant) {
        if self.running {
            return;
        }
        self.connect_failures = 0;
        self.idle_failures = 0;
        self.connect_retry_counter = 0;
        self.limit_deferral(now);
        self.start(now);
    }

    fn timeout(&mut self, now: Instant) {
        // Each timer fires at most once: what it restarts lies in the future,
        // and a driver that sleeps very long is not made to catch up.
        for _ in 0..Timer::COUNT {
            let Some(timer) = self.timers.take_due(now) else {
                return;
            };
            match timer {
                Timer::ConnectRetry => self.connect_retry_expired(now),
                Timer::IdleHold => self.start(now),
                Timer::Hold(connection) => self.hold_expired(now, connection),
                Timer::Keepalive(connection) => self.send_keepalive(now, connection),
                Timer::DelayOpen(connection) => self.send_open(now, connection),
                Timer::SendHold(connection) => {
                    self.end(now, connection, None, DownReason::SendHoldTimerExpired);
                }
                Timer::Restart | Timer::StalePath => self.end_stale(StaleEnd::Expired),
                Timer::Deferral => self.deferral_expired(),
                Timer::Refresh => self.refresh_expired(now),
                Timer::PrefixLimit => self.start(now),
            }
        }
    }

    const fn slot(&self, connection: Connection) -> &Slot {
        let [outgoing, incoming] = &self.slots;
        match connection {
            Connection::Outgoing => outgoing,
            Connection::Incoming => incoming,
        }
    }

    const fn slot_mut(&mut self, connection: Connection) -> &mut Slot {
        let [outgoing, incoming] = &mut self.slots;
        match connection {
            Connection::Outgoing => outgoing,
            Connection::Incoming => incoming,
        }
    }

    fn set_slot(&mut self, connection: Connection, slot: Slot) {
        *self.slot_mut(connection) = slot;
    }

    /// Tells the state if it changed.
    fn publish_state(&mut self) {
        let to = if self.running {
            Connection::BOTH
                .into_iter()
                .filter_map(|connection| self.slot(connection).state(connection))
                .max()
                .unwrap_or(State::Active)
        } else {
            State::Idle
        };
        let from = mem::replace(&mut self.state, to);
        if from != to {
            self.event(Event::StateChanged { from, to });
        }
    }

    fn transmit(&mut self, connection: Connection, encode: impl FnOnce(&mut BytesMut)) {
        let mut buf = BytesMut::new();
        encode(&mut buf);
        self.push(Output::Transmit(connection, buf.freeze()));
    }

    fn event(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
}
