//! What a peer's state machine reports, turned into session, status and log.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bgp_fsm::{Cause, DownReason, Event, Input, Negotiated};
use bgp_wire::RawMessage;
use tracing::{debug, info, warn};

use super::PeerTask;
use crate::PeerError;
use crate::adj_rib_out::SessionFacts;
use crate::session::Session;

impl PeerTask {
    /// What the machine reports: the session's life, its routes, and status.
    pub(super) fn note_event(&mut self, event: Event) {
        match event {
            Event::StateChanged { from, to } => {
                debug!(peer = %self.settings.address, %from, %to, "state changed");
                self.shared.update_status(self.index, |status| {
                    status.state = to;
                    status.since = SystemTime::now();
                });
            }
            Event::Established(negotiated) => self.established(*negotiated),
            Event::Update(update) => self.received(&update),
            Event::RouteRefresh(family) => {
                if let Some(session) = &mut self.session {
                    session.resend(family);
                }
            }
            Event::ConnectionClosed(connection, reason) => {
                debug!(peer = %self.settings.address, %connection, %reason, "connection closed");
            }
            Event::Down(
                reason @ (DownReason::ManualStop
                | DownReason::NotificationSent {
                    cause: Cause::ManualStop,
                    ..
                }),
            ) => {
                self.session = None;
                info!(peer = %self.settings.address, "session ended: {reason}");
            }
            Event::Down(reason) => {
                self.session = None;
                // The socket's own words were noted already, and say more.
                if !matches!(reason, DownReason::TcpConnectionFails { .. }) {
                    self.note_error(reason.to_string());
                }
            }
            _ => {}
        }
    }

    fn established(&mut self, negotiated: Negotiated) {
        let negotiated = Arc::new(negotiated);
        let Some(local) = self.wire(negotiated.connection).map(|w| w.local_address()) else {
            return;
        };
        info!(
            peer = %self.settings.address,
            identifier = %negotiated.peer_identifier,
            "session established"
        );
        let facts = SessionFacts {
            local_as: self.local_as,
            identifier: self.machine.config().open().identifier,
            max_message_len: negotiated.max_message_len,
            context: negotiated.decode,
        };
        // The old session, if any, takes its routes back before the new one begins.
        self.session = None;
        let mut session = Session::new(
            self.index,
            &self.settings,
            facts,
            &negotiated,
            local,
            Arc::clone(&self.shared),
        );
        session.resolve_next_hops(&Arc::clone(&self.local_addresses.borrow()));
        self.session = Some(session);
    }

    fn received(&mut self, update: &RawMessage) {
        let Some(session) = &mut self.session else {
            return;
        };
        let addresses = Arc::clone(&self.local_addresses.borrow());
        if let Err(code) = session.receive(update, &addresses) {
            self.machine
                .handle_input(Instant::now(), Input::Reset(code));
        }
    }

    /// Puts trouble into the status, and into the log when it is news.
    pub(super) fn note_error(&self, text: String) {
        let peer = self.settings.address;
        let mut news = false;
        self.shared.update_status(self.index, |status| {
            news = status
                .last_error
                .as_ref()
                .is_none_or(|last| last.text != text);
            status.last_error = Some(PeerError::now(text.clone()));
        });
        if news {
            warn!(%peer, "{text}");
        } else {
            debug!(%peer, "{text}");
        }
    }
}
