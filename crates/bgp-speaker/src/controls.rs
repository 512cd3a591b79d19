//! What the peers' tasks are told while they run, beside what is announced.

use std::collections::{BTreeMap, BTreeSet};

use crate::{PeerKey, SpeakerHandle};

/// Wishes that hold from when they are uttered; each task reads those that
/// are its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Controls {
    /// Everything that there was before a restart is announced again.
    pub(crate) table_complete: bool,
    /// The coming stop is the first half of a restart.
    pub(crate) restarting: bool,
    /// What peers are told at the stop.
    pub(crate) communication: Option<String>,
    /// Every session is about to be shut down.
    shutting_down: bool,
    /// Every route is about to go.
    leaving: bool,
    /// The sessions with these peers are.
    peers_shutting_down: BTreeSet<PeerKey>,
    /// How often each peer was asked for its routes.
    refreshes: BTreeMap<PeerKey, u64>,
    /// Peers that shall have no session.
    down: BTreeMap<PeerKey, AdministrativelyDown>,
}

/// The wish that there be no session.
#[derive(Clone, Debug, Default)]
pub(crate) struct AdministrativelyDown {
    /// Why, for the peer's operators.
    pub(crate) communication: Option<String>,
}

impl Controls {
    pub(crate) fn shutting_down(&self, peer: &PeerKey) -> bool {
        self.shutting_down || self.leaving || self.peers_shutting_down.contains(peer)
    }

    pub(crate) fn down(&self, peer: &PeerKey) -> Option<&AdministrativelyDown> {
        self.down.get(peer)
    }

    pub(crate) fn refreshes(&self, peer: &PeerKey) -> u64 {
        self.refreshes.get(peer).copied().unwrap_or_default()
    }
}

impl SpeakerHandle {
    /// Everything that was announced before a restart of this program is
    /// announced again. Until then, or for the time given by
    /// [`SpeakerConfig::restarting`](crate::SpeakerConfig::restarting), peers
    /// that have kept our routes hear no End-of-RIB, and so keep what they do
    /// not hear of. Of no consequence if that is `None`, or when repeated.
    pub fn initial_table_complete(&self) {
        self.control(|controls| controls.table_complete = true);
    }

    /// Whether every route is announced as about to go because it will be withdrawn
    /// soon. This and the wishes for a graceful shutdown are kept apart.
    pub fn set_leaving(&self, leaving: bool) {
        self.control(|controls| controls.leaving = leaving);
    }

    /// Whether every route is announced as about to go (GRACEFUL_SHUTDOWN, RFC
    /// 8326), before a shutdown that peers should have moved their traffic
    /// away from. No session is touched.
    pub fn set_graceful_shutdown(&self, shutting_down: bool) {
        self.control(|controls| controls.shutting_down = shutting_down);
    }

    /// The same for one peer; `false` if there is none with this key. Both
    /// wishes are kept apart: a route is marked if either says so.
    pub fn set_peer_graceful_shutdown(
        &self,
        peer: impl Into<PeerKey>,
        shutting_down: bool,
    ) -> bool {
        self.control_peer(peer, |controls, peer| {
            if shutting_down {
                controls.peers_shutting_down.insert(peer.clone());
            } else {
                controls.peers_shutting_down.remove(peer);
            }
        })
    }

    /// Ends the session with a peer by Cease / Administrative Shutdown, and has
    /// none until [`set_peer_up`](Self::set_peer_up), whatever its settings
    /// become meanwhile; `false` if there is none with this key. The peer's
    /// operators are told `communication` (RFC 9003); what is beyond 255 octets
    /// is cut off. Nothing happens to a peer that is down already.
    pub fn set_peer_down(&self, peer: impl Into<PeerKey>, communication: Option<String>) -> bool {
        self.control_peer(peer, |controls, peer| {
            let down = AdministrativelyDown { communication };
            controls.down.entry(peer.clone()).or_insert(down);
        })
    }

    /// Takes [`set_peer_down`](Self::set_peer_down) back; `false` if there is
    /// no peer with this key.
    pub fn set_peer_up(&self, peer: impl Into<PeerKey>) -> bool {
        self.control_peer(peer, |controls, peer| {
            controls.down.remove(peer);
        })
    }

    /// Whether the coming stop is the first half of a restart. Sessions are
    /// then closed without a word, and peers that know of graceful restarts
    /// keep our routes for the restart time instead of dropping them. Nor do
    /// readers of learned routes hear that those go.
    pub fn set_restarting(&self, restarting: bool) {
        self.control(|controls| controls.restarting = restarting);
    }

    /// Why the coming stop is made, in words for the operators of the peers
    /// (shutdown communication, RFC 9003); what is beyond 255 octets is cut off.
    pub fn set_shutdown_communication(&self, text: Option<String>) {
        self.control(|controls| controls.communication = text);
    }

    /// Asks a peer for all its routes again (ROUTE-REFRESH, RFC 2918), if a
    /// session with it is up and allows that; `false` if there is no peer with
    /// this key.
    pub fn request_refresh(&self, peer: impl Into<PeerKey>) -> bool {
        self.control_peer(peer, |controls, peer| {
            *controls.refreshes.entry(peer.clone()).or_default() += 1;
        })
    }

    fn control_peer(
        &self,
        peer: impl Into<PeerKey>,
        change: impl FnOnce(&mut Controls, &PeerKey),
    ) -> bool {
        let peer = peer.into();
        let statuses = self.shared.statuses.borrow();
        let known = statuses.iter().any(|it| it.key() == peer);
        drop(statuses);
        if known {
            self.control(|controls| change(controls, &peer));
        }
        known
    }

    fn control(&self, change: impl FnOnce(&mut Controls)) {
        self.shared.controls.send_modify(change);
    }
}
