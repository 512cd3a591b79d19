//! Ports that the kernel balances.

use serde::{Deserialize, Serialize};

/// A port of a service's address, which the kernel balances (IPVS).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Port {
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// Its number.
    pub port: u16,
    /// Why the kernel does not balance it; `null` while it does.
    pub failure: Option<String>,
    /// What the kernel has counted, some seconds ago at most.
    pub counted: Balanced,
}

/// What the kernel has counted of a port.
///
/// What comes back is counted only where packets are masqueraded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Balanced {
    /// Connections that are established.
    pub active_connections: u64,
    /// Connections since the port is balanced.
    pub connections: u64,
    /// Packets to it.
    pub packets_in: u64,
    /// Packets back.
    pub packets_out: u64,
    /// Octets to it.
    pub octets_in: u64,
    /// Octets back.
    pub octets_out: u64,
}

impl Port {
    /// One of which nothing is counted.
    #[must_use]
    pub const fn new(protocol: String, port: u16) -> Self {
        Self {
            protocol,
            port,
            failure: None,
            counted: Balanced {
                active_connections: 0,
                connections: 0,
                packets_in: 0,
                packets_out: 0,
                octets_in: 0,
                octets_out: 0,
            },
        }
    }
}
