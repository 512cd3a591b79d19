//! What the kernel balances (IPVS): brought about, and drained before it goes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use netplumb::ipvs::{
    DesiredService, DestinationKey, DestinationState, IpvsKernel, Op, Plan, Protocol, ServiceKey,
    ServiceState, Statistics, plan,
};
use tracing::{debug, warn};

/// A service that the kernel should balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Balanced {
    pub(crate) service: DesiredService,
    /// How long connections may take to end once it, or a destination of it, is not
    /// wanted any more.
    pub(crate) drain_limit: Duration,
}

/// Looks after the services of one program in the kernel.
#[derive(Debug, Default)]
pub(super) struct Balancer {
    /// What is ours; remembered over a restart by others.
    owned: BTreeSet<ServiceKey>,
    /// [`Balanced::drain_limit`] of what is, or was, wanted.
    limits: BTreeMap<ServiceKey, Duration>,
    /// What is drained, and until when at most.
    leaving: BTreeMap<(ServiceKey, DestinationKey), Instant>,
}

/// How things are with the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Balance {
    /// Wanted services that are not there as wanted, and why.
    pub(super) missing: BTreeMap<ServiceKey, String>,
    /// Addresses of services whose connections have not ended.
    pub(super) lingering: BTreeSet<IpAddr>,
    /// What was counted.
    pub(super) counted: BTreeMap<ServiceKey, Counted>,
    /// Whether something is drained, so that it is looked at again soon.
    pub(super) draining: bool,
}

/// What the kernel has counted of one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Connections that are established to any destination.
    pub(crate) active: u64,
    /// Since the service was made.
    pub(crate) statistics: Statistics,
}

impl Balancer {
    /// One that has made these before.
    pub(super) fn resumed(owned: impl IntoIterator<Item = ServiceKey>) -> Self {
        let owned = owned.into_iter().collect();
        Self {
            owned,
            ..Self::default()
        }
    }

    /// What is to be remembered before [`Self::bring_about`] is called: what is ours,
    /// and what will be. What others have in its place is not.
    ///
    /// # Errors
    ///
    /// When the kernel can't be asked.
    pub(super) fn claims<K: IpvsKernel>(
        &self,
        kernel: &mut K,
        wanted: &BTreeMap<ServiceKey, Balanced>,
    ) -> Result<BTreeSet<ServiceKey>, K::Error> {
        let mut claims = self.owned.clone();
        if wanted.keys().all(|key| claims.contains(key)) {
            return Ok(claims);
        }
        let observed = kernel.services()?;
        let new = wanted.keys().filter(|key| !observed.contains_key(key));
        claims.extend(new);
        Ok(claims)
    }

    /// Whether there is anything to do, or to look after.
    pub(super) fn is_idle(&self, wanted: &BTreeMap<ServiceKey, Balanced>) -> bool {
        wanted.is_empty() && self.owned.is_empty()
    }

    /// What is ours by now.
    pub(super) const fn owned(&self) -> &BTreeSet<ServiceKey> {
        &self.owned
    }

    /// Has the kernel have what is wanted, as far as it can be had now.
    ///
    /// # Errors
    ///
    /// When the kernel can't be asked.
    pub(super) fn bring_about<K: IpvsKernel>(
        &mut self,
        kernel: &mut K,
        wanted: &BTreeMap<ServiceKey, Balanced>,
        now: Instant,
    ) -> Result<Balance, K::Error> {
        let limits = wanted.iter().map(|(key, it)| (*key, it.drain_limit));
        self.limits.extend(limits);
        let observed = kernel.services()?;
        let mut balance = Balance::default();
        let desired = self.with_leaving(wanted, &observed, now, &mut balance);
        let Plan {
            ops,
            adopted,
            in_the_way,
        } = plan(&desired, &observed, &self.owned);
        self.owned.extend(adopted);
        self.owned
            .retain(|key| desired.contains_key(key) || observed.contains_key(key));
        for other in in_the_way {
            balance.missing.insert(other.key, other.to_string());
        }
        for op in ops {
            self.apply(kernel, &op, &mut balance);
        }
        self.limits.retain(|key, _| desired.contains_key(key));
        self.leaving.retain(|(service, key), _| {
            let service = desired.get(service);
            service.is_some_and(|it| it.destinations().contains_key(key))
        });
        for (key, state) in &observed {
            if self.owned.contains(key) {
                balance.counted.insert(*key, counted(state));
            }
        }
        balance.draining = !self.leaving.is_empty();
        Ok(balance)
    }

    fn apply<K: IpvsKernel>(&mut self, kernel: &mut K, op: &Op, balance: &mut Balance) {
        debug!(%op, "kernel");
        let key = op.service();
        match kernel.apply(op) {
            Ok(()) => match op {
                Op::CreateService(_) => _ = self.owned.insert(key),
                Op::DeleteService(_) => _ = self.owned.remove(&key),
                _ => {}
            },
            Err(error) => {
                warn!("{error}");
                // Later ones follow from the first.
                let missing = balance.missing.entry(key);
                missing.or_insert_with(|| error.to_string());
            }
        }
    }

    /// What is wanted, and with it what is ours and still has connections: such
    /// destinations have the weight 0 until those have ended or had their time.
    fn with_leaving(
        &mut self,
        wanted: &BTreeMap<ServiceKey, Balanced>,
        observed: &BTreeMap<ServiceKey, ServiceState>,
        now: Instant,
        balance: &mut Balance,
    ) -> BTreeMap<ServiceKey, DesiredService> {
        let mut desired: BTreeMap<_, _> = wanted
            .iter()
            .map(|(key, balanced)| (*key, balanced.service.clone()))
            .collect();
        for key in &self.owned {
            let Some(there) = observed.get(key) else {
                continue;
            };
            let limit = self.limits.get(key).copied().unwrap_or(LIMIT);
            let is_wanted = desired.contains_key(key);
            let mut service = match desired.remove(key) {
                Some(service) => service,
                // Ours, so it was such a service when it was made.
                None => match DesiredService::new(there.spec.clone()) {
                    Ok(service) => service,
                    Err(_) => continue,
                },
            };
            let mut leaving = false;
            for (destination, state) in &there.destinations {
                if service.destinations().contains_key(destination) {
                    self.leaving.remove(&(*key, *destination));
                    continue;
                }
                let until = self.leaving.entry((*key, *destination));
                let until = *until.or_insert_with(|| now + limit);
                if has_connections(key, state) && now < until {
                    leaving |= service.insert(state.spec.with_weight(0)).is_ok();
                }
            }
            if leaving && !is_wanted {
                balance.lingering.insert(key.address);
            }
            if leaving || is_wanted {
                desired.insert(*key, service);
            }
        }
        desired
    }
}

/// Whether something that was begun still goes on. Only TCP and SCTP tell when it is
/// over; what else there is ends by silence.
const fn has_connections(key: &ServiceKey, state: &DestinationState) -> bool {
    match key.protocol {
        Protocol::Udp => state.inactive > 0,
        _ => state.active > 0,
    }
}

fn counted(state: &ServiceState) -> Counted {
    let active = state.destinations.values().map(|it| u64::from(it.active));
    Counted {
        active: active.sum(),
        statistics: state.statistics,
    }
}

/// How long connections of a service may take whose settings nobody remembers.
const LIMIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
