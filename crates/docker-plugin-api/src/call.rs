//! One request: body in, JSON out. What is odd about Docker's client is handled here only.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::Response,
    routing::{MethodRouter, post},
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Serialize, de::DeserializeOwned};
use tracing::{debug, error, warn};

use crate::{
    error::{ErrorKind, PluginError},
    limits::Limits,
};

/// The content type Docker's own helpers answer with.
pub(crate) const PLUGIN_CONTENT_TYPE: &str = "application/vnd.docker.plugins.v1.1+json";

/// One method of the plugin protocol and where it is found.
#[derive(Clone)]
pub(crate) struct Method {
    pub(crate) path: &'static str,
    pub(crate) route: MethodRouter<Limits>,
}

/// A method with arguments: exactly one JSON object.
pub(crate) fn call<D, Q, R, F, Fut>(path: &'static str, driver: &Arc<D>, answer: F) -> Method
where
    D: Send + Sync + 'static,
    Q: DeserializeOwned + Send + 'static,
    R: Serialize,
    F: Fn(Arc<D>, Q) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<R, PluginError>> + Send,
{
    let driver = Arc::clone(driver);
    let route = post(
        move |State(limits): State<Limits>, body: Bytes| async move {
            let request = match arguments(path, &body) {
                Ok(request) => request,
                Err(error) => return refusal(path, &error),
            };
            respond(path, limits.handler, async move {
                answer(driver, request).await
            })
            .await
        },
    );
    Method { path, route }
}

/// A method without arguments. Docker sends no body; one that is there says nothing.
pub(crate) fn query<D, R, F>(path: &'static str, driver: &Arc<D>, answer: F) -> Method
where
    D: Send + Sync + 'static,
    R: Serialize,
    F: Fn(&D) -> R + Clone + Send + Sync + 'static,
{
    let driver = Arc::clone(driver);
    let route = post(move |State(limits): State<Limits>| {
        respond(path, limits.handler, async move { Ok(answer(&driver)) })
    });
    Method { path, route }
}

/// Reads a whole body, within the bounds of size and time.
pub(crate) async fn receive<B>(body: B, limits: &Limits) -> Result<Bytes, PluginError>
where
    B: BodyExt<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let too_large = || {
        PluginError::new(
            ErrorKind::BodyTooLarge,
            format!("request body is larger than {} octets", limits.body),
        )
    };
    // A claimed length that cannot be accepted is refused before anything is read.
    if body.size_hint().lower() > u64::try_from(limits.body).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    match tokio::time::timeout(limits.transfer, Limited::new(body, limits.body).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(PluginError::bad_request(format!(
            "request body broke off: {error}"
        ))),
        Err(_) => Err(PluginError::new(
            ErrorKind::RequestTimeout,
            format!(
                "request body took longer than {:?} to arrive",
                limits.transfer
            ),
        )),
    }
}

/// The answer to a request that cannot be served. Both keys are set, because Docker reads `Err`
/// for one of its interfaces and `Error` for the other.
pub(crate) fn refusal(path: &str, error: &PluginError) -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Refusal<'a> {
        err: &'a str,
        error: &'a str,
    }

    debug!(
        path,
        status = error.status(),
        error = error.message(),
        "request refused"
    );
    let message = error.message();
    let body = serde_json::to_vec(&Refusal {
        err: message,
        error: message,
    })
    .unwrap_or_else(|_| br#"{"Err":"internal error","Error":"internal error"}"#.to_vec());
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json(status, body)
}

fn arguments<Q: DeserializeOwned>(path: &str, body: &[u8]) -> Result<Q, PluginError> {
    let body = body.trim_ascii();
    match body.first() {
        // serde would fill a struct from an array as well.
        Some(b'{') => serde_json::from_slice(body).map_err(|error| unsound(&error)),
        Some(_) => Err(PluginError::bad_request(
            "request body is not a JSON object",
        )),
        None => Err(PluginError::bad_request(format!(
            "request body is empty, as when Docker repeats a request whose connection broke; \
             {} was not carried out",
            path.trim_start_matches('/'),
        ))),
    }
}

/// Where in the text a field is unsound says nothing to the person who set an option; where the
/// text ceases to be JSON does.
fn unsound(error: &serde_json::Error) -> PluginError {
    let text = error.to_string();
    let reason = match text.rsplit_once(" at line ") {
        Some((reason, _)) if error.is_data() => reason,
        _ => &text,
    };
    PluginError::bad_request(format!("request body: {reason}"))
}

/// Runs the driver's part, within its time and without letting a panic through.
async fn respond<R: Serialize>(
    path: &'static str,
    bound: Duration,
    answer: impl Future<Output = Result<R, PluginError>>,
) -> Response {
    let method = path.trim_start_matches('/');
    let result = match tokio::time::timeout(bound, caught(answer)).await {
        Ok(Some(result)) => result,
        Ok(None) => {
            error!(method, "the driver panicked");
            Err(PluginError::internal(format!(
                "{method} ended in a panic of the plugin"
            )))
        }
        Err(_) => {
            warn!(method, ?bound, "the driver took too long");
            let message = format!("{method} took longer than {bound:?}");
            Err(PluginError::new(ErrorKind::Timeout, message))
        }
    };
    match result.and_then(|value| encode(method, &value)) {
        Ok(body) => json(StatusCode::OK, body),
        Err(error) => refusal(path, &error),
    }
}

fn encode<R: Serialize>(method: &str, value: &R) -> Result<Vec<u8>, PluginError> {
    let body = serde_json::to_vec(value)
        .map_err(|error| PluginError::internal(format!("answer of {method}: {error}")))?;
    // The unit type, a success with nothing to say.
    if body == b"null" {
        Ok(b"{}".to_vec())
    } else {
        Ok(body)
    }
}

/// The future's output, or `None` when it panics.
async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| {
        // After a panic the future is not polled again, so nothing sees what it left behind
        // except the driver's own shared state, which is the driver's to keep whole.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PLUGIN_CONTENT_TYPE));
    response
}
