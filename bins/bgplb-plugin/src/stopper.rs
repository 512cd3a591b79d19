//! Stops drained containers through Docker, away from the controller.

use healthwatch::{ContainerId, DockerClient};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Containers that may wait to be stopped.
const QUEUE: usize = 1024;

/// Asks for containers to be stopped.
#[derive(Clone, Debug)]
pub(crate) struct Stopper {
    queue: mpsc::Sender<String>,
}

impl Stopper {
    /// Has a container ended with SIGTERM and, after its own stop timeout,
    /// SIGKILL. Never waits.
    pub(crate) fn stop(&self, container: String) {
        if let Err(error) = self.queue.try_send(container) {
            warn!(%error, "too many containers to stop; Docker's own stop has to end it");
        }
    }
}

/// Carries the stops out, all at once: each may take as long as its container
/// does.
pub(crate) struct StopperTask {
    queue: mpsc::Receiver<String>,
    docker: DockerClient,
}

impl StopperTask {
    pub(crate) fn new(docker: DockerClient) -> (Self, Stopper) {
        let (sender, queue) = mpsc::channel(QUEUE);
        (Self { queue, docker }, Stopper { queue: sender })
    }

    /// The next container to stop, for tests in place of [`run`](Self::run).
    #[cfg(test)]
    pub(crate) async fn next(&mut self) -> Option<String> {
        self.queue.recv().await
    }

    /// Whether no container waits to be stopped.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) async fn run(mut self, cancel: CancellationToken) {
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                Some(container) = self.queue.recv() => {
                    running.spawn(stop(self.docker.clone(), container));
                }
                Some(_) = running.join_next() => {}
                else => return,
            }
        }
    }
}

async fn stop(docker: DockerClient, container: String) {
    let Ok(id) = container.parse::<ContainerId>() else {
        return;
    };
    match docker.terminate(&id).await {
        Ok(()) => info!(container, "stopped"),
        Err(error) => warn!(container, %error, "Docker did not stop the drained container"),
    }
}
