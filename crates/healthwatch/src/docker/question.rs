//! What the state asks Docker, and what it is answered.

use std::collections::{BTreeMap, BTreeSet};

use super::level::Facts;
use super::model::{Attachment, Container, ContainerId, Network};

/// A container as a list shows it: what the level follows from, not yet the
/// level, so that events can be replayed on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) id: ContainerId,
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) endpoints: Vec<Attachment>,
    pub(crate) facts: Facts,
}

impl Listing {
    pub(crate) fn into_container(self) -> Container {
        let level = self.facts.level();
        Container {
            id: self.id,
            name: self.name,
            labels: self.labels,
            level,
            endpoints: self.endpoints,
        }
    }
}

/// A question to Docker. Only the newest ticket's answer counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) ticket: u64,
    pub(crate) scope: Scope,
}

/// What to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All containers and all networks.
    Everything,
    /// These containers, and all networks if `networks`.
    Some {
        containers: BTreeSet<ContainerId>,
        networks: bool,
    },
}

/// Docker's answer to a [`Request`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) containers: Vec<Listing>,
    /// `None` if networks were not asked for.
    pub(crate) networks: Option<Vec<Network>>,
}
