//! BGP peers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{BfdSession, PeerCounters, VERSION};

/// The answer to `/v1/peers`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Peers {
    /// [`VERSION`].
    pub version: u32,
    /// In the order of the configuration.
    pub peers: Vec<Peer>,
}

impl Peers {
    /// An answer with these.
    #[must_use]
    pub const fn new(peers: Vec<Peer>) -> Self {
        Self {
            version: VERSION,
            peers,
        }
    }
}

/// One peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Peer {
    /// What requests and commands call it.
    pub peer: String,
    /// As configured; `::` for a peer that is whoever is on the interface.
    pub address: IpAddr,
    /// The interface it is on, where that is configured.
    pub interface: Option<String>,
    /// The address that was found for a peer without a configured one.
    pub neighbour: Option<IpAddr>,
    /// What the configuration calls it.
    pub name: Option<String>,
    /// Whether it came by itself and is forgotten when it goes.
    pub dynamic: bool,
    /// Its autonomous system; `null` while only the session can tell.
    #[serde(rename = "as")]
    pub asn: Option<u32>,
    /// Which one it has to be of: a number, `internal` or `external`.
    pub remote_as: String,
    /// Where its state machine stands.
    pub state: PeerState,
    /// When it came there, in seconds since 1970.
    pub since: u64,
    /// Whether an operator wants no session with it.
    pub administratively_down: bool,
    /// Whether it is told that our routes are about to go (RFC 8326).
    pub graceful_shutdown: bool,
    /// Prefixes that a route of it is held for.
    pub accepted_prefixes: u64,
    /// The same by family.
    #[serde(default)]
    pub accepted_by_family: BTreeMap<String, u64>,
    /// Families whose first transfer it has ended (RFC 4724).
    pub end_of_rib: Vec<String>,
    /// Negotiated families it is told nothing of.
    pub withheld: Vec<Withheld>,
    /// The last thing that went wrong, kept after recovery.
    pub last_error: Option<Fault>,
    /// What was agreed on; `null` but while Established.
    pub session: Option<Session>,
    /// What went over its connections, and how its sessions ended.
    #[serde(default)]
    pub counters: PeerCounters,
    /// The BFD session; `null` without one.
    pub bfd: Option<BfdSession>,
}

/// Where a peer stands, in the words of RFC 4271 section 8.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum PeerState {
    /// Stopped, or pausing after a failure.
    Idle,
    /// Dialling.
    Connect,
    /// Waiting for the peer to dial, or for the next attempt.
    Active,
    /// Our OPEN is sent.
    OpenSent,
    /// The peer's OPEN is accepted.
    OpenConfirm,
    /// Routes may be exchanged.
    Established,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

impl PeerState {
    /// The RFC's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
            Self::Other => "Other",
        }
    }
}

/// A family a peer is told nothing of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Withheld {
    /// The family.
    pub family: String,
    /// Why.
    pub reason: String,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Fault {
    /// When, in seconds since 1970.
    pub at: u64,
    /// What, in one line.
    pub text: String,
}

/// What both sides of a session agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Session {
    /// Our own address on it.
    pub local_address: Option<IpAddr>,
    /// The peer's BGP identifier.
    pub identifier: String,
    /// The hold time in seconds; 0 for none.
    pub hold_time: u16,
    /// The families both sides speak.
    pub families: Vec<String>,
    /// The longest message, in octets.
    pub max_message: u64,
    /// What the peer offers, in words.
    pub capabilities: Vec<String>,
}
