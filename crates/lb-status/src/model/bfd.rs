//! BFD sessions (RFC 5880).

use serde::{Deserialize, Serialize};

/// The BFD session with a peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct BfdSession {
    /// Where it stands.
    pub state: BfdState,
    /// When it came there, in seconds since 1970.
    pub since: u64,
    /// Why it last left Up, in the words of RFC 5880; `No Diagnostic` while Up.
    pub diagnostic: String,
    /// Our own discriminator; `null` before there is a session.
    pub discriminator: Option<u32>,
    /// How often we send, in milliseconds; `null` while the peer wants nothing.
    pub transmit_interval: Option<f64>,
    /// How long the peer may be silent, in milliseconds; `null` while it is not
    /// heard.
    pub detection_time: Option<f64>,
    /// How often the path was found broken; a session that an operator ended is
    /// not counted.
    pub failures: u64,
    /// When it last left Up and why.
    pub last_down: Option<BfdDown>,
    /// The peer by its last packet; `null` while it is not heard.
    pub remote: Option<BfdRemote>,
    /// What keeps us from speaking BFD at all.
    pub problem: Option<String>,
}

/// Where a BFD session stands, in the words of RFC 5880 section 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum BfdState {
    /// An operator wants none.
    AdminDown,
    /// Nothing is heard, or the peer says that it hears nothing.
    Down,
    /// The peer is heard.
    Init,
    /// Both sides hear each other.
    Up,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

/// When and why a BFD session went down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct BfdDown {
    /// When, in seconds since 1970.
    pub at: u64,
    /// Why, in words.
    pub text: String,
}

/// A peer by its last BFD packet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct BfdRemote {
    /// Its discriminator.
    pub discriminator: u32,
    /// Where it says it stands.
    pub state: BfdState,
    /// Why it says it last left Up, in the words of RFC 5880.
    pub diagnostic: String,
    /// How often it wants to send, in milliseconds.
    pub min_tx: f64,
    /// How often it can receive, in milliseconds.
    pub min_rx: f64,
    /// How many of its packets may be lost.
    pub multiplier: u8,
    /// Whether its BFD outlives its control plane (the C bit).
    pub control_plane_independent: bool,
}
