//! What both programs can be told to do: drains, maintenance, and what a reload would
//! change.

use std::future::Future;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
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
        .route("/v1/drain", post(drain::<S>))
        .route("/v1/undrain", post(undrain::<S>))
        .route("/v1/maintenance", post(maintenance::<S>))
        .route("/v1/diff", get(diff::<S>))
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Drain {
    what: String,
    #[serde(default)]
    wait: bool,
}

async fn drain<S: Steering>(
    State(steering): State<S>,
    asked: Result<Query<Drain>, QueryRejection>,
) -> Response {
    match asked {
        Ok(Query(Drain { what, wait })) => answer(steering.drain(Drained::of(what), wait).await),
        Err(error) => Refused::bad_request(error.body_text()).into_response(),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undrain {
    what: String,
}

async fn undrain<S: Steering>(
    State(steering): State<S>,
    asked: Result<Query<Undrain>, QueryRejection>,
) -> Response {
    match asked {
        Ok(Query(Undrain { what })) => answer(steering.undrain(Drained::of(what)).await),
        Err(error) => Refused::bad_request(error.body_text()).into_response(),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Maintenance {
    state: Switch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
}

async fn maintenance<S: Steering>(
    State(steering): State<S>,
    asked: Result<Query<Maintenance>, QueryRejection>,
) -> Response {
    match asked {
        Ok(Query(Maintenance { state })) => answer(steering.maintenance(state == Switch::On).await),
        Err(error) => Refused::bad_request(error.body_text()).into_response(),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compared {
    file: Option<String>,
}

async fn diff<S: Steering>(
    State(steering): State<S>,
    asked: Result<Query<Compared>, QueryRejection>,
) -> Response {
    match asked {
        Ok(Query(Compared { file })) => match steering.diff(file.as_deref()).await {
            Ok(diff) => Json(diff).into_response(),
            Err(refused) => refused.into_response(),
        },
        Err(error) => Refused::bad_request(error.body_text()).into_response(),
    }
}

fn answer(done: Result<Done, Refused>) -> Response {
    match done {
        Ok(done) => Json(done).into_response(),
        Err(refused) => refused.into_response(),
    }
}
