//! Networks an earlier run remembered and Docker does not have any more.
//!
//! Docker says when it deletes a network, with one exception: an engine that
//! ends forgets the networks of a Swarm, without a word. When a task needs one
//! again, it is created anew under the same id.

use std::collections::BTreeSet;

use tracing::info;

use super::Controller;
use super::requests::Leaving;

impl Controller {
    /// Drops a network that is remembered from an earlier run, because Docker
    /// is creating it; says what still has to leave.
    pub(crate) fn drop_remembered(&mut self, id: &str) -> Option<Leaving> {
        self.networks.get(id).filter(|network| network.remembered)?;
        info!(
            network = id,
            "Docker creates the network anew; what was remembered of it is dropped"
        );
        self.drop_network(id)
    }

    /// Forgets what is remembered of networks that Docker does not list, so
    /// that others may have their addresses. Those with containers stay: that
    /// they run is more certain than the list, which may be another engine's.
    pub(super) fn forget_absent(&mut self, present: &BTreeSet<&str>) {
        let absent: Vec<String> = self
            .networks
            .iter()
            .filter(|(id, network)| network.remembered && !present.contains(id.as_str()))
            .filter(|(_, network)| !network.record.endpoints.values().any(|e| e.attached))
            .map(|(id, _)| id.clone())
            .collect();
        for id in &absent {
            info!(network = id, "Docker does not have the network any more");
            if let Some(leaving) = self.drop_network(id) {
                // Nothing of it is announced, so there is nothing to wait for.
                drop(self.plumb(leaving.ops));
            }
        }
        if !absent.is_empty() {
            drop(self.save());
        }
    }
}
