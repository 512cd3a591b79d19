//! `POST /v1/reload`: the configuration is read again.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use lb_status::Refused;
use lb_status::model::VERSION;
use serde::{Deserialize, Serialize};

use crate::reload::{ReloadHandle, Reloaded};

/// What that changed; the counts are those of peers.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Done {
    version: u32,
    pub(crate) added: usize,
    pub(crate) removed: usize,
    pub(crate) restarted: usize,
    pub(crate) updated: usize,
    pub(crate) unchanged: usize,
    /// How many prefixes are announced now.
    pub(crate) prefixes: usize,
}

/// Does what SIGHUP does, and answers when it is done.
pub(crate) async fn reload(State(handle): State<ReloadHandle>) -> Response {
    match handle.reload().await {
        Ok(Reloaded { peers, prefixes }) => Json(Done {
            version: VERSION,
            added: peers.added,
            removed: peers.removed,
            restarted: peers.restarted,
            updated: peers.updated,
            unchanged: peers.unchanged,
            prefixes,
        })
        .into_response(),
        Err(why) => Refused::conflict(why).into_response(),
    }
}
