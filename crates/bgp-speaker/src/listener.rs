//! Accepts connections and hands each to the one who knows the peers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::guests::Guests;

/// A connection that somebody opened to us.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) from: SocketAddr,
    /// Which of the listening sockets it came to.
    pub(crate) door: usize,
}

/// Serves one listening address until cancelled. Strangers are sent away at
/// once, even while nobody takes what was accepted.
pub(crate) async fn run(
    listener: TcpListener,
    door: usize,
    guests: Arc<Guests>,
    accepted: mpsc::Sender<Accepted>,
    cancel: CancellationToken,
) {
    let serve = async {
        loop {
            match listener.accept().await {
                Ok((_, from)) if !guests.expect(from) => {
                    debug!(%from, "connection closed: not one of our peers");
                }
                // Without room the kernel's backlog holds those who come later.
                Ok((stream, from)) => {
                    if accepted
                        .send(Accepted { stream, from, door })
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use socket2::{Domain, Socket, Type};
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpSocket;
    use tokio::time::timeout;

    use super::*;
    use crate::PeerKey;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 66, 0, 2));

    async fn dial(from: IpAddr, to: SocketAddr) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
        let socket = TcpSocket::from_std_stream(socket.into());
        socket.connect(to).await.unwrap()
    }

    #[tokio::test]
    async fn strangers_take_no_place_that_a_peer_waits_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let guests = Arc::new(Guests::default());
        guests.set([&PeerKey::from(PEER)].into_iter(), &[]);
        let (sender, mut accepted) = mpsc::channel(1);
        let cancel = CancellationToken::new();
        let running = tokio::spawn(run(listener, 0, guests, sender, cancel.clone()));

        // Nobody takes what was accepted, so the one place is taken from here on.
        let _first = dial(PEER, address).await;
        let mut strangers = Vec::new();
        for _ in 0..100 {
            strangers.push(dial([127, 66, 0, 9].into(), address).await);
        }
        for mut stranger in strangers {
            let closed = timeout(Duration::from_secs(30), stranger.read(&mut [0])).await;
            assert!(matches!(closed.unwrap(), Ok(0) | Err(_)));
        }
        let _second = dial(PEER, address).await;
        for _ in 0..2 {
            let next = timeout(Duration::from_secs(30), accepted.recv()).await;
            assert_eq!(next.unwrap().unwrap().from.ip(), PEER);
        }
        assert!(accepted.try_recv().is_err());
        cancel.cancel();
        running.await.unwrap();
    }
}
