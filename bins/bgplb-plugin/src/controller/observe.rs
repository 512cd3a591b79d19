//! Docker's news.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use healthwatch::{Network, Observation};
use ipnet::IpNet;
use tracing::{info, warn};

use super::{Controller, Route, Source};

/// The label that has a network's subnets announced.
const ADVERTISE: (&str, &str) = ("bgplb_advertise", "true");

/// SIGUSR2 as Docker numbers it on the architectures it runs on.
const SIGUSR2: u8 = 12;

impl Controller {
    pub(super) fn observe(&mut self, observation: Observation) {
        match observation {
            Observation::Listed {
                containers,
                networks,
            } => {
                self.note_docker(true);
                let before = self.containers.healths();
                let touched = self.containers.replace(&containers);
                self.tell_listed(&containers, &before);
                self.settle_endpoints(&touched);
                self.list_networks(&networks);
                self.give_up_abandoned(Instant::now());
                self.finish_restart();
            }
            Observation::Container(container) => {
                let id = container.id.as_str();
                let before = self.containers.health_of(id);
                let touched = self.containers.insert(&container);
                self.tell_health(id, before);
                self.settle_endpoints(&touched);
            }
            Observation::Level {
                container, level, ..
            } => {
                let before = self.containers.health_of(container.as_str());
                let touched = self.containers.set_level(container.as_str(), level);
                self.tell_health(container.as_str(), before);
                self.settle_endpoints(&touched);
            }
            Observation::ContainerGone(container) => {
                let touched = self.containers.remove(container.as_str());
                self.settle_endpoints(&touched);
            }
            Observation::Network(network) => self.see_network(&network),
            Observation::NetworkGone(id) => self.lose_network(&id),
            Observation::Signal {
                container,
                signal: SIGUSR2,
                ..
            } => self.drain_container(container.as_str()),
            Observation::Unreachable { error } => {
                self.note_docker(false);
                warn!(%error, "Docker can't be reached; what is known is held");
            }
            Observation::Reachable => {
                self.note_docker(true);
                info!("Docker can be reached");
            }
            _ => {}
        }
    }

    fn note_docker(&mut self, reachable: bool) {
        if self.docker.note(reachable) {
            let message = if reachable {
                "Docker can be reached"
            } else {
                "Docker can't be reached; what is known is held"
            };
            self.tell_docker(reachable, message);
        }
    }

    /// Docker has told us everything. What follows from it is announced when
    /// the kernel has done what was asked of it so far; then routers may forget
    /// what an earlier run announced and this one does not.
    fn finish_restart(&mut self) {
        if std::mem::replace(&mut self.told_everything, true) {
            return;
        }
        let networks: Vec<String> = self.networks.keys().cloned().collect();
        for network in networks {
            self.settle(&network);
        }
        let handle = self.handle.clone();
        self.effects.plumber.observe_then(move |_| {
            handle.tell_blocking(|controller| {
                controller.effects.speaker.initial_table_complete();
                controller.reconcile();
            });
        });
    }

    fn settle_endpoints(&mut self, endpoints: &BTreeSet<String>) {
        let networks: BTreeSet<String> = endpoints
            .iter()
            .filter_map(|endpoint| self.network_of.get(endpoint).cloned())
            .collect();
        let now = Instant::now();
        for id in networks {
            self.note_heard(&id, now);
            self.settle(&id);
        }
    }

    fn list_networks(&mut self, networks: &[Network]) {
        self.network_names = networks
            .iter()
            .map(|network| (network.id.clone(), network.name.clone()))
            .collect::<BTreeMap<_, _>>();
        self.network_subnets = networks
            .iter()
            .map(|network| (network.id.clone(), network.subnets.clone()))
            .collect();
        self.list_gateways(networks);
        let present: BTreeSet<&str> = networks.iter().map(|n| n.id.as_str()).collect();
        self.forget_absent(&present);
        let labelled = self.labelled.keys();
        let gone: Vec<String> = labelled
            .filter(|id| !present.contains(id.as_str()))
            .cloned()
            .collect();
        for id in gone {
            self.lose_network(&id);
        }
        self.compare_addresses(networks);
        for network in networks {
            self.advertise(network);
        }
    }

    fn see_network(&mut self, network: &Network) {
        self.network_names
            .insert(network.id.clone(), network.name.clone());
        self.network_subnets
            .insert(network.id.clone(), network.subnets.clone());
        self.see_gateway(network);
        self.advertise(network);
    }

    fn lose_network(&mut self, id: &str) {
        self.network_names.remove(id);
        self.network_subnets.remove(id);
        self.lose_gateway(id);
        self.labelled.remove(id);
        self.announce_labelled(id);
    }

    /// Announces the subnets of a labelled network. A network of ours is
    /// announced by its containers' health, whatever its labels say.
    fn advertise(&mut self, network: &Network) {
        let labelled = network.labels.get(ADVERTISE.0).map(String::as_str) == Some(ADVERTISE.1);
        if labelled && !self.networks.contains_key(&network.id) {
            let prefixes = network.subnets.iter().filter_map(announceable);
            self.labelled.insert(network.id.clone(), prefixes.collect());
        } else {
            self.labelled.remove(&network.id);
        }
        self.announce_labelled(&network.id);
    }

    /// Announces what is to be announced of a network for its label: nothing in
    /// maintenance.
    pub(super) fn announce_labelled(&mut self, id: &str) {
        let route = Route {
            attributes: Arc::clone(&self.attributes),
            audience: None,
        };
        let prefixes = self.labelled.get(id).filter(|_| self.maintenance.is_none());
        let prefixes = prefixes.into_iter().flatten();
        let routes = prefixes.map(|prefix| (*prefix, route.clone())).collect();
        self.set_announced(Source::Labelled(id.to_owned()), routes);
    }
}

/// The subnet as it is announced; special ranges never are.
fn announceable(subnet: &IpNet) -> Option<IpNet> {
    let subnet = subnet.trunc();
    match lb_plan::check_service_address(subnet.addr()) {
        Ok(()) if subnet.prefix_len() > 0 => Some(subnet),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::announceable;

    #[test]
    fn subnets_are_canonical_and_special_ones_left_out() {
        let check = |text: &str| announceable(&text.parse().unwrap()).map(|p| p.to_string());
        assert_eq!(check("172.23.1.7/24").as_deref(), Some("172.23.1.0/24"));
        assert_eq!(
            check("2001:db8:0:1001::/64").as_deref(),
            Some("2001:db8:0:1001::/64")
        );
        for special in [
            "0.0.0.0/32",
            "0.0.0.0/0",
            "::/0",
            "fe80::/64",
            "127.0.0.0/8",
        ] {
            assert_eq!(check(special), None, "{special}");
        }
    }
}
