//! The task that hears routers and tells of us, on every link with a peer to be found.

use std::collections::btree_map::Entry;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::message::Message;
use super::schedule::Schedule;
use super::socket::{Arrived, Icmp};
use super::{PeerLink, PeerLinks, Unnumbered};

/// What the roster is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A router has spoken on the interface.
    Router {
        interface: String,
        address: Ipv6Addr,
    },
    /// Nobody can be heard, for this reason.
    Deaf(String),
}

/// Speaks and listens for all interfaces together.
#[derive(Debug)]
pub(crate) struct Driver {
    wanted: watch::Receiver<Arc<BTreeSet<String>>>,
    links: watch::Receiver<Arc<PeerLinks>>,
    news: mpsc::Sender<News>,
    /// Open while any interface is wanted.
    socket: Option<Icmp>,
    /// By the kernel's number.
    speaking: BTreeMap<u32, Speaking>,
}

/// A link that hears of us.
#[derive(Debug)]
struct Speaking {
    interface: String,
    link: PeerLink,
    schedule: Schedule,
    /// The one heard last, who knows of us already.
    heard: Option<Ipv6Addr>,
}

impl Driver {
    pub(crate) fn new(shared: &Unnumbered, news: mpsc::Sender<News>) -> Self {
        Self {
            wanted: shared.interfaces.subscribe(),
            links: shared.links.subscribe(),
            news,
            socket: None,
            speaking: BTreeMap::new(),
        }
    }

    /// Runs until cancelled.
    pub(crate) async fn run(self, cancel: CancellationToken) {
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            () = self.serve() => {}
        }
    }

    async fn serve(mut self) {
        let mut buffer = vec![0; BUFFER];
        self.wanted.mark_changed();
        loop {
            let next = self.speaking.values().map(|it| it.schedule.next()).min();
            let arrived = tokio::select! {
                biased;
                Ok(()) = self.wanted.changed() => None,
                Ok(()) = self.links.changed() => None,
                () = until(next) => {
                    self.speak(Instant::now());
                    continue;
                }
                arrived = receive(self.socket.as_ref(), &mut buffer) => Some(arrived),
            };
            match arrived {
                None => self.follow().await,
                Some(Ok(arrived)) => {
                    let octets = buffer.get(..arrived.length).unwrap_or_default();
                    self.take(Instant::now(), &arrived, octets).await;
                }
                Some(Err(error)) => self.deafen(error).await,
            }
            // A link that is never silent must not hold up everybody else.
            yield_now().await;
        }
    }

    /// Begins and ends to speak as links come and go.
    async fn follow(&mut self) {
        let wanted = Arc::clone(&self.wanted.borrow_and_update());
        let links = Arc::clone(&self.links.borrow_and_update());
        if wanted.is_empty() {
            self.speaking.clear();
            self.socket = None;
            return;
        }
        if self.socket.is_none() {
            match Icmp::open() {
                Ok(socket) => self.socket = Some(socket),
                Err(error) => return self.deafen(error).await,
            }
        }
        let Some(socket) = &self.socket else { return };
        let there = wanted.iter().filter_map(|interface| {
            let link = links.get(interface)?;
            let ready = link.running && !link.link_local.is_empty();
            ready.then_some((link.index, (interface, link)))
        });
        let there: BTreeMap<_, _> = there.collect();
        self.speaking.retain(|index, speaking| {
            let stays = there
                .get(index)
                .is_some_and(|it| speaking.is_on(it.0, it.1));
            if !stays {
                socket.leave(*index);
            }
            stays
        });
        for (index, (interface, link)) in there {
            if let Entry::Vacant(place) = self.speaking.entry(index) {
                if let Err(error) = socket.join(index) {
                    debug!(%interface, %error, "solicitations are not heard here");
                }
                place.insert(Speaking::new(interface, link));
            }
        }
    }

    /// Sends what is due.
    fn speak(&mut self, now: Instant) {
        let Some(socket) = &self.socket else { return };
        for (index, speaking) in &mut self.speaking {
            while let Some(message) = speaking.schedule.due(now) {
                let sent = socket.send(message, *index, speaking.link.mac);
                let interface = &speaking.interface;
                match sent {
                    Ok(()) => debug!(%interface, ?message, "sent"),
                    // A link that has just gone down, of which we hear soon.
                    Err(error) => debug!(%interface, ?message, %error, "not sent"),
                }
            }
        }
    }

    /// Looks at a message.
    async fn take(&mut self, now: Instant, arrived: &Arrived, octets: &[u8]) {
        let Some(speaking) = self.speaking.get_mut(&arrived.interface) else {
            return;
        };
        let interface = speaking.interface.clone();
        let source = arrived.source;
        let message = match Message::parse(octets, source, arrived.hop_limit) {
            Ok(message) => message,
            Err(invalid) => return debug!(%interface, %source, "message discarded: {invalid}"),
        };
        match (message, source) {
            (Message::Solicitation, _) => speaking.schedule.hasten(now),
            (Message::Advertisement, IpAddr::V6(address)) => {
                if speaking.link.link_local.contains(&address) {
                    return;
                }
                speaking.schedule.answered();
                if speaking.heard.replace(address) != Some(address) {
                    // Who is new here does not know of us either.
                    speaking.schedule.hasten(now);
                }
                let _ = self.news.send(News::Router { interface, address }).await;
            }
            (Message::Advertisement, IpAddr::V4(_)) => {}
        }
    }

    /// Nothing is heard until links change the next time.
    async fn deafen(&mut self, error: io::Error) {
        warn!(%error, "routers on the interfaces of peers cannot be heard");
        self.socket = None;
        self.speaking.clear();
        let _ = self.news.send(News::Deaf(error.to_string())).await;
    }
}

impl Speaking {
    fn new(interface: &str, link: &PeerLink) -> Self {
        // The standard library's hasher has random keys.
        let seed = RandomState::new().build_hasher().finish();
        Self {
            interface: interface.to_owned(),
            link: link.clone(),
            schedule: Schedule::new(Instant::now(), seed),
            heard: None,
        }
    }

    /// Whether nothing has changed that the neighbours were told.
    fn is_on(&self, interface: &str, link: &PeerLink) -> bool {
        self.interface == interface
            && self.link.mac == link.mac
            && self.link.link_local == link.link_local
    }
}

async fn receive(socket: Option<&Icmp>, buffer: &mut [u8]) -> io::Result<Arrived> {
    match socket {
        Some(socket) => socket.receive(buffer).await,
        None => pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}

/// No link's messages are longer; what is cut would end in a broken option.
const BUFFER: usize = 65_536;
