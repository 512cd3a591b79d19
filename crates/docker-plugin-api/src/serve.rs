//! The server: connections in, requests to the router, an orderly end.

use std::{convert::Infallible, io, os::unix, pin::pin, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    limits::Limits,
    listener::Listener,
    progress::{Bounded, Progress},
    router::{PluginService, Router},
};

/// Answers on `listener` until `shutdown` is cancelled.
///
/// Then nothing new is accepted, requests in flight are finished for at most
/// [`Limits::drain`], and the socket's file is removed. Connections that cannot be accepted
/// (out of descriptors, say) are waited for; they end nothing. Dropping the future ends
/// everything at once.
///
/// # Errors
///
/// When the socket cannot be handed to the tokio runtime.
pub async fn serve(
    listener: Listener,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let limits = *router.limits();
    let (socket, file) = listener.into_parts();
    socket.set_nonblocking(true)?;
    let socket = UnixListener::from_std(socket)?;
    let slots = Arc::new(Semaphore::new(
        limits.connections.clamp(1, Semaphore::MAX_PERMITS),
    ));
    let mut connections = Connections {
        tasks: JoinSet::new(),
        service: router.service(),
        limits,
        shutdown: shutdown.clone(),
    };

    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&socket, &slots) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => connections.open(stream, Some(slot)),
            Err(error) => {
                warn!(%error, "plugin connection not accepted");
                let _ = timeout(ACCEPT_PAUSE, shutdown.cancelled()).await;
            }
        }
    }

    let socket = socket.into_std()?;
    // Who connects to a socket of systemd from now on waits for our successor.
    let waiting = if file.is_some() {
        refuse_further(&socket)
    } else {
        Vec::new()
    };
    for stream in waiting {
        match stream
            .set_nonblocking(true)
            .and_then(|()| UnixStream::from_std(stream))
        {
            Ok(stream) => connections.open(stream, None),
            Err(error) => debug!(%error, "plugin connection lost at shutdown"),
        }
    }
    connections.drain().await;
    // The file goes first, so that nobody finds a closed socket's.
    drop(file);
    drop(socket);
    Ok(())
}

/// The next connection, once there is room for it.
async fn accept(
    socket: &UnixListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(UnixStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = socket.accept().await?;
    Ok((stream, slot))
}

/// Lets every later `connect` be refused, and returns those that were waiting already: they may
/// have sent a request, which dockerd would repeat without its body.
fn refuse_further(socket: &unix::net::UnixListener) -> Vec<unix::net::UnixStream> {
    if let Err(error) = SockRef::from(socket).shutdown(std::net::Shutdown::Read) {
        debug!(%error, "plugin socket not shut down");
    }
    std::iter::from_fn(|| socket.accept().ok())
        .map(|(stream, _)| stream)
        .collect()
}

struct Connections {
    tasks: JoinSet<()>,
    service: PluginService,
    limits: Limits,
    shutdown: CancellationToken,
}

impl Connections {
    fn open(&mut self, stream: UnixStream, slot: Option<OwnedSemaphorePermit>) {
        // What has ended is let go here, so that a long life does not pile it up.
        while self.tasks.try_join_next().is_some() {}
        let (service, bound) = (self.service.clone(), self.limits.transfer);
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            if begins(&stream, &shutdown).await {
                connection(stream, service, bound, shutdown).await;
            }
            drop(slot);
        });
    }

    async fn drain(mut self) {
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(self.limits.drain, ended).await.is_err() {
            warn!(open = self.tasks.len(), "plugin connections cut off");
            self.tasks.shutdown().await;
        }
    }
}

/// Waits for the first octets of a connection; `false` when none came before the shutdown.
///
/// hyper would close a connection at shutdown that it has read nothing from, even with a request
/// lying there. At rest before its first request a connection is not ended otherwise: Go's
/// client keeps some in reserve.
async fn begins(stream: &UnixStream, shutdown: &CancellationToken) -> bool {
    let given_up = async {
        shutdown.cancelled().await;
        sleep(FIRST_OCTETS).await;
    };
    tokio::select! {
        biased;
        readable = stream.readable() => readable.is_ok(),
        () = given_up => false,
    }
}

/// One connection, to its end.
async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    service: PluginService,
    bound: Duration,
    shutdown: CancellationToken,
) {
    let progress = Arc::new(Progress::default());
    let stream = TokioIo::new(Bounded::new(stream, Arc::clone(&progress), bound));
    let service = service_fn(move |request: Request<Incoming>| {
        let (service, progress) = (service.clone(), Arc::clone(&progress));
        progress.begin(&request);
        async move {
            let response = service.answer(request).await;
            progress.end();
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(READ_BUFFER)
            .serve_connection(stream, service)
    );
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "plugin connection ended");
    }
}

/// Room for the head of a request, in octets. dockerd sends some 200.
const READ_BUFFER: usize = 64 * 1024;

/// How long a connection that was just made may take to begin once the shutdown began.
const FIRST_OCTETS: Duration = Duration::from_millis(100);

/// How long accepting rests after an error; there is no event to wait for.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
