//! The driver: every session of a speaker, on a thread of its own, so that
//! neither tables nor peers delay a packet.

mod running;

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::future::pending;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bfd::{Arrival, ControlPacket, Discriminator, Input, PathTaken, Sessions};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::DropGuard;
use tracing::{debug, info, trace, warn};

use self::running::Running;
use super::punctuality::Punctuality;
use super::receivers::Receivers;
use super::{BfdStatus, Request, priority};

/// Every session, and when each wants to be looked at.
pub(super) struct Driver {
    requests: mpsc::UnboundedReceiver<Request>,
    sessions: Sessions<Running>,
    /// Sessions that can't begin now, and when each is tried again.
    waiting: Vec<(Instant, Request)>,
    deadlines: BTreeSet<(Instant, Discriminator)>,
    receivers: Receivers,
    punctuality: Punctuality,
}

impl Driver {
    /// Starts the thread, which takes leave of the peers when the last sender
    /// of requests is gone; `told` is dropped when each was told once.
    ///
    /// # Errors
    ///
    /// The machine has no thread left, or no descriptors.
    pub(super) fn start(
        requests: mpsc::UnboundedReceiver<Request>,
        told: DropGuard,
    ) -> io::Result<()> {
        let driver = Self::new(requests);
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let run = move || {
            // Not inside the macro, which looks at its values only if somebody logs them.
            let priority = priority::raise();
            debug!(priority, "BFD thread started");
            runtime.block_on(driver.run(told));
        };
        let thread = std::thread::Builder::new().name("bfd".to_owned());
        thread.spawn(run).map(drop)
    }

    fn new(requests: mpsc::UnboundedReceiver<Request>) -> Self {
        Self {
            requests,
            sessions: Sessions::new(random()),
            waiting: Vec::new(),
            deadlines: BTreeSet::new(),
            receivers: Receivers::default(),
            punctuality: Punctuality::new(Instant::now()),
        }
    }

    async fn run(mut self, told: DropGuard) {
        loop {
            let deadline = self.deadline();
            let request = tokio::select! {
                biased;
                request = self.requests.recv() => Some(request),
                () = self.receivers.readable() => None,
                () = until(deadline) => None,
            };
            // What has arrived by now is read before the clock is looked at:
            // waking up late is our delay and not a peer's.
            let now = Instant::now();
            match request {
                Some(Some(request)) => self.add(now, request),
                Some(None) => break,
                None => {}
            }
            self.read(now);
            if let Some(late) = deadline.and_then(|at| now.checked_duration_since(at)) {
                self.punctuality.note(now, late);
                if late >= OVERSLEPT {
                    self.forgive(now, late);
                }
            }
            self.time_out(now);
        }
        self.part(told).await;
    }

    /// Takes leave of every peer, and goes on until each must have heard it.
    async fn part(mut self, told: DropGuard) {
        // What peers say does not matter any more, and somebody else may want
        // to hear it.
        self.receivers = Receivers::default();
        self.waiting.clear();
        let now = Instant::now();
        self.part_where(now, |_| true);
        drop(told);
        while let Some((at, _)) = self.deadlines.first().copied() {
            until(Some(at)).await;
            self.time_out(Instant::now());
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let session = self.deadlines.first().map(|(at, _)| *at);
        let waiting = self.waiting.iter().map(|(at, _)| *at).min();
        session.into_iter().chain(waiting).min()
    }

    /// Begins a session; one that can't begin now is tried again later.
    fn add(&mut self, now: Instant, request: Request) {
        self.part_where(now, Running::is_abandoned);
        let path = match request.path() {
            Ok(path) => path,
            Err(error) => return self.postpone(now, request, &error.to_string()),
        };
        while let Some((other, discriminator)) = self.sessions.rival(&path) {
            let rival = self.sessions.get_mut(discriminator);
            if rival.is_some_and(|rival| !rival.is_parting()) {
                let problem = PathTaken(other).to_string();
                return self.postpone(now, request, &problem);
            }
            // The peer learns from the new session that the old one has gone.
            self.remove(discriminator);
        }
        let added = self.sessions.insert(path, |discriminator| {
            Running::new(discriminator, path, request)
        });
        match added {
            Ok(discriminator) => self.start_session(now, discriminator),
            Err(error) => warn!(%error, "no BFD session"),
        }
    }

    fn postpone(&mut self, now: Instant, request: Request, problem: &str) {
        note_problem(&request.status, request.remote, Some(problem));
        if let Some(at) = now.checked_add(RETRY) {
            self.waiting.push((at, request));
        }
    }

    /// Opens what a session needs; if that fails, it is tried again later.
    fn start_session(&mut self, now: Instant, discriminator: Discriminator) {
        let Some(running) = self.sessions.get_mut(discriminator) else {
            return;
        };
        let covered = self.receivers.cover(&running.path);
        running.start(now, covered);
        running.reschedule(discriminator, &mut self.deadlines);
    }

    /// Takes leave of some peers, each for as long as it may take to hear it.
    fn part_where(&mut self, now: Instant, which: impl Fn(&Running) -> bool) {
        let mut over = Vec::new();
        for (discriminator, running) in self.sessions.iter_mut() {
            if !running.is_parting() && which(running) {
                running.part(now);
                running.reschedule(discriminator, &mut self.deadlines);
            }
            if running.has_parted(now) {
                over.push(discriminator);
            }
        }
        for discriminator in over {
            self.remove(discriminator);
        }
    }

    fn remove(&mut self, discriminator: Discriminator) -> Option<Running> {
        let running = self.sessions.remove(discriminator)?;
        if let Some(at) = running.deadline {
            self.deadlines.remove(&(at, discriminator));
        }
        Some(running)
    }

    fn read(&mut self, now: Instant) {
        let (sessions, deadlines) = (&mut self.sessions, &mut self.deadlines);
        self.receivers.drain(|arrival: &Arrival, octets| {
            let packet = match ControlPacket::parse(octets) {
                Ok(packet) => packet,
                Err(error) => {
                    trace!(source = %arrival.source, %error, "BFD packet discarded");
                    return;
                }
            };
            match sessions.find(&packet, arrival) {
                Ok(running) => {
                    let ttl = arrival.ttl;
                    running.handle(now, Input::Received { packet, ttl });
                    running.reschedule(running.discriminator(), deadlines);
                }
                Err(error) => trace!(source = %arrival.source, %error, "BFD packet discarded"),
            }
        });
    }

    /// Does not count against the peers that we could not listen for `late`:
    /// those on this machine could not speak either.
    fn forgive(&mut self, now: Instant, late: Duration) {
        debug!(?late, "BFD thread woke up late");
        for (discriminator, running) in self.sessions.iter_mut() {
            running.handle(now, Input::Overslept(late));
            running.reschedule(discriminator, &mut self.deadlines);
        }
    }

    fn time_out(&mut self, now: Instant) {
        for (_, request) in self
            .waiting
            .extract_if(.., |(at, _)| *at <= now)
            .collect::<Vec<_>>()
        {
            if !request.status.is_closed() {
                self.add(now, request);
            }
        }
        while let Some((at, discriminator)) = self.deadlines.first().copied()
            && at <= now
        {
            self.deadlines.pop_first();
            let Some(running) = self.sessions.get_mut(discriminator) else {
                continue;
            };
            running.deadline = None;
            if running.is_abandoned() && !running.is_parting() {
                running.part(now);
            }
            if running.has_parted(now) {
                self.remove(discriminator);
            } else if running.retry.is_some() {
                self.start_session(now, discriminator);
            } else {
                let failures = running.failures();
                running.handle(now, Input::Timeout);
                if running.failures() > failures {
                    let (peer, refused) = (running.path.remote, running.take_refused());
                    let late = self.punctuality.worst(now);
                    info!(%peer, ?late, refused, "how late the BFD thread was at most before, and how many packets the kernel refused");
                }
                let moved = running.has_moved();
                running.reschedule(discriminator, &mut self.deadlines);
                if moved && let Some(running) = self.remove(discriminator) {
                    if let Some(gone) = running.path.interface {
                        self.receivers.forget_link(gone);
                    }
                    self.add(now, running.request);
                }
            }
        }
    }
}

/// Tells of trouble, or its end, if that is news.
fn note_problem(status: &watch::Sender<BfdStatus>, peer: IpAddr, problem: Option<&str>) {
    let problem = problem.map(str::to_owned);
    if status.borrow().problem == problem {
        return;
    }
    if let Some(problem) = &problem {
        warn!(%peer, "no BFD: {problem}");
    }
    status.send_modify(|status| status.problem = problem);
}

/// The standard library's hasher has random keys.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}

/// Waking up this late is more than a busy machine's usual delay.
const OVERSLEPT: Duration = Duration::from_millis(20);

/// The pause before sockets that could not be opened are tried again.
const RETRY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
