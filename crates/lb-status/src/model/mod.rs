//! What both programs say of themselves, as it stands in their answers.
//!
//! Times are whole seconds since 1970 (UTC). What is not there is `null`, in
//! routes it is left out. A reader has to bear members it does not know, and
//! words it does not know, which are read as `Other`.

mod bfd;
mod check;
mod container;
mod counters;
mod event;
mod explain;
mod finding;
mod peer;
mod port;
mod readiness;
mod route;
mod service;
mod status;
mod steering;

pub use bfd::{BfdDown, BfdRemote, BfdSession, BfdState};
pub use check::{Check, CheckState};
pub use container::{Container, Drain, DrainScope, DrainStage, Health, Share};
pub use counters::PeerCounters;
pub use event::{Event, EventKind};
pub use explain::{Explanation, Gate, GateName, Verdict};
pub use finding::{Finding, Findings, Severity};
pub use peer::{Fault, Peer, PeerState, Peers, Session, Withheld};
pub use port::{Balanced, Port};
pub use readiness::{Missing, Readiness};
pub use route::{
    AdvertisedRoute, AdvertisedRoutes, Aggregator, Attributes, LearnedRoute, LearnedRoutes,
    OtherAttribute,
};
pub use service::{Network, Reason, Service, ServiceState, Services};
pub use status::{
    Configuration, Docker, Host, PeerCounts, Program, RouteCounts, ServiceCounts, Status, Warning,
};
pub use steering::{Diff, Done};

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The version of every answer's form. Additions do not change it.
pub const VERSION: u32 = 1;

/// A time as answers have it: whole seconds since 1970, 0 for what is earlier.
#[must_use]
pub fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

/// An answer to what cannot be answered or done; its HTTP status is 400, 404,
/// 409 or 503.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Refusal {
    /// [`VERSION`].
    pub version: u32,
    /// Why, in one sentence.
    pub error: String,
}

impl Refusal {
    /// One that says why.
    #[must_use]
    pub fn new(error: impl Into<String>) -> Self {
        Self {
            version: VERSION,
            error: error.into(),
        }
    }
}
