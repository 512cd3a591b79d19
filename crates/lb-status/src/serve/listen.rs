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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::address::StatusAddress;
use super::names::guarded;

/// How many connections are served at once; further ones wait.
pub const CONNECTIONS: usize = 32;

/// How long a client may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(10);

/// How long one question may take, its answer included: a reader that stopped
/// reading gives up its place.
const WHOLE: Duration = Duration::from_secs(3600);

/// The same over TCP, where readers are programs that come again.
const WHOLE_TCP: Duration = Duration::from_secs(60);

/// How long answers may take to end after the program did: what a peer said last
/// is still to be told.
const LAST: Duration = Duration::from_secs(1);

/// How long nothing is accepted after that has failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers on `listener` by `router` until `shutdown` is over. Answers that are
/// under way then may end within a second; the socket's file goes.
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
    serve_until(shutdown, &socket, router, WHOLE).await;
    Ok(())
}

/// The same on a socket that listens on `address`. Who asks has to call this
/// host by a name of it.
///
/// # Errors
///
/// As [`serve`].
pub async fn serve_tcp(
    socket: std::net::TcpListener,
    address: StatusAddress,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let socket = TcpListener::from_std(socket)?;
    let router = guarded(router, &address);
    serve_until(shutdown, &socket, router, WHOLE_TCP).await;
    Ok(())
}

async fn serve_until(
    shutdown: impl Future<Output = ()>,
    socket: &impl Accept,
    router: Router,
    whole: Duration,
) {
    let mut connections = JoinSet::new();
    tokio::select! {
        () = shutdown => {}
        () = accepting(socket, router, whole, &mut connections) => {}
    }
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(LAST, ended).await.is_err() {
        debug!("answers under way were cut off");
    }
}

/// A socket that connections come from.
trait Accept {
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        Ok(Self::accept(self).await?.0)
    }
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        Ok(Self::accept(self).await?.0)
    }
}

/// Serves what comes from `socket`, until it is dropped.
async fn accepting(
    socket: &impl Accept,
    router: Router,
    whole: Duration,
    connections: &mut JoinSet<()>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match socket.accept().await {
            Ok(stream) => {
                while connections.try_join_next().is_some() {}
                let router = router.clone();
                connections.spawn(async move {
                    connection(stream, router, whole).await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!(%error, "status connection not accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn connection<S>(stream: S, router: Router, whole: Duration)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(whole, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "status connection broken"),
        Err(_) => debug!("status connection took too long"),
    }
}
