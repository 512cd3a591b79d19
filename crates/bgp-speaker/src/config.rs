//! What a speaker is told, and the checks made before it starts.

mod changes;
mod dynamic;
mod error;
mod export;
mod import;
mod key;
mod multipath;
mod peer;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use bgp_fsm::PeerConfig;
use bgp_wire::{Asn, BgpIdentifier};

pub use self::dynamic::DynamicPeers;
pub use self::error::ConfigError;
pub use self::export::Export;
pub use self::import::{Import, PrefixRange};
pub(crate) use self::key::is_link_local;
pub use self::key::{PeerKey, RemoteAs};
pub use self::multipath::{BesideBest, Multipath};
pub use self::peer::{BGP_PORT, IdleHold, Initiation, PeerSettings, Ttl};
use crate::Restarting;

/// A whole speaker: itself and its peers.
#[derive(Clone, Debug)]
pub struct SpeakerConfig {
    /// Our autonomous system.
    pub local_as: Asn,
    /// Our BGP Identifier (RFC 4271 section 4.2).
    pub identifier: BgpIdentifier,
    /// Where connections are accepted; empty for no listener. An IPv6 address
    /// listed together with an IPv4 one of the same port takes IPv6 only.
    pub listen: Vec<SocketAddr>,
    /// The peers; no two may have the same [`PeerKey`].
    pub peers: Vec<PeerSettings>,
    /// Who else may connect; of overlapping prefixes the longest counts.
    pub dynamic_peers: Vec<DynamicPeers>,
    /// How learned routes become sets of next hops.
    pub multipath: Multipath,
    /// Whether this program has restarted, and peers may have kept our routes;
    /// `None`: it has not, and is complete from the beginning.
    pub restarting: Option<Restarting>,
    /// Whether routes wait until
    /// [`SpeakerHandle::set_reachable_next_hops`](crate::SpeakerHandle::set_reachable_next_hops)
    /// tells that their next hops can be reached; no unless changed.
    pub track_next_hops: bool,
}

impl SpeakerConfig {
    /// A speaker without listener and peers.
    pub fn new(local_as: Asn, identifier: BgpIdentifier) -> Self {
        Self {
            local_as,
            identifier,
            listen: Vec::new(),
            peers: Vec::new(),
            dynamic_peers: Vec::new(),
            multipath: Multipath::default(),
            restarting: None,
            track_next_hops: false,
        }
    }

    /// Checks what no type can say, as [`Speaker::new`](crate::Speaker::new)
    /// does.
    ///
    /// # Errors
    ///
    /// The first thing found wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.local_as.get() == 0 {
            return Err(ConfigError::LocalAsZero);
        }
        if self.identifier.get() == 0 {
            return Err(ConfigError::IdentifierZero);
        }
        let mut seen = BTreeSet::new();
        for peer in &self.peers {
            if !seen.insert(peer.key()) {
                return Err(ConfigError::DuplicatePeer(peer.key()));
            }
            self.check_peer(peer)?;
        }
        let mut seen = BTreeSet::new();
        for dynamic in &self.dynamic_peers {
            if !seen.insert(dynamic.prefix) {
                return Err(ConfigError::DuplicateDynamic(dynamic.prefix));
            }
            if self.listen.is_empty() {
                return Err(ConfigError::DynamicWithoutListener(dynamic.prefix));
            }
            if dynamic.limit == 0 {
                return Err(ConfigError::DynamicLimitZero(dynamic.prefix));
            }
            self.check_peer(&dynamic.settings(dynamic.prefix.addr()))?;
        }
        Ok(())
    }

    /// Checks one peer beside those there are.
    pub(crate) fn check_peer(&self, peer: &PeerSettings) -> Result<(), ConfigError> {
        peer.check(!self.listen.is_empty())?;
        self.peer_machine(peer).map(drop)
    }

    /// The state machine of one peer.
    pub(crate) fn peer_machine(&self, peer: &PeerSettings) -> Result<PeerConfig, ConfigError> {
        peer.machine(self)
    }
}
