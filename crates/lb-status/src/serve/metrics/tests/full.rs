//! A program that has one of everything.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;

use crate::EventLog;
use crate::model::{
    AdvertisedRoute, Check, CheckState, Configuration, Container, Docker, Drain, DrainScope,
    DrainStage, Finding, Findings, Health, Host, LearnedRoute, Missing, Network, PeerCounts, Peers,
    Port, Program, Reason, RouteCounts, Service, ServiceCounts, ServiceState, Severity, Share,
    Status,
};
use crate::serve::metrics::{Latency, Measures, PoolUse};
use crate::serve::tests::Broken;
use crate::serve::{Gone, Refused, RouteFilter, Rows, Source};

/// See above.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Full {
    /// The table of services breaks off.
    pub(super) broken: bool,
    pub(super) missing: Vec<Missing>,
    /// Those with a session.
    pub(super) peers: u64,
    pub(super) events: EventLog,
}

impl Default for Full {
    fn default() -> Self {
        Self {
            broken: false,
            missing: Vec::new(),
            peers: 1,
            events: EventLog::default(),
        }
    }
}

/// One service a page.
struct Pages {
    services: Vec<Service>,
    broken: bool,
}

impl Rows for Pages {
    type Row = Service;

    async fn next(&mut self) -> Result<Option<Vec<Service>>, Gone> {
        match self.services.pop() {
            None if self.broken => Err(Gone),
            next => Ok(next.map(|service| vec![service])),
        }
    }
}

fn services() -> Vec<Service> {
    let network = |name: &str| Network::new("n".repeat(64), Some(name.to_owned()));
    let prefix = "10.0.0.1/32".parse().unwrap();
    let (state, reason) = (ServiceState::Announced, Reason::Serving);
    let mut web = Service::new(prefix, network("web"), state, reason);
    web.changes = 3;
    web.attributes = Some(serde_json::from_value(json!({"origin": "igp", "as_path": ""})).unwrap());
    let container = Container::new("e".repeat(64), Health::Serving, Share::Full);
    web.containers = vec![container.clone(), container];
    let target = "tcp 127.0.0.1:80".to_owned();
    web.checks = Some(vec![Check::new(target, CheckState::Passing, 0)]);
    let mut port = Port::new("tcp".to_owned(), 80);
    port.counted.active_connections = 3;
    port.counted.octets_out = 4000;
    web.ports = vec![port];
    let prefix = "2001:db8::1/128".parse().unwrap();
    let (state, reason) = (ServiceState::Draining, Reason::Draining);
    let mut odd = Service::new(prefix, network("odd \"\\ name"), state, reason);
    let (scope, stage) = (DrainScope::Host, DrainStage::Withdrawn);
    odd.drain = Some(Drain::new(scope, stage, None));
    vec![web, odd]
}

/// All routes in a page.
struct Listed(Option<Vec<AdvertisedRoute>>);

impl Rows for Listed {
    type Row = AdvertisedRoute;

    async fn next(&mut self) -> Result<Option<Vec<AdvertisedRoute>>, Gone> {
        Ok(self.0.take())
    }
}

/// A service's prefix, and one that the configuration lists.
fn advertised() -> Vec<AdvertisedRoute> {
    let routes = json!([
        {"prefix": "10.0.0.1/32", "peers": ["192.0.2.1"], "origin": "igp", "as_path": ""},
        {"prefix": "198.51.100.0/24", "peers": ["192.0.2.1"], "origin": "igp", "as_path": ""},
    ]);
    serde_json::from_value(routes).unwrap()
}

/// Two peers as they stand in answers: one with all, one with nothing.
fn peers() -> Peers {
    let up = json!({
        "peer": "192.0.2.1", "address": "192.0.2.1", "name": "tor1", "dynamic": false,
        "as": 65500, "remote_as": "65500", "state": "Established", "since": 940,
        "administratively_down": false, "graceful_shutdown": false,
        "accepted_prefixes": 5, "accepted_by_family": {"ipv4-unicast": 5},
        "end_of_rib": [], "withheld": [],
        "last_error": {"at": 900, "text": "Hold Timer Expired"},
        "session": {
            "identifier": "192.0.2.1", "hold_time": 90, "families": ["ipv4-unicast"],
            "max_message": 4096, "capabilities": [],
        },
        "counters": {
            "sent": {"update": 7}, "received": {"keepalive": 9},
            "announced": {"ipv4-unicast": 12}, "withdrawn": {"ipv4-unicast": 2},
            "established": 3, "resets": {"hold-timer": 2},
        },
        "bfd": {
            "state": "Up", "since": 940, "diagnostic": "No Diagnostic", "failures": 2,
            "detection_time": 150.0,
        },
    });
    let down = json!({
        "peer": "fe80::1%eth0", "address": "fe80::1", "interface": "eth0", "dynamic": false,
        "remote_as": "external", "state": "Active", "since": 1, "administratively_down": false,
        "graceful_shutdown": false, "accepted_prefixes": 0, "end_of_rib": [], "withheld": [],
    });
    let peers = [up, down].map(|peer| serde_json::from_value(peer).unwrap());
    Peers::new(peers.into())
}

impl Source for Full {
    async fn status(&self) -> Result<Status, Refused> {
        let program = Program::new("full", "1.2.3", 7);
        let host = Host::new("h1".to_owned(), [192, 0, 2, 9].into(), 64512);
        let mut status = Status::new(1000, program, host, Configuration::new(None, 8));
        status.docker = Some(Docker::new(true, 500));
        status.services = Some(ServiceCounts {
            announced: 1,
            draining: 1,
            ..ServiceCounts::default()
        });
        status.peers = PeerCounts {
            configured: 2,
            established: self.peers,
        };
        status.routes = RouteCounts {
            advertised: 1,
            learned: 5,
        };
        Ok(status)
    }

    async fn peers(&self) -> Result<Peers, Refused> {
        Ok(peers())
    }

    fn events(&self) -> &EventLog {
        &self.events
    }

    async fn findings(&self) -> Result<Findings, Refused> {
        let finding = |peer| Finding::new(peer, "refused", Severity::Error, 7, "no session");
        Ok(Findings::new(vec![finding("peer a"), finding("peer b")]))
    }

    async fn measures(&self) -> Result<Measures, Refused> {
        let latencies = [Latency::default(), Latency::default()];
        latencies[1].observe(Duration::from_millis(3));
        Ok(Measures {
            pools: vec![PoolUse {
                pool: "web".to_owned(),
                family: "ipv4",
                total: 20.0,
                used: 19.0,
            }],
            routes_installed: Some(4),
            configuration_stale: Some(false),
            latency: Some(latencies),
        })
    }

    async fn missing(&self) -> Result<Vec<Missing>, Refused> {
        Ok(self.missing.clone())
    }

    fn tap(&self, _: Option<&str>) -> Result<bgp_speaker::Tap, Refused> {
        Err(Refused::not_found("no peers here"))
    }

    fn services(&self) -> Option<impl Rows<Row = Service>> {
        Some(Pages {
            services: services(),
            broken: self.broken,
        })
    }

    fn covering(&self, _: IpAddr) -> Option<AdvertisedRoute> {
        None
    }

    fn learned(&self, _: RouteFilter) -> impl Rows<Row = LearnedRoute> {
        Broken(PhantomData)
    }

    fn advertised(&self, _: RouteFilter) -> impl Rows<Row = AdvertisedRoute> {
        Listed(Some(advertised()))
    }
}
