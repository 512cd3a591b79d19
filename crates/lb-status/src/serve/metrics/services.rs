//! What there is of services.

use std::fmt;

use super::families::Metric;
use crate::model::{DrainStage, Health, Service, ServiceState};

/// One family over all services.
pub(super) type OfService = fn(&mut Metric<'_>, &Service, [(&str, &str); 2]) -> fmt::Result;

/// What there is of services; each is read by a pass of its own.
pub(super) const OF_SERVICES: [(&str, bool, &str, OfService); 5] = [
    (
        "bgplb_service_desired",
        false,
        "Whether the address should be announced: somebody serves who is not drained",
        |to, it, labels| to.add(&labels, is_desired(it)),
    ),
    (
        "bgplb_service_announced",
        false,
        "Whether the address is announced",
        |to, it, labels| to.add(&labels, it.attributes.is_some()),
    ),
    (
        "bgplb_service_draining",
        false,
        "Whether the address is drained, or a container behind it",
        |to, it, labels| {
            let containers = it.containers.iter().filter_map(|it| it.drain);
            let drains = containers.chain(it.drain);
            to.add(
                &labels,
                drains
                    .filter(|drain| drain.stage != DrainStage::Over)
                    .count()
                    > 0,
            )
        },
    ),
    (
        "bgplb_service_containers",
        false,
        "Containers behind the address by health",
        |to, it, [network, prefix]| {
            HEALTH.iter().try_for_each(|health| {
                let so = it.containers.iter().filter(|it| it.health == *health);
                to.add(
                    &[network, prefix, ("health", health.word())],
                    so.count() as u64,
                )
            })
        },
    ),
    (
        "bgplb_service_changes",
        true,
        "How often the state of the address changed",
        |to, it, labels| to.add(&labels, it.changes),
    ),
];

/// Those that Docker tells apart.
const HEALTH: [Health; 6] = [
    Health::Unknown,
    Health::Serving,
    Health::Starting,
    Health::Unhealthy,
    Health::Paused,
    Health::Stopped,
];

fn is_desired(service: &Service) -> bool {
    matches!(
        service.state,
        ServiceState::Announced | ServiceState::Undelivered
    )
}
