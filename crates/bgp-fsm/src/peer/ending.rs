//! How connections, sessions and the peer's activity end.

use std::mem;
use std::time::Instant;

use bgp_wire::{Notification, NotificationCode};

use super::Peer;
use crate::config::Support;
use crate::error::{Cause, DownReason};
use crate::hard_reset;
use crate::io::{Connection, Event, Output, StaleEnd};
use crate::state::Slot;

impl Peer {
    pub(super) fn manual_stop(&mut self, now: Instant, communication: Option<&str>) {
        let code = NotificationCode::CEASE_ADMINISTRATIVE_SHUTDOWN;
        let notification = communication.map_or_else(
            || Notification::new(code),
            |text| Notification::with_shutdown_communication(code, text),
        );
        let was_running = mem::take(&mut self.running);
        let told = self.close_all(now, &notification, &Cause::ManualStop);
        self.end_stale(StaleEnd::Stopped);
        self.timers.stop_all();
        self.connect_failures = 0;
        self.idle_failures = 0;
        self.connect_retry_counter = 0;
        self.established_since = None;
        self.publish_state();
        if was_running {
            self.event(Event::Down(told.unwrap_or(DownReason::ManualStop)));
        }
    }

    pub(super) fn reset(&mut self, now: Instant, code: NotificationCode) {
        if !self.running {
            return;
        }
        let notification = Notification::new(code);
        let told = self.close_all(now, &notification, &Cause::Reset);
        self.pause(now, told.unwrap_or(DownReason::Reset(code)));
    }

    /// Ends one connection for a reason of ours or the peer's, and the peer's
    /// session with it unless the other connection lives.
    pub(super) fn end(
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
        self.session_ends(now, &slot, &reason);
        if self.goes_on_without(connection, &slot, &reason) {
            return;
        }
        self.abandon_dialling();
        self.pause(now, reason);
    }

    /// If the other connection is up, only this one's end is told.
    pub(super) fn goes_on_without(
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

    /// Closes both connections, whose timers are the caller's, and returns what
    /// was said on the one that had come further, if anybody was there.
    pub(super) fn close_all(
        &mut self,
        now: Instant,
        notification: &Notification,
        cause: &Cause,
    ) -> Option<DownReason> {
        self.abandon_dialling();
        let mut told = None;
        for connection in Connection::BOTH {
            if !self.slot(connection).is_connected() {
                continue;
            }
            let slot = mem::take(self.slot_mut(connection));
            let notification = for_session(notification, &slot);
            self.transmit(connection, |buf| notification.encode(buf));
            self.push(Output::Close(connection));
            let reason = DownReason::NotificationSent {
                notification,
                cause: cause.clone(),
            };
            self.session_ends(now, &slot, &reason);
            if told.is_none() || matches!(slot, Slot::Established(_)) {
                told = Some(reason);
            }
        }
        told
    }
}

/// `notification` as it is said on this connection: what shall end a session
/// for good is a Hard Reset where a NOTIFICATION would not (RFC 8538 section
/// 3).
fn for_session(notification: &Notification, slot: &Slot) -> Notification {
    let soft = match slot {
        Slot::Established(negotiated) => negotiated
            .graceful_restart
            .as_ref()
            .is_some_and(|it| it.notification == Support::Supported),
        _ => false,
    };
    if soft && hard_reset::is_final(notification.code) {
        hard_reset::wrap(notification)
    } else {
        notification.clone()
    }
}
