//! Containers behind services, and drains.

use serde::{Deserialize, Serialize};

/// A container that holds an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Container {
    /// The engine's name of it; `null` until the engine has told whose the
    /// endpoint is.
    pub name: Option<String>,
    /// The engine's number of it, as for `name`.
    pub id: Option<String>,
    /// The engine's number of its connection to the network.
    pub endpoint: String,
    /// What the engine says of its health.
    pub health: Health,
    /// Whether its link is in place.
    pub attached: bool,
    /// How much of what arrives is delivered to it.
    pub share: Share,
    /// How it is drained; `null` while it is not.
    pub drain: Option<Drain>,
}

impl Container {
    /// The one of this endpoint.
    #[must_use]
    pub const fn new(endpoint: String, health: Health, share: Share) -> Self {
        Self {
            name: None,
            id: None,
            endpoint,
            health,
            attached: true,
            share,
            drain: None,
        }
    }
}

/// What the engine says of a container's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Health {
    /// Nothing was heard of it yet.
    Unknown,
    /// Healthy, or running without a health check.
    Serving,
    /// The health check has not passed yet.
    Starting,
    /// The health check fails.
    Unhealthy,
    /// Its processes are frozen.
    Paused,
    /// It does not run.
    Stopped,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

impl Health {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Serving => "serving",
            Self::Starting => "starting",
            Self::Unhealthy => "unhealthy",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Other => "other",
        }
    }
}

/// How much of what arrives for an address is delivered to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Share {
    /// Nothing.
    None,
    /// As much as to every other.
    Full,
    /// What it has already, and nothing new.
    Leaving,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

/// How something is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Drain {
    /// What of it.
    pub scope: DrainScope,
    /// How far that is.
    pub stage: DrainStage,
    /// When the stage ends, in seconds since 1970; `null` for when it is taken
    /// back.
    pub until: Option<u64>,
}

impl Drain {
    /// One of this stage.
    #[must_use]
    pub const fn new(scope: DrainScope, stage: DrainStage, until: Option<u64>) -> Self {
        Self {
            scope,
            stage,
            until,
        }
    }
}

/// What is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DrainScope {
    /// One container.
    Container,
    /// The whole host.
    Host,
    /// One service.
    Service,
    /// The whole host, which is in maintenance.
    Maintenance,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

impl DrainScope {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Host => "host",
            Self::Service => "service",
            Self::Maintenance => "maintenance",
            Self::Other => "other",
        }
    }
}

/// How far a drain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DrainStage {
    /// If nobody else serves, the address is announced as about to go.
    Marked,
    /// If nobody else serves, the address is withdrawn; what is under way goes
    /// on.
    Withdrawn,
    /// What was under way had its time.
    Over,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

impl DrainStage {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Marked => "marked",
            Self::Withdrawn => "withdrawn",
            Self::Over => "over",
            Self::Other => "other",
        }
    }
}
