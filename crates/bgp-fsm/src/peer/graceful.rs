//! Graceful restart: what of a session outlives it (RFC 4724, RFC 8538).

use std::collections::BTreeSet;
use std::mem;
use std::time::{Duration, Instant};

use bgp_wire::{Family, NotificationCode};

use super::Peer;
use crate::config::{CONNECT_TIME_LIMIT, PeerConfig, Support};
use crate::error::{Cause, DownReason};
use crate::io::{Connection, Event, StaleEnd};
use crate::negotiate::{Negotiated, PeerRestart};
use crate::state::Slot;
use crate::timer::Timer;

/// What is known of restarts, ours and the peer's.
#[derive(Debug)]
pub(super) struct Graceful {
    /// Families whose routes of the session before are still in use.
    stale: BTreeSet<Family>,
    /// Our own first transfer is held back: not all of it is known yet.
    deferring: bool,
    /// There was no session since our restart.
    restarted: bool,
}

impl Graceful {
    pub(super) fn new(config: &PeerConfig) -> Self {
        Self {
            stale: BTreeSet::new(),
            deferring: deferral_time(config).is_some(),
            restarted: deferral_time(config).is_some(),
        }
    }

    /// The R bit of our OPENs: the first session after a restart is the one
    /// that the peer has kept our routes for, and until our table is complete
    /// it shall not wait for our End-of-RIB (RFC 4724 sections 3 and 4.1).
    pub(super) const fn restarting(&self) -> bool {
        self.restarted || self.deferring
    }
}

impl Peer {
    /// The peer is started: from here on the first transfer is waited for.
    pub(super) fn limit_deferral(&mut self, now: Instant) {
        if let Some(time) = deferral_time(&self.config)
            && self.graceful.restarting()
            && !self.timers.is_set(Timer::Deferral)
        {
            self.timers.set(Timer::Deferral, now, time);
        }
    }

    /// The restart is over, whoever has come back meanwhile.
    pub(super) fn deferral_expired(&mut self) {
        self.graceful.restarted = false;
        self.initial_table_complete();
    }

    /// All our routes are known, or waited for no longer.
    pub(super) fn initial_table_complete(&mut self) {
        if mem::take(&mut self.graceful.deferring) && self.negotiated().is_some() {
            self.event(Event::SendEndOfRib);
        }
        self.end_deferral();
    }

    /// Stops the timer when nothing is left that it limits.
    fn end_deferral(&mut self) {
        if !self.graceful.restarting() {
            self.timers.stop(Timer::Deferral);
        }
    }

    /// An Established session ends: says what becomes of the peer's routes.
    pub(super) fn session_ends(&mut self, now: Instant, ended: &Slot, reason: &DownReason) {
        let Slot::Established(negotiated) = ended else {
            return;
        };
        self.forget_refreshes();
        self.forget_prefixes();
        let restart = self.config.restart.as_ref();
        let restart = restart.zip(negotiated.graceful_restart.as_ref());
        let counts = |theirs: &PeerRestart| counts_as_restart(reason, theirs);
        let Some((ours, theirs)) = restart.filter(|(_, theirs)| counts(theirs)) else {
            return self.end_stale(StaleEnd::LostAgain);
        };
        let (restart_time, stale_time) = (theirs.restart_time, ours.stale_time);
        let left = self.timers.time_left(Timer::StalePath, now);
        // A route that was stale already is not kept over a second restart
        // (RFC 4724 section 4.2) unless NOTIFICATIONs count as restarts, which
        // may come one after the other (RFC 8538 section 4.1). Its time goes on.
        let keeps_on = theirs.notification == Support::Supported && left != Some(Duration::ZERO);
        if !keeps_on {
            self.end_stale(StaleEnd::LostAgain);
        }
        let limited = !self.graceful.stale.is_empty();
        let stale_time = left.filter(|_| limited).unwrap_or(stale_time);
        let time = restart_time.min(stale_time);
        if time.is_zero() || theirs.families.is_empty() {
            return self.end_stale(StaleEnd::LostAgain);
        }
        let families: BTreeSet<_> = theirs.families.keys().copied().collect();
        self.graceful.stale.clone_from(&families);
        self.timers.set(Timer::Restart, now, restart_time);
        if !limited {
            self.timers.set(Timer::StalePath, now, stale_time);
        }
        self.event(Event::RoutesRetained { families, time });
    }

    /// A session begins: stale routes whose forwarding state the peer did not
    /// keep go at once, the others wait for its End-of-RIB.
    pub(super) fn session_begins(&mut self, negotiated: &Negotiated) {
        self.timers.stop(Timer::Restart);
        let kept = |family: &Family| {
            let restart = negotiated.graceful_restart.as_ref();
            restart.is_some_and(|it| it.families.get(family) == Some(&true))
        };
        let (kept, gone) = mem::take(&mut self.graceful.stale)
            .into_iter()
            .partition(kept);
        self.graceful.stale = kept;
        self.drop_stale(gone, StaleEnd::NotKept);
        self.graceful.restarted = false;
        self.end_deferral();
        if !self.graceful.deferring {
            self.event(Event::SendEndOfRib);
        }
    }

    /// The peer has told everything of a family again.
    pub(super) fn end_of_rib(&mut self, family: Family) {
        self.first_transfer_received(family);
        if self.graceful.stale.remove(&family) {
            self.drop_stale(BTreeSet::from([family]), StaleEnd::EndOfRib);
        }
    }

    /// Stale routes go, all of them.
    pub(super) fn end_stale(&mut self, why: StaleEnd) {
        let gone = mem::take(&mut self.graceful.stale);
        self.drop_stale(gone, why);
    }

    fn drop_stale(&mut self, gone: BTreeSet<Family>, why: StaleEnd) {
        for family in gone {
            self.event(Event::StaleEnded(family, why));
        }
        if self.graceful.stale.is_empty() {
            self.timers.stop(Timer::Restart);
            self.timers.stop(Timer::StalePath);
        }
    }

    /// Whether the session on this connection, if there is one, yields to a
    /// new connection: its peer restarts gracefully, and has had the time to
    /// learn that the session is up, so that it dials only if it lost it.
    pub(super) fn yields(&self, now: Instant, connection: Connection) -> bool {
        let Slot::Established(negotiated) = self.slot(connection) else {
            return false;
        };
        let restarts = |it: &PeerRestart| !it.families.is_empty();
        let since = self.established_since;
        negotiated.graceful_restart.as_ref().is_some_and(restarts)
            && since.is_some_and(|it| now.saturating_duration_since(it) >= CONNECT_TIME_LIMIT)
    }
}

fn deferral_time(config: &PeerConfig) -> Option<Duration> {
    config.restart.as_ref()?.deferral_time
}

/// A lost connection does (RFC 4724 section 4.2), NOTIFICATIONs do if both
/// want that, except those that mean it (RFC 8538 section 4).
fn counts_as_restart(reason: &DownReason, peer: &PeerRestart) -> bool {
    let notifications = peer.notification == Support::Supported;
    match reason {
        DownReason::TcpConnectionFails { .. } | DownReason::Replaced => true,
        DownReason::SendHoldTimerExpired => notifications,
        DownReason::NotificationReceived(notification) => {
            notifications && notification.code != NotificationCode::CEASE_HARD_RESET
        }
        DownReason::NotificationSent {
            notification,
            cause,
        } => {
            notifications
                && notification.code != NotificationCode::CEASE_HARD_RESET
                && *cause != Cause::ManualStop
        }
        DownReason::ConnectTimedOut | DownReason::ManualStop | DownReason::Reset(_) => false,
    }
}
