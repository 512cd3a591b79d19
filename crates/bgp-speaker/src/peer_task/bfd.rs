//! What BFD says about the path, and what that means for the session.

use std::future::pending;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use bgp_fsm::{Input, State};
use bgp_wire::NotificationCode;
use tokio::sync::watch;
use tracing::info;

use super::PeerTask;
use crate::{BfdStatus, PeerNews, Trouble};

/// The peer's BFD session, and how many of its failures were seen.
#[derive(Debug)]
pub(super) struct BfdWatch {
    /// Whom it is with.
    remote: IpAddr,
    status: watch::Receiver<BfdStatus>,
    failures: u64,
    forwarding_failures: u64,
    /// It was up when news of it came last.
    was_up: bool,
    /// When it was last heard to have gone down.
    last_down: Option<SystemTime>,
    /// Until then a failure may be the end of what the peer's last life left.
    restart_shows_until: Option<Instant>,
}

impl PeerTask {
    /// Asks for a BFD session if one is configured and the peer's address is
    /// known. BGP does not wait for it (RFC 5882 section 4.3).
    pub(super) fn start_bfd(&mut self) {
        let peer = self.settings.address;
        if !peer.is_unspecified() {
            self.watch_by_bfd(peer);
        }
    }

    /// Has the peer watched that turns out to have this address.
    pub(super) fn watch_by_bfd(&mut self, remote: IpAddr) {
        let Some(settings) = &self.settings.bfd else {
            return;
        };
        if self.bfd.as_ref().is_some_and(|bfd| bfd.remote == remote) {
            return;
        }
        let (local, interface) = (self.settings.local_address, &self.settings.interface);
        let bfd = &self.shared.bfd;
        match bfd.session(settings, remote, local, interface.as_deref()) {
            Ok(mut status) => {
                status.mark_changed();
                self.bfd = Some(BfdWatch {
                    remote,
                    status,
                    failures: 0,
                    forwarding_failures: 0,
                    was_up: false,
                    last_down: None,
                    restart_shows_until: None,
                });
            }
            Err(error) => self.note_error(format!("BFD: {error}"), Trouble::Other),
        }
    }

    /// The peer restarts: if its BFD does so too, that shows when we have
    /// heard nothing for the Detection Time, or hear of a new session.
    pub(super) fn expect_bfd_restart(&mut self, now: Instant) {
        let Some(bfd) = &mut self.bfd else { return };
        let status = bfd.status.borrow();
        let up = status.state == ::bfd::State::Up;
        let time = status.parameters.detection_time.filter(|_| up);
        bfd.restart_shows_until = time.and_then(|time| now.checked_add(time + LATENESS));
    }

    /// Ends the session, and what is kept of an earlier one, if the path has
    /// broken. An operator's decision on either side is no such sign (RFC 5882
    /// section 4.2). Neither is a BFD session that falls while the peer
    /// restarts gracefully and shares the fate of its control plane (section
    /// 4.3.2); one that does not share it tells of the forwarding plane
    /// (section 4.3.1). Our own is as good as such a one: we did not restart.
    pub(super) fn bfd_changed(&mut self, now: Instant, changed: bool) {
        let Some(bfd) = self.bfd.as_mut().filter(|_| changed) else {
            self.bfd = None;
            self.note_error("BFD: its thread has ended".to_owned(), Trouble::Other);
            return;
        };
        let status = bfd.status.borrow_and_update().clone();
        let failed = status.failures > bfd.failures;
        let forwarding_failed = status.forwarding_failures > bfd.forwarding_failures;
        bfd.failures = status.failures;
        bfd.forwarding_failures = status.forwarding_failures;
        for news in bfd.news(&status) {
            self.shared.news.tell(&self.settings.key(), news);
        }
        self.shared
            .update_status(self.index, |peer| peer.bfd = Some(status));
        if !failed {
            return;
        }
        let restart_shows = bfd.restart_shows_until.take().is_some_and(|at| now < at);
        if restart_shows && !forwarding_failed {
            info!(peer = %self.settings.key(), "BFD went down with the peer's restart");
        } else if self.machine.state() == State::Established {
            let reset = Input::Reset(NotificationCode::CEASE_BFD_DOWN);
            self.machine.handle_input(now, reset);
        } else if forwarding_failed {
            self.machine.handle_input(now, Input::ForwardingFailed);
        }
    }
}

impl BfdWatch {
    /// What has happened since this was asked last. A session that fell and rose
    /// again meanwhile did both.
    fn news(&mut self, status: &BfdStatus) -> impl Iterator<Item = PeerNews> + use<> {
        let (was_up, is_up) = (self.was_up, status.state == ::bfd::State::Up);
        let last_down = status.last_down.as_ref();
        let fell = last_down.filter(|(at, _)| self.last_down != Some(*at));
        let down = fell.map(|(_, why)| PeerNews::BfdDown(why.to_string()));
        // It rose at least once if it fell, or if it is up and was not.
        let up = is_up && (!was_up || down.is_some());
        self.was_up = is_up;
        self.last_down = last_down.map(|(at, _)| *at);
        down.into_iter().chain(up.then_some(PeerNews::BfdUp))
    }
}

/// Completes when there is news; `false` if there will never be any.
pub(super) async fn changed(bfd: Option<&mut BfdWatch>) -> bool {
    match bfd {
        Some(bfd) => bfd.status.changed().await.is_ok(),
        None => pending().await,
    }
}

/// How much later than it happens a failure may be told.
const LATENESS: Duration = Duration::from_secs(1);
