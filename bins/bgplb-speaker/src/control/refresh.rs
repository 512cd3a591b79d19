//! `POST /v1/refresh`: a peer is asked for its routes again.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bgp_speaker::{PeerStatus, SpeakerHandle};
use bgp_wire::Capability;
use lb_status::Refused;
use lb_status::model::VERSION;
use serde::{Deserialize, Serialize};

use lb_status::named;

/// Which peer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    peer: String,
}

#[derive(Serialize)]
struct Done {
    version: u32,
    peer: String,
}

/// Sends ROUTE-REFRESH (RFC 2918) for every family of the session.
pub(crate) async fn refresh(
    State(speaker): State<SpeakerHandle>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let name = match asked {
        Ok(Query(Asked { peer })) => peer,
        Err(error) => return Refused::bad_request(error.body_text()).into_response(),
    };
    let key = match named(&speaker, &name) {
        Ok(key) => key,
        Err(refused) => return refused.into_response(),
    };
    let statuses = speaker.peer_status();
    let status = statuses.iter().find(|it| it.key() == key);
    match status.map(reason_against) {
        // It has gone since it was found.
        None => Refused::not_found(format!("{key} is no peer")).into_response(),
        Some(Some(reason)) => Refused::conflict(format!("peer {key}: {reason}")).into_response(),
        Some(None) => {
            let (version, peer) = (VERSION, key.to_string());
            speaker.request_refresh(key);
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
