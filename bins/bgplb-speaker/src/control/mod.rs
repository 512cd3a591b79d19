//! The control socket: what the speaker holds, as JSON over HTTP
//! (`docs/control-socket.md`). What is read there is served by `lb_status`;
//! what can be done there stands here.

mod administration;
mod host;
mod refresh;
mod reload;
mod socket;
mod source;
mod steering;

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::extract::FromRef;
use axum::routing::post;
use bgp_speaker::SpeakerHandle;
use lb_status::StatusAddress;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub(crate) use self::reload::Done;
use self::socket::ControlSocket;
pub(crate) use self::source::SpeakerSource;
pub(crate) use self::steering::SpeakerSteering;
use crate::reload::ReloadHandle;

/// Where the socket is if nobody says otherwise.
pub(crate) const DEFAULT_SOCKET: &str = "/run/bgplb-speaker.sock";

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

    /// Answers until `stop` is over; the socket's file goes then.
    pub(crate) async fn serve(
        self,
        source: SpeakerSource,
        steering: SpeakerSteering,
        reload: ReloadHandle,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let speaker = source.speaker().clone();
        let actions = actions(Access { speaker, reload });
        let router = lb_status::router(source).merge(actions);
        let router = router.merge(lb_status::steering(steering));
        lb_status::serve(self.socket.into_listener(), router, stop.cancelled()).await
    }
}

/// Where the status is read over TCP, which listens already.
#[derive(Debug)]
pub(crate) struct StatusDoor {
    socket: TcpListener,
    address: StatusAddress,
}

impl StatusDoor {
    /// Listens where that is wanted.
    ///
    /// # Errors
    ///
    /// When it cannot be done.
    pub(crate) fn open(wanted: Option<&StatusAddress>) -> io::Result<Option<Self>> {
        let Some(address) = wanted.cloned() else {
            return Ok(None);
        };
        let socket = address.bind().map_err(|error| {
            io::Error::new(error.kind(), format!("status-listen {address}: {error}"))
        })?;
        info!(%address, "status served over TCP");
        Ok(Some(Self { socket, address }))
    }

    /// Answers until `stop` is over.
    pub(crate) async fn serve(
        self,
        source: SpeakerSource,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let router = lb_status::reading(source);
        lb_status::serve_tcp(self.socket, self.address, router, stop.cancelled()).await
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

fn actions(access: Access) -> Router {
    Router::new()
        .route("/v1/refresh", post(refresh::refresh))
        .route("/v1/down", post(administration::down))
        .route("/v1/up", post(administration::up))
        .route(
            "/v1/graceful-shutdown",
            post(administration::graceful_shutdown),
        )
        .route("/v1/reload", post(reload::reload))
        .with_state(access)
}
