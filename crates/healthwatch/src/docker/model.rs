//! Containers, networks and observations as a reader of the watch sees them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use ipnet::IpNet;

use super::level::Level;

/// The identifier of a container: 64 hexadecimal digits in Docker, at most
/// 128 ASCII letters, digits, `_`, `.` or `-` here.
///
/// The check makes an identifier safe to place in a URL path. A clone costs a
/// reference count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(Arc<str>);

impl ContainerId {
    /// Checks `text` and takes it as an identifier.
    ///
    /// # Errors
    ///
    /// [`InvalidContainerId`] if it is empty, too long, begins with a dot or
    /// has a character of another kind.
    pub fn new(text: &str) -> Result<Self, InvalidContainerId> {
        let fits = !text.is_empty() && text.len() <= MAX_ID_LEN && !text.starts_with('.');
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"_.-".contains(&octet);
        if fits && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidContainerId)
        }
    }

    /// The identifier as Docker writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for ContainerId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for ContainerId {
    type Err = InvalidContainerId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

/// A text that cannot be a container's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a container id: want 1 to 128 letters, digits, '_', '.' or '-'")]
pub struct InvalidContainerId;

/// A container as Docker listed it, with the level that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Docker's identifier; never used twice.
    pub id: ContainerId,
    /// The name without the leading slash; empty if Docker gave none.
    pub name: String,
    /// The labels, those of the image included. They never change while the
    /// container lives. Of long ones only the beginning is there, and of very
    /// many some; then there is one named `…` as well.
    pub labels: BTreeMap<String, String>,
    /// Whether the container serves, and if not, why.
    pub level: Level,
    /// The networks it is attached to, ordered by network name.
    pub endpoints: Vec<Attachment>,
}

/// One container's place in one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The network's identifier; empty for a container that never ran.
    pub network_id: String,
    /// The endpoint's identifier; empty while the container is not running.
    pub endpoint_id: String,
    /// The network's name.
    pub network_name: String,
    /// The IPv4 address; `None` also for Docker's placeholder `0.0.0.0`.
    pub ipv4: Option<Ipv4Addr>,
    /// The IPv6 address, if it has one.
    pub ipv6: Option<Ipv6Addr>,
}

/// A network as Docker listed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Docker's identifier: 64 hexadecimal digits, or 25 characters if it
    /// came from Swarm.
    pub id: String,
    /// The name, which several networks may share.
    pub name: String,
    /// The driver's name as the user wrote it, tag included.
    pub driver: String,
    /// The labels, which never change while the network lives.
    pub labels: BTreeMap<String, String>,
    /// The subnets of its address management, as Docker writes them (host
    /// bits kept, the placeholder `0.0.0.0/32` included).
    pub subnets: Vec<IpNet>,
}

/// One thing the watch has to say, in the order it became known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// The whole truth; it replaces everything said before.
    ///
    /// Comes after every (re)connection, at every periodic resync, and in
    /// place of what a slow reader missed.
    Listed {
        /// Every container, running or not, ordered by identifier.
        containers: Vec<Container>,
        /// Every network, ordered by identifier.
        networks: Vec<Network>,
    },
    /// A container appeared, or something besides its level changed.
    Container(Container),
    /// A container was removed.
    ContainerGone(ContainerId),
    /// The level of a container already told changed.
    Level {
        /// Which container.
        container: ContainerId,
        /// Its level from now on.
        level: Level,
        /// When Docker saw it, by the clock of the host; `None` if the change
        /// was found by looking and not told by an event.
        event_time: Option<SystemTime>,
    },
    /// A network appeared or changed.
    Network(Network),
    /// The network with this identifier was removed.
    NetworkGone(String),
    /// Somebody had Docker deliver a signal to a container.
    ///
    /// An edge and not a level: told at most once, lost if it happens while
    /// Docker is unreachable, and never told for a container that carries a
    /// label named `signal`, since the label replaces the number in Docker's
    /// event, or with more labels than are kept.
    Signal {
        /// Which container.
        container: ContainerId,
        /// The signal's number on this host, for example 15 for SIGTERM.
        signal: u8,
    },
    /// Docker does not answer. What was told before stands until
    /// [`Observation::Listed`] comes.
    Unreachable {
        /// What went wrong, in words.
        error: String,
    },
    /// Docker answers again; [`Observation::Listed`] follows at once.
    Reachable,
}

const MAX_ID_LEN: usize = 128;
