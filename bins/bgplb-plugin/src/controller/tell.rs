//! What the controller does and sees, as events.

use std::collections::BTreeMap;

use healthwatch::Container;
use host_check::Finding;
use ipnet::IpNet;
use lb_plan::Health;
use lb_status::model::{self, DrainScope, Event, EventKind};

use super::snapshot;
use super::{Controller, Source};

impl Controller {
    pub(super) fn tell(&self, event: Event) {
        self.effects.events.write(event);
    }

    /// A network as it is told.
    pub(super) fn told_network(&self, id: &str) -> model::Network {
        model::Network::new(id.to_owned(), self.network_names.get(id).cloned())
    }

    /// A prefix is announced from now on, or no longer.
    pub(super) fn tell_announced(&self, source: &Source, prefix: IpNet, is_announced: bool) {
        let (Source::Service(id) | Source::Labelled(id)) = source;
        let network = self.told_network(id);
        let name = network.name.as_deref().unwrap_or(id);
        let event = if is_announced {
            let message = format!("{prefix} of {name} is announced");
            Event::new(EventKind::ServiceAnnounced, message)
        } else {
            let message = format!("{prefix} of {name} is withdrawn");
            Event::new(EventKind::ServiceWithdrawn, message)
        };
        let reason = self.networks.get(id).map(|it| it.reason.code());
        let event = event.of_prefix(prefix).of_network(network);
        self.tell(match reason {
            Some(reason) => event.with_code(reason),
            None => event,
        });
    }

    /// A network's addresses stand elsewhere, or for another reason.
    pub(super) fn tell_standing(&self, id: &str) {
        let Some(network) = self.networks.get(id) else {
            return;
        };
        let standing = network.standing;
        let named = self.told_network(id);
        let name = named.name.as_deref().unwrap_or(id);
        let state = standing.state.word();
        let message = format!("{name} is {state}: {}", network.explanation());
        let event = Event::new(EventKind::ServiceState, message);
        self.tell(event.of_network(named).with_code(standing.reason.word()));
    }

    /// A container on a network of ours has another health than `before`.
    pub(super) fn tell_health(&self, container: &str, before: Option<Health>) {
        let now = self.containers.health_of(container);
        let Some(health) = now.filter(|_| now != before) else {
            return;
        };
        let endpoints = self.containers.endpoints(container);
        let found = endpoints
            .iter()
            .find_map(|it| self.network_of.get_key_value(it));
        let Some((endpoint, network)) = found else {
            return;
        };
        let name = self.name_of_container(endpoint);
        let word = snapshot::health(health).word();
        let event = Event::new(EventKind::ContainerHealth, format!("{name} is {word}"));
        let event = event.of_container(name).with_code(word);
        self.tell(event.of_network(self.told_network(network)));
    }

    /// Docker has listed these containers, which had this health before.
    pub(super) fn tell_listed(&self, listed: &[Container], before: &BTreeMap<String, Health>) {
        for container in listed {
            let container = container.id.as_str();
            // What is new was told by its networks, and at the start everything is.
            if let Some(before) = before.get(container) {
                self.tell_health(container, Some(*before));
            }
        }
    }

    pub(super) fn tell_docker(&self, reachable: bool, message: &str) {
        let kind = if reachable {
            EventKind::DockerConnected
        } else {
            EventKind::DockerDisconnected
        };
        self.tell(Event::new(kind, message));
    }

    /// A container's drain begins, or has had its time.
    pub(super) fn tell_container_drain(&self, network: &str, endpoint: &str, begins: bool) {
        let name = self.name_of_container(endpoint);
        let event = if begins {
            Event::new(EventKind::DrainBegun, format!("{name} is drained"))
        } else {
            let message = format!("{name} was drained, and is stopped");
            Event::new(EventKind::DrainEnded, message)
        };
        let event = event
            .of_network(self.told_network(network))
            .of_container(name);
        self.tell(event.with_code(DrainScope::Container.word()));
    }

    pub(super) fn tell_host_drain(&self, begins: bool) {
        let event = if begins {
            Event::new(EventKind::DrainBegun, "this host is drained")
        } else {
            Event::new(EventKind::DrainEnded, "this host is no longer drained")
        };
        self.tell(event.with_code(DrainScope::Host.word()));
    }

    pub(super) fn tell_finding(&self, finding: &Finding, appeared: bool) {
        let kind = if appeared {
            EventKind::FindingAppeared
        } else {
            EventKind::FindingGone
        };
        let sentence = finding.text();
        let message = if appeared {
            sentence
        } else {
            format!("no longer so: {sentence}")
        };
        self.tell(Event::new(kind, message).with_code(finding.code()));
    }

    fn name_of_container<'a>(&'a self, endpoint: &'a str) -> &'a str {
        let container = self.containers.container(endpoint);
        container.map_or(endpoint, |(_, name)| name)
    }
}
