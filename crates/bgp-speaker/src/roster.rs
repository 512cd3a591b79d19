//! Who our peers are: the one owner of their tasks and of the listening sockets.

mod admission;
mod changes;
mod deferral;
mod doors;
mod found;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use bgp_fsm::Support;
use bgp_wire::NotificationCode;
use ipnet::IpNet;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::deferral::Deferral;
use self::doors::Doors;
use self::found::Found;
use crate::dismissal::Dismissal;
use crate::guests::Guests;
use crate::inbox::{self, inbox};
use crate::peer_task::PeerTask;
use crate::requests::PeersChange;
use crate::speaker::Shared;
use crate::status::PeerStatus;
use crate::{
    ConfigError, DynamicPeers, LocalAddresses, PeerError, PeerKey, PeerSettings, SpeakerConfig,
    Trouble, listener, unnumbered,
};

/// What may be asked of the roster.
#[derive(Debug)]
pub(crate) enum Request {
    SetPeers {
        peers: Vec<PeerSettings>,
        dynamic_peers: Vec<DynamicPeers>,
        answer: oneshot::Sender<Result<PeersChange, ConfigError>>,
    },
    AddPeer {
        settings: Box<PeerSettings>,
        answer: oneshot::Sender<Result<(), ConfigError>>,
    },
    RemovePeer {
        key: PeerKey,
        answer: oneshot::Sender<bool>,
    },
}

/// The peers there should be, and those there are.
pub(crate) struct Roster {
    /// The speaker itself, and the templates of dynamic peers; its list of
    /// peers is in `wanted`.
    config: SpeakerConfig,
    wanted: BTreeMap<PeerKey, PeerSettings>,
    members: HashMap<PeerKey, Member>,
    slots: BTreeSet<usize>,
    doors: Doors,
    /// Whom the listeners let in.
    guests: Arc<Guests>,
    shared: Arc<Shared>,
    local_addresses: watch::Receiver<Arc<LocalAddresses>>,
    /// Until learned routes are selected after a restart.
    deferral: Option<Deferral>,
    tasks: JoinSet<Ended>,
    cancel: CancellationToken,
}

/// A peer whose task runs.
struct Member {
    /// The number of its task, which nobody else has meanwhile.
    slot: usize,
    settings: watch::Sender<PeerSettings>,
    /// For the newest connection from it: a peer dials once at a time, so it has
    /// given up on those before.
    inbox: inbox::Sender<TcpStream>,
    /// The prefix it came from, if it came by itself.
    dynamic: Option<IpNet>,
    /// When its task began.
    since: Instant,
    /// Who it is, for one that is whoever is on its interface.
    found: Option<Found>,
    /// Listening sockets that do not check its signatures.
    unprotected: Vec<usize>,
    dismissal: Dismissal,
}

/// A task that has ended.
enum Ended {
    /// One that listens: for connections, or for routers.
    Listener,
    Peer(PeerKey),
}

/// What [`Roster::settle`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Unchanged,
    Started,
    Updated,
    /// The task goes on, its session begins anew.
    Restarting,
    Leaving,
}

impl Roster {
    pub(crate) fn new(
        mut config: SpeakerConfig,
        shared: Arc<Shared>,
        local_addresses: watch::Receiver<Arc<LocalAddresses>>,
        cancel: CancellationToken,
    ) -> (Self, Vec<PeerSettings>) {
        let peers = std::mem::take(&mut config.peers);
        let wanted = peers.iter().map(|peer| (peer.key(), peer.clone()));
        let roster = Self {
            config,
            wanted: wanted.collect(),
            members: HashMap::new(),
            slots: BTreeSet::new(),
            doors: Doors::default(),
            guests: Arc::default(),
            deferral: None,
            shared,
            local_addresses,
            tasks: JoinSet::new(),
            cancel,
        };
        (roster, peers)
    }

    /// Runs until cancelled and every task has ended.
    pub(crate) async fn run(
        mut self,
        first: Vec<PeerSettings>,
        mut requests: mpsc::Receiver<Request>,
    ) -> io::Result<()> {
        self.doors = Doors::bind(&self.config.listen)?;
        for dynamic in &self.config.dynamic_peers {
            self.doors.protect_prefix(dynamic);
        }
        // In the order of the configuration, in which their statuses stand.
        for peer in first {
            self.settle(&peer.key());
        }
        self.let_in_who_is_wanted();
        let (connections, mut accepted) = mpsc::channel(CONNECTIONS);
        for (door, listener) in self.doors.open(&self.shared)?.into_iter().enumerate() {
            let (guests, connections) = (Arc::clone(&self.guests), connections.clone());
            let task = listener::run(listener, door, guests, connections, self.cancel.clone());
            self.tasks.spawn(async move {
                task.await;
                Ended::Listener
            });
        }
        drop(connections);
        let (news, mut heard) = mpsc::channel(NEWS);
        let looking = unnumbered::Driver::new(&self.shared.unnumbered, news);
        let looking = looking.run(self.cancel.clone());
        self.tasks.spawn(async move {
            looking.await;
            Ended::Listener
        });
        let mut links = self.shared.unnumbered.links.subscribe();
        self.begin_deferral();
        let mut result = loop {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => break Ok(()),
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = self.ended(ended) {
                        break Err(error);
                    }
                }
                Some(request) = requests.recv() => self.answer(request),
                Some(connection) = accepted.recv() => self.admit(connection),
                Ok(()) = links.changed() => self.follow_links(),
                Some(news) = heard.recv() => self.note(news),
                () = Deferral::turn(self.deferral.as_mut()) => self.follow_deferral(),
            }
        };
        self.cancel.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended
                && result.is_ok()
            {
                result = Err(io::Error::other(error));
            }
        }
        result
    }

    fn let_in_who_is_wanted(&self) {
        self.guests
            .set(self.wanted.keys(), &self.config.dynamic_peers);
    }

    /// The settings the peer should have, if it should be there.
    fn wanted(&self, key: &PeerKey) -> Option<PeerSettings> {
        let member = self.members.get(key);
        if let Some(prefix) = member.and_then(|member| member.dynamic)
            && !self.wanted.contains_key(key)
        {
            let mut templates = self.config.dynamic_peers.iter();
            let template = templates.find(|dynamic| dynamic.prefix == prefix)?;
            return Some(template.settings(key.address()));
        }
        self.wanted.get(key).cloned()
    }

    /// Brings one peer from what it is to what it should be. One whose task
    /// has to end first is looked at again when it has.
    fn settle(&mut self, key: &PeerKey) -> Settled {
        let wanted = self.wanted(key);
        match (self.members.get(key), wanted) {
            (None, None) => Settled::Unchanged,
            (None, Some(settings)) => {
                self.start(key, settings, None);
                Settled::Started
            }
            (Some(member), _) if member.dismissal.has_come() => Settled::Leaving,
            (Some(member), Some(settings)) => {
                let current = member.settings.borrow().clone();
                if current == settings {
                    Settled::Unchanged
                } else if current.updated_by(&settings) == settings {
                    let asks = current.imports_like(&settings) || self.can_be_asked(member);
                    member.settings.send_replace(settings);
                    match asks {
                        true => Settled::Updated,
                        false => Settled::Restarting,
                    }
                } else {
                    info!(peer = %key, "its settings have changed: the session begins anew");
                    let code = NotificationCode::CEASE_OTHER_CONFIGURATION_CHANGE;
                    member.dismissal.dismiss(code);
                    Settled::Leaving
                }
            }
            (Some(member), None) => {
                info!(peer = %key, "no peer of ours any more");
                let code = NotificationCode::CEASE_PEER_DECONFIGURED;
                member.dismissal.dismiss(code);
                Settled::Leaving
            }
        }
    }

    /// Whether the peer has nothing to tell again, or can be asked to (RFC 2918).
    fn can_be_asked(&self, member: &Member) -> bool {
        let statuses = self.shared.statuses.borrow();
        let session = statuses
            .get(member.slot)
            .and_then(|it| it.negotiated.as_ref());
        session.is_none_or(|session| session.route_refresh == Support::Supported)
    }

    /// Starts the task of a peer that is not there.
    fn start(&mut self, key: &PeerKey, settings: PeerSettings, dynamic: Option<IpNet>) {
        let machine = match self.config.peer_machine(&settings) {
            Ok(machine) => machine,
            // It was checked, so this is a bug, and yet no reason to end all.
            Err(error) => return warn!(%error, "this peer cannot be"),
        };
        let slot = self.free_slot();
        self.slots.insert(slot);
        self.shared.make_room(slot + 1);
        let mut status = PeerStatus::new(slot, &settings, self.config.local_as);
        status.dynamic = dynamic.is_some();
        let unprotected = match dynamic {
            // Its prefix has a key.
            Some(_) => Vec::new(),
            None => self.doors.protect(&settings),
        };
        if let Some((_, reason)) = unprotected.first() {
            warn!(peer = %key, %reason, "connections from this peer are refused");
            let text = format!("connections from it are refused: {reason}");
            status.last_error = Some(PeerError::now(text, Trouble::Other));
        }
        self.shared.statuses.send_modify(|all| all.insert(status));
        let (inbox, accepted) = inbox();
        let (sender, changes) = watch::channel(settings.clone());
        let mut task = PeerTask::new(
            slot,
            settings.own_as(self.config.local_as),
            settings,
            machine,
            Arc::clone(&self.shared),
            self.local_addresses.clone(),
            accepted,
            changes,
        );
        if dynamic.is_some() {
            task = task.leaving_with_its_session();
        }
        let found = key.is_anybody().then(|| key.interface().map(Found::on));
        let found = found.flatten();
        if let Some(found) = &found {
            task = task.found_as(found.subscribe());
        }
        let dismissal = Dismissal::within(&self.cancel);
        // A future that awaits another holds it twice, before and while it does.
        let running = Box::pin(Box::new(task).run(dismissal.clone()));
        self.tasks.spawn({
            let key = key.clone();
            async move {
                running.await;
                Ended::Peer(key)
            }
        });
        let member = Member {
            slot,
            settings: sender,
            inbox,
            dynamic,
            since: Instant::now(),
            found,
            unprotected: unprotected.into_iter().map(|(door, _)| door).collect(),
            dismissal,
        };
        self.members.insert(key.clone(), member);
        self.look_on(key);
    }

    fn free_slot(&self) -> usize {
        let taken = self.slots.iter().enumerate();
        taken.take_while(|(place, slot)| place == *slot).count()
    }

    /// Takes note of a task's end.
    ///
    /// # Errors
    ///
    /// It should not have ended, which is a bug.
    fn ended(&mut self, ended: Result<Ended, JoinError>) -> io::Result<()> {
        let by_itself = || io::Error::other("a task of the speaker ended by itself");
        let Ended::Peer(key) = ended.map_err(io::Error::other)? else {
            return Err(by_itself());
        };
        let member = self.members.remove(&key).ok_or_else(by_itself)?;
        if member.dynamic.is_none() && !member.dismissal.has_come() {
            return Err(by_itself());
        }
        self.slots.remove(&member.slot);
        self.look_away(&member);
        self.shared
            .statuses
            .send_modify(|all| all.remove(member.slot));
        self.settle(&key);
        // A new key has taken the old one's place without a moment between.
        let guarded = |now: &Member| now.settings.borrow().password.is_some();
        if member.dynamic.is_none() && !self.members.get(&key).is_some_and(guarded) {
            self.doors.unprotect(&member.settings.borrow());
        }
        Ok(())
    }
}

/// Routers heard that may wait for it.
const NEWS: usize = 16;

/// Accepted connections that may wait for the roster.
const CONNECTIONS: usize = 16;
