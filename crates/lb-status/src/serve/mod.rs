//! The server: what a program says of itself, as JSON over HTTP on a unix
//! socket.

mod address;
mod capture;
mod events;
mod health;
mod host;
mod listen;
mod metrics;
mod names;
mod refused;
mod steering;
mod table;

use std::future::Future;
use std::net::IpAddr;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bgp_speaker::Tap;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::EventLog;
use crate::explain::Facts;
use crate::model::{
    AdvertisedRoute, Explanation, Findings, LearnedRoute, Missing, Peers, Service, Status,
};
use crate::speaker::PEER_WARNINGS;

pub use address::{AddressError, StatusAddress};
use capture::CaptureBody;
pub use host::host_name;
pub use listen::{CONNECTIONS, serve, serve_tcp};
pub(crate) use metrics::BOUNDS;
pub use metrics::{Latency, Measures, PoolUse};
pub use refused::Refused;
pub use steering::{Drained, Steering, reloading, steering};
use table::TableBody;

/// A program that says what it is doing.
pub trait Source: Clone + Send + Sync + 'static {
    /// The program at a glance.
    fn status(&self) -> impl Future<Output = Result<Status, Refused>> + Send;

    /// Its peers.
    fn peers(&self) -> impl Future<Output = Result<Peers, Refused>> + Send;

    /// What is wrong, and what mends it.
    fn findings(&self) -> impl Future<Output = Result<Findings, Refused>> + Send;

    /// What has happened of late.
    fn events(&self) -> &EventLog;

    /// What it measures beside its status, for `/metrics`.
    fn measures(&self) -> impl Future<Output = Result<Measures, Refused>> + Send {
        std::future::ready(Ok(Measures::default()))
    }

    /// What it lacks, apart from peers, to do what it is there for.
    fn missing(&self) -> impl Future<Output = Result<Vec<Missing>, Refused>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// What goes over its connections from now on: with one peer, or with all.
    ///
    /// # Errors
    ///
    /// When the peer is not one, or could be several.
    fn tap(&self, peer: Option<&str>) -> Result<Tap, Refused>;

    /// Its services, read while they are written; `None` if it knows of none.
    fn services(&self) -> Option<impl Rows<Row = Service>> {
        None::<NoServices>
    }

    /// Whether its services are networks of a container engine.
    fn has_networks(&self) -> bool {
        false
    }

    /// The service that holds an address; `None` if there is none, or if it knows
    /// of no services.
    fn service(
        &self,
        _address: IpAddr,
    ) -> impl Future<Output = Result<Option<Service>, Refused>> + Send {
        std::future::ready(Ok(None))
    }

    /// The longest prefix it announces that covers an address.
    fn covering(&self, address: IpAddr) -> Option<AdvertisedRoute>;

    /// What its peers announced to it, read while it is written.
    fn learned(&self, filter: RouteFilter) -> impl Rows<Row = LearnedRoute>;

    /// What it announces, read while it is written.
    fn advertised(&self, filter: RouteFilter) -> impl Rows<Row = AdvertisedRoute>;
}

/// Where a table's rows come from. They are asked for when the reader has room
/// for them, so that a slow one costs a page and no more.
pub trait Rows: Send + Unpin + 'static {
    /// One row.
    type Row: Serialize + Send;

    /// The next few rows, perhaps none; `None` behind the last one.
    ///
    /// # Errors
    ///
    /// When the rest cannot be had any more. The answer breaks off then.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<Self::Row>>, Gone>> + Send;
}

/// What a program without services has of them.
enum NoServices {}

impl Rows for NoServices {
    type Row = Service;

    async fn next(&mut self) -> Result<Option<Vec<Service>>, Gone> {
        match *self {}
    }
}

/// The part of the program that was asked has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the program is stopping")]
pub struct Gone;

/// Which routes are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RouteFilter {
    /// Only this prefix and those within it.
    pub prefix: Option<IpNet>,
    /// Only routes from, or to, this peer.
    pub peer: Option<IpAddr>,
}

impl RouteFilter {
    /// Whether this prefix is asked for.
    #[must_use]
    pub fn wants(&self, prefix: IpNet) -> bool {
        self.prefix.is_none_or(|within| within.contains(&prefix))
    }

    /// Whether routes from, or to, this peer are asked for.
    #[must_use]
    pub fn wants_peer(&self, peer: IpAddr) -> bool {
        self.peer.is_none_or(|wanted| wanted == peer)
    }
}

/// Answers to what is asked of `source`; a path that is not known is refused.
/// Programs add what they alone can do.
pub fn router<S: Source>(source: S) -> Router {
    let monitor = Router::new()
        .route("/v1/monitor", get(monitor::<S>))
        .with_state(source.clone());
    reading(source).merge(monitor)
}

/// The same, and the page for people, as far as it may be read by whoever reaches
/// a port of this host: nothing of what peers say, and nothing that changes
/// anything.
pub fn reading<S: Source>(source: S) -> Router {
    Router::new()
        .route("/metrics", get(metrics::metrics::<S>))
        .route("/healthz", get(health::healthy))
        .route("/readyz", get(health::ready::<S>))
        .route("/v1/status", get(status::<S>))
        .route("/v1/peers", get(peers::<S>))
        .route("/v1/doctor", get(doctor::<S>))
        .route("/v1/events", get(events::events::<S>))
        .route("/v1/services", get(services::<S>))
        .route("/v1/explain", get(explain::<S>))
        .route("/v1/routes/learned", get(learned::<S>))
        .route("/v1/routes/advertised", get(advertised::<S>))
        .merge(crate::page::routes())
        .fallback(async || Refused::not_found("no such path"))
        .with_state(source)
}

async fn status<S: Source>(State(source): State<S>) -> Response {
    whole(source.status().await)
}

async fn peers<S: Source>(State(source): State<S>) -> Response {
    whole(source.peers().await)
}

async fn doctor<S: Source>(State(source): State<S>) -> Response {
    whole(source.findings().await)
}

/// Which peer is listened to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Monitored {
    peer: Option<String>,
}

async fn monitor<S: Source>(
    State(source): State<S>,
    asked: Result<Query<Monitored>, QueryRejection>,
) -> Response {
    let tap = match asked {
        Ok(Query(Monitored { peer })) => source.tap(peer.as_deref()),
        Err(error) => Err(Refused::bad_request(error.body_text())),
    };
    match tap {
        Ok(tap) => {
            let body = Body::new(CaptureBody::new(tap));
            (
                [(header::CONTENT_TYPE, "application/vnd.tcpdump.pcap")],
                body,
            )
                .into_response()
        }
        Err(refused) => refused.into_response(),
    }
}

async fn services<S: Source>(State(source): State<S>) -> Response {
    match source.services() {
        Some(rows) => streamed("services", rows),
        None => Refused::not_found("this program has no services").into_response(),
    }
}

/// Which address is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneAddress {
    address: IpAddr,
}

async fn explain<S: Source>(
    State(source): State<S>,
    asked: Result<Query<OneAddress>, QueryRejection>,
) -> Response {
    match asked {
        Ok(Query(OneAddress { address })) => whole(explained(&source, address).await),
        Err(error) => Refused::bad_request(error.body_text()).into_response(),
    }
}

async fn explained<S: Source>(source: &S, address: IpAddr) -> Result<Explanation, Refused> {
    let Status {
        mut warnings,
        drain,
        ..
    } = source.status().await?;
    // Those of peers are gates of their own.
    warnings.retain(|warning| !PEER_WARNINGS.contains(&warning.code.as_str()));
    let facts = Facts {
        service: source.service(address).await?,
        has_networks: source.has_networks(),
        route: source.covering(address),
        peers: source.peers().await?.peers,
        warnings,
        drain,
    };
    Ok(crate::explain::explain(address, &facts))
}

type Asked = Result<Query<RouteFilter>, QueryRejection>;

async fn learned<S: Source>(State(source): State<S>, asked: Asked) -> Response {
    match asked {
        Ok(Query(filter)) => streamed("routes", source.learned(filter)),
        Err(error) => Refused::bad_request(error.body_text()).into_response(),
    }
}

async fn advertised<S: Source>(State(source): State<S>, asked: Asked) -> Response {
    match asked {
        Ok(Query(filter)) => streamed("routes", source.advertised(filter)),
        Err(error) => Refused::bad_request(error.body_text()).into_response(),
    }
}

fn whole<T: Serialize>(answer: Result<T, Refused>) -> Response {
    match answer {
        Ok(answer) => Json(answer).into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// A table that is read while it is written, so that no copy of it is made.
fn streamed(name: &'static str, rows: impl Rows) -> Response {
    let body = Body::new(TableBody::new(name, rows));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tcp_tests;
#[cfg(test)]
mod tests;
