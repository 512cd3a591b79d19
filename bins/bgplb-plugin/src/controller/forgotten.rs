//! Networks that are remembered here and that Docker does not have any more.
//!
//! Docker says when it deletes a network, with one exception: an engine that
//! ends forgets the networks of a Swarm, without a word. When a task needs one
//! again, it is created anew under the same id.

use std::collections::BTreeSet;
use std::time::Instant;

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

    /// Forgets networks that Docker does not list, so that others may have
    /// their addresses: those remembered from an earlier run at once, those of
    /// this run, whose end was not heard, after a while. Those with containers
    /// stay: that they run is more certain than the list, which may be another
    /// engine's.
    pub(super) fn forget_absent(&mut self, present: &BTreeSet<&str>) {
        let now = Instant::now();
        let mut absent = Vec::new();
        for (id, network) in &mut self.networks {
            let used = network.record.endpoints.values().any(|e| e.attached);
            if used || present.contains(id.as_str()) {
                network.absent_since = None;
                continue;
            }
            let since = *network.absent_since.get_or_insert(now);
            if network.remembered || now >= since + self.policy.reclaim_after {
                absent.push(id.clone());
            }
        }
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
