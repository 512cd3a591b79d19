//! The status socket: what the plugin says of itself (`docs/control-socket.md`).

use std::io;
use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use bgp_speaker::{SpeakerHandle, Tap};
use guarded_socket::GuardedListener;
use lb_status::model::{
    AdvertisedRoute, Configuration, Finding, Findings, Host, LearnedRoute, Missing, Peers, Program,
    Service, ServiceCounts, ServiceState, Severity, Status, seconds,
};
use lb_status::{
    Advertised, ClockWatch, EventLog, Gone, Learned, Measures, Refused, RouteFilter, Rows, Source,
    StatusAddress,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::controller::{Handle, Stopping};
use crate::datapath::Spread;
use crate::diagnosis::ServiceFindings;
use crate::latency::Latencies;
use crate::settings::Settings;
use crate::steering::PluginSteering;

/// What the socket's file is called in the directory of the state.
pub(crate) const FILE: &str = "status.sock";

/// Where the plugin is asked.
pub(crate) struct Doors {
    socket: Option<GuardedListener>,
    tcp: Option<(TcpListener, StatusAddress)>,
}

/// Listens where the settings say.
///
/// # Errors
///
/// When a place that is named cannot be listened on.
pub(crate) fn open(settings: &Settings, state_dir: &Path) -> Result<Doors> {
    let socket = bind(settings.status_socket.as_deref(), state_dir)?;
    let tcp = settings.status_listen.as_ref().map(bind_tcp).transpose()?;
    Ok(Doors { socket, tcp })
}

/// Listens on `wanted`, or beside the state where that can be done: without a
/// status socket the plugin serves all the same.
fn bind(wanted: Option<&Path>, state_dir: &Path) -> Result<Option<GuardedListener>> {
    const MODE: u32 = 0o600;
    let listener = match wanted {
        Some(path) => {
            Some(guarded_socket::bind(path, MODE).context("STATUS_SOCKET can't be used")?)
        }
        None => guarded_socket::bind(state_dir.join(FILE), MODE)
            .inspect_err(|error| warn!(%error, "no status socket"))
            .ok(),
    };
    if let Some(listener) = &listener {
        info!(path = %listener.path().display(), "status socket open");
    }
    Ok(listener)
}

fn bind_tcp(address: &StatusAddress) -> Result<(TcpListener, StatusAddress)> {
    let opened = address.bind();
    let socket = opened.with_context(|| format!("STATUS_LISTEN={address} can't be used"))?;
    info!(%address, "status served over TCP");
    Ok((socket, address.clone()))
}

impl Doors {
    /// Answers until `stop`; over TCP only what may be read there.
    ///
    /// # Errors
    ///
    /// When a socket cannot be handed to the runtime.
    pub(crate) async fn serve(
        self,
        source: PluginSource,
        steering: PluginSteering,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let over_tcp = async {
            let Some((socket, address)) = self.tcp else {
                return Ok(());
            };
            let router = lb_status::reading(source.clone());
            lb_status::serve_tcp(socket, address, router, stop.cancelled()).await
        };
        let over_socket = async {
            let Some(listener) = self.socket else {
                return Ok(());
            };
            let reloader = steering.reloader().clone();
            let reload = move || {
                let reloader = reloader.clone();
                async move { reloader.reload().await }
            };
            let router = lb_status::router(source.clone())
                .merge(lb_status::steering(steering))
                .merge(lb_status::reloading(reload));
            lb_status::serve(listener, router, stop.cancelled()).await
        };
        tokio::try_join!(over_tcp, over_socket, async {
            stop.cancelled().await;
            Ok(())
        })?;
        Ok(())
    }
}

/// What answers are made of.
#[derive(Clone)]
pub(crate) struct PluginSource {
    controller: Handle,
    speaker: SpeakerHandle,
    events: EventLog,
    program: Program,
    host: Host,
    latencies: Latencies,
    clock: ClockWatch,
}

impl PluginSource {
    /// That of a plugin that starts now.
    pub(crate) fn new(
        settings: &Settings,
        controller: Handle,
        speaker: SpeakerHandle,
        events: EventLog,
        latencies: Latencies,
    ) -> Self {
        let started = seconds(SystemTime::now());
        Self {
            controller,
            speaker,
            events,
            program: Program::new("bgplb-plugin", env!("CARGO_PKG_VERSION"), started),
            host: Host::new(
                lb_status::host_name(),
                settings.identifier,
                settings.local_as,
            ),
            latencies,
            clock: ClockWatch::start(),
        }
    }

    fn pages(&self) -> ServicePages {
        ServicePages {
            controller: self.controller.clone(),
            place: Place::Begin,
        }
    }
}

impl Source for PluginSource {
    async fn status(&self) -> Result<Status, Refused> {
        let asked = self.controller.ask(|controller| controller.overview());
        let overview = asked.await.map_err(gone)?;
        let mut counts = ServiceCounts::default();
        let mut pages = self.pages();
        while let Some(services) = pages.next().await? {
            services.iter().for_each(|it| count(&mut counts, it.state));
        }
        let now = seconds(SystemTime::now());
        let (program, host) = (self.program.clone(), self.host.clone());
        // The settings are read once, at the start.
        let configuration = Configuration::new(None, program.started);
        let mut status = Status::new(now, program, host, configuration);
        status.docker = Some(overview.docker);
        status.services = Some(counts);
        status.drain = overview.drain;
        status.maintenance = overview.maintenance;
        status.warnings = overview.warnings;
        lb_status::summarize(&self.speaker, &mut status);
        Ok(status)
    }

    async fn peers(&self) -> Result<Peers, Refused> {
        Ok(lb_status::peers(&self.speaker))
    }

    async fn findings(&self) -> Result<Findings, Refused> {
        let asked = self.controller.ask(|controller| controller.overview());
        let overview = asked.await.map_err(gone)?;
        let mut found = lb_status::diagnose(&self.speaker, &self.program.name).await;
        if !overview.docker.reachable {
            let text = "Docker's API can't be reached: what was known of containers is held";
            let (severity, since) = (Severity::Error, overview.docker.since);
            let mut finding = Finding::new("docker", "docker-unreachable", severity, since, text);
            finding.show = Some("docker version".to_owned());
            finding.mend = Some("start Docker, or set DOCKER_HOST to its socket".to_owned());
            found.push(finding);
        }
        found.extend(overview.warnings.into_iter().map(Finding::of_host));
        let mut services = ServiceFindings::default();
        let mut pages = self.pages();
        while let Some(page) = pages.next().await? {
            page.iter().for_each(|service| services.see(service));
        }
        found.extend(services.finish(Spread::of_kernel(), self.program.started));
        found.extend(self.clock.finding());
        Ok(Findings::new(found))
    }

    fn events(&self) -> &EventLog {
        &self.events
    }

    async fn measures(&self) -> Result<Measures, Refused> {
        let asked = self.controller.ask(|controller| controller.pools_in_use());
        let mut measures = Measures::default();
        measures.pools = asked.await.map_err(gone)?;
        let Latencies {
            announced,
            withdrawn,
        } = self.latencies.clone();
        measures.latency = Some([announced, withdrawn]);
        Ok(measures)
    }

    async fn missing(&self) -> Result<Vec<Missing>, Refused> {
        let asked = self.controller.ask(|controller| controller.missing());
        Ok(asked.await.map_err(gone)?)
    }

    fn tap(&self, peer: Option<&str>) -> Result<Tap, Refused> {
        lb_status::tap(&self.speaker, peer)
    }

    fn services(&self) -> Option<impl Rows<Row = Service>> {
        Some(self.pages())
    }

    fn has_networks(&self) -> bool {
        true
    }

    async fn service(&self, address: IpAddr) -> Result<Option<Service>, Refused> {
        let asked = self
            .controller
            .ask(move |controller| controller.service_of(address));
        Ok(asked.await.map_err(gone)?)
    }

    fn covering(&self, address: IpAddr) -> Option<AdvertisedRoute> {
        lb_status::covering(&self.speaker, address)
    }

    fn learned(&self, filter: RouteFilter) -> impl Rows<Row = LearnedRoute> {
        Learned::new(self.speaker.clone(), filter)
    }

    fn advertised(&self, filter: RouteFilter) -> impl Rows<Row = AdvertisedRoute> {
        Advertised::new(self.speaker.clone(), filter)
    }
}

fn count(counts: &mut ServiceCounts, state: ServiceState) {
    let counted = match state {
        ServiceState::Announced => &mut counts.announced,
        ServiceState::Draining => &mut counts.draining,
        ServiceState::Undelivered => &mut counts.undelivered,
        _ => &mut counts.withheld,
    };
    *counted += 1;
}

fn gone(_: Stopping) -> Gone {
    Gone
}

/// All services, a few networks at a time: the controller does other work in
/// between, however many there are and however slowly they are read.
struct ServicePages {
    controller: Handle,
    place: Place,
}

enum Place {
    Begin,
    Behind(String),
    End,
}

impl Rows for ServicePages {
    type Row = Service;

    async fn next(&mut self) -> Result<Option<Vec<Service>>, Gone> {
        let after = match std::mem::replace(&mut self.place, Place::End) {
            Place::Begin => None,
            Place::Behind(network) => Some(network),
            Place::End => return Ok(None),
        };
        let asked = self
            .controller
            .ask(move |controller| controller.services_page(after.as_deref()));
        let page = asked.await.map_err(gone)?;
        if let Some(last) = page.last {
            self.place = Place::Behind(last);
        }
        Ok(Some(page.services))
    }
}

/// Where a plugin that runs beside this state listens if nobody says otherwise.
pub(crate) fn default_socket(setting: Option<PathBuf>, state_dir: &Path) -> PathBuf {
    setting.unwrap_or_else(|| state_dir.join(FILE))
}
