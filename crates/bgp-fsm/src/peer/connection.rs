//! One TCP connection, from its OPEN to its end.

use std::mem;
use std::time::{Duration, Instant};

use bgp_wire::{
    Disposition, HoldTime, MaxMessageLen, MessageType, MessageView, Notification, NotificationCode,
    RawMessage, encode_keepalive,
};
use bytes::{Bytes, BytesMut};

use super::Peer;
use crate::collision::{Speaker, survivor};
use crate::config::{MIN_SEND_HOLD_TIME, OPEN_HOLD_TIME};
use crate::error::{Cause, DownReason};
use crate::io::{Connection, Event};
use crate::negotiate::{Negotiated, Refusal, negotiate};
use crate::state::{Slot, State};
use crate::timer::Timer;

impl Peer {
    /// Sends our OPEN and waits for the peer's, for a "large value" of the
    /// HoldTimer (RFC 4271 section 8.2.2).
    pub(super) fn send_open(&mut self, now: Instant, connection: Connection) {
        self.transmit_open(connection);
        self.set_slot(connection, Slot::OpenSent);
        self.timers
            .set(Timer::Hold(connection), now, OPEN_HOLD_TIME);
        self.publish_state();
    }

    fn transmit_open(&mut self, connection: Connection) {
        let open = self.config.open_while(self.graceful.restarting());
        self.transmit(connection, |buf| {
            open.encode(buf)
                .expect("the configuration bounds the capabilities");
        });
    }

    /// Sends a KEEPALIVE and restarts the KeepaliveTimer.
    pub(super) fn send_keepalive(&mut self, now: Instant, connection: Connection) {
        self.transmit(connection, encode_keepalive);
        self.restart_keepalive(now, connection);
    }

    fn restart_keepalive(&mut self, now: Instant, connection: Connection) {
        let (Slot::OpenConfirm(negotiated) | Slot::Established(negotiated)) = self.slot(connection)
        else {
            return;
        };
        let time = negotiated.keepalive;
        if !time.is_zero() {
            // Not more than one a second (RFC 4271 section 4.4), jitter or not.
            let time = self.jitter.apply(time).max(Duration::from_secs(1));
            self.timers.set(Timer::Keepalive(connection), now, time);
        }
    }

    /// The peer was heard on a connection whose hold time is agreed.
    fn restart_hold(&mut self, now: Instant, connection: Connection) {
        let Slot::Established(negotiated) = self.slot(connection) else {
            return;
        };
        match negotiated.hold_time {
            HoldTime::ZERO => self.timers.stop(Timer::Hold(connection)),
            time => self
                .timers
                .set(Timer::Hold(connection), now, time.as_duration()),
        }
    }

    pub(super) fn update_sent(&mut self, now: Instant) {
        for connection in Connection::BOTH {
            if matches!(self.slot(connection), Slot::Established(_)) {
                self.restart_keepalive(now, connection);
            }
        }
    }

    /// Only where something can be waiting, and not again while it runs.
    pub(super) fn write_blocked(&mut self, now: Instant, connection: Connection) {
        let hold_time = match self.slot(connection) {
            Slot::OpenConfirm(negotiated) | Slot::Established(negotiated) => negotiated.hold_time,
            _ => return,
        };
        let time = self
            .config
            .send_hold_time
            .unwrap_or_else(|| MIN_SEND_HOLD_TIME.max(hold_time.as_duration() * 2));
        let timer = Timer::SendHold(connection);
        // Without a hold time there is no SendHoldTimer either (RFC 9687).
        let wanted = hold_time != HoldTime::ZERO && !time.is_zero();
        if wanted && !self.timers.is_set(timer) {
            self.timers.set(timer, now, time);
        }
    }

    pub(super) fn hold_expired(&mut self, now: Instant, connection: Connection) {
        let notification = Notification::new(NotificationCode::HOLD_TIMER_EXPIRED);
        self.refuse(now, connection, notification, Cause::HoldTimerExpired);
    }

    /// Octets were read: whole messages are taken off the front, until there
    /// is none or the connection is gone.
    pub(super) fn received(&mut self, now: Instant, connection: Connection, buf: &mut BytesMut) {
        if let Slot::Held(received) = self.slot_mut(connection) {
            received.unsplit(buf.split());
            // Nobody has more to say before our OPEN than an OPEN of its own.
            if received.len() > MaxMessageLen::STANDARD.get() {
                self.drop_held();
            }
            return;
        }
        if connection == Connection::Incoming && !self.backlog.is_empty() {
            let mut all = mem::take(&mut self.backlog);
            all.unsplit(buf.split());
            *buf = all;
        }
        loop {
            let max = match self.slot(connection) {
                Slot::Closed | Slot::Dialing | Slot::Held(_) => {
                    buf.clear();
                    return;
                }
                Slot::DelayOpen | Slot::OpenSent => MaxMessageLen::STANDARD,
                Slot::OpenConfirm(negotiated) | Slot::Established(negotiated) => {
                    negotiated.max_message_len
                }
            };
            match RawMessage::split_from(buf, max) {
                Ok(Some(message)) => self.message(now, connection, message),
                Ok(None) => return,
                Err(error) => {
                    self.refuse(now, connection, error.notification(), Cause::Decode(error));
                }
            }
        }
    }

    /// One whole message. Whether the state takes its type comes before
    /// whether its body can be read.
    fn message(&mut self, now: Instant, connection: Connection, message: RawMessage) {
        let message_type = message.message_type();
        let expected = match self.slot(connection) {
            Slot::Closed | Slot::Dialing | Slot::Held(_) => return,
            Slot::DelayOpen | Slot::OpenSent => message_type == MessageType::OPEN,
            Slot::OpenConfirm(_) => message_type == MessageType::KEEPALIVE,
            Slot::Established(_) => message_type != MessageType::OPEN,
        };
        if !expected && message_type != MessageType::NOTIFICATION {
            self.refuse_unexpected(now, connection, message_type);
            return;
        }
        match message.view() {
            Err(error) => {
                let notification = error.notification_about(message.octets());
                self.refuse(now, connection, notification, Cause::Decode(error));
            }
            Ok(MessageView::Notification(view)) => {
                let reason = DownReason::NotificationReceived(view.to_notification());
                self.end(now, connection, None, reason);
            }
            Ok(MessageView::Open(view)) => match negotiate(&self.config, connection, view) {
                Ok(negotiated) => self.open_accepted(now, connection, negotiated),
                Err(Refusal {
                    notification,
                    cause,
                }) => self.refuse(now, connection, notification, cause),
            },
            Ok(MessageView::Keepalive) => {
                self.confirm(now, connection);
                self.restart_hold(now, connection);
            }
            Ok(MessageView::Update(_)) => self.update(now, connection, message),
            Ok(MessageView::RouteRefresh(view)) => {
                self.restart_hold(now, connection);
                self.route_refresh(now, view.to_route_refresh());
            }
            // A type that bgp-wire learned and this machine did not.
            Ok(_) => self.refuse_unexpected(now, connection, message_type),
        }
    }

    /// An UPDATE goes out as it came, if the session survives it: only what
    /// RFC 7606 calls "session reset" is judged here.
    fn update(&mut self, now: Instant, connection: Connection, message: RawMessage) {
        let (Slot::Established(negotiated), Ok(MessageView::Update(view))) =
            (self.slot(connection), message.view())
        else {
            return;
        };
        let judgement = view.judge(negotiated.decode);
        // No family is ever disabled alone, so that ends the session too.
        let fatal = judgement
            .fault()
            .filter(|fault| fault.disposition >= Disposition::AfiSafiDisable)
            .map(|fault| (fault.notification(), Cause::Decode(fault.error)));
        match fatal {
            Some((notification, cause)) => self.refuse(now, connection, notification, cause),
            None => {
                let ended = view.is_end_of_rib();
                self.restart_hold(now, connection);
                self.event(Event::Update(message));
                if let Some(family) = ended {
                    self.end_of_rib(family);
                }
            }
        }
    }

    /// The peer's OPEN is fine. If the other connection has come at least as
    /// far, one of the two has to go (RFC 4271 section 6.8).
    fn open_accepted(&mut self, now: Instant, connection: Connection, negotiated: Negotiated) {
        // It can be reached.
        self.connect_failures = 0;
        if matches!(self.slot(connection), Slot::DelayOpen) {
            self.timers.stop(Timer::DelayOpen(connection));
            self.transmit_open(connection);
        }
        let other = connection.other();
        let yields = self.yields(now, other);
        let survivor = match self.slot(other) {
            // An Established session is not given up for a new connection,
            // unless a restart made the peer forget it.
            Slot::Established(_) if yields => connection,
            Slot::Established(_) if !self.config.collision_detect_established => other,
            Slot::Established(_) | Slot::OpenConfirm(_) => self.survivor(&negotiated),
            _ => connection,
        };
        if survivor != connection {
            self.lose_collision(now, connection);
            return;
        }
        if negotiated.hold_time != HoldTime::ZERO {
            let time = negotiated.hold_time.as_duration();
            self.timers.set(Timer::Hold(connection), now, time);
        } else if !self.timers.is_set(Timer::Hold(connection)) {
            // The "large value" stays until the KEEPALIVE is there: a peer
            // must not be able to leave us waiting for ever.
            self.timers
                .set(Timer::Hold(connection), now, OPEN_HOLD_TIME);
        }
        self.set_slot(connection, Slot::OpenConfirm(Box::new(negotiated)));
        self.send_keepalive(now, connection);
        match self.slot(other) {
            // Its peer does not listen any more, and shall not be told.
            Slot::Established(_) if yields => self.end(now, other, None, DownReason::Replaced),
            Slot::Established(_) => self.lose_collision(now, other),
            Slot::OpenConfirm(_) => {
                self.publish_state();
                self.lose_collision(now, other);
            }
            _ => self.publish_state(),
        }
    }

    fn survivor(&self, negotiated: &Negotiated) -> Connection {
        let local = Speaker {
            identifier: self.config.identifier,
            asn: self.config.local_as,
        };
        let remote = Speaker {
            identifier: negotiated.peer_identifier,
            asn: negotiated.peer_as,
        };
        survivor(local, remote)
    }

    fn lose_collision(&mut self, now: Instant, connection: Connection) {
        let notification = Notification::new(NotificationCode::CEASE_CONNECTION_COLLISION);
        self.refuse(now, connection, notification, Cause::Collision);
    }

    /// KEEPALIVE in OpenConfirm: the session is up.
    fn confirm(&mut self, now: Instant, connection: Connection) {
        if !matches!(self.slot(connection), Slot::OpenConfirm(_)) {
            return;
        }
        if let Slot::OpenConfirm(negotiated) = mem::take(self.slot_mut(connection)) {
            let told = negotiated.clone();
            self.set_slot(connection, Slot::Established(negotiated));
            self.abandon_dialling();
            self.established_since = Some(now);
            self.publish_state();
            self.event(Event::Established(told.clone()));
            self.session_begins(&told);
        }
    }

    /// RFC 6608: the subcode names the state, the data is the message's type.
    fn refuse_unexpected(
        &mut self,
        now: Instant,
        connection: Connection,
        message_type: MessageType,
    ) {
        let state = self.slot(connection).state(connection).unwrap_or_default();
        let code = match state {
            State::OpenSent => NotificationCode::FSM_UNEXPECTED_IN_OPEN_SENT,
            State::OpenConfirm => NotificationCode::FSM_UNEXPECTED_IN_OPEN_CONFIRM,
            State::Established => NotificationCode::FSM_UNEXPECTED_IN_ESTABLISHED,
            State::Idle | State::Connect | State::Active => NotificationCode::FSM_UNSPECIFIC,
        };
        let data = Bytes::copy_from_slice(&[message_type.0]);
        let notification = match code {
            NotificationCode::FSM_UNSPECIFIC => Notification::new(code),
            _ => Notification::with_data(code, data),
        };
        let cause = Cause::UnexpectedMessage {
            state,
            message_type,
        };
        self.refuse(now, connection, notification, cause);
    }

    fn refuse(
        &mut self,
        now: Instant,
        connection: Connection,
        notification: Notification,
        cause: Cause,
    ) {
        let reason = DownReason::NotificationSent {
            notification: notification.clone(),
            cause,
        };
        self.end(now, connection, Some(&notification), reason);
    }
}
