//! One step towards what is wanted, and the kernel that takes it.

use std::collections::BTreeMap;
use std::fmt;

use super::check::InvalidService;
use super::model::{DestinationKey, DestinationSpec, ServiceKey, ServiceSpec};
use super::state::ServiceState;

/// One change. Each can be applied again without harm.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Op {
    /// Makes a service. One of that key that has come into being meanwhile is
    /// brought to what is wanted and keeps its destinations.
    CreateService(ServiceSpec),
    /// Brings a service to what is wanted. Connections stay.
    SetService(ServiceSpec),
    /// Deletes a service with its destinations.
    DeleteService(ServiceKey),
    /// Makes a destination; one that is there is brought to what is wanted.
    CreateDestination(ServiceKey, DestinationSpec),
    /// Brings a destination to what is wanted. Connections stay.
    SetDestination(ServiceKey, DestinationSpec),
    /// Deletes a destination. Packets of its connections are dropped from then
    /// on.
    DeleteDestination(ServiceKey, DestinationKey),
}

impl Op {
    /// The service it is about.
    #[must_use]
    pub const fn service(&self) -> ServiceKey {
        match self {
            Self::CreateService(spec) | Self::SetService(spec) => spec.key,
            Self::DeleteService(key)
            | Self::CreateDestination(key, _)
            | Self::SetDestination(key, _)
            | Self::DeleteDestination(key, _) => *key,
        }
    }

    /// Whether the kernel would make of it what is meant. What may be deleted
    /// is whatever is there.
    pub(crate) fn check(&self) -> Result<(), InvalidService> {
        match self {
            Self::CreateService(spec) | Self::SetService(spec) => spec.check(),
            Self::CreateDestination(key, spec) | Self::SetDestination(key, spec) => spec.check(key),
            Self::DeleteService(_) | Self::DeleteDestination(..) => Ok(()),
        }
    }
}

impl fmt::Display for Op {
    /// What is done to which object, as `delete service tcp 192.0.2.80:80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateService(ServiceSpec { key, scheduler, .. }) => {
                write!(f, "create service {key} with scheduler {scheduler}")
            }
            Self::SetService(ServiceSpec { key, scheduler, .. }) => {
                write!(f, "set service {key} to scheduler {scheduler}")
            }
            Self::DeleteService(key) => write!(f, "delete service {key}"),
            Self::CreateDestination(service, DestinationSpec { key, weight, .. }) => {
                write!(
                    f,
                    "create destination {key} of service {service} with weight {weight}"
                )
            }
            Self::SetDestination(service, DestinationSpec { key, weight, .. }) => {
                write!(
                    f,
                    "set destination {key} of service {service} to weight {weight}"
                )
            }
            Self::DeleteDestination(service, key) => {
                write!(f, "delete destination {key} of service {service}")
            }
        }
    }
}

/// Something that has services: the kernel of this namespace
/// ([`Ipvs`](super::Ipvs)), or a model of it in tests.
pub trait IpvsKernel {
    /// Why the kernel refused.
    type Error: std::error::Error;

    /// Every service but those of a firewall mark.
    ///
    /// # Errors
    ///
    /// When the kernel can't be asked. Half an answer is never returned.
    fn services(&mut self) -> Result<BTreeMap<ServiceKey, ServiceState>, Self::Error>;

    /// One service, if it is there; the table of the others is not read.
    ///
    /// # Errors
    ///
    /// When the kernel can't be asked.
    fn service(&mut self, key: &ServiceKey) -> Result<Option<ServiceState>, Self::Error>;

    /// Takes one step. Idempotent: an object that exists as wanted, or is gone
    /// as wanted, is success.
    ///
    /// # Errors
    ///
    /// When the kernel refused, or what was asked for can't work.
    fn apply(&mut self, op: &Op) -> Result<(), Self::Error>;
}
