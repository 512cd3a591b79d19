//! Services: the addresses of this host's networks, and why each is or is not
//! announced.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Attributes, Check, Container, Drain, Port};

/// The answer to `/v1/services`, whole. It is served and read row by row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Services {
    /// [`VERSION`](super::VERSION).
    pub version: u32,
    /// In the order of their networks.
    pub services: Vec<Service>,
}

/// One address of a service on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Service {
    /// The address as a host prefix.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub prefix: IpNet,
    /// The network it belongs to; in a program without container networks the service
    /// of the file, whose name stands in both places.
    pub network: Network,
    /// What is the case.
    pub state: ServiceState,
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// How often that changed since the program was started.
    #[serde(default)]
    pub changes: u64,
    /// Why.
    pub reason: Reason,
    /// Since when for that reason, in seconds since 1970.
    pub reason_since: u64,
    /// The reason in words.
    pub explanation: String,
    /// The containers that hold the address.
    pub containers: Vec<Container>,
    /// The checks the program makes; `null` where it goes by its containers.
    #[serde(default)]
    pub checks: Option<Vec<Check>>,
    /// Its ports that the kernel balances.
    #[serde(default)]
    pub ports: Vec<Port>,
    /// What is announced; `null` while nothing is. The routes to single peers
    /// may say more, see [`AdvertisedRoute`](super::AdvertisedRoute).
    pub attributes: Option<Attributes>,
    /// The only peers it is announced to, by address; `null` for all.
    pub audience: Option<Vec<String>>,
    /// How it is drained with all of its containers; `null` while it is not.
    pub drain: Option<Drain>,
}

impl Service {
    /// One of which no more is known than its state.
    #[must_use]
    pub fn new(prefix: IpNet, network: Network, state: ServiceState, reason: Reason) -> Self {
        Self {
            prefix,
            network,
            state,
            since: 0,
            changes: 0,
            reason,
            reason_since: 0,
            explanation: String::new(),
            containers: Vec::new(),
            checks: None,
            ports: Vec::new(),
            attributes: None,
            audience: None,
            drain: None,
        }
    }
}

/// A network of the container engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Network {
    /// The engine's name of it, once the engine has told it.
    pub name: Option<String>,
    /// The engine's number of it.
    pub id: String,
}

impl Network {
    /// The network of this number.
    #[must_use]
    pub const fn new(id: String, name: Option<String>) -> Self {
        Self { name, id }
    }
}

/// What is the case for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ServiceState {
    /// It is announced and delivered.
    Announced,
    /// It leaves because an operator drains it: announced as about to go, or
    /// withdrawn and still delivered.
    Draining,
    /// A container could take traffic, and the kernel does not deliver yet.
    Undelivered,
    /// It is not announced.
    Withheld,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

impl ServiceState {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Draining => "draining",
            Self::Undelivered => "undelivered",
            Self::Withheld => "withheld",
            Self::Other => "other",
        }
    }
}

/// Why an address, or a container, does or does not serve; these words do not
/// change between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// It serves.
    Serving,
    /// There is no container.
    NoEndpoint,
    /// The container's link is not in place.
    NotAttached,
    /// The engine has not told the container's health yet.
    HealthUnknown,
    /// The health check has not passed yet.
    Starting,
    /// The health check fails.
    Unhealthy,
    /// The container is paused.
    Paused,
    /// The container does not run.
    Stopped,
    /// The container is not healthy for long enough.
    Unproven,
    /// It came and went too often and is held back for a while.
    HeldDown,
    /// An operator drains it.
    Draining,
    /// An operator has drained the service until that is taken back.
    Drained,
    /// An operator has the whole host in maintenance.
    Maintenance,
    /// The kernel does not deliver yet.
    DatapathNotReady,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

impl Reason {
    /// Every one that there is, with its word.
    const WORDS: [(Self, &'static str); 14] = [
        (Self::Serving, "serving"),
        (Self::NoEndpoint, "no-endpoint"),
        (Self::NotAttached, "not-attached"),
        (Self::HealthUnknown, "health-unknown"),
        (Self::Starting, "starting"),
        (Self::Unhealthy, "unhealthy"),
        (Self::Paused, "paused"),
        (Self::Stopped, "stopped"),
        (Self::Unproven, "unproven"),
        (Self::HeldDown, "held-down"),
        (Self::Draining, "draining"),
        (Self::Drained, "drained"),
        (Self::Maintenance, "maintenance"),
        (Self::DatapathNotReady, "datapath-not-ready"),
    ];

    /// The reason of this word; [`Self::Other`] if there is none.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        let mut known = Self::WORDS.iter();
        known
            .find(|(_, known)| *known == word)
            .map_or(Self::Other, |(reason, _)| *reason)
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        let mut known = Self::WORDS.iter();
        known
            .find(|(reason, _)| *reason == self)
            .map_or("other", |(_, word)| word)
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn the_words_of_reasons_are_those_of_the_json() {
        for (reason, word) in Reason::WORDS {
            assert_eq!(serde_json::to_value(reason).unwrap(), word);
            assert_eq!(Reason::of_word(word), reason);
            assert_eq!(reason.word(), word);
        }
        let later: Reason = serde_json::from_str("\"a-later-word\"").unwrap();
        assert_eq!(later, Reason::Other);
        assert_eq!(Reason::of_word("a-later-word"), Reason::Other);
    }
}
