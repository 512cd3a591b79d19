//! Attempts at a session: dialling, retrying, and the pause after a failure.

use std::mem;
use std::time::Instant;

use bytes::BytesMut;

use super::Peer;
use crate::config::{FIRST_CONNECT_RETRY, Initiation};
use crate::error::DownReason;
use crate::io::{Connection, Event, Output};
use crate::state::Slot;
use crate::timer::{Timer, back_off};

impl Peer {
    /// Leaves Idle: with the connection that was held, if there is one.
    pub(super) fn start(&mut self, now: Instant) {
        self.running = true;
        self.timers.stop(Timer::IdleHold);
        self.timers.stop(Timer::PrefixLimit);
        if let Slot::Held(mut received) = mem::take(self.slot_mut(Connection::Incoming)) {
            self.begin(now, Connection::Incoming);
            self.received(now, Connection::Incoming, &mut received);
            self.backlog = received;
            return;
        }
        match self.config.initiation {
            Initiation::Active => self.dial(now),
            Initiation::Passive => self.publish_state(),
        }
    }

    fn dial(&mut self, now: Instant) {
        self.set_slot(Connection::Outgoing, Slot::Dialing);
        let time = self.jitter.apply(self.config.connect_time());
        self.timers.set(Timer::ConnectRetry, now, time);
        self.publish_state();
        self.push(Output::Connect);
    }

    pub(super) fn tcp_connected(&mut self, now: Instant, connection: Connection) {
        let expected = match connection {
            Connection::Outgoing => matches!(self.slot(connection), Slot::Dialing),
            Connection::Incoming => self.accepts_incoming(),
        };
        if !expected {
            // Unless it is the one we have, it came too late to be wanted.
            if !self.slot(connection).is_connected() {
                self.push(Output::Close(connection));
            }
            return;
        }
        if self.running {
            self.begin(now, connection);
        } else {
            self.set_slot(connection, Slot::Held(BytesMut::new()));
        }
    }

    /// A connection is up and wanted.
    fn begin(&mut self, now: Instant, connection: Connection) {
        if connection == Connection::Incoming {
            self.backlog.clear();
            self.retry_due = None;
        }
        if !matches!(self.slot(connection.other()), Slot::Dialing) {
            self.retry_due = self.timers.take(Timer::ConnectRetry);
        }
        match self.config.delay_open_time {
            Some(time) => {
                self.set_slot(connection, Slot::DelayOpen);
                self.timers.set(Timer::DelayOpen(connection), now, time);
                self.publish_state();
            }
            None => self.send_open(now, connection),
        }
    }

    pub(super) fn tcp_failed(&mut self, now: Instant, connection: Connection) {
        let slot = mem::take(self.slot_mut(connection));
        let Some(state) = slot.state(connection) else {
            return;
        };
        self.timers.stop_connection(connection);
        if matches!(slot, Slot::Dialing) {
            self.timers.stop(Timer::ConnectRetry);
        }
        let reason = DownReason::TcpConnectionFails { state };
        self.session_ends(now, &slot, &reason);
        if self.goes_on_without(connection, &slot, &reason) {
            return;
        }
        match slot {
            Slot::OpenConfirm(_) | Slot::Established(_) => {
                self.abandon_dialling();
                self.pause(now, reason);
            }
            // Nothing was wrong with what the peer said, so no pause is called
            // for.
            _ if matches!(self.slot(connection.other()), Slot::Dialing) => {
                self.publish_state();
                self.event(Event::ConnectionClosed(connection, reason));
            }
            _ => self.wait_for_retry(now, connection, reason),
        }
    }

    /// Active: listens, and dials when the ConnectRetryTimer expires.
    fn wait_for_retry(&mut self, now: Instant, connection: Connection, reason: DownReason) {
        let due = self.retry_due.take();
        if self.config.initiation == Initiation::Passive {
            // The peer dials.
        } else if let (Connection::Incoming, Some(due)) = (connection, due) {
            // A peer that connects again and again without a word, as a probe
            // of its port would, must not keep us from dialling.
            self.timers.set_at(Timer::ConnectRetry, due.max(now));
        } else {
            self.connect_failures = self.connect_failures.saturating_add(1);
            let longest = self.config.connect_retry_time;
            let pause = back_off(FIRST_CONNECT_RETRY, self.connect_failures, longest);
            let pause = self.jitter.apply(pause);
            self.timers.set(Timer::ConnectRetry, now, pause);
        }
        self.publish_state();
        self.event(Event::Down(reason));
    }

    /// Idle with IdleHoldTimer; both connections are closed already.
    pub(super) fn pause(&mut self, now: Instant, reason: DownReason) {
        self.fall_back(now);
        let (first, longest) = (self.config.idle_hold_time, self.config.idle_hold_limit);
        let pause = self
            .jitter
            .apply(back_off(first, self.idle_failures, longest));
        self.timers.set(Timer::IdleHold, now, pause);
        self.publish_state();
        self.event(Event::Down(reason));
    }

    /// Idle after a failure; both connections are closed already.
    pub(super) fn fall_back(&mut self, now: Instant) {
        self.running = false;
        self.timers.stop_session();
        let lasted = self
            .established_since
            .take()
            .map(|since| now.saturating_duration_since(since));
        if lasted.is_some_and(|time| time >= self.config.idle_hold_limit) {
            self.idle_failures = 0;
        }
        self.idle_failures = self.idle_failures.saturating_add(1);
        self.connect_retry_counter = self.connect_retry_counter.saturating_add(1);
    }

    pub(super) fn connect_retry_expired(&mut self, now: Instant) {
        let dialling = matches!(self.slot(Connection::Outgoing), Slot::Dialing);
        self.abandon_dialling();
        if self.slot(Connection::Incoming).is_connected() {
            self.publish_state();
            if dialling {
                let reason = DownReason::ConnectTimedOut;
                self.event(Event::ConnectionClosed(Connection::Outgoing, reason));
            }
            return;
        }
        if dialling {
            self.connect_failures = self.connect_failures.saturating_add(1);
            self.event(Event::Down(DownReason::ConnectTimedOut));
        }
        self.dial(now);
    }

    /// Gives up an attempt to connect, if there is one.
    pub(super) fn abandon_dialling(&mut self) {
        if matches!(self.slot(Connection::Outgoing), Slot::Dialing) {
            self.set_slot(Connection::Outgoing, Slot::Closed);
            self.timers.stop(Timer::ConnectRetry);
            self.push(Output::Close(Connection::Outgoing));
        }
    }

    /// Closes a connection that was held, without a word.
    pub(super) fn drop_held(&mut self) {
        self.set_slot(Connection::Incoming, Slot::Closed);
        self.push(Output::Close(Connection::Incoming));
    }
}
