//! What both programs can be told to do: drains, maintenance, and what a reload would
//! change.

use std::future::Future;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::Refused;
use crate::model::{Diff, Done};

/// A program that does what operators want.
pub trait Steering: Clone + Send + Sync + 'static {
    /// Takes routes back in an orderly way, and keeps them back. With `wait` it is over
    /// when everybody has had the time for that.
    fn drain(
        &self,
        what: Drained,
        wait: bool,
    ) -> impl Future<Output = Result<Done, Refused>> + Send;

    /// Takes a drain back.
    fn undrain(&self, what: Drained) -> impl Future<Output = Result<Done, Refused>> + Send;

    /// Takes the host into maintenance, or out of it.
    fn maintenance(&self, on: bool) -> impl Future<Output = Result<Done, Refused>> + Send;

    /// What a reload would do, of the file of this name instead of its own if there is
    /// one.
    fn diff(&self, file: Option<&str>) -> impl Future<Output = Result<Diff, Refused>> + Send;
}

/// What is drained.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "programs have to know each")]
pub enum Drained {
    /// Everything on this host.
    Host,
    /// One service, as operators call it.
    Service(String),
}

impl Drained {
    /// No network of the engine's other drivers is called so by accident: the engine
    /// has one of this name itself.
    const HOST: &str = "host";

    fn of(name: String) -> Self {
        if name == Self::HOST {
            Self::Host
        } else {
            Self::Service(name)
        }
    }
}

/// Has `steering` done what is asked for; to be merged with [`router`](super::router).
pub fn steering<S: Steering>(steering: S) -> Router {
    Router::new()
        .route(DRAIN, post(steer::<S>))
        .route(UNDRAIN, post(steer::<S>))
        .route(MAINTENANCE, post(steer::<S>))
        .route(DIFF, get(steer::<S>))
        .with_state(steering)
}

/// Has files read again by `reload`; to be merged with [`router`](super::router).
pub fn reloading<F, R>(reload: F) -> Router
where
    F: Fn() -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Done, Refused>> + Send,
{
    Router::new().route("/v1/reload", post(async move || answer(reload().await)))
}

/// All that may stand behind a question mark.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    what: Option<String>,
    wait: Option<bool>,
    state: Option<Switch>,
    file: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
}

/// One for all paths: each of its own would weigh as much in the program again.
async fn steer<S: Steering>(
    State(steering): State<S>,
    uri: Uri,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let Query(asked) = match asked {
        Ok(asked) => asked,
        Err(error) => return Refused::bad_request(error.body_text()).into_response(),
    };
    let Asked {
        what,
        wait,
        state,
        file,
    } = asked;
    match (uri.path(), what, wait, state, file) {
        (DRAIN, Some(what), wait, None, None) => {
            answer(steering.drain(Drained::of(what), wait == Some(true)).await)
        }
        (UNDRAIN, Some(what), None, None, None) => {
            answer(steering.undrain(Drained::of(what)).await)
        }
        (MAINTENANCE, None, None, Some(state), None) => {
            answer(steering.maintenance(state == Switch::On).await)
        }
        (DIFF, None, None, None, file) => match steering.diff(file.as_deref()).await {
            Ok(diff) => Json(diff).into_response(),
            Err(refused) => refused.into_response(),
        },
        (path, ..) => {
            let accepted = match path {
                DRAIN => "what=NAME, and wait=true if it shall be waited for",
                UNDRAIN => "what=NAME, and no wait",
                MAINTENANCE => "state=on or state=off",
                _ => "file=PATH or nothing",
            };
            Refused::bad_request(format!("{path}: give {accepted}")).into_response()
        }
    }
}

fn answer(done: Result<Done, Refused>) -> Response {
    match done {
        Ok(done) => Json(done).into_response(),
        Err(refused) => refused.into_response(),
    }
}

const DRAIN: &str = "/v1/drain";
const UNDRAIN: &str = "/v1/undrain";
const MAINTENANCE: &str = "/v1/maintenance";
const DIFF: &str = "/v1/diff";
