//! What peers announced to us: candidate paths, the chosen next hops, and their readers.

mod decider;
mod slab;
mod state;
mod table;

use std::collections::{BTreeSet, VecDeque};
use std::mem;
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tokio::sync::watch;

pub(crate) use self::state::Counts;
use self::state::Learned;
pub(crate) use self::table::Walk;
use crate::decision::{Choice, Path};
use crate::reachability::ReachableNextHops;
use crate::rib::Table;
use crate::{Gateway, Multipath};

/// The next hops of one learned prefix have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LearnedChange {
    /// The prefix.
    pub prefix: IpNet,
    /// The whole new set, sorted; empty when the prefix is no longer reachable.
    pub next_hops: Vec<Gateway>,
}

/// A reader of learned routes, made by
/// [`SpeakerHandle::learned`](crate::SpeakerHandle::learned).
///
/// It begins with every prefix there is and goes on with changes. A slow
/// reader gets the newest set of a prefix and none of those in between, so
/// nothing queues up behind it. After a restart it begins later, see
/// [`SpeakerHandle::selection_deferred`](crate::SpeakerHandle::selection_deferred).
#[derive(Debug)]
pub struct LearnedRoutes {
    shared: Arc<LearnedShared>,
    wake: watch::Receiver<()>,
    reader: u64,
    ready: VecDeque<LearnedChange>,
}

impl LearnedRoutes {
    /// The next change; `None` once the speaker has ended and all was read.
    ///
    /// Cancel safe: a change that was not returned is returned next time.
    pub async fn recv(&mut self) -> Option<LearnedChange> {
        loop {
            if let Some(change) = self.try_recv() {
                return Some(change);
            }
            if self.wake.changed().await.is_err() {
                return self.try_recv();
            }
        }
    }

    /// The next changes, each of another prefix: one if that is all there is,
    /// and at most some hundreds. `None` like [`recv`](Self::recv).
    ///
    /// Cancel safe like [`recv`](Self::recv).
    pub async fn recv_many(&mut self) -> Option<Vec<LearnedChange>> {
        loop {
            if let Some(changes) = self.try_recv_many() {
                return Some(changes);
            }
            if self.wake.changed().await.is_err() {
                return self.try_recv_many();
            }
        }
    }

    /// The next changes, each of another prefix, if there are any already.
    pub fn try_recv_many(&mut self) -> Option<Vec<LearnedChange>> {
        if self.ready.is_empty() {
            self.shared.lock().read(self.reader, BATCH, &mut self.ready);
        }
        let changes = mem::take(&mut self.ready);
        (!changes.is_empty()).then(|| changes.into())
    }

    /// The next change, if there is one already.
    pub fn try_recv(&mut self) -> Option<LearnedChange> {
        if self.ready.is_empty() {
            self.shared.lock().read(self.reader, BATCH, &mut self.ready);
        }
        self.ready.pop_front()
    }
}

impl Drop for LearnedRoutes {
    fn drop(&mut self) {
        self.shared.lock().remove_reader(self.reader);
    }
}

/// The learned routes and those who read them.
#[derive(Debug)]
pub(crate) struct LearnedShared {
    routes: Mutex<Learned>,
}

impl LearnedShared {
    /// An empty table; while it is `held` readers get nothing.
    pub(crate) fn new(multipath: Multipath, track_next_hops: bool, held: bool) -> Self {
        Self {
            routes: Mutex::new(Learned::new(multipath, track_next_hops, held)),
        }
    }

    /// Readers get the routes of this table from here on.
    pub(crate) fn release(&self, table: Table) {
        self.lock().release(table);
    }

    /// A reader that begins with everything.
    pub(crate) fn subscribe(self: &Arc<Self>) -> LearnedRoutes {
        let (reader, wake) = self.lock().add_reader();
        LearnedRoutes {
            shared: Arc::clone(self),
            wake,
            reader,
            ready: VecDeque::new(),
        }
    }

    /// Makes `path` the candidate of its peer for each of `prefixes`, in the
    /// generation that `generation` says. Returns how many have had none.
    pub(crate) fn announce(
        &self,
        path: &Arc<Path>,
        prefixes: impl IntoIterator<Item = IpNet>,
        generation: impl Fn(Table) -> u32,
    ) -> Counts {
        self.change(|routes| routes.announce(path, prefixes, generation))
    }

    /// Takes back the candidates of `peer` for each of `prefixes`. Returns how
    /// many there were.
    pub(crate) fn withdraw(
        &self,
        peer: usize,
        prefixes: impl IntoIterator<Item = IpNet>,
    ) -> Counts {
        self.change(|routes| routes.withdraw(peer, prefixes))
    }

    /// Takes back the candidates of `peer` of generations before this one, or
    /// all, those first that were not announced for the longest time, and at
    /// most as many as this. Returns how many there were.
    pub(crate) fn take_back(
        &self,
        peer: usize,
        table: Table,
        before: Option<u32>,
        most: usize,
    ) -> usize {
        self.change(|routes| routes.take_back(peer, table, before, most))
    }

    /// Takes back those of the next candidates of `peer` in its `walk` whose
    /// prefixes are to go, having looked at no more than `most`. Returns how
    /// many went; `None` behind the end. The peer itself must change nothing
    /// while it walks.
    pub(crate) fn take_back_where(
        &self,
        peer: usize,
        table: Table,
        walk: &mut Walk,
        most: usize,
        goes: impl Fn(IpNet) -> bool,
    ) -> Option<usize> {
        self.change(|routes| routes.take_back_where(peer, table, walk, most, goes))
    }

    fn change<R>(&self, change: impl FnOnce(&mut Learned) -> R) -> R {
        let mut routes = self.lock();
        let before = routes.version();
        let result = change(&mut routes);
        routes.wake_since(before);
        result
    }

    /// The next hops of all candidates, as they change.
    pub(crate) fn next_hops(&self) -> watch::Receiver<Arc<BTreeSet<IpAddr>>> {
        self.lock().next_hops()
    }

    /// Decides again where the way to a next hop has changed; in pieces, so
    /// that peers get at the routes in between.
    pub(crate) fn set_reachable(&self, reachable: Arc<ReachableNextHops>) {
        let changed = self.lock().set_reachable(reachable);
        if changed.is_empty() {
            return;
        }
        let mut from = Bound::Unbounded;
        while let Some(last) = self.change(|it| it.decide_again(from, BATCH, &changed)) {
            from = Bound::Excluded(last);
        }
    }

    /// Nothing is learned any more; readers end once they have read all.
    pub(crate) fn close(&self) {
        self.lock().close();
    }

    /// Hands `look` every candidate of up to `limit` prefixes from `from` on,
    /// with the next hops that are used.
    pub(crate) fn page(
        &self,
        from: Bound<IpNet>,
        limit: usize,
        look: impl FnMut(IpNet, &[Arc<Path>], Option<Choice<'_>>, &[Gateway]),
    ) {
        self.lock().page(from, limit, look);
    }

    fn lock(&self) -> MutexGuard<'_, Learned> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many changes of each family a reader takes at once, which bounds how long it holds the lock.
const BATCH: usize = 256;

#[cfg(test)]
mod tests;
