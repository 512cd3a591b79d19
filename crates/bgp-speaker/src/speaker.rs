//! The speaker as a whole: its tasks, what they share, and the handle to it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::bfd::Bfd;
use crate::controls::Controls;
use crate::learned::{LearnedRoutes, LearnedShared};
use crate::news::News;
use crate::rib::Rib;
use crate::roster::{Request, Roster};
use crate::tap::Taps;
use crate::unnumbered::Unnumbered;
use crate::{
    ConfigError, LocalAddresses, PeerCounters, PeerStatus, PeerStatuses, RibChange, RibVersion,
    SpeakerConfig,
};

/// A speaker that was configured and does not run yet.
#[derive(Debug)]
pub struct Speaker {
    config: SpeakerConfig,
    shared: Arc<Shared>,
    requests: mpsc::Receiver<Request>,
    local_addresses: watch::Receiver<Arc<LocalAddresses>>,
    /// However the speaker ends, its readers hear of it.
    closing: CloseOnDrop,
}

/// Access to a speaker, running or not.
#[derive(Clone, Debug)]
pub struct SpeakerHandle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) requests: mpsc::Sender<Request>,
}

/// What the tasks and the handles share. Locks are held for moments, never
/// across an await.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) rib: Arc<RwLock<Rib>>,
    pub(crate) versions: watch::Sender<RibVersion>,
    /// Per peer, what was written to its socket; `None` unless Established.
    sent: RwLock<Vec<watch::Sender<Option<RibVersion>>>>,
    pub(crate) statuses: watch::Sender<PeerStatuses>,
    pub(crate) learned: Arc<LearnedShared>,
    /// Whether readers of some learned routes still get nothing.
    pub(crate) selection_deferred: watch::Sender<bool>,
    pub(crate) bfd: Bfd,
    pub(crate) controls: watch::Sender<Controls>,
    pub(crate) listening: watch::Sender<Vec<SocketAddr>>,
    pub(crate) unnumbered: Unnumbered,
    pub(crate) taps: Arc<Taps>,
    pub(crate) news: News,
}

impl Speaker {
    /// Checks `config` and makes a speaker of it; nothing happens before
    /// [`run`](Self::run). Next hops follow `local_addresses` as they change.
    ///
    /// # Errors
    ///
    /// The first thing found wrong with `config`.
    pub fn new(
        config: SpeakerConfig,
        local_addresses: watch::Receiver<Arc<LocalAddresses>>,
    ) -> Result<(Self, SpeakerHandle), ConfigError> {
        config.check()?;
        let peers = &config.peers;
        let shared = Arc::new(Shared {
            rib: Arc::new(RwLock::new(Rib::new(peers.len()))),
            versions: watch::Sender::new(RibVersion::default()),
            sent: RwLock::new(peers.iter().map(|_| watch::Sender::new(None)).collect()),
            statuses: watch::Sender::new(PeerStatuses::new(peers, config.local_as)),
            learned: Arc::new(LearnedShared::new(
                config.multipath,
                config.track_next_hops,
                config.restarting.is_some(),
            )),
            selection_deferred: watch::Sender::new(config.restarting.is_some()),
            controls: watch::Sender::new(Controls::default()),
            bfd: Bfd::default(),
            listening: watch::Sender::new(Vec::new()),
            unnumbered: Unnumbered::default(),
            taps: Arc::default(),
            news: News::default(),
        });
        let (requests, receiver) = mpsc::channel(REQUESTS);
        let handle = SpeakerHandle {
            shared: Arc::clone(&shared),
            requests,
        };
        let speaker = Self {
            config,
            shared,
            requests: receiver,
            local_addresses,
            closing: CloseOnDrop(Arc::clone(&handle.shared)),
        };
        Ok((speaker, handle))
    }

    /// Runs until `cancel`, then withdraws everything, says Cease /
    /// Administrative Shutdown to every peer and returns once that was sent, or
    /// could not be within 3 s. With
    /// [`SpeakerHandle::set_restarting`] it closes the sessions without a word
    /// instead.
    ///
    /// # Errors
    ///
    /// If an address cannot be listened on, or a task ended by itself, which
    /// is a bug. Trouble with a peer is none: it is in that peer's status.
    pub async fn run(self, cancel: CancellationToken) -> io::Result<()> {
        // If this future fails, what it started ends too, and the caller's
        // token stays the caller's.
        let cancel = cancel.child_token();
        let shared = Arc::clone(&self.shared);
        let (roster, first) = Roster::new(
            self.config,
            self.shared,
            self.local_addresses,
            cancel.clone(),
        );
        // Dropped in the middle, it takes its tasks with it.
        let _ending = cancel.drop_guard();
        let result = roster.run(first, self.requests).await;
        shared.bfd.stop().await;
        drop(self.closing);
        result
    }
}

impl SpeakerHandle {
    /// Applies one batch to what is announced and wakes the peers' tasks.
    /// Costs in proportion to the batch, waits for nothing. Changes that
    /// change nothing make no new version.
    pub fn apply(&self, changes: &[RibChange]) -> RibVersion {
        let mut rib = self
            .shared
            .rib
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let version = rib.apply(changes);
        drop(rib);
        self.shared.versions.send_if_modified(|newest| {
            let newer = version > *newest;
            *newest = version.max(*newest);
            newer
        });
        version
    }

    /// Completes when the socket of every Established peer has taken
    /// everything up to `version`. Peers that are not Established do not
    /// count: nothing can be said to them, even if they keep our routes for a
    /// restart.
    ///
    /// A peer that does not read holds this up for as long as its session
    /// lives, so put a time limit around it.
    pub async fn flushed(&self, version: RibVersion) {
        // Who comes after this learns the newest version at once.
        let all: Vec<_> = self.shared.sent().iter().map(|s| s.subscribe()).collect();
        for mut sent in all {
            // The sender lives in `self.shared`, so waiting cannot fail.
            let _ = sent
                .wait_for(|sent| sent.is_none_or(|sent| sent >= version))
                .await;
        }
    }

    /// Whether [`flushed`](Self::flushed) would complete at once.
    pub fn is_flushed(&self, version: RibVersion) -> bool {
        let behind = |sent: &Option<RibVersion>| sent.is_some_and(|sent| sent < version);
        !self.shared.sent().iter().any(|sent| behind(&sent.borrow()))
    }

    /// The newest version of what is announced.
    pub fn version(&self) -> RibVersion {
        *self.shared.versions.borrow()
    }

    /// How many prefixes are announced.
    pub fn announced_prefixes(&self) -> usize {
        self.shared
            .rib
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Every peer's status as it changes.
    pub fn peers(&self) -> watch::Receiver<PeerStatuses> {
        self.shared.statuses.subscribe()
    }

    /// Every peer's status now.
    pub fn peer_status(&self) -> Vec<PeerStatus> {
        self.shared.statuses.borrow().to_vec()
    }

    /// A reader of what the peers with [`Import::Accept`](crate::Import::Accept) announce.
    pub fn learned(&self) -> LearnedRoutes {
        self.shared.learned.subscribe()
    }

    /// The addresses that are listened on; empty until the speaker runs.
    pub fn listening(&self) -> watch::Receiver<Vec<SocketAddr>> {
        self.shared.listening.subscribe()
    }
}

/// Ends the readers of what the speaker would have told.
#[derive(Debug)]
struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.learned.close();
        self.0.taps.close();
        self.0.selection_deferred.send_replace(false);
        self.0.listening.send_replace(Vec::new());
    }
}

impl Shared {
    /// Changes the status of the peer with this number.
    pub(crate) fn update_status(&self, slot: usize, change: impl FnOnce(&mut PeerStatus)) {
        self.statuses.send_modify(|all| {
            if let Some(status) = all.get_mut(slot) {
                change(status);
            }
        });
    }

    /// Notes up to which version the peer with this number was told; `None`
    /// unless it is Established.
    /// Where what a peer does is counted.
    pub(crate) fn counters(&self, slot: usize) -> Arc<PeerCounters> {
        let statuses = self.statuses.borrow();
        let status = statuses.get(slot);
        status.map_or_else(Arc::default, |status| Arc::clone(&status.counters))
    }

    pub(crate) fn set_sent(&self, slot: usize, version: Option<RibVersion>) {
        if let Some(sent) = self.sent().get(slot) {
            sent.send_replace(version);
        }
    }

    /// From now on peers may have numbers below `slots`.
    pub(crate) fn make_room(&self, slots: usize) {
        let mut rib = self.rib.write().unwrap_or_else(PoisonError::into_inner);
        rib.make_room(slots);
        drop(rib);
        let mut sent = self.sent.write().unwrap_or_else(PoisonError::into_inner);
        while sent.len() < slots {
            sent.push(watch::Sender::new(None));
        }
    }

    fn sent(&self) -> RwLockReadGuard<'_, Vec<watch::Sender<Option<RibVersion>>>> {
        self.sent.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Requests that may wait for the speaker.
const REQUESTS: usize = 16;
