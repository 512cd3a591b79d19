//! What there is of services.

use std::fmt;

use super::families::Metric;
use crate::model::{Balanced, CheckState, DrainStage, Health, Service, ServiceState};

/// One family over all services.
pub(super) type OfService = fn(&mut Metric<'_>, &Service, [(&str, &str); 2]) -> fmt::Result;

/// What there is of services; each is read by a pass of its own.
pub(super) const OF_SERVICES: [(&str, bool, &str, OfService); 10] = [
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
    (
        "bgplb_service_checks",
        false,
        "Checks of the address by what they say",
        |to, it, [network, prefix]| {
            CHECKS.iter().try_for_each(|state| {
                let checks = it.checks.iter().flatten();
                let so = checks.filter(|it| it.state == *state);
                to.add(
                    &[network, prefix, ("state", state.word())],
                    so.count() as u64,
                )
            })
        },
    ),
    (
        "bgplb_ipvs_active_connections",
        false,
        "Connections that the kernel balances now",
        |to, it, labels| of_ports(to, it, labels, |it| [("", it.active_connections)]),
    ),
    (
        "bgplb_ipvs_connections",
        true,
        "Connections that the kernel has balanced",
        |to, it, labels| of_ports(to, it, labels, |it| [("", it.connections)]),
    ),
    (
        "bgplb_ipvs_packets",
        true,
        "Packets of them, to the service and back",
        |to, it, labels| {
            of_ports(to, it, labels, |it| {
                [("in", it.packets_in), ("out", it.packets_out)]
            })
        },
    ),
    (
        "bgplb_ipvs_octets",
        true,
        "Octets of them, to the service and back",
        |to, it, labels| {
            of_ports(to, it, labels, |it| {
                [("in", it.octets_in), ("out", it.octets_out)]
            })
        },
    ),
];

/// What checks say.
const CHECKS: [CheckState; 3] = [
    CheckState::Unknown,
    CheckState::Passing,
    CheckState::Failing,
];

/// A sample for each port and direction; a direction without a name is none.
fn of_ports<const N: usize>(
    to: &mut Metric<'_>,
    service: &Service,
    [network, prefix]: [(&str, &str); 2],
    values: fn(&Balanced) -> [(&'static str, u64); N],
) -> fmt::Result {
    service.ports.iter().try_for_each(|port| {
        let number = port.port.to_string();
        let (protocol, number) = (("protocol", &*port.protocol), ("port", &*number));
        values(&port.counted)
            .into_iter()
            .try_for_each(|(direction, value)| match direction {
                "" => to.add(&[network, prefix, protocol, number], value),
                _ => {
                    let direction = ("direction", direction);
                    to.add(&[network, prefix, protocol, number, direction], value)
                }
            })
    })
}

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
