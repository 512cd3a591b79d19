//! Endpoints that Docker asked for and never used.
//!
//! An engine that ends between creating an endpoint and joining it says no more
//! about it. Whether it still has it shows in its list of containers: what is
//! in none of them twice, with time for a request under way in between, is
//! given up.

use std::collections::BTreeMap;
use std::time::Instant;

use tracing::warn;

use super::Controller;

impl Controller {
    /// Compares the endpoints without links with Docker's list of containers,
    /// which has just come.
    pub(super) fn give_up_abandoned(&mut self, now: Instant) {
        let mut doubtful = BTreeMap::new();
        let mut abandoned = Vec::new();
        for (id, network) in &self.networks {
            let unused = network
                .record
                .endpoints
                .iter()
                .filter(|(endpoint, record)| {
                    !record.attached
                        && !network.joining.contains(*endpoint)
                        && self.containers.container(endpoint).is_none()
                });
            for (endpoint, _) in unused {
                let since = self.doubtful.get(endpoint).copied().unwrap_or(now);
                if now - since >= self.policy.second_look {
                    abandoned.push((id.clone(), endpoint.clone()));
                } else {
                    doubtful.insert(endpoint.clone(), since);
                }
            }
        }
        self.doubtful = doubtful;
        for (network, endpoint) in &abandoned {
            warn!(
                network,
                endpoint, "Docker has no container with this endpoint; it is given up"
            );
            self.drop_endpoint(network, endpoint);
        }
        if !abandoned.is_empty() {
            drop(self.save());
        }
    }
}
