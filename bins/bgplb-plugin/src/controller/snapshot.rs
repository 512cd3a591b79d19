//! What the controller says of itself, in pieces that cost what they hold.

use std::net::IpAddr;
use std::ops::Bound;
use std::time::{Instant, SystemTime};

use ipnet::IpNet;
use lb_plan::{Drain, Health, NotServing};
use lb_status::PoolUse;
use lb_status::model::{
    self, DrainScope, DrainStage, Missing, Service, ServiceState, Warning, seconds,
};

use super::network::{Network, Source};
use super::{Controller, Timer};
use crate::store::EndpointRecord;

/// What is the case apart from single networks.
#[derive(Debug)]
pub(crate) struct Overview {
    pub(crate) docker: model::Docker,
    pub(crate) drain: Option<model::Drain>,
    /// Since when the host is in maintenance.
    pub(crate) maintenance: Option<u64>,
    /// What is in the way of the services on the host.
    pub(crate) warnings: Vec<Warning>,
}

/// The services of a few networks, and where the next ones begin.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) services: Vec<Service>,
    /// The last network of the page; `None` if nothing follows.
    pub(crate) last: Option<String>,
}

/// How many networks are read in one turn: the controller does nothing else
/// meanwhile.
const PAGE: usize = 64;

impl Controller {
    /// What is the case apart from single networks.
    pub(crate) fn overview(&self) -> Overview {
        let drain = self
            .drained
            .then(|| model::Drain::new(DrainScope::Host, DrainStage::Withdrawn, None));
        let findings = self.host.findings().iter();
        let warnings = findings.map(|(finding, since)| {
            Warning::new(
                finding.code(),
                seconds(*since),
                finding.text(),
                Some(finding.remedy()),
            )
        });
        Overview {
            docker: model::Docker::new(self.docker.is_so, seconds(self.docker.since)),
            drain,
            maintenance: self.maintenance,
            warnings: warnings.collect(),
        }
    }

    /// What is missing for the services to be what Docker says they should be.
    pub(crate) fn missing(&self) -> Vec<Missing> {
        let mut missing = Vec::new();
        if !self.told_everything {
            let text = "Docker has not told yet which containers there are and how they are";
            missing.push(Missing::new("first-verdicts", text));
        }
        let networks = self.networks.values();
        let waiting = networks.filter(|it| it.standing.state == ServiceState::Undelivered);
        match waiting.count() {
            0 => {}
            count => {
                let text = format!("the kernel does not deliver yet to networks: {count}");
                missing.push(Missing::new("data-path", text));
            }
        }
        missing
    }

    /// How full the pools are.
    pub(crate) fn pools_in_use(&self) -> Vec<PoolUse> {
        self.addresses.pools_in_use().collect()
    }

    /// The services of the next few networks behind `after`.
    pub(crate) fn services_page(&self, after: Option<&str>) -> Page {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let networks = self.networks.range::<str, _>((from, Bound::Unbounded));
        let clock = Clock::now();
        let mut page = Page {
            services: Vec::new(),
            last: None,
        };
        for (read, (id, network)) in (1..).zip(networks) {
            page.services.extend(self.services_of(id, network, clock));
            if read == PAGE {
                page.last = Some(id.clone());
                break;
            }
        }
        page
    }

    /// The service that holds an address.
    pub(crate) fn service_of(&self, address: IpAddr) -> Option<Service> {
        let prefix = IpNet::from(address);
        let mut networks = self.networks.iter();
        let (id, network) = networks.find(|(_, it)| it.record.prefixes().any(|it| it == prefix))?;
        Some(self.service(id, network, prefix, Clock::now()))
    }

    /// One network's addresses.
    fn services_of(
        &self,
        id: &str,
        network: &Network,
        clock: Clock,
    ) -> impl Iterator<Item = Service> {
        let prefixes = network.record.prefixes();
        prefixes.map(move |prefix| self.service(id, network, prefix, clock))
    }

    fn service(&self, id: &str, network: &Network, prefix: IpNet, clock: Clock) -> Service {
        let named = model::Network::new(id.to_owned(), self.network_names.get(id).cloned());
        let standing = network.standing;
        let endpoints = network.record.endpoints.iter();
        let holders = endpoints.filter(|(_, record)| holds(record, prefix.addr()));
        let source = Source::Service(id.to_owned());
        let announced = network.actual.announced;
        let announced = announced.filter(|_| self.announcements.wants(&source, prefix));
        let (state, reason, explanation) = match (standing.state, announced) {
            // The containers that serve have addresses of the other family only.
            (ServiceState::Announced, None) => {
                let reason = lb_plan::Reason::NoEndpoint;
                let told = model::Reason::NoEndpoint;
                (ServiceState::Withheld, told, reason.to_string())
            }
            (ServiceState::Undelivered, _) => {
                let text = "the kernel does not deliver to the container yet".to_owned();
                (standing.state, standing.reason, text)
            }
            _ => (standing.state, standing.reason, network.explanation()),
        };
        let mut service = Service::new(prefix, named, state, reason);
        service.since = seconds(standing.since);
        service.changes = standing.changes;
        service.reason_since = seconds(standing.reason_since);
        service.explanation = explanation;
        service.containers = holders
            .map(|(endpoint, record)| self.container(network, endpoint, record, clock))
            .collect();
        service.attributes = announced.map(|how| {
            let attributes = network.options.attributes(self.site.local_as, how);
            lb_status::attributes(&attributes)
        });
        let audience = network.options.audience();
        service.audience = audience.map(|keys| keys.iter().map(ToString::to_string).collect());
        let end = self.timers.at(&Timer::UnmarkNetwork(id.to_owned()));
        let scope = self.drain_scope(network);
        service.drain = scope.and_then(|scope| drain(scope, network.drain, end, clock));
        service
    }

    fn container(
        &self,
        network: &Network,
        endpoint: &str,
        record: &EndpointRecord,
        clock: Clock,
    ) -> model::Container {
        let share = match network.actual.delivered.get(endpoint) {
            None => model::Share::None,
            Some(lb_plan::Share::Full) => model::Share::Full,
            Some(lb_plan::Share::Leaving) => model::Share::Leaving,
        };
        let health = health(self.containers.health(endpoint));
        let mut container = model::Container::new(endpoint.to_owned(), health, share);
        if let Some((id, name)) = self.containers.container(endpoint) {
            container.id = Some(id.to_owned());
            container.name = Some(name.to_owned());
        }
        let carrier = network.live.get(endpoint).and_then(|live| live.carrier);
        container.attached = record.attached && !network.broken && carrier != Some(false);
        let stage = network.live.get(endpoint).map_or(Drain::No, |it| it.drain);
        let timers = [Timer::Unmark, Timer::StopDrained].map(|timer| timer(endpoint.to_owned()));
        let end = timers
            .iter()
            .filter_map(|timer| self.timers.at(timer))
            .min();
        container.drain = drain(DrainScope::Container, stage, end, clock);
        container
    }
}

/// The same moment by both clocks.
#[derive(Clone, Copy, Debug)]
struct Clock {
    steady: Instant,
    wall: SystemTime,
}

impl Clock {
    fn now() -> Self {
        Self {
            steady: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    fn seconds(self, at: Instant) -> u64 {
        seconds(self.wall + at.saturating_duration_since(self.steady))
    }
}

fn drain(
    scope: DrainScope,
    stage: Drain,
    end: Option<Instant>,
    clock: Clock,
) -> Option<model::Drain> {
    let stage = match stage {
        Drain::No => return None,
        Drain::Marked => DrainStage::Marked,
        Drain::Withdrawn => DrainStage::Withdrawn,
        Drain::Over => DrainStage::Over,
    };
    let until = end.map(|end| clock.seconds(end));
    Some(model::Drain::new(scope, stage, until))
}

fn holds(record: &EndpointRecord, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => record.v4,
        IpAddr::V6(_) => record.v6,
    }
}

pub(super) const fn health(health: Health) -> model::Health {
    match health {
        Health::Serving | Health::Unproven => model::Health::Serving,
        Health::NotServing(NotServing::Starting) => model::Health::Starting,
        Health::NotServing(NotServing::Unhealthy) => model::Health::Unhealthy,
        Health::NotServing(NotServing::Paused) => model::Health::Paused,
        Health::NotServing(_) => model::Health::Stopped,
        _ => model::Health::Unknown,
    }
}
