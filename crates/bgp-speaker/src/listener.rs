//! Accepts connections and hands each to the task of the peer it comes from.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::socket::Listening;

/// Serves one listening address until cancelled.
pub(crate) async fn run(
    listening: Listening,
    peers: HashMap<IpAddr, mpsc::Sender<TcpStream>>,
    cancel: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            accepted = listening.listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                let peer = from.ip().to_canonical();
                match peers.get(&peer) {
                    // A task that has not yet taken the last few needs no more of them.
                    Some(task) if task.try_send(stream).is_ok() => {}
                    Some(_) => debug!(%peer, "connection closed: the peer's task is busy"),
                    None => debug!(%peer, "connection closed: not one of our peers"),
                }
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                // Out of descriptors or memory: nothing tells when that ends.
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(ACCEPT_AGAIN) => {}
                }
            }
        }
    }
}

const ACCEPT_AGAIN: Duration = Duration::from_millis(200);
