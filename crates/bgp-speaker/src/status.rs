//! What is known of each peer, for people and programs.

use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::SystemTime;

use bgp_fsm::{Negotiated, State};
use bgp_wire::{Asn, Family};

use crate::tcp_drops::TcpDrops;
use crate::{BfdStatus, PeerCounters, PeerError, PeerKey, PeerSettings, RemoteAs};

/// Every peer at one moment: those of the configuration in its order, and
/// those that came later where there was room.
#[derive(Clone, Debug, Default)]
pub struct PeerStatuses(Vec<PeerStatus>);

impl PeerStatuses {
    pub(crate) fn new(peers: &[PeerSettings], local_as: Asn) -> Self {
        let statuses = peers.iter().enumerate();
        Self(
            statuses
                .map(|(slot, peer)| PeerStatus::new(slot, peer, local_as))
                .collect(),
        )
    }

    /// The status of the peer with this number.
    pub(crate) fn get(&self, slot: usize) -> Option<&PeerStatus> {
        self.0.get(self.place(slot).ok()?)
    }

    /// The same, to change it.
    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut PeerStatus> {
        let place = self.place(slot).ok()?;
        self.0.get_mut(place)
    }

    /// The status of the peer with this number.
    pub(crate) fn of(&self, slot: usize) -> Option<&PeerStatus> {
        self.0.get(self.place(slot).ok()?)
    }

    pub(crate) fn insert(&mut self, status: PeerStatus) {
        match self.place(status.slot) {
            Ok(taken) => self.0[taken] = status,
            Err(free) => self.0.insert(free, status),
        }
    }

    pub(crate) fn remove(&mut self, slot: usize) {
        if let Ok(place) = self.place(slot) {
            self.0.remove(place);
        }
    }

    fn place(&self, slot: usize) -> Result<usize, usize> {
        self.0.binary_search_by_key(&slot, |status| status.slot)
    }
}

impl Deref for PeerStatuses {
    type Target = [PeerStatus];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for PeerStatuses {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// A peer at one moment.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// The number of the peer's task.
    slot: usize,
    /// The configured name.
    pub name: Option<String>,
    /// The peer's address.
    pub address: IpAddr,
    /// The interface of a link-local address.
    pub interface: Option<String>,
    /// The address found on the interface of a peer that is configured without
    /// one.
    pub neighbour: Option<IpAddr>,
    /// Whether it came by itself, as one of
    /// [`DynamicPeers`](crate::DynamicPeers), and is forgotten when it goes.
    pub dynamic: bool,
    /// Its configured autonomous system.
    pub remote_as: RemoteAs,
    /// Where its state machine stands.
    pub state: State,
    /// Since when it stands there.
    pub since: SystemTime,
    /// The last thing that went wrong, in words; kept after recovery.
    pub last_error: Option<PeerError>,
    /// The NOTIFICATION, of either side, that ended the last session or
    /// attempt at one; `None` while there is a session.
    pub notified: Option<PeerError>,
    /// What both sides agreed on; `Some` while Established.
    pub negotiated: Option<Arc<Negotiated>>,
    /// Our own address on the session; `Some` while Established.
    pub local_address: Option<IpAddr>,
    /// Negotiated families we announce nothing of, each with the reason.
    pub withheld: Vec<(Family, String)>,
    /// Families whose first transfer the peer has ended (RFC 4724 section 2).
    pub end_of_rib: Vec<Family>,
    /// How many prefixes of this peer are candidates now.
    pub accepted_prefixes: usize,
    /// The same by family.
    pub accepted_by_family: [(Family, usize); 2],
    /// Families with routes that are left from a session before, while the
    /// peer restarts (RFC 4724 section 4.2).
    pub retained: Vec<Family>,
    /// Those of earlier epochs are.
    pub(crate) epoch: u32,
    /// Until when the peer has to be back for that.
    pub retained_until: Option<SystemTime>,
    /// Whether an operator wants no session
    /// ([`SpeakerHandle::set_peer_down`](crate::SpeakerHandle::set_peer_down)).
    pub administratively_down: bool,
    /// Whether it is told that our routes are about to go (GRACEFUL_SHUTDOWN,
    /// RFC 8326).
    pub graceful_shutdown: bool,
    /// The BFD session; `None` without one.
    pub bfd: Option<BfdStatus>,
    /// What went over its connections, and how its sessions ended.
    pub counters: Arc<PeerCounters>,
    /// What it is configured to be.
    pub settings: Arc<PeerSettings>,
    /// Our autonomous system towards it.
    pub local_as: Asn,
    /// What the kernel had dropped when the attempt to connect began that goes
    /// on; `None` before the first.
    pub(crate) drops_before: Option<TcpDrops>,
    /// What it dropped during the one before that.
    pub(crate) drops_of_last: TcpDrops,
}

impl PeerStatus {
    pub(crate) fn new(slot: usize, settings: &PeerSettings, local_as: Asn) -> Self {
        Self {
            slot,
            name: settings.name.clone(),
            address: settings.address,
            interface: settings.interface.clone(),
            neighbour: None,
            dynamic: false,
            remote_as: settings.remote_as,
            state: State::Idle,
            since: SystemTime::now(),
            last_error: None,
            notified: None,
            negotiated: None,
            local_address: None,
            withheld: Vec::new(),
            end_of_rib: Vec::new(),
            accepted_prefixes: 0,
            accepted_by_family: [Family::IPV4_UNICAST, Family::IPV6_UNICAST].map(|it| (it, 0)),
            retained: Vec::new(),
            epoch: 0,
            retained_until: None,
            administratively_down: false,
            graceful_shutdown: false,
            bfd: None,
            counters: Arc::default(),
            settings: Arc::new(settings.clone()),
            local_as: settings.own_as(local_as),
            drops_before: None,
            drops_of_last: TcpDrops::default(),
        }
    }

    /// Another attempt to connect begins.
    pub(crate) fn count_drops(&mut self) {
        let now = TcpDrops::read();
        let before = self.drops_before.replace(now);
        self.drops_of_last = before.map(|before| now - before).unwrap_or_default();
    }

    /// What tells this peer from others.
    pub fn key(&self) -> PeerKey {
        PeerKey::new(self.address, self.interface.as_deref())
    }

    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    /// Whether the peer has told us everything it had when the session began.
    pub fn first_transfer_ended(&self) -> bool {
        self.negotiated
            .as_ref()
            .is_some_and(|n| n.families.iter().all(|f| self.end_of_rib.contains(f)))
    }
}
