//! What a peer's state machine reports, turned into session, status and log.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bgp_fsm::{Cause, DownReason, Event, Input, Negotiated, StaleEnd, State};
use bgp_wire::{Family, RawMessage, SessionKind};
use tracing::{debug, info, warn};

use super::PeerTask;
use crate::adj_rib_out::SessionFacts;
use crate::session::Session;
use crate::{PeerCounters, PeerError, PeerNews, ResetReason, Trouble};

impl PeerTask {
    /// What the machine reports: the session's life, its routes, and status.
    pub(super) fn note_event(&mut self, event: Event) {
        match event {
            Event::StateChanged { from, to } => {
                debug!(peer = %self.settings.key(), %from, %to, "state changed");
                self.shared.update_status(self.index, |status| {
                    status.state = to;
                    status.since = SystemTime::now();
                    if to == State::Established {
                        status.notified = None;
                    }
                });
            }
            Event::Established(negotiated) => self.established(*negotiated),
            Event::Update(update) => self.received(&update),
            Event::RouteRefresh(family) => {
                if let Some(session) = &mut self.session {
                    session.resend(family);
                }
            }
            Event::SendEndOfRib => {
                if let Some(session) = &mut self.session {
                    session.allow_end_of_rib();
                }
            }
            Event::RoutesRetained { families, time } => self.retain(&families, time),
            Event::StaleEnded(family, why) => self.end_retention(family, why),
            Event::RefreshBegun(family) => self.adj_rib_in.begin_refresh(family),
            Event::RefreshEnded(family) => {
                self.adj_rib_in.end_refresh(family);
                self.note_accepted();
            }
            Event::RefreshIgnored(message) => {
                let (peer, family, subtype) =
                    (self.settings.key(), message.family, message.subtype.0);
                warn!(%peer, %family, subtype, "ROUTE-REFRESH ignored (RFC 7313)");
            }
            Event::PrefixWarning { family, count, max } => {
                let peer = self.settings.key();
                warn!(%peer, %family, count, max, "nearly as many prefixes as allowed");
            }
            Event::ConnectionClosed(connection, reason) => {
                debug!(peer = %self.settings.key(), %connection, %reason, "connection closed");
            }
            Event::Down(
                reason @ (DownReason::ManualStop
                | DownReason::NotificationSent {
                    cause: Cause::ManualStop,
                    ..
                }),
            ) => {
                self.session_ended(&reason);
                info!(peer = %self.settings.key(), "session ended: {reason}");
            }
            Event::Down(reason) => {
                self.session_ended(&reason);
                // The socket's own words were noted already, and say more.
                if self.leaving {
                    info!(peer = %self.settings.key(), "session ended: {reason}");
                } else if !matches!(reason, DownReason::TcpConnectionFails { .. }) {
                    let nobody = self.nobody_found();
                    let text = nobody.unwrap_or_else(|| reason.to_string());
                    self.note_error(text, Trouble::Ended(reason));
                }
            }
            _ => {}
        }
    }

    fn established(&mut self, negotiated: Negotiated) {
        let negotiated = Arc::new(negotiated);
        let addresses = self
            .wire(negotiated.connection)
            .map(|wire| (wire.local_address(), wire.peer_address()));
        let Some((local, remote)) = addresses else {
            return;
        };
        self.watch_by_bfd(remote);
        if self.neighbour.is_some() {
            self.adj_rib_in.set_peer_address(remote);
        }
        info!(
            peer = %self.settings.key(),
            identifier = %negotiated.peer_identifier,
            "session established"
        );
        let news = &self.shared.news;
        news.tell(&self.settings.key(), PeerNews::Established);
        let external = negotiated.decode.session == SessionKind::External;
        let facts = SessionFacts {
            local_as: self.local_as,
            identifier: self.machine.config().open().identifier,
            max_message_len: negotiated.max_message_len,
            context: negotiated.decode,
            role: self.settings.role.filter(|_| external),
        };
        // The old session, if any, takes its marks back before the new one begins.
        self.session = None;
        let mut session = Session::new(
            self.index,
            &self.settings,
            facts,
            &negotiated,
            local,
            Arc::clone(&self.shared),
        );
        session.set_shutting_down(self.shutting_down());
        session.resolve_next_hops(&Arc::clone(&self.local_addresses.borrow()));
        self.session = Some(session);
        self.counters().note_established();
    }

    /// Where what this peer does is counted.
    pub(super) fn counters(&self) -> Arc<PeerCounters> {
        self.shared.counters(self.index)
    }

    /// The session is over: without [`Event::RoutesRetained`] before this its
    /// routes go.
    fn session_ended(&mut self, reason: &DownReason) {
        let retained = std::mem::take(&mut self.retained);
        let ended = self.session.take();
        if ended.is_some() {
            self.counters().note_reset(ResetReason::of(reason));
            let news = PeerNews::Down(reason.to_string());
            self.shared.news.tell(&self.settings.key(), news);
        }
        if ended.is_some() && !retained {
            self.adj_rib_in.clear();
            self.note_accepted();
        }
    }

    fn retain(&mut self, families: &BTreeSet<Family>, time: Duration) {
        self.retained = true;
        self.expect_bfd_restart(Instant::now());
        self.adj_rib_in.retain(|family| families.contains(&family));
        self.note_accepted();
        let (prefixes, epoch) = (self.adj_rib_in.len(), self.adj_rib_in.epoch());
        info!(peer = %self.settings.key(), prefixes, ?time, "session lost: its routes are kept for the peer's restart");
        self.shared.update_status(self.index, |status| {
            status.retained = families.iter().copied().collect();
            status.epoch = epoch;
            status.retained_until = SystemTime::now().checked_add(time);
        });
    }

    fn end_retention(&mut self, family: Family, why: StaleEnd) {
        let before = self.adj_rib_in.len();
        self.adj_rib_in.end_retention(family);
        let gone = before - self.adj_rib_in.len();
        info!(peer = %self.settings.key(), %family, gone, "routes from before the restart end: {why}");
        self.note_accepted();
        self.shared.update_status(self.index, |status| {
            status.retained.retain(|it| *it != family);
            if status.retained.is_empty() {
                status.retained_until = None;
            }
        });
    }

    fn received(&mut self, update: &RawMessage) {
        let Some(session) = &self.session else {
            return;
        };
        let addresses = Arc::clone(&self.local_addresses.borrow());
        let ended = self.adj_rib_in.receive(session.via(&addresses), update);
        if let Some(family) = ended {
            self.shared.statuses.send_if_modified(|all| {
                let status = all.get_mut(self.index);
                let Some(status) = status.filter(|it| !it.end_of_rib.contains(&family)) else {
                    return false;
                };
                status.end_of_rib.push(family);
                true
            });
        }
        if self.note_accepted() {
            self.count_prefixes();
        }
    }

    /// Puts the number of prefixes into the status; says whether it is news.
    pub(super) fn note_accepted(&self) -> bool {
        let accepted = self.adj_rib_in.len();
        self.shared.statuses.send_if_modified(|all| {
            all.get_mut(self.index).is_some_and(|status| {
                for (family, count) in &mut status.accepted_by_family {
                    *count = self.adj_rib_in.len_of(*family);
                }
                std::mem::replace(&mut status.accepted_prefixes, accepted) != accepted
            })
        })
    }

    /// The machine knows the limits.
    fn count_prefixes(&mut self) {
        for family in [Family::IPV4_UNICAST, Family::IPV6_UNICAST] {
            let count = u32::try_from(self.adj_rib_in.len_of(family)).unwrap_or(u32::MAX);
            self.machine
                .handle_input(Instant::now(), Input::PrefixCount(family, count));
        }
    }

    /// Puts trouble into the status, and into the log when it is news.
    pub(super) fn note_error(&self, text: String, trouble: Trouble) {
        let peer = self.settings.key();
        let mut news = false;
        self.shared.update_status(self.index, |status| {
            news = status
                .last_error
                .as_ref()
                .is_none_or(|last| last.text != text);
            let error = PeerError::now(text.clone(), trouble);
            if error.is_notification() {
                status.notified = Some(error.clone());
            }
            status.last_error = Some(error);
        });
        if news {
            warn!(%peer, "{text}");
        } else {
            debug!(%peer, "{text}");
        }
    }
}
