//! Explaining an address out of what is told of services, peers and routes.

mod checked;

use std::net::IpAddr;

use bgp_wire::Family;

use crate::model::{
    AdvertisedRoute, Container, Drain, DrainScope, Explanation, Gate, GateName, Health, Peer,
    PeerState, Reason, Service, ServiceState, Verdict, Warning,
};

/// What is known that may hold an address.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The service that holds it.
    pub(crate) service: Option<Service>,
    /// Whether services are networks of a container engine.
    pub(crate) has_networks: bool,
    /// The route in the table that covers it.
    pub(crate) route: Option<AdvertisedRoute>,
    /// All peers.
    pub(crate) peers: Vec<Peer>,
    /// What is in the way on the host.
    pub(crate) warnings: Vec<Warning>,
    /// How the whole host is drained.
    pub(crate) drain: Option<Drain>,
}

/// Every gate of `address`, in order.
pub(crate) fn explain(address: IpAddr, facts: &Facts) -> Explanation {
    let mut gates = match &facts.service {
        Some(service) => of_service(service, &facts.warnings),
        None => without_service(address, facts),
    };
    let family = if address.is_ipv4() {
        Family::IPV4_UNICAST
    } else {
        Family::IPV6_UNICAST
    };
    let family = family.to_string();
    let audience = facts.service.as_ref().and_then(|it| it.audience.as_deref());
    for peer in &facts.peers {
        gates.extend(of_peer(peer, &family, audience));
    }
    let prefix = facts.route.as_ref().map(|route| route.prefix);
    let prefix = prefix.or_else(|| facts.service.as_ref().map(|it| it.prefix));
    let told = facts.route.as_ref().is_some_and(|it| !it.peers.is_empty());
    Explanation::new(address, prefix, told, gates)
}

/// An address of which only the table of routes may know.
fn without_service(address: IpAddr, facts: &Facts) -> Vec<Gate> {
    if let Some(route) = &facts.route {
        let text = format!("{} is announced, which holds it", route.prefix);
        return vec![gate(GateName::Network, None, Verdict::Ok, text)];
    }
    if let Some(drain) = facts.drain.as_ref().filter(|_| !facts.has_networks) {
        return vec![drained(drain.scope, "", "bgplb-speaker")];
    }
    let (text, remedy) = if facts.has_networks {
        let subnet = if address.is_ipv4() {
            format!("--subnet {address}/32")
        } else {
            format!("--ipv6 --ipam-opt v6subnet={address}/128")
        };
        (
            "no network of the plugin has it on this host",
            format!("docker network create --driver bgplb --ipam-driver bgplb {subnet} NAME"),
        )
    } else {
        (
            "no service and no announced prefix holds it",
            "a service or an [[announce]] in the configuration and `bgplb-speaker reload`"
                .to_owned(),
        )
    };
    vec![gate(GateName::Network, None, Verdict::Blocked, text).with(remedy)]
}

fn of_service(service: &Service, warnings: &[Warning]) -> Vec<Gate> {
    let network = service
        .network
        .name
        .as_deref()
        .unwrap_or(&service.network.id);
    if let Some(checks) = &service.checks {
        return checked::gates(service, network, checks, warnings);
    }
    let named = |name| move |verdict, text: String| gate(name, Some(network), verdict, text);
    let mut gates = vec![named(GateName::Network)(
        Verdict::Ok,
        format!("{} belongs to it", service.prefix),
    )];
    let count = service.containers.len();
    gates.push(if count == 0 {
        named(GateName::Endpoint)(
            Verdict::Blocked,
            "no container is connected to it".to_owned(),
        )
        .with(format!("docker network connect {network} CONTAINER"))
        .since(service.reason_since)
    } else {
        named(GateName::Endpoint)(Verdict::Ok, format!("containers connected to it: {count}"))
    });
    gates.extend(service.containers.iter().flat_map(of_container));
    if matches!(service.reason, Reason::Unproven | Reason::HeldDown) {
        let blocked = named(GateName::Health)(Verdict::Blocked, service.explanation.clone());
        gates.push(blocked.since(service.reason_since));
    }
    if let Some(drain) = &service.drain {
        gates.push(drained(drain.scope, network, "bgplb-plugin"));
    } else if service.containers.iter().all(|it| it.drain.is_none()) {
        gates.push(named(GateName::Drain)(
            Verdict::Ok,
            "nobody drains it".to_owned(),
        ));
    }
    // Gate by gate, and not container by container.
    gates.sort_by_key(|it| it.gate);
    gates.push(data_path(service, network));
    gates.extend(warnings.iter().map(in_the_way));
    gates
}

/// What is wrong with the host.
fn in_the_way(warning: &Warning) -> Gate {
    let blocked = gate(GateName::DataPath, None, Verdict::Blocked, &warning.text);
    Gate {
        remedy: warning.remedy.clone(),
        ..blocked.since(warning.since)
    }
}

/// What an operator keeps back until that is taken back.
fn drained(scope: DrainScope, network: &str, program: &str) -> Gate {
    let (about, text, remedy) = match scope {
        DrainScope::Service => (
            Some(network),
            "the service is drained",
            format!("{program} undrain {network}"),
        ),
        DrainScope::Maintenance => (
            None,
            "the whole host is in maintenance",
            format!("{program} maintenance off"),
        ),
        _ => (
            None,
            "the whole host is drained",
            format!("{program} undrain host"),
        ),
    };
    gate(GateName::Drain, about, Verdict::Blocked, text).with(remedy)
}

fn data_path(service: &Service, network: &str) -> Gate {
    let (verdict, text) = match service.state {
        ServiceState::Announced => (Verdict::Ok, "the kernel delivers to it"),
        ServiceState::Draining => (Verdict::Ok, "the kernel still delivers to it"),
        ServiceState::Undelivered => (Verdict::Blocked, "the kernel does not deliver yet"),
        _ => (
            Verdict::Unknown,
            "the kernel is asked when a container can serve",
        ),
    };
    let gate = gate(GateName::DataPath, Some(network), verdict, text).since(service.since);
    if verdict == Verdict::Blocked {
        gate.with("it is tried again; the plugin's log says what the kernel refused".to_owned())
    } else {
        gate
    }
}

fn of_container(container: &Container) -> Vec<Gate> {
    let name = container.name.as_deref().unwrap_or(&container.endpoint);
    let about = |gate_name, verdict, text| gate(gate_name, Some(name), verdict, text);
    let (runs, runs_again) = match container.health {
        Health::Stopped => ("it does not run", Some(format!("docker start {name}"))),
        Health::Paused => ("it is paused", Some(format!("docker unpause {name}"))),
        _ if !container.attached => ("its link is not in place", None),
        _ => ("it runs, and its link is in place", None),
    };
    let is_up = container.attached && !matches!(container.health, Health::Stopped | Health::Paused);
    let verdict = if is_up { Verdict::Ok } else { Verdict::Blocked };
    let mut gates = vec![Gate {
        remedy: runs_again,
        ..about(GateName::Container, verdict, runs)
    }];
    let (verdict, text) = match container.health {
        Health::Serving => (Verdict::Ok, "healthy, or without a health check"),
        Health::Starting => (Verdict::Blocked, "its health check has not passed yet"),
        Health::Unhealthy => (Verdict::Blocked, "its health check fails"),
        Health::Unknown => (Verdict::Unknown, "Docker has not told its health yet"),
        _ => (Verdict::Unknown, "there is none while it does not run"),
    };
    let health = about(GateName::Health, verdict, text);
    gates.push(if verdict == Verdict::Blocked {
        health.with(format!(
            "docker inspect --format '{{{{json .State.Health}}}}' {name}"
        ))
    } else {
        health
    });
    if let Some(drain) = container.drain {
        let text = format!("it is drained: {}", drain.stage.word());
        gates.push(
            about(GateName::Drain, Verdict::Blocked, &text).with(format!("docker restart {name}")),
        );
    }
    gates
}

fn of_peer(peer: &Peer, family: &str, audience: Option<&[String]>) -> Vec<Gate> {
    let about = |name, verdict, text| gate(name, Some(peer.peer.as_str()), verdict, text);
    let Some(session) = peer
        .session
        .as_ref()
        .filter(|_| peer.state == PeerState::Established)
    else {
        let word = peer.state.word();
        let blocked = |text| about(GateName::Peer, Verdict::Blocked, text).since(peer.since);
        return vec![match &peer.last_error {
            _ if peer.administratively_down => blocked("an operator wants no session".to_owned())
                .with(format!("bgplb-speaker up {}", peer.peer)),
            Some(error) => blocked(format!("{word}; the last error was: {}", error.text)),
            None => blocked(format!("there is no session, it is {word}")),
        }];
    };
    let up = "there is a session".to_owned();
    let mut gates = vec![about(GateName::Peer, Verdict::Ok, up).since(peer.since)];
    if !session.families.iter().any(|it| it == family) {
        let text = format!("the session is not for {family}");
        gates.push(
            about(GateName::Family, Verdict::Blocked, text)
                .since(peer.since)
                .with(format!("activate {family} for this host at the router")),
        );
        return gates;
    }
    gates.push(about(
        GateName::Family,
        Verdict::Ok,
        format!("the session is for {family}"),
    ));
    let withheld = peer.withheld.iter().find(|it| it.family == family);
    let left_out = audience.is_some_and(|it| !it.contains(&peer.peer));
    gates.push(if let Some(withheld) = withheld {
        about(GateName::Policy, Verdict::Blocked, withheld.reason.clone())
    } else if left_out {
        let text = "the network's option bgplb.peers leaves it out".to_owned();
        about(GateName::Policy, Verdict::Blocked, text)
    } else if peer.graceful_shutdown {
        let text = "it is told, as about to go (GRACEFUL_SHUTDOWN)".to_owned();
        about(GateName::Policy, Verdict::Ok, text)
    } else {
        about(GateName::Policy, Verdict::Ok, "it may be told".to_owned())
    });
    gates
}

fn gate(gate: GateName, about: Option<&str>, verdict: Verdict, text: impl Into<String>) -> Gate {
    Gate {
        gate,
        about: about.map(str::to_owned),
        verdict,
        since: None,
        text: text.into(),
        remedy: None,
    }
}

impl Gate {
    fn with(self, remedy: String) -> Self {
        Self {
            remedy: Some(remedy),
            ..self
        }
    }

    fn since(self, since: u64) -> Self {
        Self {
            since: Some(since),
            ..self
        }
    }
}

#[cfg(test)]
#[cfg(feature = "command")]
mod tests;
