//! The steps from what the kernel has to what it should have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::model::{DesiredService, ServiceKey};
use super::op::Op;
use super::state::ServiceState;

/// What [`plan()`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps, in an order in which no service is without the destinations
    /// it keeps.
    pub ops: Vec<Op>,
    /// Wanted services that are there, exactly as wanted, and were not known as
    /// owned. They are from now on.
    pub adopted: Vec<ServiceKey>,
    /// Wanted services in whose place another one is. They are left alone.
    pub in_the_way: Vec<InTheWay>,
}

/// A service that somebody else has made where one is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InTheWay {
    /// Which service.
    pub key: ServiceKey,
    difference: &'static str,
}

impl fmt::Display for InTheWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, difference } = self;
        write!(
            f,
            "service {key}: there is one with {difference}, it is not ours and is left alone"
        )
    }
}

impl std::error::Error for InTheWay {}

/// Tells what turns `observed` into `desired`.
///
/// Services that are neither in `owned` nor wanted are not looked at. One that
/// is wanted, not in `owned` and there already is left as it is: see
/// [`Plan::adopted`] and [`Plan::in_the_way`].
///
/// `observed` may be a part of the table, if it holds whatever there is of the
/// keys of the two others.
#[must_use]
pub fn plan(
    desired: &BTreeMap<ServiceKey, DesiredService>,
    observed: &BTreeMap<ServiceKey, ServiceState>,
    owned: &BTreeSet<ServiceKey>,
) -> Plan {
    let mut plan = Plan::default();
    for wanted in desired.values() {
        let key = wanted.spec().key;
        match observed.get(&key) {
            None => create(wanted, &mut plan.ops),
            Some(there) if owned.contains(&key) => set(wanted, there, &mut plan.ops),
            Some(there) => match difference(wanted, there) {
                None => plan.adopted.push(key),
                Some(difference) => plan.in_the_way.push(InTheWay { key, difference }),
            },
        }
    }
    // What clients need comes before what nobody needs any more.
    let unwanted = owned
        .iter()
        .filter(|key| !desired.contains_key(key) && observed.contains_key(key));
    plan.ops.extend(unwanted.copied().map(Op::DeleteService));
    plan
}

fn create(wanted: &DesiredService, ops: &mut Vec<Op>) {
    let key = wanted.spec().key;
    ops.push(Op::CreateService(wanted.spec().clone()));
    let destinations = wanted.destinations().values();
    ops.extend(destinations.map(|it| Op::CreateDestination(key, *it)));
}

/// New destinations come before old ones go, so that there is always one.
fn set(wanted: &DesiredService, there: &ServiceState, ops: &mut Vec<Op>) {
    let key = wanted.spec().key;
    if !there.satisfies(wanted.spec()) {
        ops.push(Op::SetService(wanted.spec().clone()));
    }
    for destination in wanted.destinations().values() {
        match there.destinations.get(&destination.key) {
            None => ops.push(Op::CreateDestination(key, *destination)),
            Some(there) if there.satisfies(destination) => {}
            Some(_) => ops.push(Op::SetDestination(key, *destination)),
        }
    }
    let unwanted = there
        .destinations
        .keys()
        .filter(|destination| !wanted.destinations().contains_key(destination));
    ops.extend(unwanted.map(|destination| Op::DeleteDestination(key, *destination)));
}

fn difference(wanted: &DesiredService, there: &ServiceState) -> Option<&'static str> {
    if there.spec.scheduler != wanted.spec().scheduler {
        Some("another scheduler")
    } else if !there.satisfies(wanted.spec()) {
        Some("other settings")
    } else if !there.satisfies_all(wanted) {
        Some("other destinations")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
