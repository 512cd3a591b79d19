//! Both tables in pieces, for people and programs that ask.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use bgp_wire::{Family, PathAttributes};
use ipnet::IpNet;

use crate::decision::Path;
use crate::{PeerKey, PeerStatus, SpeakerHandle};

/// A route accepted from a peer, whether it is used or not.
#[derive(Clone, Debug)]
pub struct LearnedRoute {
    /// The prefix.
    pub prefix: IpNet,
    /// Whether the decision process prefers it to every other one (RFC 4271
    /// section 9.1.2); no route is while selection is deferred
    /// ([`SpeakerHandle::selection_deferred`]).
    pub best: bool,
    /// Whether packets take it, as the best one or beside that.
    pub used: bool,
    /// Whether it is left from a session that was lost, while the peer restarts
    /// (RFC 4724 section 4.2).
    pub stale: bool,
    path: Arc<Path>,
}

impl LearnedRoute {
    /// The peer it came from.
    pub fn peer(&self) -> IpAddr {
        self.path.peer_address
    }

    /// Where packets go.
    pub fn next_hop(&self) -> IpAddr {
        self.path.next_hop
    }

    /// What the peer said about it, the next hop apart.
    pub fn attributes(&self) -> &PathAttributes {
        &self.path.attributes
    }
}

/// A route of our own as it stands in the table: what a session adds, such as
/// the next hop and an external peer's AS_PATH, is not in it.
#[derive(Clone, Debug)]
pub struct AnnouncedRoute {
    /// The prefix.
    pub prefix: IpNet,
    /// What is said about it.
    pub attributes: Arc<PathAttributes>,
    /// The only peers that are told; `None` for all.
    pub audience: Option<Arc<BTreeSet<PeerKey>>>,
}

impl SpeakerHandle {
    /// The routes of up to `prefixes` prefixes from `from` on, in the order of
    /// the prefixes; empty behind the last one. Changes wait meanwhile, so ask
    /// for a few hundred at a time.
    pub fn learned_page(&self, from: Bound<IpNet>, prefixes: usize) -> Vec<LearnedRoute> {
        let mut page = Vec::new();
        let learned = &self.shared.learned;
        let restarting = self.restarting_peers();
        learned.page(from, prefixes, |prefix, paths, choice, gateways| {
            page.extend(paths.iter().map(|path| {
                let is = |other: &Path| std::ptr::eq(other, Arc::as_ptr(path));
                let choice = choice.as_ref();
                LearnedRoute {
                    prefix,
                    best: choice.is_some_and(|choice| is(choice.best)),
                    used: choice.is_some_and(|choice| choice.together.iter().any(|it| is(it)))
                        && gateways.iter().any(|it| it.address == path.next_hop),
                    stale: is_stale(&restarting, prefix, path),
                    path: Arc::clone(path),
                }
            }));
        });
        page
    }

    /// The peers whose routes of a session before are in use.
    fn restarting_peers(&self) -> Vec<PeerStatus> {
        let statuses = self.shared.statuses.borrow();
        let restarting = statuses.iter().filter(|peer| !peer.retained.is_empty());
        restarting.cloned().collect()
    }

    /// Up to `prefixes` of our own routes from `from` on, in the order of the
    /// prefixes; empty behind the last one. Changes wait meanwhile.
    pub fn announced_page(&self, from: Bound<IpNet>, prefixes: usize) -> Vec<AnnouncedRoute> {
        let rib = self.shared.rib.read();
        let rib = rib.unwrap_or_else(PoisonError::into_inner);
        let routes = rib.range(from).take(prefixes);
        routes
            .map(|(prefix, announced)| AnnouncedRoute {
                prefix,
                attributes: Arc::clone(&announced.attributes),
                audience: announced.audience.clone(),
            })
            .collect()
    }
}

/// Whether the peer has not announced the route since its session was lost.
fn is_stale(restarting: &[PeerStatus], prefix: IpNet, path: &Path) -> bool {
    let family = match prefix {
        IpNet::V4(_) => Family::IPV4_UNICAST,
        IpNet::V6(_) => Family::IPV6_UNICAST,
    };
    let mut peers = restarting.iter();
    let peer = peers.find(|peer| peer.slot() == path.peer);
    peer.is_some_and(|peer| peer.retained.contains(&family) && path.epoch < peer.epoch)
}
