//! Which part of a request a connection is waiting for, and for how long it may.
//!
//! hyper's own bound on reading a head also runs between two requests, where dockerd's
//! connections rest for days and must stay open: when one is closed just as it is used again,
//! dockerd repeats the request with an empty body. Hence this bound, which begins with the first
//! octet of a request.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::http::Request;
use hyper::body::Body;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// What the stream and the service of one connection know together.
///
/// Both are driven by one task; the atomics only make it shareable in the eyes of the compiler.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// A request is being answered.
    answering: AtomicBool,
    /// Requests that have begun to be answered.
    requests: AtomicU64,
    /// Octets received that belong to no request known yet. What was sent ahead of its turn
    /// counts; what an unusual spelling of a head makes of it is at worst a bound on a
    /// connection that would need none.
    ahead: AtomicI64,
}

impl Progress {
    /// The head of a request is complete.
    pub(crate) fn begin<B: Body>(&self, request: &Request<B>) {
        self.answering.store(true, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        match request.body().size_hint().exact() {
            Some(body) => {
                let octets = i64::try_from(body)
                    .unwrap_or(i64::MAX / 2)
                    .saturating_add(head_len(request));
                self.ahead.fetch_sub(octets, Ordering::Relaxed);
            }
            // Where a chunked body ends is hyper's secret; nothing is taken to follow it.
            None => self.ahead.store(i64::MIN / 2, Ordering::Relaxed),
        }
    }

    /// The answer is ready.
    pub(crate) fn end(&self) {
        self.ahead.fetch_max(0, Ordering::Relaxed);
        self.answering.store(false, Ordering::Relaxed);
    }

    fn received(&self, octets: usize) {
        self.ahead.fetch_add(
            i64::try_from(octets).unwrap_or(i64::MAX / 2),
            Ordering::Relaxed,
        );
    }

    /// The number of the request of which a part of the head is there and a part is missing.
    fn unfinished_head(&self) -> Option<u64> {
        let begun =
            !self.answering.load(Ordering::Relaxed) && self.ahead.load(Ordering::Relaxed) > 0;
        begun.then(|| self.requests.load(Ordering::Relaxed))
    }
}

/// Octets of a head in its usual spelling, the one Go's client uses.
fn head_len<B>(request: &Request<B>) -> i64 {
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    let line = request.method().as_str().len() + target + "  HTTP/1.1\r\n".len();
    let fields: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    i64::try_from(line + fields + 2).unwrap_or(i64::MAX / 2)
}

/// A stream that fails once its peer keeps it waiting for too long in the middle of something.
pub(crate) struct Bounded<S> {
    stream: S,
    progress: Arc<Progress>,
    bound: Duration,
    /// Runs while a head is unfinished, and for which request it does.
    reading: Option<(u64, Pin<Box<Sleep>>)>,
    /// Runs while the peer does not take what is written.
    writing: Option<Pin<Box<Sleep>>>,
}

impl<S> Bounded<S> {
    pub(crate) fn new(stream: S, progress: Arc<Progress>, bound: Duration) -> Self {
        Self {
            stream,
            progress,
            bound,
            reading: None,
            writing: None,
        }
    }

    fn poll_head_bound(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(request) = self.progress.unfinished_head() else {
            self.reading = None;
            return Poll::Pending;
        };
        match &mut self.reading {
            Some((running, sleep)) if *running == request => sleep.as_mut().poll(context),
            reading => {
                let (_, sleep) = reading.insert((request, Box::pin(sleep(self.bound))));
                sleep.as_mut().poll(context)
            }
        }
    }

    /// Passes on what a write came to, unless it has been waiting for too long.
    fn bound_write<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.writing = None;
            return result;
        }
        let sleep = self
            .writing
            .get_or_insert_with(|| Box::pin(sleep(self.bound)));
        ready!(sleep.as_mut().poll(context));
        Poll::Ready(Err(too_slow("an answer was not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        // The bound comes first: a peer that always has one more octet ready is slow too.
        if this.poll_head_bound(context).is_ready() {
            return Poll::Ready(Err(too_slow("the head of a request was not finished")));
        }
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        this.progress.received(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, octets);
        self.bound_write(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.bound_write(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.bound_write(context, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(context);
        self.bound_write(context, result)
    }
}

fn too_slow(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} in time"))
}
