//! One service on this host: to whom to deliver, whether to announce, and why.

use std::fmt;

/// What is known of one endpoint of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointFacts {
    /// Names the endpoint; the order of ids breaks ties.
    pub id: String,
    /// Its link is in place, inside and outside the container.
    pub attached: bool,
    /// What its container says of itself.
    pub health: Health,
    /// It is being drained and takes no new connections.
    pub draining: bool,
}

/// Whether an endpoint may take traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Nothing was heard of it yet.
    Unknown,
    /// Healthy, or running where there is no health check.
    Serving,
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
            Self::Draining => "the container is being drained",
        })
    }
}

/// What should be the case for one service on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    /// The endpoint the host delivers to; `None` when none may take traffic.
    /// The prefixes are to be announced exactly while there is one.
    pub deliver_to: Option<String>,
    /// Why.
    pub reason: Reason,
}

impl ServicePlan {
    /// Whether the prefixes should be announced.
    #[must_use]
    pub const fn announce(&self) -> bool {
        self.deliver_to.is_some()
    }
}

/// Decides for one service from its endpoints on this host, in any order.
///
/// `current` is the endpoint delivered to now. It is kept while it serves, so
/// that the coming of another endpoint never moves running connections;
/// otherwise the serving endpoint with the smallest id is taken.
#[must_use]
pub fn plan_service(endpoints: &[EndpointFacts], current: Option<&str>) -> ServicePlan {
    let serving = |e: &&EndpointFacts| gate(e) == Reason::Serving;
    let chosen = endpoints
        .iter()
        .filter(serving)
        .min_by_key(|e| (Some(e.id.as_str()) != current, e.id.as_str()));
    let reason = endpoints
        .iter()
        .map(gate)
        .min_by_key(|reason| distance(*reason))
        .unwrap_or(Reason::NoEndpoint);
    ServicePlan {
        deliver_to: chosen.map(|e| e.id.clone()),
        reason,
    }
}

/// The first gate that holds one endpoint back.
const fn gate(endpoint: &EndpointFacts) -> Reason {
    if !endpoint.attached {
        return Reason::NotAttached;
    }
    match endpoint.health {
        Health::Serving if endpoint.draining => Reason::Draining,
        Health::Serving => Reason::Serving,
        Health::Unknown => Reason::HealthUnknown,
        Health::NotServing(why) => Reason::NotServing(why),
    }
}

/// How far from serving a reason is; the nearest one explains the service.
const fn distance(reason: Reason) -> u8 {
    match reason {
        Reason::Serving => 0,
        Reason::NotServing(NotServing::Starting) => 1,
        Reason::HealthUnknown => 2,
        Reason::NotAttached => 3,
        Reason::NotServing(NotServing::Unhealthy) => 4,
        Reason::NotServing(NotServing::Paused) => 5,
        Reason::Draining => 6,
        Reason::NotServing(NotServing::Stopped) => 7,
        Reason::NoEndpoint => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::{EndpointFacts, Health, NotServing, Reason, plan_service};

    fn endpoint(id: &str, health: Health) -> EndpointFacts {
        EndpointFacts {
            id: id.to_owned(),
            attached: true,
            health,
            draining: false,
        }
    }

    #[test]
    fn one_serving_endpoint_is_enough() {
        let facts = vec![
            endpoint("a", Health::NotServing(NotServing::Unhealthy)),
            endpoint("b", Health::Serving),
        ];
        let plan = plan_service(&facts, None);
        assert_eq!(plan.deliver_to.as_deref(), Some("b"));
        assert_eq!(plan.reason, Reason::Serving);
    }

    #[test]
    fn a_newcomer_does_not_take_over_from_a_serving_endpoint() {
        let facts = vec![
            endpoint("a", Health::Serving),
            endpoint("b", Health::Serving),
        ];
        assert_eq!(
            plan_service(&facts, Some("b")).deliver_to.as_deref(),
            Some("b")
        );
        assert_eq!(plan_service(&facts, None).deliver_to.as_deref(), Some("a"));
        assert_eq!(
            plan_service(&facts, Some("gone")).deliver_to.as_deref(),
            Some("a")
        );
    }

    #[test]
    fn each_gate_is_named() {
        let detached = EndpointFacts {
            attached: false,
            ..endpoint("a", Health::Serving)
        };
        let draining = EndpointFacts {
            draining: true,
            ..endpoint("a", Health::Serving)
        };
        for (endpoints, code) in [
            (vec![], "no-endpoint"),
            (vec![detached], "not-attached"),
            (vec![draining], "draining"),
            (vec![endpoint("a", Health::Unknown)], "health-unknown"),
            (
                vec![endpoint("a", Health::NotServing(NotServing::Starting))],
                "starting",
            ),
            (
                vec![endpoint("a", Health::NotServing(NotServing::Paused))],
                "paused",
            ),
            (
                vec![endpoint("a", Health::NotServing(NotServing::Stopped))],
                "stopped",
            ),
            (
                vec![
                    endpoint("a", Health::NotServing(NotServing::Stopped)),
                    endpoint("b", Health::NotServing(NotServing::Unhealthy)),
                ],
                "unhealthy",
            ),
        ] {
            let plan = plan_service(&endpoints, None);
            assert_eq!(plan.reason.code(), code);
            assert!(!plan.announce(), "{code}");
            assert!(!plan.reason.to_string().is_empty());
        }
    }

    #[test]
    fn the_order_of_endpoints_does_not_matter() {
        let mut facts = vec![
            endpoint("c", Health::Serving),
            endpoint("a", Health::NotServing(NotServing::Starting)),
            endpoint("b", Health::Serving),
        ];
        let plan = plan_service(&facts, None);
        facts.reverse();
        assert_eq!(plan_service(&facts, None), plan);
        assert_eq!(plan.deliver_to.as_deref(), Some("b"));
    }
}
