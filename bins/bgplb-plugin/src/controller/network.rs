//! What is known of one network while the plugin runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use bgp_speaker::PeerKey;
use bgp_wire::PathAttributes;
use lb_plan::{Actual, Delivery, Drain, FlapHistory, Proof, Reason};

use super::damper::Damper;
use super::standing::Standing;
use crate::options::ServiceOptions;
use crate::store::NetworkRecord;

/// One network of ours and what is the case for it.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) record: NetworkRecord,
    /// It is known from an earlier run alone: Docker has not spoken of it yet.
    pub(super) remembered: bool,
    pub(super) options: ServiceOptions,
    /// Since when Docker has not listed it.
    pub(super) absent_since: Option<Instant>,
    pub(super) actual: Actual,
    /// What is delivered is an earlier run's work.
    pub(super) taken_over: bool,
    /// How far it is drained with the whole host.
    pub(super) drain: Drain,
    /// What is known of its endpoints and not remembered.
    pub(super) live: BTreeMap<String, Live>,
    /// How often it was withdrawn of late.
    pub(super) history: FlapHistory,
    /// Endpoints whose links the kernel was asked for and Docker does not have
    /// yet.
    pub(super) joining: BTreeSet<String>,
    /// A delivery the kernel was asked for and has not confirmed.
    pub(super) delivering: Option<Delivery>,
    /// The kernel was asked for what somebody had taken away, and has not
    /// answered.
    pub(super) restoring: bool,
    /// Since then something was taken away again.
    pub(super) disturbed_again: bool,
    /// The way to its containers is gone until it is repaired.
    pub(super) broken: bool,
    /// How often somebody took something away of late.
    pub(super) damper: Damper,
    /// The version of the table that holds the last withdrawal.
    pub(super) withdrawn: Option<bgp_speaker::RibVersion>,
    /// When the news came that it is brought to now.
    pub(super) heard: Option<Instant>,
    /// Why it is, or is not, announced; for the log.
    pub(super) reason: Reason,
    /// Since when it stands where it does.
    pub(super) standing: Standing,
}

/// What is known of one endpoint only while the plugin runs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Live {
    pub(super) proof: Proof,
    pub(super) drain: Drain,
    /// Whether packets can go by its link; `None` if the kernel has not said.
    pub(super) carrier: Option<bool>,
}

/// How a prefix is announced.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Route {
    pub(super) attributes: Arc<PathAttributes>,
    /// The routers it is announced to; `None` for all.
    pub(super) audience: Option<Arc<BTreeSet<PeerKey>>>,
}

/// Who wants a prefix announced.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// A network of ours, while a container on it serves.
    Service(String),
    /// Any network labelled `bgplb_advertise=true`, while it exists.
    Labelled(String),
}

impl Network {
    pub(super) fn new(record: NetworkRecord, options: ServiceOptions) -> Self {
        Self {
            record,
            remembered: false,
            options,
            absent_since: None,
            actual: Actual::default(),
            taken_over: false,
            drain: Drain::No,
            live: BTreeMap::new(),
            history: FlapHistory::default(),
            joining: BTreeSet::new(),
            delivering: None,
            restoring: false,
            disturbed_again: false,
            broken: false,
            damper: Damper::default(),
            withdrawn: None,
            heard: None,
            reason: Reason::NoEndpoint,
            standing: Standing::new(),
        }
    }
}
