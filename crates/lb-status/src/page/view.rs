//! What one showing of the page is made of: bounded, however much there is.

use std::sync::Arc;

use crate::model::{AdvertisedRoute, Event, Finding, LearnedRoute, Peer, Service, Status};
use crate::serve::{BOUNDS, Gone, Refused, RouteFilter, Rows, Source};

use super::words::{Tone, of_peer, of_service, of_severity};

/// How many rows of a table are shown; the rest is counted.
pub(super) const SHOWN: usize = 200;

/// How many events are listed, of all that the lines of states are made of.
pub(super) const EVENTS: usize = 40;

/// How often something took up to each of [`BOUNDS`], and longer.
pub(super) type Counts = [u64; BOUNDS.len() + 1];

/// The first rows of a table, and whether there are more.
#[derive(Debug, Default)]
pub(super) struct Part<T> {
    pub(super) rows: Vec<T>,
    pub(super) more: bool,
}

/// Everything on the page.
#[derive(Debug)]
pub(super) struct View {
    pub(super) status: Status,
    pub(super) peers: Vec<Peer>,
    /// `None` for a program without services.
    pub(super) services: Option<Part<Service>>,
    pub(super) advertised: Part<AdvertisedRoute>,
    pub(super) learned: Part<LearnedRoute>,
    pub(super) findings: Vec<Finding>,
    /// From news to the routers' hearing of it, for announcements and withdrawals:
    /// how often it took up to each bound. `None` where it is not measured.
    pub(super) latency: Option<[Counts; 2]>,
    /// What happened, the oldest first.
    pub(super) events: Vec<Arc<Event>>,
}

impl View {
    /// What `source` says now.
    pub(super) async fn of<S: Source>(source: &S) -> Result<Self, Refused> {
        let filter = RouteFilter::default();
        Ok(Self {
            status: source.status().await?,
            peers: source.peers().await?.peers,
            services: match source.services() {
                Some(rows) => Some(first(rows).await?),
                None => None,
            },
            advertised: first(source.advertised(filter)).await?,
            learned: first(source.learned(filter)).await?,
            findings: source.findings().await?.findings,
            latency: source
                .measures()
                .await?
                .latency
                .map(|both| both.map(|it| it.counts())),
            events: source.events().page(0, usize::MAX).events,
        })
    }

    /// The worst of all that is shown.
    pub(super) fn worst(&self) -> Tone {
        let findings = self.findings.iter().map(|it| of_severity(it.severity));
        let peers = self.peers.iter();
        let peers = peers.map(|it| of_peer(it.state, it.administratively_down));
        let services = self.services.iter().flat_map(|part| &part.rows);
        let services = services.map(|it| of_service(it.state));
        let all = findings.chain(peers).chain(services);
        all.max().unwrap_or(Tone::Good)
    }

    /// Where the same is to be had for programs.
    pub(super) fn paths(&self) -> impl Iterator<Item = &'static str> {
        let services = self.services.as_ref().map(|_| "v1/services");
        let always = [
            "v1/status",
            "v1/peers",
            "v1/doctor",
            "v1/events",
            "v1/routes/advertised",
            "v1/routes/learned",
            "metrics",
        ];
        always.into_iter().chain(services)
    }
}

async fn first<R: Rows>(mut from: R) -> Result<Part<R::Row>, Gone> {
    let mut rows = Vec::new();
    while let Some(next) = from.next().await? {
        rows.extend(next);
        if rows.len() > SHOWN {
            rows.truncate(SHOWN);
            return Ok(Part { rows, more: true });
        }
    }
    Ok(Part { rows, more: false })
}
