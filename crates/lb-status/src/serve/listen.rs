//! Connections in, bounded in number and in patience.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use guarded_socket::GuardedListener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

/// How many connections are served at once; further ones wait.
pub const CONNECTIONS: usize = 32;

/// How long a client may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(10);

/// How long one question may take, its answer included: a reader that stopped
/// reading gives up its place.
const WHOLE: Duration = Duration::from_secs(3600);

/// How long nothing is accepted after that has failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers on `listener` by `router` until `shutdown` is over; connections end
/// with it, and the socket's file goes.
///
/// One connection is for one question. Dropping the future ends everything at
/// once.
///
/// # Errors
///
/// When the socket cannot be handed to the tokio runtime.
pub async fn serve(
    listener: GuardedListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (socket, _file) = listener.into_parts();
    socket.set_nonblocking(true)?;
    let socket = UnixListener::from_std(socket)?;
    let mut connections = JoinSet::new();
    let accepting = async {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match socket.accept().await {
                Ok((stream, _)) => {
                    while connections.try_join_next().is_some() {}
                    let router = router.clone();
                    connections.spawn(async move {
                        connection(stream, router).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    warn!(%error, "status connection not accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = shutdown => {}
        () = accepting => {}
    }
    Ok(())
}

async fn connection(stream: UnixStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(WHOLE, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "status connection broken"),
        Err(_) => debug!("status connection took too long"),
    }
}
