//! IPVS in memory, with faults on demand.

use std::collections::BTreeMap;

use super::model::{DestinationKey, DestinationSpec, ServiceKey, ServiceSpec};
use super::op::{IpvsKernel, Op};
use super::state::{DestinationState, ServiceState, Statistics};
use crate::error::{Cause, Error};

/// A model of IPVS for tests of what is built on [`IpvsKernel`].
///
/// It answers as the kernel does, but carries no packets: counters and
/// connections are what [`Self::state_mut`] makes them.
#[derive(Clone, Debug, Default)]
pub struct FakeIpvs {
    state: BTreeMap<ServiceKey, ServiceState>,
    calls: usize,
    faults: BTreeMap<usize, i32>,
    missing: bool,
}

impl FakeIpvs {
    /// A kernel without services.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it has.
    #[must_use]
    pub const fn state(&self) -> &BTreeMap<ServiceKey, ServiceState> {
        &self.state
    }

    /// What it has, for changes behind its owner's back.
    pub const fn state_mut(&mut self) -> &mut BTreeMap<ServiceKey, ServiceState> {
        &mut self.state
    }

    /// How often it was looked at or changed.
    #[must_use]
    pub const fn calls(&self) -> usize {
        self.calls
    }

    /// Lets the `nth` call from now (from 0) fail with this error number,
    /// without effect.
    pub fn fail(&mut self, nth: usize, errno: i32) {
        self.faults.insert(self.calls.saturating_add(nth), errno);
    }

    /// Takes the module away, with all services, or brings it back.
    pub fn set_missing(&mut self, missing: bool) {
        self.missing = missing;
        if missing {
            self.state.clear();
        }
    }

    fn call(&mut self) -> Result<(), Cause> {
        let fault = self.faults.remove(&self.calls);
        self.calls += 1;
        match fault {
            Some(errno) => Err(Cause::errno(errno)),
            None if self.missing => Err(Cause::NoIpvs),
            None => Ok(()),
        }
    }

    fn try_apply(&mut self, op: &Op) -> Result<(), Cause> {
        op.check()?;
        self.call()?;
        match op {
            Op::CreateService(spec) => {
                let service = self.state.entry(spec.key);
                service
                    .and_modify(|there| set_service(there, spec))
                    .or_insert_with(|| new_service(spec));
            }
            Op::SetService(spec) => set_service(self.service_mut(&spec.key)?, spec),
            Op::DeleteService(key) => {
                self.state.remove(key);
            }
            Op::CreateDestination(key, spec) => {
                let destinations = &mut self.service_mut(key)?.destinations;
                let destination = destinations.entry(spec.key);
                destination
                    .and_modify(|there| set_destination(there, *spec))
                    .or_insert_with(|| new_destination(*spec));
            }
            Op::SetDestination(key, spec) => {
                let there = self.service_mut(key)?.destinations.get_mut(&spec.key);
                let there = there.ok_or_else(|| Cause::errno(libc::ENOENT))?;
                set_destination(there, *spec);
            }
            Op::DeleteDestination(key, destination) => self.delete_destination(key, destination),
        }
        Ok(())
    }

    fn service_mut(&mut self, key: &ServiceKey) -> Result<&mut ServiceState, Cause> {
        let service = self.state.get_mut(key);
        service.ok_or_else(|| Cause::errno(libc::ESRCH))
    }

    fn delete_destination(&mut self, key: &ServiceKey, destination: &DestinationKey) {
        if let Some(service) = self.state.get_mut(key) {
            service.destinations.remove(destination);
        }
    }
}

fn new_service(spec: &ServiceSpec) -> ServiceState {
    ServiceState {
        spec: spec.clone(),
        plain: true,
        destinations: BTreeMap::new(),
        statistics: Statistics::default(),
    }
}

fn set_service(there: &mut ServiceState, spec: &ServiceSpec) {
    there.spec = spec.clone();
    there.plain = true;
}

fn new_destination(spec: DestinationSpec) -> DestinationState {
    DestinationState {
        spec,
        plain: true,
        active: 0,
        inactive: 0,
        persistent: 0,
        statistics: Statistics::default(),
    }
}

fn set_destination(there: &mut DestinationState, spec: DestinationSpec) {
    there.spec = spec;
    there.plain = true;
}

impl IpvsKernel for FakeIpvs {
    type Error = Error;

    fn services(&mut self) -> Result<BTreeMap<ServiceKey, ServiceState>, Error> {
        self.call()
            .map_err(|cause| Error::new("list services", cause))?;
        Ok(self.state.clone())
    }

    fn service(&mut self, key: &ServiceKey) -> Result<Option<ServiceState>, Error> {
        self.call()
            .map_err(|cause| Error::new(format!("look for service {key}"), cause))?;
        Ok(self.state.get(key).cloned())
    }

    fn apply(&mut self, op: &Op) -> Result<(), Error> {
        self.try_apply(op).map_err(|cause| Error::new(op, cause))
    }
}
