//! ROUTE-REFRESH in both directions (RFC 2918, RFC 7313).

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::time::Instant;

use bgp_wire::{Capability, Family, RouteRefresh, RouteRefreshSubtype};

use super::Peer;
use crate::config::Support;
use crate::io::{Connection, Event};
use crate::negotiate::Negotiated;
use crate::timer::Timer;

/// The answers under way; each session has its own.
#[derive(Debug, Default)]
pub(super) struct Refreshes {
    /// Families whose first transfer we have ended.
    transferred: BTreeSet<Family>,
    /// Families whose first transfer the peer has ended.
    received: BTreeSet<Family>,
    /// Families the peer asked for.
    asked: BTreeMap<Family, Answer>,
    /// Families that the peer is repeating, and until when it may.
    repeated: BTreeMap<Family, Instant>,
    /// It was told that a message was ignored.
    ignored: bool,
}

/// Where our answer to a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It has to wait for the first transfer's end.
    Waiting,
    /// It is being sent.
    Sending,
    /// It is being sent, and another one was asked for meanwhile.
    SendingAndAsked,
}

impl Peer {
    /// The peer sent a ROUTE-REFRESH. Subtypes we do not know, and families
    /// that were not agreed, mean nothing (RFC 2918, RFC 7313 section 5).
    pub(super) fn route_refresh(&mut self, now: Instant, message: RouteRefresh) {
        let family = message.family;
        let Some(negotiated) = self.negotiated().filter(|n| n.families.contains(&family)) else {
            return;
        };
        let enhanced = negotiated.enhanced_refresh == Support::Supported;
        match message.subtype {
            RouteRefreshSubtype::REQUEST => self.refresh_asked(family, enhanced),
            RouteRefreshSubtype::BEGIN if enhanced => self.refresh_begins(now, message),
            RouteRefreshSubtype::BEGIN => {}
            RouteRefreshSubtype::END => self.refresh_ends(family),
            _ => self.ignore_refresh(message),
        }
    }

    fn ignore_refresh(&mut self, message: RouteRefresh) {
        if !mem::replace(&mut self.refreshes.ignored, true) {
            self.event(Event::RefreshIgnored(message));
        }
    }

    fn refresh_asked(&mut self, family: Family, enhanced: bool) {
        // End-of-RIB comes before the begin of an answer (RFC 7313 section 4).
        let waits = enhanced && !self.refreshes.transferred.contains(&family);
        let next = match self.refreshes.asked.get(&family) {
            Some(Answer::Waiting) => return,
            Some(_) => Answer::SendingAndAsked,
            None if waits => Answer::Waiting,
            None => return self.begin_answer(family),
        };
        self.refreshes.asked.insert(family, next);
    }

    fn begin_answer(&mut self, family: Family) {
        self.refreshes.asked.insert(family, Answer::Sending);
        self.mark(family, RouteRefreshSubtype::BEGIN);
        self.event(Event::RouteRefresh(family));
    }

    /// The driver ended the first transfer.
    pub(super) fn end_of_rib_sent(&mut self, family: Family) {
        if self
            .negotiated()
            .is_none_or(|n| !n.families.contains(&family))
        {
            return;
        }
        self.refreshes.transferred.insert(family);
        if self.refreshes.asked.get(&family) == Some(&Answer::Waiting) {
            self.begin_answer(family);
        }
    }

    /// The driver has repeated everything.
    pub(super) fn refresh_sent(&mut self, now: Instant, family: Family) {
        if self.negotiated().is_none() {
            return;
        }
        let again = match self.refreshes.asked.get(&family) {
            Some(Answer::Sending) => false,
            Some(Answer::SendingAndAsked) => true,
            Some(Answer::Waiting) | None => return,
        };
        self.refreshes.asked.remove(&family);
        self.mark(family, RouteRefreshSubtype::END);
        if again {
            self.begin_answer(family);
        }
        self.update_sent(now);
    }

    /// Asks the peer.
    pub(super) fn request_refresh(&mut self, now: Instant, family: Family) {
        let possible = self
            .negotiated()
            .is_some_and(|n| n.families.contains(&family) && n.route_refresh == Support::Supported);
        if possible {
            self.transmit_refresh(RouteRefresh::request(family));
            self.update_sent(now);
        }
    }

    /// The peer has ended its first transfer.
    pub(super) fn first_transfer_received(&mut self, family: Family) {
        self.refreshes.received.insert(family);
    }

    /// A peer that offers graceful restart ends its first transfer before it
    /// repeats anything: a begin that comes earlier is ignored, so that
    /// End-of-RIB alone says which stale routes go (RFC 7313 section 4).
    fn refresh_begins(&mut self, now: Instant, message: RouteRefresh) {
        let family = message.family;
        let graceful = self.negotiated().is_some_and(offers_graceful_restart);
        if graceful && !self.refreshes.received.contains(&family) {
            return self.ignore_refresh(message);
        }
        let Some(until) = now.checked_add(self.config.refresh_time) else {
            return;
        };
        self.refreshes.repeated.insert(family, until);
        self.limit_refreshes();
        self.event(Event::RefreshBegun(family));
    }

    /// An end without a begin means nothing (RFC 7313 section 4).
    fn refresh_ends(&mut self, family: Family) {
        if self.refreshes.repeated.remove(&family).is_some() {
            self.limit_refreshes();
            self.event(Event::RefreshEnded(family));
        }
    }

    /// The peer took too long.
    pub(super) fn refresh_expired(&mut self, now: Instant) {
        let repeated = &self.refreshes.repeated;
        let late: Vec<_> = repeated
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(family, _)| *family)
            .collect();
        for family in late {
            self.refresh_ends(family);
        }
    }

    fn limit_refreshes(&mut self) {
        match self.refreshes.repeated.values().min() {
            Some(first) => self.timers.set_at(Timer::Refresh, *first),
            None => self.timers.stop(Timer::Refresh),
        }
    }

    /// The session ends, and every answer with it.
    pub(super) fn forget_refreshes(&mut self) {
        self.refreshes = Refreshes::default();
        self.timers.stop(Timer::Refresh);
    }

    /// Begin or end of our answer, for a peer that knows them.
    fn mark(&mut self, family: Family, subtype: RouteRefreshSubtype) {
        let enhanced = |n: &Negotiated| n.enhanced_refresh == Support::Supported;
        if self.negotiated().is_some_and(enhanced) {
            self.transmit_refresh(RouteRefresh { family, subtype });
        }
    }

    fn transmit_refresh(&mut self, message: RouteRefresh) {
        if let Some(connection) = self.session_connection() {
            self.transmit(connection, |buf| message.encode(buf));
        }
    }

    fn session_connection(&self) -> Option<Connection> {
        self.negotiated().map(|n| n.connection)
    }
}

/// Whether the peer does, wanted here or not.
fn offers_graceful_restart(negotiated: &Negotiated) -> bool {
    let mut capabilities = negotiated.capabilities.iter();
    capabilities.any(|it| matches!(it, Capability::GracefulRestart(_)))
}
