//! `POST /v1/down`, `/v1/up` and `/v1/graceful-shutdown`: what operators want
//! of peers for the time being.

use axum::Json;
use axum::extract::rejection::{QueryRejection, StringRejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bgp_speaker::{PeerKey, SpeakerHandle};
use lb_status::Refused;
use lb_status::model::VERSION;
use serde::{Deserialize, Serialize};

use lb_status::named;

/// Which peer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnePeer {
    peer: String,
}

/// Whether routes are about to go, with one peer or with all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shutdown {
    state: Switch,
    peer: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
}

#[derive(Serialize)]
struct Done {
    version: u32,
    /// `null` for all.
    peer: Option<String>,
}

/// Ends the session with a peer until it is wanted up again; the body is what
/// its operators are told.
pub(crate) async fn down(
    State(speaker): State<SpeakerHandle>,
    asked: Result<Query<OnePeer>, QueryRejection>,
    message: Result<String, StringRejection>,
) -> Response {
    let message = match message {
        Ok(message) => message,
        Err(error) => return Refused::bad_request(error.body_text()).into_response(),
    };
    if message.len() > LONGEST_MESSAGE {
        let length = message.len();
        let why = format!(
            "the message has {length} octets: accepted are up to {LONGEST_MESSAGE} (RFC 9003)"
        );
        return Refused::bad_request(why).into_response();
    }
    let message = Some(message).filter(|message| !message.is_empty());
    one(&speaker, asked, |peer| speaker.set_peer_down(peer, message))
}

/// Has a session with it again.
pub(crate) async fn up(
    State(speaker): State<SpeakerHandle>,
    asked: Result<Query<OnePeer>, QueryRejection>,
) -> Response {
    one(&speaker, asked, |peer| speaker.set_peer_up(peer))
}

/// Marks routes as about to go, or no longer so (RFC 8326).
pub(crate) async fn graceful_shutdown(
    State(speaker): State<SpeakerHandle>,
    asked: Result<Query<Shutdown>, QueryRejection>,
) -> Response {
    let (on, peer) = match asked {
        Ok(Query(Shutdown { state, peer })) => (state == Switch::On, peer),
        Err(error) => return Refused::bad_request(error.body_text()).into_response(),
    };
    match peer {
        Some(name) => act(&speaker, &name, |peer| {
            speaker.set_peer_graceful_shutdown(peer, on)
        }),
        None => {
            speaker.set_graceful_shutdown(on);
            done(None)
        }
    }
}

fn one(
    speaker: &SpeakerHandle,
    asked: Result<Query<OnePeer>, QueryRejection>,
    what: impl FnOnce(PeerKey) -> bool,
) -> Response {
    match asked {
        Ok(Query(OnePeer { peer })) => act(speaker, &peer, what),
        Err(error) => Refused::bad_request(error.body_text()).into_response(),
    }
}

fn act(speaker: &SpeakerHandle, name: &str, what: impl FnOnce(PeerKey) -> bool) -> Response {
    let key = match named(speaker, name) {
        Ok(key) => key,
        Err(refused) => return refused.into_response(),
    };
    if what(key.clone()) {
        done(Some(&key))
    } else {
        // It has gone since it was found.
        Refused::not_found(format!("{key} is no peer")).into_response()
    }
}

fn done(peer: Option<&PeerKey>) -> Response {
    Json(Done {
        version: VERSION,
        peer: peer.map(ToString::to_string),
    })
    .into_response()
}

/// What one NOTIFICATION has room for (RFC 9003 section 2).
const LONGEST_MESSAGE: usize = 255;
