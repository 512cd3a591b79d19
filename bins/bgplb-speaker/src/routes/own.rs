//! What peers announce of this host's own networks, which is not installed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::IpNet;
use netplumb::{Kernel, NextHops};
use tracing::{info, warn};

use super::{Outcome, Routes};

/// The subnets of our own networks, and what was learned for them.
#[derive(Debug, Default)]
pub(super) struct Own {
    subnets: Arc<BTreeSet<IpNet>>,
    /// By which next hops they would go, were they not ours.
    learned: BTreeMap<IpNet, NextHops>,
}

impl Own {
    /// Whether `prefix` is ours; then what was learned is kept here, and is not to be
    /// installed.
    pub(super) fn keeps(&mut self, prefix: IpNet, next_hops: &NextHops) -> bool {
        if !self.subnets.contains(&prefix) {
            return false;
        }
        if next_hops.is_empty() {
            self.learned.remove(&prefix);
        } else if self.learned.insert(prefix, next_hops.clone()).is_none() {
            warn!(
                %prefix,
                "a peer announces a network of this host's own; its route is not installed"
            );
        }
        true
    }
}

impl<K: Kernel> Routes<K> {
    /// From here on these are the subnets of our own networks: what peers announce for
    /// them leaves the kernel, and what they announce for others of before comes there.
    pub(crate) fn leave_to_us(&mut self, subnets: Arc<BTreeSet<IpNet>>) -> Outcome {
        self.own.subnets = Arc::clone(&subnets);
        let learned = std::mem::take(&mut self.own.learned);
        let mut wanted = Vec::new();
        for (prefix, next_hops) in learned {
            if !subnets.contains(&prefix) {
                info!(%prefix, "no longer a network of this host's own; the route is installed");
                wanted.extend(self.enter(prefix, &next_hops));
            } else {
                self.own.learned.insert(prefix, next_hops);
            }
        }
        for prefix in subnets.iter() {
            let known = self.book.get(prefix);
            if let Some(next_hops) = known.map(|(next_hops, _)| next_hops.clone()) {
                wanted.extend(self.enter(*prefix, &next_hops));
            }
        }
        let mut outcome = Outcome::Complete;
        let results = self.kernel.change_routes(&wanted);
        for (step, result) in wanted.iter().zip(results) {
            match result {
                Ok(()) => self.note(step),
                Err(error) => {
                    warn!("{error}");
                    outcome = Outcome::Incomplete;
                }
            }
        }
        outcome
    }
}
