//! What peers announced to us: candidate paths, the chosen next hops, and their readers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tokio::sync::watch;

use crate::decision::{Choice, Path, choose, select};
use crate::reachability::{NextHopTable, ReachableNextHops};
use crate::versioned::VersionedTable;
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
/// nothing queues up behind it.
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
            self.shared.lock().read(self.reader, &mut self.ready);
        }
        let changes = mem::take(&mut self.ready);
        (!changes.is_empty()).then(|| changes.into())
    }

    /// The next change, if there is one already.
    pub fn try_recv(&mut self) -> Option<LearnedChange> {
        if self.ready.is_empty() {
            self.shared.lock().read(self.reader, &mut self.ready);
        }
        self.ready.pop_front()
    }
}

impl Drop for LearnedRoutes {
    fn drop(&mut self) {
        self.shared.lock().readers.remove(&self.reader);
    }
}

/// The learned routes and those who read them.
#[derive(Debug)]
pub(crate) struct LearnedShared {
    routes: Mutex<Learned>,
}

impl LearnedShared {
    pub(crate) fn new(multipath: Multipath, track_next_hops: bool) -> Self {
        let routes = Learned {
            multipath,
            next_hops: NextHopTable::new(track_next_hops),
            version: 0,
            candidates: BTreeMap::new(),
            selected: VersionedTable::new(),
            readers: BTreeMap::new(),
            next_reader: 0,
            wake: Some(watch::Sender::new(())),
        };
        Self {
            routes: Mutex::new(routes),
        }
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

    /// Sets or removes the path of `peer` to each of `prefixes`.
    pub(crate) fn replace(
        &self,
        peer: usize,
        prefixes: impl IntoIterator<Item = IpNet>,
        path: Option<&Arc<Path>>,
    ) {
        let mut routes = self.lock();
        let before = routes.version;
        for prefix in prefixes {
            routes.replace(peer, prefix, path);
        }
        routes.wake_since(before);
    }

    /// The next hops of all candidates, as they change.
    pub(crate) fn next_hops(&self) -> watch::Receiver<Arc<BTreeSet<IpAddr>>> {
        self.lock().next_hops.subscribe()
    }

    /// Decides again where the way to a next hop has changed; in pieces, so
    /// that peers get at the routes in between.
    pub(crate) fn set_reachable(&self, reachable: Arc<ReachableNextHops>) {
        let changed = self.lock().next_hops.set_reachable(reachable);
        if changed.is_empty() {
            return;
        }
        let mut from = Bound::Unbounded;
        loop {
            let mut routes = self.lock();
            let before = routes.version;
            let rest = routes.candidates.range((from, Bound::Unbounded));
            let piece: Vec<_> = rest
                .take(BATCH)
                .map(|(prefix, paths)| {
                    let concerned = paths.iter().any(|path| changed.contains(&path.next_hop));
                    (*prefix, concerned)
                })
                .collect();
            for (prefix, _) in piece.iter().filter(|(_, concerned)| *concerned) {
                routes.decide(*prefix);
            }
            routes.wake_since(before);
            match piece.last() {
                Some((last, _)) => from = Bound::Excluded(*last),
                None => return,
            }
        }
    }

    /// Nothing is learned any more; readers end once they have read all.
    pub(crate) fn close(&self) {
        self.lock().wake = None;
    }

    /// Hands `look` every candidate of up to `limit` prefixes from `from` on,
    /// with the next hops that are used.
    pub(crate) fn page(
        &self,
        from: Bound<IpNet>,
        limit: usize,
        mut look: impl FnMut(IpNet, &[Arc<Path>], Option<Choice<'_>>, &[Gateway]),
    ) {
        let routes = self.lock();
        let prefixes = routes.candidates.range((from, Bound::Unbounded));
        for (prefix, paths) in prefixes.take(limit) {
            let used = routes.selected.value(prefix).map_or(&[][..], |set| set);
            let choice = choose(paths, routes.multipath, &routes.next_hops);
            look(*prefix, paths, choice, used);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Learned> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Learned {
    multipath: Multipath,
    next_hops: NextHopTable,
    version: u64,
    /// Every candidate, at most one a peer and prefix.
    candidates: BTreeMap<IpNet, Vec<Arc<Path>>>,
    selected: VersionedTable<IpNet, Arc<[Gateway]>>,
    readers: BTreeMap<u64, Reader>,
    next_reader: u64,
    /// Wakes readers; `None` once the speaker has ended.
    wake: Option<watch::Sender<()>>,
}

#[derive(Debug)]
struct Reader {
    pulled: u64,
    /// Prefixes removed up to this version were never shown to it.
    began: u64,
}

impl Learned {
    fn replace(&mut self, peer: usize, prefix: IpNet, path: Option<&Arc<Path>>) {
        let candidates = self.candidates.entry(prefix).or_default();
        // The new one first, so that a next hop that stays is not let go.
        if let Some(path) = path {
            self.next_hops.take(path.next_hop);
        }
        for gone in candidates.extract_if(.., |candidate| candidate.peer == peer) {
            self.next_hops.release(gone.next_hop);
        }
        candidates.extend(path.cloned());
        if candidates.is_empty() {
            self.candidates.remove(&prefix);
        }
        self.decide(prefix);
    }

    /// Chooses among the candidates of one prefix.
    fn decide(&mut self, prefix: IpNet) {
        let candidates = self.candidates.get(&prefix).map_or(&[][..], Vec::as_slice);
        let next_hops = select(candidates, self.multipath, &self.next_hops);
        let wanted = (!next_hops.is_empty()).then_some(next_hops);
        if self.selected.value(&prefix) != wanted.as_ref() {
            self.version += 1;
            self.selected.set(self.version, prefix, wanted);
        }
    }

    /// Tells readers if something has changed since `version`.
    fn wake_since(&mut self, version: u64) {
        if self.version == version {
            return;
        }
        self.forget_tombstones();
        if let Some(wake) = &self.wake {
            wake.send_replace(());
        }
    }

    fn forget_tombstones(&mut self) {
        let needs = self.readers.values().map(|r| r.pulled.max(r.began));
        let useless = needs.min().unwrap_or(u64::MAX);
        self.selected.forget_tombstones(useless);
    }

    fn add_reader(&mut self) -> (u64, watch::Receiver<()>) {
        let id = self.next_reader;
        self.next_reader += 1;
        let reader = Reader {
            pulled: 0,
            began: self.version,
        };
        self.readers.insert(id, reader);
        // Without a sender the receiver ends after what is there was read.
        let wake = match &self.wake {
            Some(sender) => sender.subscribe(),
            None => watch::channel(()).1,
        };
        (id, wake)
    }

    fn read(&mut self, reader: u64, ready: &mut VecDeque<LearnedChange>) {
        let Some(reader) = self.readers.get_mut(&reader) else {
            return;
        };
        for change in self.selected.changes_after(reader.pulled) {
            if ready.len() >= BATCH {
                break;
            }
            reader.pulled = change.version;
            if change.value.is_none() && change.version <= reader.began {
                continue;
            }
            ready.push_back(LearnedChange {
                prefix: change.key,
                next_hops: change.value.map(|set| set.to_vec()).unwrap_or_default(),
            });
        }
    }
}

/// How many changes a reader takes at once, which bounds how long it holds the lock.
const BATCH: usize = 256;
