//! What Docker is told to do: to end containers.

use std::fmt::Write;
use std::time::Duration;

use hyper::Method;

use super::{ApiVersion, ContainerDetails, DockerClient, MAX_INSPECT_LEN};
use crate::docker::http::DockerError;
use crate::docker::model::ContainerId;
use crate::docker::query::percent_encoded;

impl DockerClient {
    /// Stops a container as `docker stop` does, and waits until it stopped:
    /// `signal` (its own stop signal if `None`), then SIGKILL after `timeout`
    /// (its own stop timeout, 10 s by default, if `None`). A container that
    /// is stopped already is a success.
    ///
    /// # Errors
    ///
    /// [`DockerError::Unsupported`] if a signal is given and Docker is older
    /// than API 1.42, where it would be ignored; [`Self::terminate`] works
    /// there too. Otherwise [`DockerError`] as it happens.
    pub async fn stop_container(
        &self,
        id: &ContainerId,
        signal: Option<&str>,
        timeout: Option<Duration>,
    ) -> Result<(), DockerError> {
        let mut query = String::new();
        if let Some(signal) = signal {
            if self.version().await? < STOP_WITH_SIGNAL {
                return Err(DockerError::Unsupported {
                    what: "stopping a container with a chosen signal",
                    minor: STOP_WITH_SIGNAL.minor,
                });
            }
            query = format!("?signal={}", percent_encoded(signal));
        }
        let patience = match timeout {
            Some(timeout) => {
                let separator = if query.is_empty() { '?' } else { '&' };
                // Writing to a string cannot fail.
                let _ = write!(query, "{separator}t={}", timeout.as_secs());
                timeout
            }
            None => self.inspect(id).await?.patience(),
        };
        let limit = patience.min(MAX_PATIENCE).saturating_add(self.timeout);
        self.call(
            Method::POST,
            &format!("/containers/{id}/stop{query}"),
            limit,
        )
        .await?;
        Ok(())
    }

    /// Has Docker deliver a signal, given by name (`SIGTERM`) or number.
    ///
    /// # Errors
    ///
    /// [`DockerError`]; status 409 if the container does not run.
    pub async fn kill_container(&self, id: &ContainerId, signal: &str) -> Result<(), DockerError> {
        let target = format!("/containers/{id}/kill?signal={}", percent_encoded(signal));
        self.call(Method::POST, &target, self.timeout).await?;
        Ok(())
    }

    /// Ends a container with SIGTERM whatever its stop signal is, then with
    /// SIGKILL after its own stop timeout, and waits until it ended.
    ///
    /// A container that ended or was removed already is a success. On API
    /// 1.42 and later Docker does all of it; before, where a stop always
    /// sends the container's own stop signal, this is a kill, a wait and
    /// another kill. A stop timeout of “for ever” is cut at one hour.
    ///
    /// # Errors
    ///
    /// [`DockerError`] as it happens. Dropping the future may leave the
    /// container without its SIGKILL.
    pub async fn terminate(&self, id: &ContainerId) -> Result<(), DockerError> {
        match self.terminate_running(id).await {
            Err(error) if matches!(error.status(), Some(404 | 409)) => Ok(()),
            other => other,
        }
    }

    async fn terminate_running(&self, id: &ContainerId) -> Result<(), DockerError> {
        if self.version().await? >= STOP_WITH_SIGNAL {
            return self.stop_container(id, Some("SIGTERM"), None).await;
        }
        let patience = self.inspect(id).await?.patience().min(MAX_PATIENCE);
        self.kill_container(id, "SIGTERM").await?;
        match self.ended(id, patience).await {
            Err(DockerError::Timeout { .. }) => {
                self.kill_container(id, "SIGKILL").await?;
                self.ended(id, self.timeout).await?;
            }
            other => other?,
        }
        // A kill with another signal than the container's own does not keep
        // its restart policy from starting it again; a stop does.
        self.stop_container(id, None, Some(Duration::ZERO)).await
    }

    /// Waits until the container does not run.
    async fn ended(&self, id: &ContainerId, limit: Duration) -> Result<(), DockerError> {
        let target = format!("/containers/{id}/wait?condition=not-running");
        // Docker answers the headers at once and the body when it ended; old
        // versions answer all of it then.
        let mut exchange = self.call(Method::POST, &target, limit).await?;
        exchange.read(MAX_INSPECT_LEN, limit).await?;
        Ok(())
    }
}

impl ContainerDetails {
    fn patience(&self) -> Duration {
        self.stop_timeout.unwrap_or(DEFAULT_STOP_TIMEOUT)
    }
}

/// The first version whose stop takes a signal (23.0).
const STOP_WITH_SIGNAL: ApiVersion = ApiVersion { minor: 42 };

/// What `docker stop` waits for a container that says nothing.
const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What a stop timeout of "for ever" is cut to.
const MAX_PATIENCE: Duration = Duration::from_secs(3600);
