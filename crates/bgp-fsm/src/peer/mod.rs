//! One peer: its inputs and outputs, and what its two connections share.

mod attempt;
mod connection;

use std::collections::VecDeque;
use std::mem;
use std::time::Instant;

use bgp_wire::{Notification, NotificationCode};
use bytes::BytesMut;

use crate::config::PeerConfig;
use crate::error::{Cause, DownReason};
use crate::io::{Connection, Event, Input, Output};
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
}

impl Peer {
    /// A peer in Idle, which waits for [`Input::ManualStart`].
    ///
    /// `seed` is the only source of randomness (jitter, RFC 4271 section 10):
    /// the same seed and inputs give the same outputs.
    #[must_use]
    pub fn new(config: PeerConfig, seed: u64) -> Self {
        Self {
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
            Input::ManualStop { communication } => self.manual_stop(communication.as_deref()),
            Input::TcpConnected(connection) => self.tcp_connected(now, connection),
            Input::TcpFailed(connection) => self.tcp_failed(now, connection),
            Input::Received(connection, buf) => self.received(now, connection, buf),
            Input::UpdateSent => self.update_sent(now),
            Input::WriteBlocked(connection) => self.write_blocked(now, connection),
            Input::WriteProgress(connection) => self.timers.stop(Timer::SendHold(connection)),
            Input::Reset(code) => self.reset(now, code),
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
        self.start(now);
    }

    fn manual_stop(&mut self, communication: Option<&str>) {
        let code = NotificationCode::CEASE_ADMINISTRATIVE_SHUTDOWN;
        let notification = communication.map_or_else(
            || Notification::new(code),
            |text| Notification::with_shutdown_communication(code, text),
        );
        let was_running = mem::take(&mut self.running);
        let told = self.close_all(Some(&notification));
        self.timers.stop_all();
        self.connect_failures = 0;
        self.idle_failures = 0;
        self.connect_retry_counter = 0;
        self.established_since = None;
        self.publish_state();
        if was_running {
            self.event(Event::Down(if told {
                DownReason::NotificationSent {
                    notification,
                    cause: Cause::ManualStop,
                }
            } else {
                DownReason::ManualStop
            }));
        }
    }

    fn reset(&mut self, now: Instant, code: NotificationCode) {
        if !self.running {
            return;
        }
        let notification = Notification::new(code);
        let reason = if self.close_all(Some(&notification)) {
            DownReason::NotificationSent {
                notification,
                cause: Cause::Reset,
            }
        } else {
            DownReason::Reset(code)
        };
        self.pause(now, reason);
    }

    /// Ends one connection for a reason of ours or the peer's, and the peer's
    /// session with it unless the other connection lives.
    fn end(
        &mut self,
        now: Instant,
        connection: Connection,
        notification: Option<&Notification>,
        reason: DownReason,
    ) {
        if let Some(notification) = notification {
            self.transmit(connection, |buf| notification.encode(buf));
        }
        self.push(Output::Close(connection));
        let slot = mem::take(self.slot_mut(connection));
        self.timers.stop_connection(connection);
        if self.goes_on_without(connection, &slot, &reason) {
            return;
        }
        self.abandon_dialling();
        self.pause(now, reason);
    }

    /// If the other connection is up, only this one's end is told.
    fn goes_on_without(
        &mut self,
        connection: Connection,
        ended: &Slot,
        reason: &DownReason,
    ) -> bool {
        if !self.slot(connection.other()).is_connected() {
            return false;
        }
        self.publish_state();
        if matches!(ended, Slot::Established(_)) {
            self.established_since = None;
            self.event(Event::Down(reason.clone()));
        } else {
            self.event(Event::ConnectionClosed(connection, reason.clone()));
        }
        true
    }

    /// Closes both connections, whose timers are the caller's; says whether
    /// anybody was there to be told.
    fn close_all(&mut self, notification: Option<&Notification>) -> bool {
        self.abandon_dialling();
        let mut told = false;
        for connection in Connection::BOTH {
            if !self.slot(connection).is_connected() {
                continue;
            }
            if let Some(notification) = notification {
                self.transmit(connection, |buf| notification.encode(buf));
                told = true;
            }
            self.push(Output::Close(connection));
            self.set_slot(connection, Slot::Closed);
        }
        told
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
