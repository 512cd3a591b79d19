//! Accepts connections and hands each to the one who knows the peers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// A connection that somebody opened to us.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) from: SocketAddr,
    /// Which of the listening sockets it came to.
    pub(crate) door: usize,
}

/// Serves one listening address until cancelled.
pub(crate) async fn run(
    listener: TcpListener,
    door: usize,
    accepted: mpsc::Sender<Accepted>,
    cancel: CancellationToken,
) {
    let serve = async {
        // Without room the kernel's backlog holds those who come.
        while let Ok(room) = accepted.reserve().await {
            match listener.accept().await {
                Ok((stream, from)) => room.send(Accepted { stream, from, door }),
                Err(error) => {
                    warn!(%error, "cannot accept a connection");
                    // Out of descriptors or memory: nothing tells when that ends.
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => {}
        () = serve => {}
    }
}

const ACCEPT_AGAIN: Duration = Duration::from_millis(200);
