//! Route selection waits after a restart until the peers have told what they
//! have (RFC 4724 section 4.1).

use std::future::pending;

use bgp_wire::{Capability, Family};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::info;

use super::Roster;
use crate::rib::Table;
use crate::status::{PeerStatus, PeerStatuses};
use crate::{PeerSettings, SpeakerHandle};

impl SpeakerHandle {
    /// Whether learned routes wait to be selected, as they do after a restart
    /// ([`SpeakerConfig::restarting`](crate::SpeakerConfig::restarting)).
    ///
    /// Until then readers get nothing of a family, so that what an earlier run
    /// has put to use stays as it is. The wait is over when every peer whose
    /// routes are imported has sent End-of-RIB of the family, those apart that
    /// do not offer graceful restart, have restarted themselves, or are
    /// administratively down; at the latest after
    /// [`deferral_time`](crate::Restarting::deferral_time) (Selection_Deferral_Timer,
    /// RFC 4724 section 4.1). This is `true` while any family waits.
    pub fn selection_deferred(&self) -> watch::Receiver<bool> {
        self.shared.selection_deferred.subscribe()
    }
}

/// What is waited for.
#[derive(Debug)]
pub(super) struct Deferral {
    peers: watch::Receiver<PeerStatuses>,
    /// When the wait is over, whoever has spoken.
    until: Option<Instant>,
    held: Vec<(Table, Family)>,
}

impl Deferral {
    /// Completes when it may be over; never without one. Cancel safe.
    pub(super) async fn turn(deferral: Option<&mut Self>) {
        let Some(Self { peers, until, .. }) = deferral else {
            return pending().await;
        };
        let late = async {
            match until {
                Some(at) => sleep_until(*at).await,
                None => pending().await,
            }
        };
        tokio::select! {
            // The sender lives as long as the speaker.
            _ = peers.changed() => {}
            () = late => {}
        }
    }
}

impl Roster {
    /// Begins to wait, if this is a restart.
    pub(super) fn begin_deferral(&mut self) {
        self.deferral = self.config.restarting.map(|restarting| Deferral {
            peers: self.shared.statuses.subscribe(),
            until: Instant::now().checked_add(restarting.deferral_time),
            held: vec![
                (Table::V4, Family::IPV4_UNICAST),
                (Table::V6, Family::IPV6_UNICAST),
            ],
        });
        self.follow_deferral();
    }

    /// Lets readers at the families that nobody is waited for any more.
    pub(super) fn follow_deferral(&mut self) {
        let Some(mut deferral) = self.deferral.take() else {
            return;
        };
        let expired = deferral.until.is_some_and(|at| at <= Instant::now());
        let peers = deferral.peers.borrow_and_update();
        let over = |(_, family): &mut (Table, Family)| expired || !self.waits(&peers, *family);
        let over: Vec<_> = deferral.held.extract_if(.., over).collect();
        drop(peers);
        for (table, family) in over {
            let why = if expired {
                "time is over"
            } else {
                "all peers have told"
            };
            info!(%family, "learned routes are selected after the restart: {why}");
            self.shared.learned.release(table);
        }
        if deferral.held.is_empty() {
            self.shared.selection_deferred.send_replace(false);
        } else {
            self.deferral = Some(deferral);
        }
    }

    /// Whether a peer may have more to tell of this family.
    fn waits(&self, peers: &PeerStatuses, family: Family) -> bool {
        let untold = |settings: &PeerSettings, slot: Option<usize>| {
            let status = slot.and_then(|slot| peers.of(slot));
            concerns(settings, family) && status.is_none_or(|status| !has_told(status, family))
        };
        let wanted = self.wanted.iter().any(|(key, settings)| {
            let member = self.members.get(key);
            untold(settings, member.map(|member| member.slot))
        });
        let mut members = self.members.values();
        wanted
            || members.any(|member| {
                member.dynamic.is_some() && untold(&member.settings.borrow(), Some(member.slot))
            })
    }
}

/// Whether anything of this family is imported from the peer.
fn concerns(settings: &PeerSettings, family: Family) -> bool {
    settings.import.accepts_any() && settings.families.contains(&family)
}

/// Whether nothing of the peer is waited for.
fn has_told(peer: &PeerStatus, family: Family) -> bool {
    let Some(session) = &peer.negotiated else {
        // Who came by itself may be anybody, and may never say a word.
        return peer.administratively_down || peer.dynamic;
    };
    let mut capabilities = session.capabilities.iter();
    let restart = capabilities.find_map(|it| match it {
        Capability::GracefulRestart(restart) => Some(restart),
        _ => None,
    });
    !session.families.contains(&family)
        || restart.is_none_or(|restart| restart.restarted)
        || peer.end_of_rib.contains(&family)
}

#[cfg(test)]
mod tests;
