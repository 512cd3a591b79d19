//! Everything that is announced: what the file lists and what services hold; and
//! that all of it is kept back while an operator wants that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bgp_speaker::{PeerKey, RibChange, RibVersion, SpeakerHandle};
use bgp_wire::PathAttributes;
use ipnet::IpNet;
use lb_plan::{Announcements, Change};

/// How a service has a prefix announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) attributes: Arc<PathAttributes>,
    /// The peers that are told of it; `None` for all.
    pub(crate) audience: Option<Arc<BTreeSet<PeerKey>>>,
}

/// Tells the speaker. It belongs to the task that owns the configuration.
#[derive(Debug)]
pub(crate) struct Announcing {
    speaker: SpeakerHandle,
    /// By the names of services.
    services: Announcements<String, Route>,
    kept_back: bool,
}

impl Announcing {
    /// For this speaker, which has been told what the file lists unless all is
    /// `kept_back`.
    pub(crate) fn new(speaker: SpeakerHandle, kept_back: bool) -> Self {
        Self {
            speaker,
            services: Announcements::default(),
            kept_back,
        }
    }

    /// Replaces what one service wants; the version with which peers have what
    /// that changes.
    pub(crate) fn set(&mut self, service: &str, wanted: BTreeMap<IpNet, Route>) -> RibVersion {
        let changes = self.services.set(service.to_owned(), wanted);
        self.tell(changes.into_iter().map(|change| match change {
            Change::Announce(prefix, route) => announce(prefix, &route),
            Change::Withdraw(prefix) => RibChange::withdraw(prefix),
        }))
    }

    /// Takes over what the file lists now in place of what it did.
    pub(crate) fn change_listed(&self, changes: &[RibChange]) {
        if !self.kept_back {
            self.speaker.apply(changes);
        }
    }

    /// Withdraws everything, with what the file lists, until [`Self::give_back`];
    /// yields how many prefixes that were.
    pub(crate) fn keep_back(&mut self, listed: &[RibChange]) -> usize {
        let listed = listed.iter().map(|change| change.prefix);
        let all = listed.chain(self.services.prefixes());
        let gone: Vec<_> = all.map(RibChange::withdraw).collect();
        self.speaker.apply(&gone);
        self.kept_back = true;
        gone.len()
    }

    /// Announces everything again.
    pub(crate) fn give_back(&mut self, listed: &[RibChange]) {
        self.kept_back = false;
        self.speaker.apply(listed);
        let services = self.services.iter();
        let routes: Vec<_> = services.map(|(prefix, it)| announce(prefix, it)).collect();
        self.speaker.apply(&routes);
    }

    fn tell(&self, changes: impl Iterator<Item = RibChange>) -> RibVersion {
        if self.kept_back {
            return self.speaker.version();
        }
        let changes: Vec<_> = changes.collect();
        if changes.is_empty() {
            return self.speaker.version();
        }
        self.speaker.apply(&changes)
    }
}

fn announce(prefix: IpNet, route: &Route) -> RibChange {
    let change = RibChange::announce(prefix, Arc::clone(&route.attributes));
    match &route.audience {
        Some(peers) => change.only_to(Arc::clone(peers)),
        None => change,
    }
}
