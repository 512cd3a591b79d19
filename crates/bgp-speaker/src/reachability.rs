//! Which next hops can be reached, as far as somebody tells.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::watch;

use crate::SpeakerHandle;
use crate::config::is_link_local;

/// Next hops that can be reached, each with the metric of the way to it (RFC
/// 4271 section 9.1.2.1 and, for the metric, 9.1.2.2 e).
pub type ReachableNextHops = BTreeMap<IpAddr, u32>;

impl SpeakerHandle {
    /// The next hops of the routes that peers announce, as they change.
    /// Link-local ones are not among them: the session itself shows that they
    /// can be reached.
    pub fn next_hops(&self) -> watch::Receiver<Arc<BTreeSet<IpAddr>>> {
        self.shared.learned.next_hops()
    }

    /// From now on routes by these next hops are used and no others. Until
    /// this is told for the first time every next hop counts as reachable at
    /// the same distance, unless
    /// [`track_next_hops`](crate::SpeakerConfig::track_next_hops) says that it
    /// will be told.
    ///
    /// Costs in proportion to the learned routes when it changes something
    /// about a next hop in use, and otherwise nothing.
    pub fn set_reachable_next_hops(&self, reachable: Arc<ReachableNextHops>) {
        self.shared.learned.set_reachable(reachable);
    }
}

/// The next hops in use, and what is known of them.
#[derive(Debug)]
pub(crate) struct NextHopTable {
    /// How many candidates lead by each.
    used: BTreeMap<IpAddr, usize>,
    /// `None`: nobody tells.
    reachable: Option<Arc<ReachableNextHops>>,
    told: watch::Sender<Arc<BTreeSet<IpAddr>>>,
}

impl NextHopTable {
    pub(crate) fn new(tracked: bool) -> Self {
        Self {
            used: BTreeMap::new(),
            reachable: tracked.then(Arc::default),
            told: watch::Sender::default(),
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<BTreeSet<IpAddr>>> {
        self.told.subscribe()
    }

    /// The metric of the way to `next_hop`; `None` if it cannot be reached.
    pub(crate) fn metric(&self, next_hop: IpAddr) -> Option<u32> {
        match &self.reachable {
            Some(reachable) if !is_link_local(next_hop) => reachable.get(&next_hop).copied(),
            _ => Some(0),
        }
    }

    /// One candidate more leads by `next_hop`.
    pub(crate) fn take(&mut self, next_hop: IpAddr) {
        if is_link_local(next_hop) {
            return;
        }
        let count = self.used.entry(next_hop).or_default();
        *count += 1;
        if *count == 1 {
            self.tell();
        }
    }

    /// One candidate less leads by `next_hop`.
    pub(crate) fn release(&mut self, next_hop: IpAddr) {
        let Some(count) = self.used.get_mut(&next_hop) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.used.remove(&next_hop);
            self.tell();
        }
    }

    /// Takes the news, and returns the next hops in use that they change.
    pub(crate) fn set_reachable(&mut self, now: Arc<ReachableNextHops>) -> BTreeSet<IpAddr> {
        let before: Vec<_> = self
            .used
            .keys()
            .map(|hop| (*hop, self.metric(*hop)))
            .collect();
        self.reachable = Some(now);
        let changed = before
            .into_iter()
            .filter(|(hop, metric)| self.metric(*hop) != *metric);
        changed.map(|(hop, _)| hop).collect()
    }

    fn tell(&self) {
        let used = self.used.keys().copied().collect();
        self.told.send_replace(Arc::new(used));
    }
}
