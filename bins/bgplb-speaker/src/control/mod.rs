//! The control socket: what the speaker holds, as JSON over HTTP
//! (`docs/control-socket.md`).

mod administration;
mod refresh;
mod reload;
mod routes;
mod socket;
mod status;
mod table;

use std::io;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::extract::{FromRef, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bgp_speaker::{NameError, PeerKey, SpeakerHandle};
use serde::Serialize;
use tracing::{info, warn};

pub(crate) use self::reload::Done;
use self::routes::{Advertised, Filter, Learned};
use self::socket::ControlSocket;
use self::table::{Rows, TableBody};
use crate::reload::ReloadHandle;

/// Where the socket is if nobody says otherwise.
pub(crate) const DEFAULT_SOCKET: &str = "/run/bgplb-speaker.sock";

/// The version of every answer's form. Additions do not change it.
const VERSION: u32 = 1;

/// A control socket that listens already.
#[derive(Debug)]
pub(crate) struct Control {
    socket: ControlSocket,
}

impl Control {
    /// Listens on `wanted`, or where it can be done on the default path:
    /// without a control socket the speaker speaks all the same.
    ///
    /// # Errors
    ///
    /// When `wanted` cannot be listened on.
    pub(crate) fn open(wanted: Option<&PathBuf>) -> io::Result<Option<Self>> {
        let opened = match wanted {
            Some(path) => Some(ControlSocket::bind(path)?),
            None => ControlSocket::bind(Path::new(DEFAULT_SOCKET))
                .inspect_err(|error| warn!("no control socket: {error}"))
                .ok(),
        };
        Ok(opened.map(|socket| {
            info!(path = %socket.path().display(), "control socket open");
            Self { socket }
        }))
    }

    /// Answers for as long as it is polled; the socket's file goes when it is
    /// dropped.
    pub(crate) async fn serve(
        self,
        speaker: SpeakerHandle,
        reload: ReloadHandle,
    ) -> io::Result<()> {
        let (listener, _file) = self.socket.into_parts()?;
        axum::serve(listener, router(Access { speaker, reload })).await
    }
}

/// What the answers are made with.
#[derive(Clone, Debug)]
struct Access {
    speaker: SpeakerHandle,
    reload: ReloadHandle,
}

impl FromRef<Access> for SpeakerHandle {
    fn from_ref(access: &Access) -> Self {
        access.speaker.clone()
    }
}

impl FromRef<Access> for ReloadHandle {
    fn from_ref(access: &Access) -> Self {
        access.reload.clone()
    }
}

fn router(access: Access) -> Router {
    Router::new()
        .route("/v1/peers", get(peers))
        .route("/v1/routes/learned", get(learned))
        .route("/v1/routes/advertised", get(advertised))
        .route("/v1/refresh", post(refresh::refresh))
        .route("/v1/down", post(administration::down))
        .route("/v1/up", post(administration::up))
        .route(
            "/v1/graceful-shutdown",
            post(administration::graceful_shutdown),
        )
        .route("/v1/reload", post(reload::reload))
        .fallback(async || refusal(StatusCode::NOT_FOUND, "no such path"))
        .with_state(access)
}

#[derive(Serialize)]
struct Refusal<'a> {
    version: u32,
    error: &'a str,
}

fn refusal(status: StatusCode, error: &str) -> Response {
    let version = VERSION;
    (status, Json(Refusal { version, error })).into_response()
}

/// The peer that is meant, or why none is.
fn named(speaker: &SpeakerHandle, name: &str) -> Result<PeerKey, Box<Response>> {
    speaker.find_peer(name).map_err(|error| {
        let status = match error {
            NameError::Ambiguous { .. } => StatusCode::CONFLICT,
            _ => StatusCode::NOT_FOUND,
        };
        Box::new(refusal(status, &error.to_string()))
    })
}

async fn peers(State(speaker): State<SpeakerHandle>) -> Response {
    let statuses = speaker.peer_status();
    Json(status::Peers::new(VERSION, &statuses)).into_response()
}

type Asked = Result<Query<Filter>, axum::extract::rejection::QueryRejection>;

async fn learned(State(speaker): State<SpeakerHandle>, asked: Asked) -> Response {
    table(asked, |filter| Learned::new(speaker, filter))
}

async fn advertised(State(speaker): State<SpeakerHandle>, asked: Asked) -> Response {
    table(asked, |filter| Advertised::new(speaker, filter))
}

/// A table that is read while it is written, so that no copy of it is made.
fn table<R: Rows>(asked: Asked, rows: impl FnOnce(Filter) -> R) -> Response {
    match asked {
        Ok(Query(filter)) => {
            let body = Body::new(TableBody::new(VERSION, rows(filter)));
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(error) => refusal(StatusCode::BAD_REQUEST, &error.body_text()),
    }
}
