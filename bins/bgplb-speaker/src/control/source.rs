//! What the speaker says of itself.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bgp_speaker::{SpeakerConfig, SpeakerHandle, Tap};
use lb_status::model::{
    AdvertisedRoute, Configuration, Findings, Host, LearnedRoute, Peers, Program, Service,
    ServiceCounts, ServiceState, Status, seconds,
};
use lb_status::{
    Advertised, ClockWatch, EventLog, Gone, Learned, Measures, Refused, RouteFilter, Rows, Source,
};
use tokio::sync::{oneshot, watch};

use super::host::HostCheck;
use crate::operation::{Order, Orders};
use crate::reload::Running;
use crate::services::ServiceRows;
use crate::withholding::Held;

/// What answers are made of.
#[derive(Clone, Debug)]
pub(crate) struct SpeakerSource {
    speaker: SpeakerHandle,
    events: EventLog,
    program: Program,
    host: Host,
    file: PathBuf,
    /// When the configuration was read last.
    loaded: watch::Receiver<SystemTime>,
    held: watch::Receiver<Held>,
    /// How many learned routes are in the kernel, if any are to be.
    installed: Option<Arc<AtomicU64>>,
    /// Who owns the services.
    orders: Orders,
    clock: ClockWatch,
    /// Where learned routes go into the kernel.
    transit: Option<HostCheck>,
}

impl SpeakerSource {
    /// That of a speaker that starts now, with this configuration from `file`.
    pub(crate) fn new(
        running: &Running,
        config: &SpeakerConfig,
        file: PathBuf,
        orders: Orders,
    ) -> Self {
        let started = seconds(SystemTime::now());
        Self {
            speaker: running.speaker.clone(),
            events: running.events.clone(),
            program: Program::new("bgplb-speaker", env!("CARGO_PKG_VERSION"), started),
            host: Host::new(
                lb_status::host_name(),
                config.identifier.into(),
                config.local_as.get(),
            ),
            file,
            loaded: running.read.subscribe(),
            held: running.held.subscribe(),
            installed: None,
            orders,
            clock: ClockWatch::start(),
            transit: None,
        }
    }

    /// The same with where learned routes in the kernel are counted.
    pub(crate) fn with_installed(self, installed: Option<Arc<AtomicU64>>) -> Self {
        let transit = installed
            .is_some()
            .then(|| HostCheck::new(self.speaker.clone()));
        Self {
            installed,
            transit,
            ..self
        }
    }

    /// Whether the file was written after it was read; `None` if it can't be
    /// looked at.
    fn is_stale(&self) -> Option<bool> {
        let written = fs::metadata(&self.file).and_then(|it| it.modified()).ok()?;
        Some(written > *self.loaded.borrow())
    }

    /// How many addresses of services there are by state; `None` without a service.
    async fn counts(&self) -> Result<Option<ServiceCounts>, Gone> {
        let mut rows = ServiceRows::new(self.orders.clone());
        let mut counts: Option<ServiceCounts> = None;
        while let Some(page) = rows.next().await? {
            let counts = counts.get_or_insert_default();
            for service in page {
                *match service.state {
                    ServiceState::Announced => &mut counts.announced,
                    ServiceState::Draining => &mut counts.draining,
                    ServiceState::Undelivered => &mut counts.undelivered,
                    _ => &mut counts.withheld,
                } += 1;
            }
        }
        Ok(counts)
    }

    pub(super) const fn speaker(&self) -> &SpeakerHandle {
        &self.speaker
    }
}

impl Source for SpeakerSource {
    async fn status(&self) -> Result<Status, Refused> {
        let loaded = seconds(*self.loaded.borrow());
        let configuration = Configuration::new(Some(self.file.display().to_string()), loaded);
        let now = seconds(SystemTime::now());
        let (program, host) = (self.program.clone(), self.host.clone());
        let mut status = Status::new(now, program, host, configuration);
        let held = *self.held.borrow();
        (status.drain, status.maintenance) = (held.drain(), held.maintenance());
        // Who owns the services ends earlier than who answers.
        status.services = self.counts().await.unwrap_or_default();
        lb_status::summarize(&self.speaker, &mut status);
        Ok(status)
    }

    async fn peers(&self) -> Result<Peers, Refused> {
        Ok(lb_status::peers(&self.speaker))
    }

    async fn findings(&self) -> Result<Findings, Refused> {
        let mut found = lb_status::diagnose(&self.speaker, &self.program.name).await;
        if let Some(transit) = &self.transit {
            found.extend(transit.findings().await);
        }
        found.extend(self.clock.finding());
        Ok(Findings::new(found))
    }

    async fn measures(&self) -> Result<Measures, Refused> {
        let mut measures = Measures::default();
        let installed = self.installed.as_ref();
        measures.routes_installed = installed.map(|count| count.load(Ordering::Relaxed));
        measures.configuration_stale = self.is_stale();
        Ok(measures)
    }

    fn services(&self) -> Option<impl Rows<Row = Service>> {
        Some(ServiceRows::new(self.orders.clone()))
    }

    async fn service(&self, address: IpAddr) -> Result<Option<Service>, Refused> {
        let (sender, answer) = oneshot::channel();
        let asked = self.orders.send(Order::Holding(address, sender)).await;
        asked.map_err(|_| Gone)?;
        Ok(answer.await.map_err(|_| Gone)?)
    }

    fn covering(&self, address: IpAddr) -> Option<AdvertisedRoute> {
        lb_status::covering(&self.speaker, address)
    }

    fn events(&self) -> &EventLog {
        &self.events
    }

    fn tap(&self, peer: Option<&str>) -> Result<Tap, Refused> {
        lb_status::tap(&self.speaker, peer)
    }

    fn learned(&self, filter: RouteFilter) -> impl Rows<Row = LearnedRoute> {
        Learned::new(self.speaker.clone(), filter)
    }

    fn advertised(&self, filter: RouteFilter) -> impl Rows<Row = AdvertisedRoute> {
        Advertised::new(self.speaker.clone(), filter)
    }
}
