//! A program at a glance.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{Drain, VERSION};

/// The answer to `/v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Status {
    /// [`VERSION`].
    pub version: u32,
    /// The time of the answer, in seconds since 1970.
    pub at: u64,
    /// Which program answers.
    pub program: Program,
    /// The host as its peers see it.
    pub host: Host,
    /// What the program was told to do.
    pub configuration: Configuration,
    /// The container engine; `null` for a program without one.
    pub docker: Option<Docker>,
    /// How many addresses are in which state; `null` for a program that has no
    /// services.
    pub services: Option<ServiceCounts>,
    /// How many peers there are.
    pub peers: PeerCounts,
    /// How many routes there are.
    pub routes: RouteCounts,
    /// How the whole host is drained; `null` while it is not.
    pub drain: Option<Drain>,
    /// Since when the whole host is in maintenance, in seconds since 1970; `null` while
    /// it is not.
    #[serde(default)]
    pub maintenance: Option<u64>,
    /// What an operator should know of.
    pub warnings: Vec<Warning>,
}

impl Status {
    /// That of a program of which no more is known.
    #[must_use]
    pub const fn new(at: u64, program: Program, host: Host, configuration: Configuration) -> Self {
        Self {
            version: VERSION,
            at,
            program,
            host,
            configuration,
            docker: None,
            services: None,
            peers: PeerCounts {
                configured: 0,
                established: 0,
            },
            routes: RouteCounts {
                advertised: 0,
                learned: 0,
            },
            drain: None,
            maintenance: None,
            warnings: Vec::new(),
        }
    }
}

/// Which program answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Program {
    /// `bgplb-plugin` or `bgplb-speaker`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// When it was started, in seconds since 1970.
    pub started: u64,
}

impl Program {
    /// The program of this name and version.
    #[must_use]
    pub fn new(name: &str, version: &str, started: u64) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            started,
        }
    }
}

/// The host as its peers see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Host {
    /// What the kernel calls it.
    pub name: String,
    /// Its BGP identifier.
    pub identifier: Ipv4Addr,
    /// Its autonomous system.
    #[serde(rename = "as")]
    pub asn: u32,
}

impl Host {
    /// The host of this name.
    #[must_use]
    pub const fn new(name: String, identifier: Ipv4Addr, asn: u32) -> Self {
        Self {
            name,
            identifier,
            asn,
        }
    }
}

/// What a program was told to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Configuration {
    /// Its file; `null` where it comes from the environment.
    pub file: Option<String>,
    /// When it was read, in seconds since 1970.
    pub loaded: u64,
}

impl Configuration {
    /// What was read then.
    #[must_use]
    pub const fn new(file: Option<String>, loaded: u64) -> Self {
        Self { file, loaded }
    }
}

/// The container engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Docker {
    /// Whether it can be reached. While it can't, what was known is held.
    pub reachable: bool,
    /// Since when that is so, in seconds since 1970.
    pub since: u64,
}

impl Docker {
    /// The engine since then.
    #[must_use]
    pub const fn new(reachable: bool, since: u64) -> Self {
        Self { reachable, since }
    }
}

/// How many addresses are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ServiceCounts {
    /// Announced and delivered.
    pub announced: u64,
    /// Leaving because an operator drains them.
    pub draining: u64,
    /// Not delivered yet by the kernel.
    pub undelivered: u64,
    /// Not announced.
    pub withheld: u64,
}

/// How many peers there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PeerCounts {
    /// All.
    pub configured: u64,
    /// Those with a session.
    pub established: u64,
}

/// How many routes there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RouteCounts {
    /// Prefixes of our own in the table.
    pub advertised: u64,
    /// Routes of peers that are held, one prefix counted for each peer.
    pub learned: u64,
}

/// Something an operator should know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Warning {
    /// A stable word for programs.
    pub code: String,
    /// Since when it is so, in seconds since 1970.
    pub since: u64,
    /// What is so and what that breaks, in one sentence.
    pub text: String,
    /// What mends it, usually a command; `null` where nobody knows.
    pub remedy: Option<String>,
}

impl Warning {
    /// A warning since then.
    #[must_use]
    pub fn new(code: &str, since: u64, text: String, remedy: Option<String>) -> Self {
        Self {
            code: code.to_owned(),
            since,
            text,
            remedy,
        }
    }
}
