//! Events: what has changed, in the order in which it did.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Network, VERSION};

/// One line of the answer to `/v1/events`. What is not there is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Event {
    /// [`VERSION`].
    pub version: u32,
    /// Its number: 1 for the first since the program was started, and one more for
    /// each that follows.
    pub sequence: u64,
    /// When, in seconds since 1970.
    pub at: u64,
    /// What has changed.
    pub kind: EventKind,
    /// The network it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// The container it is about, by its name, or by its endpoint's number while
    /// nobody has told the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The prefix it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub prefix: Option<IpNet>,
    /// The peer it is about, as commands call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The stable word that goes with it: a [`Reason`](super::Reason), a container's
    /// [`Health`](super::Health), a finding's code, or a
    /// [`DrainScope`](super::DrainScope).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// All of it in one sentence.
    pub message: String,
    /// How many events before this one the reader should have had and can't have any
    /// more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
}

impl Event {
    /// One that is written down nowhere yet: it gets its number and its time there.
    #[must_use]
    pub fn new(kind: EventKind, message: impl Into<String>) -> Self {
        Self {
            version: VERSION,
            sequence: 0,
            at: 0,
            kind,
            network: None,
            container: None,
            prefix: None,
            peer: None,
            code: None,
            message: message.into(),
            lost: None,
        }
    }

    /// The same about a network.
    #[must_use]
    pub fn of_network(self, network: Network) -> Self {
        Self {
            network: Some(network),
            ..self
        }
    }

    /// The same about a container.
    #[must_use]
    pub fn of_container(self, container: impl Into<String>) -> Self {
        Self {
            container: Some(container.into()),
            ..self
        }
    }

    /// The same about a prefix.
    #[must_use]
    pub fn of_prefix(self, prefix: IpNet) -> Self {
        Self {
            prefix: Some(prefix),
            ..self
        }
    }

    /// The same about a peer.
    #[must_use]
    pub fn of_peer(self, peer: impl ToString) -> Self {
        Self {
            peer: Some(peer.to_string()),
            ..self
        }
    }

    /// The same with its stable word.
    #[must_use]
    pub fn with_code(self, code: impl Into<String>) -> Self {
        Self {
            code: Some(code.into()),
            ..self
        }
    }
}

/// What has changed; these words do not change between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventKind {
    /// The program was started.
    Started,
    /// Peers are told of a prefix.
    ServiceAnnounced,
    /// Peers are told of a prefix no more.
    ServiceWithdrawn,
    /// A network's addresses came to another state, or to another reason for it.
    ServiceState,
    /// The engine tells another health of a container.
    ContainerHealth,
    /// There is a session with a peer.
    PeerEstablished,
    /// The session with a peer has ended.
    PeerDown,
    /// A BFD session is up.
    BfdUp,
    /// A BFD session is no longer up.
    BfdDown,
    /// A drain was begun.
    DrainBegun,
    /// A drain was taken back, or has had its time.
    DrainEnded,
    /// The host was taken into maintenance.
    MaintenanceOn,
    /// The host's maintenance is over.
    MaintenanceOff,
    /// What is configured was read again and taken over.
    ConfigReloaded,
    /// The engine can be reached.
    DockerConnected,
    /// The engine can't be reached.
    DockerDisconnected,
    /// Something was found wrong with the host.
    FindingAppeared,
    /// That is no longer so.
    FindingGone,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

impl EventKind {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::ServiceAnnounced => "service-announced",
            Self::ServiceWithdrawn => "service-withdrawn",
            Self::ServiceState => "service-state",
            Self::ContainerHealth => "container-health",
            Self::PeerEstablished => "peer-established",
            Self::PeerDown => "peer-down",
            Self::BfdUp => "bfd-up",
            Self::BfdDown => "bfd-down",
            Self::DrainBegun => "drain-begun",
            Self::DrainEnded => "drain-ended",
            Self::MaintenanceOn => "maintenance-on",
            Self::MaintenanceOff => "maintenance-off",
            Self::ConfigReloaded => "config-reloaded",
            Self::DockerConnected => "docker-connected",
            Self::DockerDisconnected => "docker-disconnected",
            Self::FindingAppeared => "finding-appeared",
            Self::FindingGone => "finding-gone",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, EventKind};

    #[test]
    fn a_line_of_a_later_version_is_read_and_short_ones_stay_short() {
        let line =
            r#"{"version":1,"sequence":7,"at":9,"kind":"eclipse","moon":1,"message":"dark"}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!((event.kind, event.sequence), (EventKind::Other, 7));
        let written = serde_json::to_string(&Event::new(EventKind::BfdUp, "up")).unwrap();
        let wanted = r#"{"version":1,"sequence":0,"at":0,"kind":"bfd-up","message":"up"}"#;
        assert_eq!(written, wanted);
    }
}
