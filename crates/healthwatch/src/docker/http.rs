//! One HTTP/1.1 exchange with a unix socket: bounded in time and size.

use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};

use super::squeeze::Squeeze;
use super::wire;

/// Why Docker could not be asked, or did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DockerError {
    /// The socket does not exist or nobody listens on it.
    #[error("connect to {}: {source}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What was asked for does not fit into a URL.
    #[error("{request}: the request is too long")]
    RequestTooLong {
        /// Method and path.
        request: String,
    },
    /// The connection ended or carried something that is not HTTP.
    #[error("{request}: {source}")]
    Http {
        /// Method and path.
        request: String,
        /// What was wrong.
        source: hyper::Error,
    },
    /// Docker did not answer in time.
    #[error("{request}: no answer within {}", Seconds(*limit))]
    Timeout {
        /// Method and path.
        request: String,
        /// The time it was given.
        limit: Duration,
    },
    /// The answer is longer than is sensible.
    #[error("{request}: the answer is longer than {limit} octets")]
    TooLarge {
        /// Method and path.
        request: String,
        /// The limit it exceeds.
        limit: usize,
    },
    /// Docker refused.
    #[error("{request}: {status}: {message}")]
    Status {
        /// Method and path.
        request: String,
        /// The HTTP status, for example 404.
        status: u16,
        /// Docker's explanation.
        message: String,
    },
    /// The answer is not the JSON it should be.
    #[error("{request}: {source}")]
    Json {
        /// Method and path.
        request: String,
        /// Where it stops making sense.
        source: serde_json::Error,
    },
    /// The event stream ended, as it does when Docker stops.
    #[error("the event stream ended")]
    StreamEnded,
    /// This Docker is too old for what was asked.
    #[error("{what} needs Docker API 1.{minor} or later")]
    Unsupported {
        /// What was asked.
        what: &'static str,
        /// The second half of the version that has it.
        minor: u16,
    },
}

impl DockerError {
    /// True if Docker answered that there is no such object.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// The HTTP status, if Docker refused.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Prints a duration as people write it in configuration files.
struct Seconds(Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

type Connection = http1::Connection<TokioIo<UnixStream>, Empty<Bytes>>;

/// An answer whose body is still to be read, and the connection it comes on.
///
/// The connection is driven by whoever reads the body, so no task is left
/// behind, and dropping this closes the socket.
pub(crate) struct Exchange {
    connection: Option<Pin<Box<Connection>>>,
    response: Response<Incoming>,
    request: String,
}

impl Exchange {
    /// Connects anew, since the socket file may have been replaced, and sends
    /// `method target` without a body.
    pub(crate) async fn start(
        socket: &Path,
        method: Method,
        target: &str,
        limit: Duration,
    ) -> Result<Self, DockerError> {
        // What is in the query may be long; the path says enough.
        let request = format!("{method} {}", target.split('?').next().unwrap_or(target));
        let late = || DockerError::Timeout {
            request: request.clone(),
            limit,
        };
        let deadline = Instant::now() + limit;
        let begin = Self::begin(socket, method, target, request.clone());
        timeout_at(deadline, begin)
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    async fn begin(
        socket: &Path,
        method: Method,
        target: &str,
        request: String,
    ) -> Result<Self, DockerError> {
        let stream = UnixStream::connect(socket)
            .await
            .map_err(|source| DockerError::Connect {
                path: socket.to_owned(),
                source,
            })?;
        let fail = |source| DockerError::Http {
            request: request.clone(),
            source,
        };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(fail)?;
        let mut connection = Some(Box::pin(connection));
        let message = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, "docker")
            .header(
                USER_AGENT,
                concat!("healthwatch/", env!("CARGO_PKG_VERSION")),
            )
            .header(ACCEPT, "application/json, application/x-ndjson")
            .body(Empty::new())
            // The headers are constants and the target is percent-encoded, so
            // only its length can be wrong.
            .map_err(|_| DockerError::RequestTooLong {
                request: request.clone(),
            })?;
        let response = drive(&mut connection, sender.send_request(message))
            .await
            .map_err(fail)?;
        Ok(Self {
            connection,
            response,
            request,
        })
    }

    /// The value of a header of the answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Turns an unsuccessful answer into an error that carries Docker's
    /// explanation. 304 is a success: there was nothing to do.
    pub(crate) async fn checked(mut self, limit: Duration) -> Result<Self, DockerError> {
        let status = self.response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(self);
        }
        let body = self.read(MAX_ERROR_LEN, limit).await.unwrap_or_default();
        let message = wire::error_message(&body);
        Err(DockerError::Status {
            request: self.request,
            status: status.as_u16(),
            message,
        })
    }

    /// Reads the whole body, [squeezed](Squeeze): at most `max` octets of it
    /// within `limit`.
    pub(crate) async fn read(&mut self, max: usize, limit: Duration) -> Result<Bytes, DockerError> {
        let deadline = Instant::now() + limit;
        let mut body = BytesMut::new();
        let mut squeeze = Squeeze::whole();
        loop {
            match timeout_at(deadline, self.frame()).await {
                Ok(Ok(Some(data))) => {
                    squeeze.pass(&data, &mut body);
                    if body.len() > max {
                        return Err(DockerError::TooLarge {
                            request: self.request.clone(),
                            limit: max,
                        });
                    }
                }
                Ok(Ok(None)) => return Ok(body.freeze()),
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    return Err(DockerError::Timeout {
                        request: self.request.clone(),
                        limit,
                    });
                }
            }
        }
    }

    /// The next piece of the body; `None` at its end. Safe to cancel.
    pub(crate) async fn frame(&mut self) -> Result<Option<Bytes>, DockerError> {
        loop {
            match drive(&mut self.connection, self.response.body_mut().frame()).await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(source)) => {
                    return Err(DockerError::Http {
                        request: self.request.clone(),
                        source,
                    });
                }
            }
        }
    }

    /// Wraps a JSON error with what was asked.
    pub(crate) fn json_error(&self, source: serde_json::Error) -> DockerError {
        DockerError::Json {
            request: self.request.clone(),
            source,
        }
    }
}

/// Waits for `wanted` while moving octets on the connection it depends on.
async fn drive<T>(
    connection: &mut Option<Pin<Box<Connection>>>,
    wanted: impl Future<Output = T>,
) -> T {
    let mut wanted = pin!(wanted);
    poll_fn(|cx| {
        if let Poll::Ready(value) = wanted.as_mut().poll(cx) {
            return Poll::Ready(value);
        }
        if let Some(moving) = connection
            && moving.as_mut().poll(cx).is_ready()
        {
            // Its error, if any, reaches `wanted` too.
            *connection = None;
        }
        // What the connection just delivered is taken at once.
        wanted.as_mut().poll(cx)
    })
    .await
}

const MAX_ERROR_LEN: usize = 64 * 1024;
