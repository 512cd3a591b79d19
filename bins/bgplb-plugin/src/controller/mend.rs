//! Comparing everything of ours with the kernel, and mending what differs.

use std::time::Instant;

use netplumb::{Desired, Observed};
use tracing::{debug, warn};

use super::{Controller, Timer};
use crate::datapath;

impl Controller {
    /// Looks at the kernel; [`mend`](Self::mend) follows with what is there.
    pub(super) fn reconcile(&mut self) {
        let next = Instant::now() + self.policy.reconcile_every;
        self.timers.set(Timer::Reconcile, next);
        let handle = self.handle.clone();
        self.effects.plumber.observe_then(move |observed| {
            handle.tell_blocking(move |controller| match observed {
                Ok(observed) => controller.mend(&observed),
                Err(error) => warn!(%error, "the kernel's objects can't be read"),
            });
        });
    }

    /// Stops counting on endpoints whose links are gone, and has everything
    /// else made as it should be.
    ///
    /// A link that is gone took the container's end with it, and a new one
    /// would lead nowhere. After a reboot that is so for every endpoint.
    fn mend(&mut self, observed: &Observed) {
        let mut changed = Vec::new();
        for (id, network) in &mut self.networks {
            for (endpoint, record) in &mut network.record.endpoints {
                if record.attached && !datapath::has_links(observed, endpoint) {
                    warn!(network = id, endpoint, "the container's link is gone");
                    record.attached = false;
                    changed.push(id.clone());
                }
            }
        }
        for id in changed {
            self.settle(&id);
        }
        self.effects.plumber.reconcile(self.desired());
    }

    fn desired(&self) -> Desired {
        let mut desired = Desired::default();
        for (id, network) in &self.networks {
            let endpoints = &network.record.endpoints;
            let linked = |endpoint: &str| {
                endpoints.get(endpoint).is_some_and(|e| e.attached)
                    || network.joining.contains(endpoint)
            };
            let delivered = network
                .delivering
                .as_ref()
                .or(network.actual.delivered.as_ref());
            datapath::desire(
                &mut desired,
                id,
                &network.record,
                linked,
                delivered.map(String::as_str),
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
