//! Learned routes in the kernel: each change at once, repairs in passes.

use std::collections::BTreeSet;
use std::mem;

use bgp_speaker::LearnedChange;
use ipnet::IpNet;
use netplumb::{Desired, Kernel, NextHops, Op, Owned, Report, RouteKey, RouteSpec, reconcile};
use tracing::{debug, info, warn};

use crate::config::KernelTable;
use crate::ways::Ways;

/// The routes that should be installed, and the kernel they go to.
#[derive(Debug)]
pub(crate) struct Routes<K> {
    kernel: K,
    place: KernelTable,
    owned: Owned,
    /// What was learned, and until the sweep what an earlier run left.
    desired: Desired,
    /// Routes of an earlier run that no peer has confirmed yet.
    inherited: BTreeSet<RouteKey>,
}

/// Whether the kernel has everything it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Complete,
    /// Something was refused; another pass may succeed.
    Incomplete,
}

impl<K: Kernel> Routes<K> {
    /// Takes over what an earlier run left in its place: it keeps forwarding
    /// until [`sweep`](Self::sweep).
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked.
    pub(crate) fn take_over(mut kernel: K, place: KernelTable) -> Result<Self, K::Error> {
        let owned = Owned::new("", place.protocol).with_routes(place.table, place.metric);
        let observed = kernel.observe()?;
        let left = |route: &&RouteSpec| owned.owns_route(&observed, route);
        let mut desired = Desired::default();
        for route in observed.routes.values().filter(left) {
            desired.insert_route(route.clone());
        }
        let inherited: BTreeSet<_> = desired.routes.keys().copied().collect();
        if !inherited.is_empty() {
            info!(routes = inherited.len(), "routes of an earlier run found");
        }
        Ok(Self {
            kernel,
            place,
            owned,
            desired,
            inherited,
        })
    }

    /// Whether an earlier run left routes that no peer has confirmed yet.
    pub(crate) fn has_inherited(&self) -> bool {
        !self.inherited.is_empty()
    }

    /// Carries out one change.
    pub(crate) fn apply(&mut self, change: &LearnedChange, ways: &Ways) -> Outcome {
        let next_hops = change.next_hops.iter();
        let next_hops = next_hops.flat_map(|hop| ways.gateways(hop)).collect();
        let route = self.route(change.prefix, next_hops);
        let key = route.key();
        self.inherited.remove(&key);
        let op = if change.next_hops.is_empty() {
            if self.desired.routes.remove(&key).is_none() {
                return Outcome::Complete;
            }
            Op::DeleteRoute(key)
        } else {
            self.desired.insert_route(route.clone());
            Op::ReplaceRoute(route)
        };
        match self.kernel.apply(&op) {
            Ok(()) => {
                let next_hops: Vec<_> = change.next_hops.iter().map(ToString::to_string).collect();
                info!(prefix = %change.prefix, ?next_hops, "route changed");
                Outcome::Complete
            }
            Err(error) => {
                warn!("{error}");
                Outcome::Incomplete
            }
        }
    }

    /// Forgets what an earlier run left and nobody confirmed.
    pub(crate) fn sweep(&mut self) -> Outcome {
        for key in mem::take(&mut self.inherited) {
            info!(route = %key, "route of an earlier run is no longer wanted");
            self.desired.routes.remove(&key);
        }
        self.repair()
    }

    /// Forgets everything, as before a stop.
    pub(crate) fn remove_all(&mut self) -> Outcome {
        self.inherited.clear();
        self.desired = Desired::default();
        self.repair()
    }

    /// Compares the whole table with what it should be and corrects it.
    pub(crate) fn repair(&mut self) -> Outcome {
        match reconcile(&mut self.kernel, &self.desired, &self.owned) {
            Ok(report) => self.outcome(&report),
            Err(error) => {
                warn!("{error}");
                Outcome::Incomplete
            }
        }
    }

    fn outcome(&self, report: &Report<K::Error>) -> Outcome {
        if report.applied > 0 {
            debug!(operations = report.applied, "routes corrected");
        }
        for (_, error) in &report.failed {
            debug!("{error}");
        }
        match report.failed.first() {
            None => Outcome::Complete,
            Some((_, error)) => {
                warn!(
                    routes = report.failed.len(),
                    "not installed; the first: {error}"
                );
                Outcome::Incomplete
            }
        }
    }

    /// What should be installed.
    pub(crate) fn desired(&self) -> &Desired {
        &self.desired
    }

    fn route(&self, prefix: IpNet, next_hops: NextHops) -> RouteSpec {
        RouteSpec {
            protocol: self.place.protocol,
            ..RouteSpec::new(prefix, next_hops)
                .with_table(self.place.table)
                .with_metric(self.place.metric)
        }
    }
}

#[cfg(test)]
mod tests;
