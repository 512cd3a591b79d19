//! What of the host is in the way of what learned routes lead on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bgp_speaker::SpeakerHandle;
use host_check::{Finding, TransitRoute, look_at_transit};
use ipnet::{IpNet, Ipv6Net};
use lb_status::model::{self, Warning, seconds};

/// Looks at the host when somebody asks.
#[derive(Clone, Debug)]
pub(crate) struct HostCheck {
    speaker: SpeakerHandle,
    /// What was there when it was asked last, and since when. Locked for moments.
    found: Arc<Mutex<BTreeMap<Finding, SystemTime>>>,
}

impl HostCheck {
    /// For a speaker whose learned routes go into the kernel.
    pub(crate) fn new(speaker: SpeakerHandle) -> Self {
        Self {
            speaker,
            found: Arc::default(),
        }
    }

    /// What is in the way now, each since it was seen first.
    pub(crate) async fn findings(&self) -> Vec<model::Finding> {
        let routes = self.routes();
        let looked = tokio::task::spawn_blocking(move || look_at_transit(&routes));
        let Ok(now) = looked.await else {
            return Vec::new();
        };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.retain(|finding, _| now.contains(finding));
        for finding in now {
            found.entry(finding).or_insert_with(SystemTime::now);
        }
        found.iter().map(|(it, since)| told(it, *since)).collect()
    }

    /// A few routes of each family that packets take.
    fn routes(&self) -> Vec<TransitRoute> {
        let v6 = IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0));
        let mut routes: BTreeMap<IpNet, BTreeSet<_>> = BTreeMap::new();
        for from in [Bound::Unbounded, Bound::Included(v6)] {
            for route in self.speaker.learned_page(from, FOLLOWED) {
                if route.used {
                    routes
                        .entry(route.prefix)
                        .or_default()
                        .insert(route.next_hop());
                }
            }
        }
        let route = |(prefix, next_hops)| TransitRoute { prefix, next_hops };
        routes.into_iter().map(route).collect()
    }
}

fn told(finding: &Finding, since: SystemTime) -> model::Finding {
    let (code, remedy) = (finding.code(), Some(finding.remedy()));
    let warning = Warning::new(code, seconds(since), finding.text(), remedy);
    let mut told = model::Finding::of_host(warning);
    told.show = Some(finding.show());
    told
}

/// Of how many routes of each family the way is looked at: what is in one's way is in everybody's
/// that leave by the same link.
const FOLLOWED: usize = 64;
