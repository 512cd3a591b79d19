//! What is known of each peer, for people and programs.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bgp_fsm::{Negotiated, State};
use bgp_wire::{Asn, Family};

use crate::{BfdStatus, PeerSettings};

/// A peer at one moment.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// The configured name.
    pub name: Option<String>,
    /// The peer's address.
    pub address: IpAddr,
    /// Its configured autonomous system.
    pub remote_as: Asn,
    /// Where its state machine stands.
    pub state: State,
    /// Since when it stands there.
    pub since: SystemTime,
    /// The last thing that went wrong, in words; kept after recovery.
    pub last_error: Option<PeerError>,
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
    /// The BFD session; `None` without one.
    pub bfd: Option<BfdStatus>,
}

impl PeerStatus {
    pub(crate) fn new(settings: &PeerSettings) -> Self {
        Self {
            name: settings.name.clone(),
            address: settings.address,
            remote_as: settings.remote_as,
            state: State::Idle,
            since: SystemTime::now(),
            last_error: None,
            negotiated: None,
            local_address: None,
            withheld: Vec::new(),
            end_of_rib: Vec::new(),
            accepted_prefixes: 0,
            bfd: None,
        }
    }

    /// Whether the peer has told us everything it had when the session began.
    pub fn first_transfer_ended(&self) -> bool {
        self.negotiated
            .as_ref()
            .is_some_and(|n| n.families.iter().all(|f| self.end_of_rib.contains(f)))
    }
}

/// Something that went wrong with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerError {
    /// When.
    pub at: SystemTime,
    /// What, in one line.
    pub text: String,
}

impl PeerError {
    pub(crate) fn now(text: impl Into<String>) -> Self {
        Self {
            at: SystemTime::now(),
            text: text.into(),
        }
    }
}
