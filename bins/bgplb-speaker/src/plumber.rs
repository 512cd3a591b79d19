//! The thread with the netlink sockets: local addresses for next hops, and learned routes.

use std::collections::BTreeSet;
use std::future::pending;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use bgp_speaker::{
    LearnedChange, LearnedRoutes, LocalAddresses, PeerKey, PeerSettings, PeerStatus, PeerStatuses,
    SpeakerHandle,
};
use ipnet::IpNet;
use netplumb::{Netlink, RouteSpec, Watch};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::config::Config;
use crate::heap::Heap;
use crate::routes::{Outcome, Routes};
use crate::ways::Ways;

/// What the plumber's thread works with. Its calls block, so nothing else may
/// run on that thread.
pub(crate) struct Plumber {
    addresses: AddressReader,
    kernel_changes: watch::Receiver<()>,
    installation: Option<Installation>,
}

/// Reads addresses and publishes them when they change.
pub(crate) struct AddressReader {
    netlink: Netlink,
    publish: watch::Sender<Arc<LocalAddresses>>,
}

/// Learned routes on their way into the kernel.
struct Installation {
    routes: Routes<Netlink>,
    /// How many there are, for who asks.
    installed: Arc<AtomicU64>,
    heap: Heap,
    learned: LearnedRoutes,
    /// Whether the speaker waits for its peers before it selects.
    deferred: watch::Receiver<bool>,
    peers: watch::Receiver<PeerStatuses>,
    /// Which peers' first transfers the sweep waits for.
    importing: BTreeSet<PeerKey>,
    /// When the sweep comes at the latest; `None` once it is done.
    sweep_by: Option<Instant>,
    repair_at: Instant,
    retry: Duration,
    speaker: SpeakerHandle,
    /// Asks for the ways to next hops.
    lookup: Netlink,
    next_hops: watch::Receiver<Arc<BTreeSet<IpAddr>>>,
    ways: Ways,
    /// The subnets of this host's own Docker networks.
    own_networks: watch::Receiver<Arc<BTreeSet<IpNet>>>,
}

/// Everything that can wake the thread.
enum Wake {
    Stopped,
    /// `false` when nobody watches any more.
    KernelChanged(bool),
    /// `None` when nothing is learned any more.
    Learned(Option<Vec<LearnedChange>>),
    NextHopsChanged,
    OwnNetworksChanged,
    /// What is learned is selected from here on.
    SelectionBegun,
    SweepDue,
    RepairDue,
}

impl Plumber {
    /// Installs what is learned by `routes`, if there are to be any.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, as without the privilege to change routes.
    pub(crate) fn open(
        config: &Config,
        routes: Option<Routes<Netlink>>,
        addresses: AddressReader,
        kernel_changes: watch::Receiver<()>,
        speaker: &SpeakerHandle,
    ) -> anyhow::Result<Self> {
        let installation = match routes {
            None => None,
            Some(routes) => {
                let peers = &config.speaker.peers;
                let now = Instant::now();
                Some(Installation {
                    installed: Arc::new(AtomicU64::new(routes.len() as u64)),
                    routes,
                    heap: Heap::default(),
                    learned: speaker.learned(),
                    deferred: speaker.selection_deferred(),
                    peers: speaker.peers(),
                    importing: peers
                        .iter()
                        .filter(|peer| peer.import.accepts_any())
                        .map(PeerSettings::key)
                        .collect(),
                    sweep_by: Some(now + DEFERRAL_TIME),
                    repair_at: now + REPAIR_EVERY,
                    retry: RETRY_FIRST,
                    speaker: speaker.clone(),
                    lookup: Netlink::open().context("open netlink for next hops")?,
                    next_hops: speaker.next_hops(),
                    ways: Ways::default(),
                    own_networks: watch::channel(Arc::default()).1,
                })
            }
        };
        Ok(Self {
            addresses,
            kernel_changes,
            installation,
        })
    }

    /// Has no route installed to what is listed here.
    pub(crate) fn leave_to_us(&mut self, own: watch::Receiver<Arc<BTreeSet<IpNet>>>) {
        if let Some(installation) = &mut self.installation {
            installation.own_networks = own;
        }
    }

    /// Where learned routes in the kernel are counted, if any are to be there.
    pub(crate) fn installed(&self) -> Option<Arc<AtomicU64>> {
        let installation = self.installation.as_ref();
        installation.map(|it| Arc::clone(&it.installed))
    }

    /// Runs until `stop`; with routes, until the speaker has ended, and then
    /// takes them away.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            let wake = tokio::select! {
                biased;
                () = stop.cancelled(), if self.installation.is_none() => Wake::Stopped,
                changed = self.kernel_changes.changed() => Wake::KernelChanged(changed.is_ok()),
                wake = next(self.installation.as_mut()) => wake,
            };
            match (wake, &mut self.installation) {
                (Wake::KernelChanged(watched), installation) => {
                    anyhow::ensure!(watched, "the kernel is no longer watched");
                    self.addresses.publish()?;
                    if let Some(installation) = installation {
                        installation.find_ways();
                        installation.repair_by(Instant::now() + SETTLE);
                    }
                }
                (Wake::Stopped | Wake::Learned(None), installation) => {
                    if let Some(installation) = installation {
                        installation.routes.remove_all();
                    }
                    return Ok(());
                }
                (wake, Some(installation)) => installation.react(wake),
                (_, None) => {}
            }
        }
    }
}

impl AddressReader {
    /// Reads the addresses there are now.
    pub(crate) fn open() -> anyhow::Result<(Self, watch::Receiver<Arc<LocalAddresses>>)> {
        let netlink = Netlink::open().context("open netlink for addresses")?;
        let (publish, addresses) = watch::channel(Arc::default());
        let mut reader = Self { netlink, publish };
        reader.publish()?;
        Ok((reader, addresses))
    }

    fn publish(&mut self) -> anyhow::Result<()> {
        let links = self
            .netlink
            .addresses()
            .context("read the kernel's addresses")?;
        let now = Arc::new(LocalAddresses {
            links: links.into_iter().map(|(_, addresses)| addresses).collect(),
        });
        self.publish.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
        Ok(())
    }
}

/// Tells of the kernel's changes until nobody listens; blocks, so it needs a
/// thread of its own.
pub(crate) fn watch_kernel(mut watch: Watch, changes: &watch::Sender<()>) {
    while !changes.is_closed() {
        match watch.wait(LISTENER_CHECK) {
            Ok(netplumb::Wake::LookAgain) => {
                changes.send_replace(());
            }
            Ok(netplumb::Wake::Quiet) => {}
            Err(error) => return warn!("{error}"),
        }
    }
}

impl Installation {
    async fn wait(&mut self) -> Wake {
        if *self.deferred.borrow() {
            // The kernel keeps what an earlier run left, and all of it.
            return self.wait_for_selection().await;
        }
        let first_transfers = first_transfers(&mut self.peers, &self.importing);
        let sweep = async {
            match self.sweep_by {
                None => pending().await,
                Some(at) => tokio::select! {
                    () = first_transfers => {}
                    () = sleep_until(at) => {}
                },
            }
        };
        tokio::select! {
            biased;
            Ok(()) = self.next_hops.changed() => Wake::NextHopsChanged,
            Ok(()) = self.own_networks.changed() => Wake::OwnNetworksChanged,
            changes = self.learned.recv_many() => Wake::Learned(changes),
            () = sweep => Wake::SweepDue,
            () = sleep_until(self.repair_at) => Wake::RepairDue,
        }
    }

    /// Nothing is read before the ways to all next hops are known by which
    /// peers have announced something: a route whose ways come to be known one
    /// by one would lead by a part of them for a moment.
    async fn wait_for_selection(&mut self) -> Wake {
        tokio::select! {
            biased;
            Ok(()) = self.next_hops.changed() => Wake::NextHopsChanged,
            Ok(()) = self.own_networks.changed() => Wake::OwnNetworksChanged,
            // There is a sender as long as there is `self.speaker`.
            _ = self.deferred.wait_for(|deferred| !deferred) => Wake::SelectionBegun,
            () = sleep_until(self.repair_at) => Wake::RepairDue,
        }
    }

    fn react(&mut self, wake: Wake) {
        let outcome = match wake {
            Wake::Learned(Some(changes)) => self.routes.apply(&changes, &self.ways),
            Wake::OwnNetworksChanged => {
                let own = Arc::clone(&self.own_networks.borrow_and_update());
                self.routes.leave_to_us(own)
            }
            Wake::NextHopsChanged | Wake::SelectionBegun => return self.find_ways(),
            Wake::SweepDue => {
                self.sweep_by = None;
                // What was confirmed at the last moment is not swept.
                self.find_ways();
                while let Some(changes) = self.learned.try_recv_many() {
                    self.routes.apply(&changes, &self.ways);
                }
                self.routes.sweep()
            }
            Wake::RepairDue => {
                self.repair_at = Instant::now() + REPAIR_EVERY;
                // What could not be asked is asked again.
                self.find_ways();
                let outcome = self.routes.repair();
                if outcome == Outcome::Complete {
                    self.retry = RETRY_FIRST;
                }
                outcome
            }
            Wake::Learned(None) | Wake::KernelChanged(_) | Wake::Stopped => return,
        };
        let routes = self.routes.len();
        self.installed.store(routes as u64, Ordering::Relaxed);
        self.heap.note(routes);
        if outcome == Outcome::Incomplete {
            self.repair_by(Instant::now() + self.retry);
            self.retry = (self.retry * 2).min(RETRY_MOST);
        }
    }

    /// Asks the kernel for the way to each next hop, and tells the speaker.
    fn find_ways(&mut self) {
        let next_hops = Arc::clone(&self.next_hops.borrow_and_update());
        let mut ways = Ways::default();
        match self.lookup.routes_to(next_hops.iter().copied()) {
            Ok(answers) => {
                for (next_hop, answer) in next_hops.iter().zip(answers) {
                    let ours = |route: &RouteSpec| self.routes.next_hops(&route.key());
                    let own = answer.as_ref().and_then(ours);
                    ways.take(*next_hop, answer.as_ref(), own, &self.ways);
                }
            }
            Err(error) => {
                warn!("{error}");
                self.repair_by(Instant::now() + self.retry);
                for next_hop in next_hops.iter() {
                    ways.keep(*next_hop, &self.ways);
                }
            }
        }
        if ways == self.ways {
            return;
        }
        debug!(?ways, "the ways to next hops have changed");
        // What is lost and found again is told anew, and so goes other ways.
        let as_before = ways.reachable_as_before(&self.ways);
        let reachable = ways.reachable();
        if as_before != reachable {
            self.speaker.set_reachable_next_hops(Arc::new(as_before));
        }
        self.speaker.set_reachable_next_hops(Arc::new(reachable));
        self.ways = ways;
    }

    fn repair_by(&mut self, at: Instant) {
        self.repair_at = self.repair_at.min(at);
    }
}

async fn next(installation: Option<&mut Installation>) -> Wake {
    match installation {
        Some(installation) => installation.wait().await,
        None => pending().await,
    }
}

/// Completes when every importing peer has told everything it had. Those that
/// are no longer there have nothing to tell.
async fn first_transfers(peers: &mut watch::Receiver<PeerStatuses>, importing: &BTreeSet<PeerKey>) {
    let ended = |peers: &PeerStatuses| {
        let mut waited_for = peers.iter().filter(|peer| importing.contains(&peer.key()));
        waited_for.all(PeerStatus::first_transfer_ended)
    };
    if peers.wait_for(ended).await.is_err() {
        pending().await
    }
}

/// How often the watching thread looks whether anybody listens.
const LISTENER_CHECK: Duration = Duration::from_secs(1);

/// How long routes of an earlier run may wait to be confirmed, as long as
/// peers wait for us unless told otherwise (Selection_Deferral_Timer, RFC 4724
/// section 4.1).
pub(crate) const DEFERRAL_TIME: Duration = Duration::from_secs(120);

/// How often the whole table is compared without a reason.
const REPAIR_EVERY: Duration = Duration::from_secs(60);

/// How long the kernel's reports are collected before the table is compared.
const SETTLE: Duration = Duration::from_secs(1);

/// When a refused change is tried again, doubling up to the most.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(30);
