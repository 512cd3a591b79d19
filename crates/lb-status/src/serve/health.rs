//! Whether the program answers, and whether it does what it is there for.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{Refused, Source};
use crate::model::{Missing, Readiness, VERSION};

/// That it answers says it all.
#[derive(Serialize)]
struct Healthy {
    version: u32,
}

pub(super) async fn healthy() -> Response {
    Json(Healthy { version: VERSION }).into_response()
}

pub(super) async fn ready<S: Source>(State(source): State<S>) -> Response {
    match readiness(&source).await {
        Ok(readiness) => {
            let status = match readiness.ready {
                true => StatusCode::OK,
                false => StatusCode::SERVICE_UNAVAILABLE,
            };
            (status, Json(readiness)).into_response()
        }
        Err(refused) => refused.into_response(),
    }
}

async fn readiness(source: &impl Source) -> Result<Readiness, Refused> {
    let mut missing = source.missing().await?;
    let peers = source.status().await?.peers;
    if peers.established == 0 {
        let text = match peers.configured {
            0 => "there is no peer".to_owned(),
            1 => "there is no session with the peer".to_owned(),
            several => format!("there is no session with any of {several} peers"),
        };
        missing.push(Missing::new("peer", text));
    }
    Ok(Readiness::new(missing))
}
