//! One service on this host: to whom to deliver, whether to announce, and why.

use std::collections::BTreeMap;
use std::fmt;

/// What is known of one service on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFacts {
    /// Its endpoints, in any order.
    pub endpoints: Vec<EndpointFacts>,
    /// It came and went too often and stays away for a while.
    pub held_down: bool,
}

/// What is known of one endpoint of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointFacts {
    /// Names the endpoint.
    pub id: String,
    /// Its link is in place, inside and outside the container.
    pub attached: bool,
    /// What its container says of itself.
    pub health: Health,
    /// How far it is drained.
    pub drain: Drain,
}

/// How far an endpoint is drained. It takes no new connections from the first
/// stage on, as long as there is somebody else to take them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Drain {
    /// It is not.
    #[default]
    No,
    /// If nobody else serves, the service stays announced as about to go.
    Marked,
    /// If nobody else serves, the service is withdrawn; what is under way goes
    /// on.
    Withdrawn,
    /// What was under way had its time.
    Over,
}

/// Whether an endpoint may take traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Nothing was heard of it yet.
    Unknown,
    /// Healthy, or running where there is no health check.
    Serving,
    /// Healthy, but not for long enough.
    Unproven,
    /// Known not to serve.
    NotServing(NotServing),
}

/// Why an endpoint does not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NotServing {
    /// Its health check has not passed yet.
    Starting,
    /// Its health check fails.
    Unhealthy,
    /// Its processes are frozen.
    Paused,
    /// It does not run.
    Stopped,
}

/// Why a service is, or is not, announced: a stable code and a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Announced.
    Serving,
    /// No endpoint on this host.
    NoEndpoint,
    /// Endpoints exist, but none has its link in place.
    NotAttached,
    /// No endpoint's health is known yet.
    HealthUnknown,
    /// No endpoint serves; the mildest of their reasons.
    NotServing(NotServing),
    /// The healthy ones are not so for long enough.
    Unproven,
    /// It came and went too often and stays away for a while.
    HeldDown,
    /// Every endpoint that could serve is being drained.
    Draining,
}

impl Reason {
    /// The code programs may compare; it does not change between versions.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::NoEndpoint => "no-endpoint",
            Self::NotAttached => "not-attached",
            Self::HealthUnknown => "health-unknown",
            Self::NotServing(NotServing::Starting) => "starting",
            Self::NotServing(NotServing::Unhealthy) => "unhealthy",
            Self::NotServing(NotServing::Paused) => "paused",
            Self::NotServing(NotServing::Stopped) => "stopped",
            Self::Unproven => "unproven",
            Self::HeldDown => "held-down",
            Self::Draining => "draining",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serving => "a container serves",
            Self::NoEndpoint => "no container on this host",
            Self::NotAttached => "the container's link is not in place yet",
            Self::HealthUnknown => "nothing heard of the container's health yet",
            Self::NotServing(NotServing::Starting) => "the health check has not passed yet",
            Self::NotServing(NotServing::Unhealthy) => "the health check fails",
            Self::NotServing(NotServing::Paused) => "the container is paused",
            Self::NotServing(NotServing::Stopped) => "the container does not run",
            Self::Unproven => "the container is not healthy for long enough yet",
            Self::HeldDown => "it came and went too often and is held back for a while",
            Self::Draining => "the container is being drained",
        })
    }
}

/// To whom the host delivers, and how much; nobody if it is empty.
pub type Delivery = BTreeMap<String, Share>;

/// An endpoint's part of what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Share {
    /// As much as every other.
    Full,
    /// What it has already, and nothing new.
    Leaving,
}

/// How a service is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// It is about to go, and routers should prefer others.
    pub marked: bool,
    /// How many endpoints take new connections, at least one.
    pub serving: usize,
}

/// What should be the case for one service on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    /// To whom the host delivers. Empty exactly when nothing is announced.
    pub deliver: Delivery,
    /// How the prefixes are announced, or not at all.
    pub announce: Option<Announcement>,
    /// Why.
    pub reason: Reason,
}

/// Decides for one service from its endpoints on this host.
///
/// Everybody who serves has an equal share. Who is drained keeps what it has
/// of `current` while others take what is new.
#[must_use]
pub fn plan_service(facts: &ServiceFacts, current: &Delivery) -> ServicePlan {
    let reason = reason(facts);
    let with = |stage: Drain| {
        let serving = facts.endpoints.iter();
        serving.filter(move |e| e.attached && e.health == Health::Serving && e.drain == stage)
    };
    let shares = |stage: Drain, share: Share| with(stage).map(move |e| (e.id.clone(), share));
    let marked = with(Drain::No).next().is_none();
    let mut deliver: Delivery = if facts.held_down {
        Delivery::new()
    } else if marked {
        shares(Drain::Marked, Share::Full).collect()
    } else {
        shares(Drain::No, Share::Full).collect()
    };
    let serving = deliver.len();
    if serving > 0 {
        let leaving = [Drain::Marked, Drain::Withdrawn].into_iter();
        let leaving = leaving.flat_map(|stage| shares(stage, Share::Leaving));
        for (id, share) in leaving.filter(|(id, _)| current.contains_key(id)) {
            deliver.entry(id).or_insert(share);
        }
    }
    ServicePlan {
        deliver,
        announce: (serving > 0).then_some(Announcement { marked, serving }),
        reason,
    }
}

fn reason(facts: &ServiceFacts) -> Reason {
    let nearest = facts.endpoints.iter().map(gate);
    match nearest.min_by_key(|reason| distance(*reason)) {
        Some(Reason::Serving) if facts.held_down => Reason::HeldDown,
        nearest => nearest.unwrap_or(Reason::NoEndpoint),
    }
}

/// The first gate that holds one endpoint back.
const fn gate(endpoint: &EndpointFacts) -> Reason {
    if !endpoint.attached {
        return Reason::NotAttached;
    }
    match endpoint.health {
        Health::Serving => match endpoint.drain {
            Drain::No => Reason::Serving,
            _ => Reason::Draining,
        },
        Health::Unknown => Reason::HealthUnknown,
        Health::Unproven => Reason::Unproven,
        Health::NotServing(why) => Reason::NotServing(why),
    }
}

/// How far from serving a reason is; the nearest one explains the service.
const fn distance(reason: Reason) -> u8 {
    match reason {
        Reason::Serving | Reason::HeldDown => 0,
        Reason::Unproven => 1,
        Reason::NotServing(NotServing::Starting) => 2,
        Reason::HealthUnknown => 3,
        Reason::NotAttached => 4,
        Reason::NotServing(NotServing::Unhealthy) => 5,
        Reason::NotServing(NotServing::Paused) => 6,
        Reason::Draining => 7,
        Reason::NotServing(NotServing::Stopped) => 8,
        Reason::NoEndpoint => 9,
    }
}

#[cfg(test)]
mod tests;
