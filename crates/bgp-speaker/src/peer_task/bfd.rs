//! What BFD says about the path, and what that means for the session.

use std::future::pending;
use std::time::Instant;

use bgp_fsm::{Input, State};
use bgp_wire::NotificationCode;
use tokio::sync::watch;

use super::PeerTask;
use crate::BfdStatus;

/// The peer's BFD session, and how many of its failures were seen.
#[derive(Debug)]
pub(super) struct BfdWatch {
    status: watch::Receiver<BfdStatus>,
    failures: u64,
}

impl PeerTask {
    /// Asks for a BFD session if one is configured. BGP does not wait for it
    /// (RFC 5882 section 4.3).
    pub(super) async fn start_bfd(&mut self) {
        let Some(settings) = &self.settings.bfd else {
            return;
        };
        let (peer, local) = (self.settings.address, self.settings.local_address);
        match self.shared.bfd.session(settings, peer, local).await {
            Ok(mut status) => {
                status.mark_changed();
                self.bfd = Some(BfdWatch {
                    status,
                    failures: 0,
                });
            }
            Err(error) => self.note_error(format!("BFD: {error}")),
        }
    }

    /// Ends the session if the path has broken; an operator's decision on
    /// either side is no such sign (RFC 5882 section 4.2).
    pub(super) fn bfd_changed(&mut self, now: Instant, changed: bool) {
        let Some(bfd) = self.bfd.as_mut().filter(|_| changed) else {
            self.bfd = None;
            self.note_error("BFD: its thread has ended".to_owned());
            return;
        };
        let status = bfd.status.borrow_and_update().clone();
        let failed = status.failures > bfd.failures;
        bfd.failures = status.failures;
        self.shared
            .update_status(self.index, |peer| peer.bfd = Some(status));
        if failed && self.machine.state() == State::Established {
            let reset = Input::Reset(NotificationCode::CEASE_BFD_DOWN);
            self.machine.handle_input(now, reset);
        }
    }
}

/// Completes when there is news; `false` if there will never be any.
pub(super) async fn changed(bfd: Option<&mut BfdWatch>) -> bool {
    match bfd {
        Some(bfd) => bfd.status.changed().await.is_ok(),
        None => pending().await,
    }
}
