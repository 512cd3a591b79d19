//! Both tables in pieces, for people and programs that ask.

use std::net::IpAddr;
use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use bgp_wire::PathAttributes;
use ipnet::IpNet;

use crate::SpeakerHandle;
use crate::decision::Path;

/// A route accepted from a peer, whether it is used or not.
#[derive(Clone, Debug)]
pub struct LearnedRoute {
    /// The prefix.
    pub prefix: IpNet,
    /// Whether the decision process prefers it to every other one (RFC 4271
    /// section 9.1.2).
    pub best: bool,
    /// Whether packets take it, as the best one or beside that.
    pub used: bool,
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
}

impl SpeakerHandle {
    /// The routes of up to `prefixes` prefixes from `from` on, in the order of
    /// the prefixes; empty behind the last one. Changes wait meanwhile, so ask
    /// for a few hundred at a time.
    pub fn learned_page(&self, from: Bound<IpNet>, prefixes: usize) -> Vec<LearnedRoute> {
        let mut page = Vec::new();
        let learned = &self.shared.learned;
        learned.page(from, prefixes, |prefix, paths, choice, gateways| {
            page.extend(paths.iter().map(|path| {
                let is = |other: &Path| std::ptr::eq(other, Arc::as_ptr(path));
                let choice = choice.as_ref();
                LearnedRoute {
                    prefix,
                    best: choice.is_some_and(|choice| is(choice.best)),
                    used: choice.is_some_and(|choice| choice.together.iter().any(|it| is(it)))
                        && gateways.iter().any(|it| it.address == path.next_hop),
                    path: Arc::clone(path),
                }
            }));
        });
        page
    }

    /// Up to `prefixes` of our own routes from `from` on, in the order of the
    /// prefixes; empty behind the last one. Changes wait meanwhile.
    pub fn announced_page(&self, from: Bound<IpNet>, prefixes: usize) -> Vec<AnnouncedRoute> {
        let rib = self.shared.rib.read();
        let rib = rib.unwrap_or_else(PoisonError::into_inner);
        let routes = rib.range(from).take(prefixes);
        routes
            .map(|(prefix, attributes)| AnnouncedRoute {
                prefix,
                attributes: Arc::clone(attributes),
            })
            .collect()
    }
}
