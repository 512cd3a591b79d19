//! Peers that are configured by their interface alone: how they are found, and how they find us.
//!
//! A router tells everybody on a link of itself (Router Advertisements, RFC
//! 4861 section 6.2). [`driver`] hears that, does the same for us, and
//! reports to the roster, which keeps a [`Choice`] for each interface and
//! tells the peer's task whom to connect to.

mod choice;
mod driver;
mod message;
mod schedule;
#[allow(unsafe_code)]
mod socket;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::sync::Arc;

use tokio::sync::watch;

pub(crate) use self::choice::{Choice, Verdict};
pub(crate) use self::driver::{Driver, News};
use crate::SpeakerHandle;

/// The links on which peers are found, by name. One that is not there is
/// missing.
pub type PeerLinks = BTreeMap<String, PeerLink>;

/// A link on which a peer is found, as the kernel has it now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerLink {
    /// The kernel's number for it.
    pub index: u32,
    /// Whether packets can go by it: it is up and has a carrier.
    pub running: bool,
    /// Its hardware address, which we tell the neighbours.
    pub mac: Option<[u8; 6]>,
    /// Our link-local addresses on it that can be sent from.
    pub link_local: Vec<Ipv6Addr>,
    /// Neighbours that the kernel knows as routers.
    pub routers: Vec<Ipv6Addr>,
    /// Neighbours that do not answer the kernel.
    pub unreachable: Vec<Ipv6Addr>,
}

/// What the roster and those who know the kernel tell each other.
#[derive(Debug, Default)]
pub(crate) struct Unnumbered {
    /// The interfaces that have a peer.
    pub(crate) interfaces: watch::Sender<Arc<BTreeSet<String>>>,
    pub(crate) links: watch::Sender<Arc<PeerLinks>>,
}

impl SpeakerHandle {
    /// The interfaces on which peers are to be found, as they change: those
    /// of [`PeerSettings::on_interface`](crate::PeerSettings::on_interface).
    pub fn peer_interfaces(&self) -> watch::Receiver<Arc<BTreeSet<String>>> {
        self.shared.unnumbered.interfaces.subscribe()
    }

    /// What the kernel knows of these links now. Until this is told, a peer
    /// on an interface has to connect to us; afterwards it is looked for
    /// where the link runs, and its session ends where it does not.
    pub fn set_peer_links(&self, links: Arc<PeerLinks>) {
        self.shared.unnumbered.links.send_if_modified(|before| {
            let changed = *before != links;
            *before = links;
            changed
        });
    }
}
