//! From one list of services to another while they run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bgp_speaker::RibVersion;
use ipnet::IpNet;
use netplumb::ipvs::ServiceKey;
use tracing::{info, warn};

use super::balancer::Balanced;
use super::datapath::Wanted;
use super::service::Service;
use super::{Announce, Services};
use crate::announcing::{Announcing, Source};
use crate::config::{Place, ServiceSettings, Sharing};

/// What goes from the kernel once every peer has heard of the withdrawal.
#[derive(Debug)]
pub(super) struct Leaving {
    addresses: BTreeMap<IpNet, Place>,
    balanced: BTreeMap<ServiceKey, Balanced>,
    withdrawn: RibVersion,
    pub(super) until: Instant,
}

impl Services {
    /// Takes over the services of the file; those that stay as they are notice
    /// nothing.
    pub(crate) async fn configure(
        &mut self,
        settings: &[ServiceSettings],
        announcing: &mut Announcing,
        now: Instant,
    ) {
        let named: BTreeSet<&str> = settings.iter().map(|it| it.name.as_str()).collect();
        let known = self.services.keys().cloned();
        let gone: Vec<_> = known.filter(|it| !named.contains(it.as_str())).collect();
        for name in gone {
            self.looks.remove(&name).await;
            self.remove(&name, announcing, now);
        }
        let mut changed = Vec::new();
        for settings in settings {
            let before = self.services.get(&settings.name);
            let before = before.map(|it| it.settings.clone());
            if before.as_ref() == Some(settings) {
                continue;
            }
            let anew = self.looks.configure(before.as_ref(), settings).await;
            let service = self.services.entry(settings.name.clone());
            let service = service.or_insert_with(|| Service::new(settings.clone()));
            service.reconfigure(settings.clone(), &anew);
            for prefix in &settings.prefixes {
                let holders = self.holders.entry(prefix.trunc()).or_default();
                holders.insert(settings.name.clone());
            }
            if let Some(before) = before {
                self.let_go(&before, announcing, now);
            }
            changed.push(settings.name.clone());
        }
        self.want();
        for name in changed {
            if let Some(service) = self.services.get_mut(&name) {
                service.wanted_by(self.wanted.number);
            }
            self.settle(&name, announcing, now);
        }
        self.announce_shared(announcing);
        self.complete_table();
    }

    /// Who shares an address only with those that are well may have lost, or got, one
    /// that is not.
    fn announce_shared(&self, announcing: &mut Announcing) {
        let services = self.services.iter();
        let shared = services.filter(|(_, it)| it.settings.sharing == Sharing::All);
        for (name, _) in shared {
            self.announce(name, announcing);
        }
    }

    /// Everything of `before` that the service does not hold any more is withdrawn, and
    /// leaves the kernel later.
    fn let_go(&mut self, before: &ServiceSettings, announcing: &mut Announcing, now: Instant) {
        let name = &before.name;
        let service = self.services.get(name);
        let kept = |prefix: &IpNet| service.is_some_and(|it| it.settings.prefixes.contains(prefix));
        let (kept, gone): (Vec<_>, Vec<_>) = before.prefixes.iter().partition(|it| kept(it));
        let kept_ports = |it: &ServiceKey| service.is_some_and(|service| service.balances(it));
        let balanced = balanced(before).filter(|(key, _)| !kept_ports(key));
        let balanced: BTreeMap<_, _> = balanced.collect();
        if gone.is_empty() && balanced.is_empty() {
            return;
        }
        let routes = match service {
            Some(service) if service.announce() != Announce::No => {
                let delivered: BTreeSet<_> = service.delivered().collect();
                let kept = kept.into_iter().filter(|it| delivered.contains(it));
                self.routes(service, kept)
            }
            _ => BTreeMap::new(),
        };
        for prefix in &gone {
            if let Some(holders) = self.holders.get_mut(&prefix.trunc()) {
                holders.remove(name);
                if holders.is_empty() {
                    self.holders.remove(&prefix.trunc());
                }
            }
        }
        let withdrawn = announcing.set(Source::Service(name.clone()), routes);
        let place = &before.place;
        let addresses = gone.into_iter().map(|it| (*it, place.clone())).collect();
        self.leaving.push(Leaving {
            addresses,
            balanced,
            withdrawn,
            until: now + SETTLE_TIME,
        });
    }

    fn remove(&mut self, name: &str, announcing: &mut Announcing, now: Instant) {
        if let Some(service) = self.services.remove(name) {
            self.timers.retain(|(_, of)| of != name);
            self.let_go(&service.settings, announcing, now);
            info!(service = name, "removed");
        }
    }

    /// Takes away what peers send nothing to any more.
    pub(super) fn let_leave(&mut self, now: Instant) {
        let speaker = &self.speaker;
        let before = self.leaving.len();
        self.leaving.retain_mut(|it| {
            if it.until > now {
                return true;
            }
            if speaker.is_flushed(it.withdrawn) {
                return false;
            }
            warn!("a peer has not taken the withdrawal yet; the addresses stay");
            it.until = now + RETRY_TIME;
            true
        });
        if self.leaving.len() != before {
            self.want();
        }
    }

    /// Wants of the kernel what services hold, and what still leaves.
    fn want(&mut self) {
        let leaving = self.leaving.iter();
        let mut wanted = Wanted {
            number: self.wanted.number,
            addresses: leaving
                .clone()
                .flat_map(|it| it.addresses.clone())
                .collect(),
            balanced: leaving.flat_map(|it| it.balanced.clone()).collect(),
        };
        for service in self.services.values() {
            let settings = &service.settings;
            let prefixes = settings.prefixes.iter();
            let places = prefixes.map(|prefix| (*prefix, settings.place.clone()));
            wanted.addresses.extend(places);
            wanted.balanced.extend(balanced(settings));
        }
        // Nothing is news at first: what an earlier run has left is to go.
        if wanted == self.wanted && self.wanted.number > 0 {
            return;
        }
        wanted.number += 1;
        self.wanted = wanted;
        self.datapath.want(self.wanted.clone());
    }
}

/// What the kernel balances for a service.
fn balanced(settings: &ServiceSettings) -> impl Iterator<Item = (ServiceKey, Balanced)> + '_ {
    settings.ports.iter().map(|service| {
        let balanced = Balanced {
            service: service.clone(),
            drain_limit: settings.drain_limit,
        };
        (service.spec().key, balanced)
    })
}

/// How long packets under way may take after the withdrawal.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// When a peer that has not taken a withdrawal is looked at again.
const RETRY_TIME: Duration = Duration::from_secs(1);
