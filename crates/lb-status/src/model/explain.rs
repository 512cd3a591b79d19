//! Why an address is, or is not, announced: every gate it has to pass, in order.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::VERSION;

/// The answer to `/v1/explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Explanation {
    /// [`VERSION`].
    pub version: u32,
    /// What was asked for.
    pub address: IpAddr,
    /// The prefix that holds it; `null` if there is none.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub prefix: Option<IpNet>,
    /// Whether some peer is told of it.
    pub told: bool,
    /// What it has to pass, in order.
    pub gates: Vec<Gate>,
}

impl Explanation {
    /// That of an address, which is told if a peer's gates are all open.
    #[must_use]
    pub const fn new(address: IpAddr, prefix: Option<IpNet>, told: bool, gates: Vec<Gate>) -> Self {
        Self {
            version: VERSION,
            address,
            prefix,
            told,
            gates,
        }
    }
}

/// One gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Gate {
    /// Which one.
    pub gate: GateName,
    /// Whose it is: a network, a container, a peer; `null` for the host's.
    pub about: Option<String>,
    /// Whether it can be passed.
    pub verdict: Verdict,
    /// Since when, in seconds since 1970; `null` where nobody knows.
    pub since: Option<u64>,
    /// What is the case, in one sentence.
    pub text: String,
    /// What opens it, usually a command; `null` if it is open, or where nobody
    /// knows.
    pub remedy: Option<String>,
}

/// The gates on the way of an address to the peers, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GateName {
    /// Something here has the address.
    Network,
    /// A container is connected to it.
    Endpoint,
    /// The container runs and has its link.
    Container,
    /// The container is healthy.
    Health,
    /// Nobody drains it.
    Drain,
    /// The kernel delivers to it.
    DataPath,
    /// There is a session with the peer.
    Peer,
    /// The session is for the address' family.
    Family,
    /// The peer may be told.
    Policy,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

impl GateName {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Endpoint => "endpoint",
            Self::Container => "container",
            Self::Health => "health",
            Self::Drain => "drain",
            Self::DataPath => "data-path",
            Self::Peer => "peer",
            Self::Family => "family",
            Self::Policy => "policy",
            Self::Other => "other",
        }
    }
}

/// Whether a gate can be passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// It can.
    Ok,
    /// It can't.
    Blocked,
    /// That is not known yet, or is seen only when those before are open.
    Unknown,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

impl Verdict {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Blocked => "blocked",
            Self::Unknown => "unknown",
            Self::Other => "other",
        }
    }
}
