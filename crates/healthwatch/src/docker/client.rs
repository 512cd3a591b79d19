//! Questions to Docker.

mod ending;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;

use super::http::{DockerError, Exchange};
use super::model::{Container, ContainerId, Network};
use super::query::{event_filters, filter, percent_encoded};
use super::question::{Answer, Listing, Scope};
use super::stream::EventStream;
use super::wire;

/// A client of one Docker daemon.
///
/// A clone shares the negotiated API version and nothing else: each request
/// opens a connection of its own, so that it always reaches whoever listens on
/// the socket's path now.
///
/// Every request is bounded in time by the timeout given to
/// [`DockerClient::new`] and in size. Requests about one container wait while
/// Docker holds that container's lock: never make them, directly or not, while
/// Docker waits for the caller, as it does inside a plugin's request.
#[derive(Clone, Debug)]
pub struct DockerClient {
    socket: Arc<Path>,
    timeout: Duration,
    /// The negotiated version's second half; 0 before negotiation.
    minor: Arc<AtomicU32>,
}

/// A version of Docker's API, of the form `1.41`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    /// The part after `1.`.
    pub minor: u16,
}

impl ApiVersion {
    /// The newest version this crate knows how to read. Older ones work too,
    /// down to at least 1.41.
    pub const NEWEST_KNOWN: Self = Self { minor: 52 };

    fn parse(text: &str) -> Option<Self> {
        let minor = text.trim().strip_prefix("1.")?.parse().ok()?;
        (minor > 0).then_some(Self { minor })
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "1.{}", self.minor)
    }
}

/// What only inspection of a single container tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerDetails {
    /// Whether its main process lives (also while paused or restarting).
    pub running: bool,
    /// The labels, those of the image included.
    pub labels: BTreeMap<String, String>,
    /// The signal `docker stop` sends, as configured: a name or a number.
    /// `None` stands for SIGTERM.
    pub stop_signal: Option<String>,
    /// How long `docker stop` waits before SIGKILL. `None` is Docker's
    /// default of 10 s; [`Duration::MAX`] means for ever.
    pub stop_timeout: Option<Duration>,
    /// Whether it has a health check that runs.
    pub has_health_check: bool,
}

impl DockerClient {
    /// A client for the daemon at `socket`; nothing is opened yet.
    ///
    /// `timeout` bounds the wait for each answer, and then for its body.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>, timeout: Duration) -> Self {
        Self {
            socket: socket.into().into(),
            timeout,
            minor: Arc::default(),
        }
    }

    /// Asks whether Docker is there and agrees with it on a version: the
    /// newest that both know.
    ///
    /// # Errors
    ///
    /// [`DockerError`] if there is no answer. While Docker starts, it accepts
    /// connections and answers only when it is ready.
    pub async fn ping(&self) -> Result<ApiVersion, DockerError> {
        let daemon = self.daemon_version().await?;
        let version = daemon.min(ApiVersion::NEWEST_KNOWN);
        self.minor
            .store(u32::from(version.minor), Ordering::Relaxed);
        Ok(version)
    }

    /// Every container, running or not, ordered by identifier.
    ///
    /// # Errors
    ///
    /// [`DockerError`] if there is no answer or it makes no sense.
    pub async fn containers(&self) -> Result<Vec<Container>, DockerError> {
        let mut containers: Vec<_> = self
            .listings(None)
            .await?
            .into_iter()
            .map(Listing::into_container)
            .collect();
        containers.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(containers)
    }

    /// Every network, ordered by identifier.
    ///
    /// # Errors
    ///
    /// [`DockerError`] if there is no answer or it makes no sense.
    pub async fn networks(&self) -> Result<Vec<Network>, DockerError> {
        let (exchange, body) = self.fetch("/networks", MAX_LIST_LEN).await?;
        parse(body, wire::networks)
            .await
            .map_err(|source| exchange.json_error(source))
    }

    /// What only inspection tells of one container.
    ///
    /// # Errors
    ///
    /// [`DockerError`]; [`DockerError::is_not_found`] if there is none.
    pub async fn inspect(&self, id: &ContainerId) -> Result<ContainerDetails, DockerError> {
        let (exchange, body) = self
            .fetch(&format!("/containers/{id}/json"), MAX_INSPECT_LEN)
            .await?;
        let raw = wire::inspected(&body).map_err(|source| exchange.json_error(source))?;
        Ok(ContainerDetails {
            running: raw.running,
            labels: raw.labels,
            stop_signal: raw.stop_signal,
            stop_timeout: raw
                .stop_timeout
                .map(|s| u64::try_from(s).map_or(Duration::MAX, Duration::from_secs)),
            has_health_check: raw.has_health_check,
        })
    }

    /// Opens the event stream, beginning with what happens from now on.
    pub(crate) async fn events(&self) -> Result<EventStream, DockerError> {
        // Docker answers before it subscribes. What happens in between is
        // replayed from its memory of past events, for which it compares with
        // the same clock.
        let since = std::time::SystemTime::now()
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let target = format!(
            "/events?since={}.{:09}&filters={}",
            since.as_secs(),
            since.subsec_nanos(),
            percent_encoded(&event_filters()),
        );
        Ok(EventStream::new(
            self.call(Method::GET, &target, self.timeout).await?,
        ))
    }

    /// Asks for what `scope` names.
    pub(crate) async fn look(&self, scope: &Scope) -> Result<Answer, DockerError> {
        let (ids, with_networks) = match scope {
            Scope::Everything => (None, true),
            Scope::Some {
                containers,
                networks,
            } => (Some(containers), *networks),
        };
        let containers = async {
            // A filter without a value would list every container.
            if ids.is_some_and(BTreeSet::is_empty) {
                Ok(Vec::new())
            } else {
                self.listings(ids).await
            }
        };
        let networks = async {
            if with_networks {
                self.networks().await.map(Some)
            } else {
                Ok(None)
            }
        };
        let (containers, networks) = tokio::try_join!(containers, networks)?;
        Ok(Answer {
            containers,
            networks,
        })
    }

    async fn listings(
        &self,
        ids: Option<&BTreeSet<ContainerId>>,
    ) -> Result<Vec<Listing>, DockerError> {
        let mut target = "/containers/json?all=1".to_owned();
        if let Some(ids) = ids {
            let filters = filter("id", ids.iter().map(ContainerId::as_str));
            target.push_str("&filters=");
            target.push_str(&percent_encoded(&format!("{{{filters}}}")));
        }
        let (exchange, body) = self.fetch(&target, MAX_LIST_LEN).await?;
        parse(body, wire::containers)
            .await
            .map_err(|source| exchange.json_error(source))
    }

    async fn fetch(&self, target: &str, max: usize) -> Result<(Exchange, Bytes), DockerError> {
        let mut exchange = self.call(Method::GET, target, self.timeout).await?;
        let body = exchange.read(max, self.timeout).await?;
        Ok((exchange, body))
    }

    /// Sends a request under the negotiated version.
    async fn call(
        &self,
        method: Method,
        target: &str,
        limit: Duration,
    ) -> Result<Exchange, DockerError> {
        let version = self.version().await?;
        match self.send(version, method.clone(), target, limit).await {
            Err(DockerError::Status {
                status: 400,
                message,
                ..
            }) if message.starts_with("client version") => {
                // Docker was replaced, or its oldest version is newer than
                // what this crate knows; then its own must do.
                let version = self.daemon_version().await?;
                self.minor
                    .store(u32::from(version.minor), Ordering::Relaxed);
                self.send(version, method, target, limit).await
            }
            other => other,
        }
    }

    async fn send(
        &self,
        version: ApiVersion,
        method: Method,
        target: &str,
        limit: Duration,
    ) -> Result<Exchange, DockerError> {
        let target = format!("/v{version}{target}");
        Exchange::start(&self.socket, method, &target, limit)
            .await?
            .checked(self.timeout)
            .await
    }

    async fn version(&self) -> Result<ApiVersion, DockerError> {
        match u16::try_from(self.minor.load(Ordering::Relaxed)) {
            Ok(minor) if minor > 0 => Ok(ApiVersion { minor }),
            _ => self.ping().await,
        }
    }

    async fn daemon_version(&self) -> Result<ApiVersion, DockerError> {
        let ping = Exchange::start(&self.socket, Method::GET, "/_ping", self.timeout).await?;
        let ping = ping.checked(self.timeout).await?;
        Ok(ping
            .header("api-version")
            .and_then(ApiVersion::parse)
            .unwrap_or(UNTOLD))
    }
}

/// Parses off the task's thread if it would hold up the event stream.
async fn parse<T: Send + 'static>(
    body: Bytes,
    read: fn(&[u8]) -> Result<T, serde_json::Error>,
) -> Result<T, serde_json::Error> {
    if body.len() <= PARSE_INLINE {
        return read(&body);
    }
    match tokio::task::spawn_blocking({
        let body = body.clone();
        move || read(&body)
    })
    .await
    {
        Ok(result) => result,
        // The runtime is shutting down; the answer will not be used.
        Err(_) => read(&body),
    }
}

/// For a daemon that does not say its version: something all can read.
const UNTOLD: ApiVersion = ApiVersion { minor: 41 };

const MAX_LIST_LEN: usize = 64 * 1024 * 1024;
const MAX_INSPECT_LEN: usize = 4 * 1024 * 1024;
const PARSE_INLINE: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_numbers() {
        let parse = |text| ApiVersion::parse(text).unwrap();
        assert!(parse("1.9") < parse("1.41"));
        assert_eq!(parse("1.52").to_string(), "1.52");
        for bad in ["", "1", "2.0", "1.x", "1.0", "1.-1", "1.99999999"] {
            assert_eq!(ApiVersion::parse(bad), None, "{bad}");
        }
    }
}
