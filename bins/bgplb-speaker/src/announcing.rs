//! Everything that is announced: what the file lists, what services hold and the
//! subnets of Docker's networks; and that all of it is kept back while an operator
//! wants that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bgp_speaker::{PeerKey, RibChange, RibVersion, SpeakerHandle};
use bgp_wire::PathAttributes;
use ipnet::IpNet;
use lb_plan::{Announcements, Change};

/// Who wants a prefix announced. Of several the first says how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A service, by its name.
    Service(String),
    /// The networks of Docker.
    Networks,
}

/// How a prefix is announced.
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
    wanted: Announcements<Source, Route>,
    /// What the file lists, in order; it says how where others want the same prefix.
    listed: Arc<[RibChange]>,
    kept_back: bool,
}

impl Announcing {
    /// For this speaker, which has been told what the file lists, in the order of the
    /// prefixes, unless all is `kept_back`.
    pub(crate) fn new(speaker: SpeakerHandle, listed: Arc<[RibChange]>, kept_back: bool) -> Self {
        Self {
            speaker,
            wanted: Announcements::default(),
            listed,
            kept_back,
        }
    }

    /// Replaces what one source wants; the version with which peers have what that
    /// changes.
    pub(crate) fn set(&mut self, source: Source, wanted: BTreeMap<IpNet, Route>) -> RibVersion {
        let changes = self.wanted.set(source, wanted).into_iter();
        let changes = changes.map(|change| match change {
            Change::Announce(prefix, route) => announce(prefix, &route),
            Change::Withdraw(prefix) => RibChange::withdraw(prefix),
        });
        let changes: Vec<_> = changes.filter(|it| !self.lists(it.prefix)).collect();
        if self.kept_back || changes.is_empty() {
            return self.speaker.version();
        }
        self.speaker.apply(&changes)
    }

    /// Takes over what the file lists now in place of what it did, by these changes.
    pub(crate) fn change_listed(&mut self, mut changes: Vec<RibChange>, listed: Arc<[RibChange]>) {
        self.listed = listed;
        for change in changes.iter_mut().filter(|it| it.announce.is_none()) {
            if let Some(route) = self.wanted.get(change.prefix) {
                *change = announce(change.prefix, route);
            }
        }
        if !self.kept_back {
            self.speaker.apply(&changes);
        }
    }

    fn lists(&self, prefix: IpNet) -> bool {
        let found = self.listed.binary_search_by_key(&prefix, |it| it.prefix);
        found.is_ok()
    }

    /// Withdraws everything, with what the file lists, until [`Self::give_back`];
    /// yields how many prefixes that were.
    pub(crate) fn keep_back(&mut self) -> usize {
        let listed = self.listed.iter().map(|change| change.prefix);
        let others = self.wanted.prefixes().filter(|it| !self.lists(*it));
        let gone: Vec<_> = listed.chain(others).map(RibChange::withdraw).collect();
        self.speaker.apply(&gone);
        self.kept_back = true;
        gone.len()
    }

    /// Announces everything again.
    pub(crate) fn give_back(&mut self) {
        self.kept_back = false;
        self.speaker.apply(&self.listed);
        let others = self.wanted.iter().filter(|(it, _)| !self.lists(*it));
        let routes: Vec<_> = others.map(|(prefix, it)| announce(prefix, it)).collect();
        self.speaker.apply(&routes);
    }
}

fn announce(prefix: IpNet, route: &Route) -> RibChange {
    let change = RibChange::announce(prefix, Arc::clone(&route.attributes));
    match &route.audience {
        Some(peers) => change.only_to(Arc::clone(peers)),
        None => change,
    }
}
