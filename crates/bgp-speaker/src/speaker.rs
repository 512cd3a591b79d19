//! The speaker as a whole: its tasks, what they share, and the handle to it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use bgp_fsm::PeerConfig;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::bfd::Bfd;
use crate::learned::{LearnedRoutes, LearnedShared};
use crate::peer_task::PeerTask;
use crate::rib::Rib;
use crate::{
    ConfigError, LocalAddresses, PeerError, PeerStatus, RibChange, RibVersion, SpeakerConfig,
    listener, socket,
};

/// A speaker that was configured and does not run yet.
#[derive(Debug)]
pub struct Speaker {
    config: SpeakerConfig,
    /// One a peer, in the same order.
    machines: Vec<PeerConfig>,
    shared: Arc<Shared>,
    local_addresses: watch::Receiver<Arc<LocalAddresses>>,
    /// However the speaker ends, its readers hear of it.
    closing: CloseOnDrop,
}

/// Access to a speaker, running or not.
#[derive(Clone, Debug)]
pub struct SpeakerHandle {
    shared: Arc<Shared>,
}

/// What the tasks and the handles share. Locks are held for moments, never
/// across an await.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) rib: Arc<RwLock<Rib>>,
    pub(crate) versions: watch::Sender<RibVersion>,
    /// Per peer, what was written to its socket; `None` unless Established.
    pub(crate) sent: Vec<watch::Sender<Option<RibVersion>>>,
    pub(crate) statuses: watch::Sender<Vec<PeerStatus>>,
    pub(crate) learned: Arc<LearnedShared>,
    pub(crate) bfd: Bfd,
    listening: watch::Sender<Vec<SocketAddr>>,
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
        let machines = config.check()?;
        let peers = &config.peers;
        let shared = Arc::new(Shared {
            rib: Arc::new(RwLock::new(Rib::new(peers.len()))),
            versions: watch::Sender::new(RibVersion::default()),
            sent: peers.iter().map(|_| watch::Sender::new(None)).collect(),
            statuses: watch::Sender::new(peers.iter().map(PeerStatus::new).collect()),
            learned: Arc::new(LearnedShared::new(config.multipath)),
            bfd: Bfd::default(),
            listening: watch::Sender::new(Vec::new()),
        });
        let handle = SpeakerHandle {
            shared: Arc::clone(&shared),
        };
        let speaker = Self {
            config,
            machines,
            shared,
            local_addresses,
            closing: CloseOnDrop(Arc::clone(&handle.shared)),
        };
        Ok((speaker, handle))
    }

    /// Runs until `cancel`, then says Cease / Administrative Shutdown to every
    /// peer and returns once that was sent, or could not be within 2 s.
    ///
    /// # Errors
    ///
    /// If an address cannot be listened on, or a task ended by itself, which
    /// is a bug. Trouble with a peer is none: it is in that peer's status.
    pub async fn run(self, cancel: CancellationToken) -> io::Result<()> {
        let listening = self.listen()?;
        let mut tasks = JoinSet::new();
        let mut inboxes = HashMap::new();
        // If this future fails, what it started ends too, and the caller's
        // token stays the caller's.
        let cancel = cancel.child_token();
        let peers = self.config.peers.into_iter().zip(self.machines);
        for (index, (settings, machine)) in peers.enumerate() {
            let (inbox, accepted) = mpsc::channel(INBOX);
            let task = PeerTask::new(
                index,
                self.config.local_as,
                settings,
                machine,
                Arc::clone(&self.shared),
                self.local_addresses.clone(),
                accepted,
            );
            inboxes.insert(task.address(), inbox);
            tasks.spawn(task.run(cancel.clone()));
        }
        for listening in listening {
            let inboxes = protected(&listening, &inboxes, &self.shared);
            tasks.spawn(listener::run(listening, inboxes, cancel.clone()));
        }
        drop(inboxes);
        let result = supervise(&mut tasks, &cancel).await;
        self.shared.bfd.stop().await;
        drop(self.closing);
        result
    }

    /// Listens on every configured address.
    fn listen(&self) -> io::Result<Vec<socket::Listening>> {
        let passwords: Vec<_> = self
            .config
            .peers
            .iter()
            .filter_map(|peer| Some((peer.address.to_canonical(), peer.password.clone()?)))
            .collect();
        let addresses = &self.config.listen;
        let mut listening = Vec::with_capacity(addresses.len());
        for address in addresses {
            let v4_too = addresses
                .iter()
                .any(|other| other.is_ipv4() && other.port() == address.port());
            match socket::listen(*address, v4_too, &passwords) {
                Ok(socket) => listening.push(socket),
                Err(error) if v4_too && is_any_v6(*address) && lacks_ipv6(&error) => {
                    warn!(%address, "this machine has no IPv6: listening on IPv4 only");
                }
                Err(error) => {
                    let text = format!("listen on {address}: {error}");
                    return Err(io::Error::new(error.kind(), text));
                }
            }
        }
        let bound: io::Result<Vec<_>> = listening.iter().map(|l| l.listener.local_addr()).collect();
        let bound = bound?;
        for address in &bound {
            info!(%address, "listening");
        }
        self.shared.listening.send_replace(bound);
        Ok(listening)
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
    /// count, since they know nothing of us.
    ///
    /// A peer that does not read holds this up for as long as its session
    /// lives, so put a time limit around it.
    pub async fn flushed(&self, version: RibVersion) {
        for sent in &self.shared.sent {
            // The sender lives in `self.shared`, so waiting cannot fail.
            let _ = sent
                .subscribe()
                .wait_for(|sent| sent.is_none_or(|sent| sent >= version))
                .await;
        }
    }

    /// Whether [`flushed`](Self::flushed) would complete at once.
    pub fn is_flushed(&self, version: RibVersion) -> bool {
        let behind = |sent: &Option<RibVersion>| sent.is_some_and(|sent| sent < version);
        !self.shared.sent.iter().any(|sent| behind(&sent.borrow()))
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

    /// Every peer's status in the order of the configuration, as it changes.
    pub fn peers(&self) -> watch::Receiver<Vec<PeerStatus>> {
        self.shared.statuses.subscribe()
    }

    /// Every peer's status now.
    pub fn peer_status(&self) -> Vec<PeerStatus> {
        self.shared.statuses.borrow().clone()
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
        self.0.listening.send_replace(Vec::new());
    }
}

impl Shared {
    /// Changes the status of the peer with this index.
    pub(crate) fn update_status(&self, index: usize, change: impl FnOnce(&mut PeerStatus)) {
        self.statuses.send_modify(|all| {
            if let Some(status) = all.get_mut(index) {
                change(status);
            }
        });
    }
}

fn is_any_v6(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

/// Whether the kernel was started without IPv6.
fn lacks_ipv6(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

/// Waits for cancellation and then for every task to end.
async fn supervise(tasks: &mut JoinSet<()>, cancel: &CancellationToken) -> io::Result<()> {
    let early = tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        // Without peers and listeners there are no tasks, and nothing to do but wait.
        Some(ended) = tasks.join_next() => Some(ended),
    };
    cancel.cancel();
    let mut result = match early {
        None => Ok(()),
        Some(ended) => Err(io::Error::other(match ended {
            Ok(()) => "a task of the speaker ended by itself".to_owned(),
            Err(error) => error.to_string(),
        })),
    };
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended
            && result.is_ok()
        {
            result = Err(io::Error::other(error));
        }
    }
    result
}

/// The peers that may be served on this socket: all but those whose password
/// could not be set.
fn protected(
    listening: &socket::Listening,
    inboxes: &HashMap<IpAddr, mpsc::Sender<TcpStream>>,
    shared: &Shared,
) -> HashMap<IpAddr, mpsc::Sender<TcpStream>> {
    let mut inboxes = inboxes.clone();
    for (peer, reason) in &listening.unprotected {
        warn!(%peer, %reason, "connections from this peer are refused");
        inboxes.remove(peer);
        shared.statuses.send_modify(|all| {
            for status in all.iter_mut().filter(|s| s.address.to_canonical() == *peer) {
                status.last_error = Some(PeerError::now(format!(
                    "connections from it are refused: {reason}"
                )));
            }
        });
    }
    inboxes
}

/// Accepted connections a peer's task may have waiting.
const INBOX: usize = 4;
