//! Comparing everything of ours with the kernel, and mending what differs.

use std::collections::BTreeMap;
use std::time::Instant;

use netplumb::{Desired, Observed, WhenMissing};
use tracing::{debug, warn};

use super::{Controller, Timer};
use crate::datapath;

impl Controller {
    /// Looks at the kernel; [`mend`](Self::mend) follows with what is there.
    pub(super) fn reconcile(&mut self) {
        let now = Instant::now();
        self.compared = Some(now);
        self.timers
            .set(Timer::Reconcile, now + self.policy.reconcile_every);
        self.examine_host();
        let handle = self.handle.clone();
        self.effects.plumber.observe_then(move |observed| {
            handle.tell_blocking(move |controller| match observed {
                Ok(observed) => controller.mend(&observed),
                Err(error) => warn!(%error, "the kernel's objects can't be read"),
            });
        });
    }

    /// Gives up endpoints whose containers are gone without Docker's word, and
    /// has everything else made as it should be.
    fn mend(&mut self, observed: &Observed) {
        self.take_over(observed);
        let lost = self.lost_endpoints(observed);
        for (network, endpoint) in &lost {
            warn!(
                network,
                endpoint, "the container is gone and left its link behind"
            );
            self.lose_endpoint(network, endpoint);
        }
        if !lost.is_empty() {
            drop(self.save());
        }
        self.effects.plumber.reconcile(self.desired());
    }

    /// Gives up an endpoint whose link is gone.
    pub(super) fn lose_endpoint(&mut self, network: &str, endpoint: &str) {
        self.begin_leave(network, endpoint);
        // Nothing to wait for: nobody is served any more.
        drop(self.finish_leave(network, endpoint));
        self.drop_endpoint(network, endpoint);
    }

    /// Until Docker has told us which containers serve, routers may send
    /// packets to whom an earlier run has the kernel deliver.
    fn take_over(&mut self, observed: &Observed) {
        if self.told_everything {
            return;
        }
        for (id, network) in &mut self.networks {
            if network.delivering.is_none() && network.actual.delivered.is_empty() {
                network.actual.delivered = datapath::delivers_to(observed, id, &network.record);
                network.taken_over = !network.actual.delivered.is_empty();
            }
        }
    }

    /// The endpoints no container can have any more.
    ///
    /// Either their link is gone, and the container's end with it: so it is for
    /// all of them after a reboot. Or the container's end is back beside it:
    /// Docker puts it there when the container ends, and the request to delete
    /// it may have come while no plugin ran. As it is there for a moment too
    /// before Docker takes it, it must be seen again after a while.
    fn lost_endpoints(&mut self, observed: &Observed) -> Vec<(String, String)> {
        let mut lost = Vec::new();
        let mut returned = BTreeMap::new();
        let now = Instant::now();
        let policy = &self.policy;
        for (id, network) in &self.networks {
            let attached = network.record.endpoints.iter().filter(|(_, e)| e.attached);
            for (endpoint, _) in attached {
                let gone = !datapath::has_links(self.effects.instance, observed, endpoint);
                let back = datapath::has_inside(observed, endpoint);
                let since = self.returned.get(endpoint).copied().unwrap_or(now);
                if gone || (back && now - since >= policy.second_look) {
                    lost.push((id.clone(), endpoint.clone()));
                } else if back {
                    returned.insert(endpoint.clone(), since);
                }
            }
        }
        if !returned.is_empty() {
            let next = policy.second_look.min(policy.reconcile_every);
            self.timers.set(Timer::Reconcile, now + next);
        }
        self.returned = returned;
        lost
    }

    fn desired(&self) -> Desired {
        let mut desired = Desired::default();
        for (id, network) in &self.networks {
            let endpoints = &network.record.endpoints;
            let linked = |endpoint: &str| {
                if network.joining.contains(endpoint) {
                    return Some(WhenMissing::Create);
                }
                // Its other end is the container's, which may have ended since
                // the kernel was looked at.
                let attached = endpoints.get(endpoint).is_some_and(|e| e.attached);
                attached.then_some(WhenMissing::Ignore)
            };
            let delivered = network.delivery();
            let (instance, spread) = (self.effects.instance, self.effects.spread);
            let record = &network.record;
            datapath::desire(
                &mut desired,
                instance,
                id,
                record,
                linked,
                spread,
                delivered,
            );
        }
        debug!(
            links = desired.links.len(),
            routes = desired.routes.len(),
            "comparing with the kernel"
        );
        desired
    }
}
