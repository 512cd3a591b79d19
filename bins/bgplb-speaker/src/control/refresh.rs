//! `POST /v1/refresh`: a peer is asked for its routes again.

use std::net::IpAddr;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bgp_speaker::{PeerStatus, SpeakerHandle};
use bgp_wire::Capability;
use serde::{Deserialize, Serialize};

use super::{VERSION, refusal};

/// Which peer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    peer: IpAddr,
}

#[derive(Serialize)]
struct Done {
    version: u32,
    peer: IpAddr,
}

/// Sends ROUTE-REFRESH (RFC 2918) for every family of the session.
pub(crate) async fn refresh(
    State(speaker): State<SpeakerHandle>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let peer = match asked {
        Ok(Query(Asked { peer })) => peer,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, &error.body_text()),
    };
    let statuses = speaker.peer_status();
    let status = statuses
        .iter()
        .find(|it| it.address.to_canonical() == peer.to_canonical());
    match status.map(reason_against) {
        None => refusal(StatusCode::NOT_FOUND, &format!("{peer} is no peer")),
        Some(Some(reason)) => refusal(StatusCode::CONFLICT, &format!("peer {peer}: {reason}")),
        Some(None) => {
            speaker.request_refresh(peer);
            let version = VERSION;
            Json(Done { version, peer }).into_response()
        }
    }
}

/// Why a peer cannot be asked.
fn reason_against(peer: &PeerStatus) -> Option<&'static str> {
    let Some(session) = peer.negotiated.as_deref() else {
        return Some("there is no session with it");
    };
    let refreshes = session.capabilities.contains(&Capability::RouteRefresh);
    (!refreshes).then_some("it does not offer route refresh")
}
