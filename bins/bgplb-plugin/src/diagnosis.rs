//! What is wrong with services, as far as Docker and the kernel tell.

use std::collections::BTreeSet;

use lb_status::model::{Finding, Health, Reason, Service, ServiceState, Severity};

use crate::datapath::Spread;

/// What is wrong with the services that were seen.
#[derive(Debug, Default)]
pub(crate) struct ServiceFindings {
    found: Vec<Finding>,
    /// What is wrong with a network is told once, not with each address.
    told: BTreeSet<(String, String)>,
    /// Several containers share an address.
    shared: bool,
}

impl ServiceFindings {
    /// One more service.
    pub(crate) fn see(&mut self, service: &Service) {
        self.shared |= service.containers.len() > 1;
        let network = &service.network;
        let network = network.name.as_deref().unwrap_or(&network.id);
        let address = service.prefix.addr();
        let subject = format!("service {network}");
        match service.state {
            ServiceState::Withheld => {
                let Some(mend) = mend(service.reason) else {
                    return;
                };
                let text = format!("{address} is not announced: {}", service.explanation);
                let mut finding = warning(subject, "service-withheld", service.reason_since, text);
                finding.show = Some(format!("bgplb-plugin explain {address}"));
                finding.mend = Some(mend.to_owned());
                self.add(finding);
            }
            ServiceState::Undelivered => {
                let text = format!("{address} is not announced: {}", service.explanation);
                let mut finding = warning(subject, "service-undelivered", service.since, text);
                finding.show = Some(format!("bgplb-plugin explain {address}"));
                finding.mend = Some("the log says what the kernel refuses".to_owned());
                self.add(finding);
            }
            ServiceState::Announced => self.see_containers(service, network),
            _ => {}
        }
    }

    /// The others serve, so the service itself has nothing to tell.
    fn see_containers(&mut self, service: &Service, network: &str) {
        for container in &service.containers {
            if container.health != Health::Unhealthy {
                continue;
            }
            let name = container.name.as_deref().unwrap_or(&container.endpoint);
            let subject = format!("container {name}");
            let text =
                format!("{name} is unhealthy and gets no share of {network}, which others serve");
            let since = service.since;
            let mut finding = warning(subject, "container-unhealthy", since, text);
            finding.show = Some(health_of(name));
            finding.mend = Some(CHECK.to_owned());
            self.add(finding);
        }
    }

    /// All that was found, and what this kernel is too old for.
    pub(crate) fn finish(mut self, spread: Spread, started: u64) -> Vec<Finding> {
        if self.shared && spread == Spread::Multipath {
            let text = "this kernel has no resilient groups of next hops, which Linux has since 5.13: connections to an address of several containers may move to another one when one of them comes or goes";
            let mut finding = warning(
                "host".to_owned(),
                "kernel-too-old",
                started,
                text.to_owned(),
            );
            finding.show = Some("uname -r".to_owned());
            finding.mend = Some("run Linux 5.13 or newer".to_owned());
            self.found.push(finding);
        }
        self.found
    }

    fn add(&mut self, finding: Finding) {
        if self
            .told
            .insert((finding.subject.clone(), finding.code.clone()))
        {
            self.found.push(finding);
        }
    }
}

/// Another host may serve: nothing here is down for sure.
fn warning(subject: String, code: &str, since: u64, text: String) -> Finding {
    Finding::new(subject, code, Severity::Warning, since, text)
}

fn health_of(container: &str) -> String {
    format!("docker inspect --format '{{{{json .State.Health}}}}' {container}")
}

/// What mends it where something is wrong: that nobody is there, that it starts, or that an
/// operator wants it so is not.
const fn mend(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::NotAttached => Some("restart the container if it stays so"),
        Reason::HealthUnknown => Some("look whether Docker answers: docker ps"),
        Reason::Unhealthy => Some(CHECK),
        Reason::Paused => Some("docker unpause, with the container's name"),
        Reason::Stopped => Some("docker start, with the container's name"),
        Reason::HeldDown => {
            Some("find out why it comes and goes; bgplb.hold-down says how often it may")
        }
        _ => None,
    }
}

const CHECK: &str = "mend what its health check says is broken";

#[cfg(test)]
mod tests {
    use lb_status::model::{Container, Network, Share};

    use super::*;

    fn service(prefix: &str, state: ServiceState, reason: Reason) -> Service {
        let network = Network::new("n".repeat(64), Some("web".to_owned()));
        let mut service = Service::new(prefix.parse().unwrap(), network, state, reason);
        service.explanation = "as it is".to_owned();
        service
    }

    fn found(services: &[Service], spread: Spread) -> Vec<(String, String)> {
        let mut findings = ServiceFindings::default();
        services.iter().for_each(|it| findings.see(it));
        let found = findings.finish(spread, 1).into_iter();
        found
            .inspect(|it| assert!(it.show.is_some() && it.mend.is_some(), "{it:?}"))
            .map(|it| (it.subject, it.code))
            .collect()
    }

    fn pair(subject: &str, code: &str) -> (String, String) {
        (subject.to_owned(), code.to_owned())
    }

    #[test]
    fn a_network_that_serves_nobody_is_told_once_for_all_its_addresses() {
        let withheld = |prefix| service(prefix, ServiceState::Withheld, Reason::Unhealthy);
        let both = [withheld("10.0.0.1/32"), withheld("2001:db8::1/128")];
        let told = found(&both, Spread::Resilient);
        assert_eq!(told, [pair("service web", "service-withheld")]);
        let waits = service(
            "10.0.0.1/32",
            ServiceState::Undelivered,
            Reason::DatapathNotReady,
        );
        let told = found(&[waits], Spread::Resilient);
        assert_eq!(told, [pair("service web", "service-undelivered")]);
    }

    #[test]
    fn what_is_wanted_so_or_passes_by_itself_is_nothing_wrong() {
        for reason in [
            Reason::NoEndpoint,
            Reason::Starting,
            Reason::Unproven,
            Reason::Drained,
            Reason::Maintenance,
        ] {
            let it = service("10.0.0.1/32", ServiceState::Withheld, reason);
            assert_eq!(found(&[it], Spread::Multipath), []);
        }
    }

    #[test]
    fn one_sick_container_of_two_is_named_and_an_old_kernel_too() {
        let mut it = service("10.0.0.1/32", ServiceState::Announced, Reason::Serving);
        let container = |name: &str, health, share| {
            let mut container = Container::new(name.repeat(64), health, share);
            container.name = Some(name.to_owned());
            container
        };
        it.containers = vec![
            container("a", Health::Serving, Share::Full),
            container("b", Health::Unhealthy, Share::None),
        ];
        let sick = pair("container b", "container-unhealthy");
        assert_eq!(
            found(std::slice::from_ref(&it), Spread::Resilient),
            [pair("container b", "container-unhealthy")]
        );
        let told = found(&[it], Spread::Multipath);
        assert_eq!(told, [sick, pair("host", "kernel-too-old")]);
    }
}
