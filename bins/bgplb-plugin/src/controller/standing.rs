//! Since when each network stands where it does: what is told of it has to say.

use std::time::SystemTime;

use lb_plan::Reason;
use lb_status::model::{self, DrainScope, ServiceState};

use super::Controller;
use super::network::Network;

/// Where a network stood when it was settled last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) state: ServiceState,
    pub(super) since: SystemTime,
    /// How often that changed.
    pub(super) changes: u64,
    pub(super) reason: model::Reason,
    pub(super) reason_since: SystemTime,
}

impl Standing {
    /// That of a network nobody serves, since now.
    pub(super) fn new() -> Self {
        let now = SystemTime::now();
        Self {
            state: ServiceState::Withheld,
            since: now,
            changes: 0,
            reason: model::Reason::NoEndpoint,
            reason_since: now,
        }
    }
}

/// Whether Docker can be reached, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reachable {
    pub(super) is_so: bool,
    pub(super) since: SystemTime,
}

impl Reachable {
    /// Nothing was heard of it yet.
    pub(super) fn not_yet() -> Self {
        Self {
            is_so: false,
            since: SystemTime::now(),
        }
    }

    /// Says whether that is news.
    pub(super) fn note(&mut self, is_so: bool) -> bool {
        let news = self.is_so != is_so;
        if news {
            *self = Self {
                is_so,
                since: SystemTime::now(),
            };
        }
        news
    }
}

impl Network {
    /// What is the case for it now.
    fn state(&self) -> ServiceState {
        match (self.actual.announced, self.reason) {
            (Some(how), _) if how.marked => ServiceState::Draining,
            (Some(_), _) => ServiceState::Announced,
            // The plan is to announce it as soon as the kernel delivers.
            (None, Reason::Serving) => ServiceState::Undelivered,
            (None, Reason::Draining) if !self.actual.delivered.is_empty() => ServiceState::Draining,
            (None, _) => ServiceState::Withheld,
        }
    }

    fn told_reason(&self, state: ServiceState, drained: Option<DrainScope>) -> model::Reason {
        match (state, self.reason, drained) {
            (ServiceState::Undelivered, ..) => model::Reason::DatapathNotReady,
            (_, Reason::Draining, Some(DrainScope::Maintenance)) => model::Reason::Maintenance,
            (_, Reason::Draining, Some(DrainScope::Service)) => model::Reason::Drained,
            _ => model::Reason::of_word(self.reason.code()),
        }
    }

    /// The reason in words.
    pub(super) fn explanation(&self) -> String {
        match self.standing.reason {
            model::Reason::Maintenance => "this host is in maintenance".to_owned(),
            model::Reason::Drained => "an operator has the service drained".to_owned(),
            _ => self.reason.to_string(),
        }
    }
}

impl Controller {
    /// Remembers since when a network stands where it does.
    pub(super) fn note_standing(&mut self, id: &str) {
        let known = self.networks.get(id);
        let drained = known.and_then(|network| self.drain_scope(network));
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        let state = network.state();
        let reason = network.told_reason(state, drained);
        let now = SystemTime::now();
        let standing = &mut network.standing;
        let before = *standing;
        if standing.state != state {
            (standing.state, standing.since) = (state, now);
            standing.changes += 1;
        }
        if standing.reason != reason {
            (standing.reason, standing.reason_since) = (reason, now);
        }
        if *standing != before {
            self.tell_standing(id);
        }
    }
}
