//! The driver: every session of a speaker, on a thread of its own, so that
//! neither tables nor peers delay a packet.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::future::pending;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use bfd::{
    Arrival, ControlPacket, Discriminator, Event, Input, Output, Session, SessionConfig, Sessions,
    State,
};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::DropGuard;
use tracing::{debug, info, trace, warn};

use super::receivers::Receivers;
use super::sender::Sender;
use super::{BfdStatus, Request, priority};

/// Every session, and when each wants to be looked at.
pub(super) struct Driver {
    requests: mpsc::Receiver<Request>,
    sessions: Sessions<Running>,
    deadlines: BTreeSet<(Instant, Discriminator)>,
    receivers: Receivers,
}

/// One session with its socket and its reader.
struct Running {
    session: Session,
    path: bfd::Path,
    sender: Option<Sender>,
    status: watch::Sender<BfdStatus>,
    /// When the sockets are tried again.
    retry: Option<Instant>,
    /// Under which it stands in [`Driver::deadlines`].
    deadline: Option<Instant>,
}

impl Driver {
    /// Starts the thread, which ends with the last sender of requests.
    ///
    /// # Errors
    ///
    /// The machine has no thread left, or no descriptors.
    pub(super) fn start(requests: mpsc::Receiver<Request>, ended: DropGuard) -> io::Result<()> {
        let driver = Self::new(requests);
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let run = move || {
            let _ended = ended;
            debug!(priority = priority::raise(), "BFD thread started");
            runtime.block_on(driver.run());
        };
        let thread = std::thread::Builder::new().name("bfd".to_owned());
        thread.spawn(run).map(drop)
    }

    fn new(requests: mpsc::Receiver<Request>) -> Self {
        Self {
            requests,
            sessions: Sessions::new(random()),
            deadlines: BTreeSet::new(),
            receivers: Receivers::default(),
        }
    }

    async fn run(mut self) {
        loop {
            let deadline = self.deadlines.first().map(|(at, _)| *at);
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
            if let Some(late) = deadline.and_then(|at| now.checked_duration_since(at))
                && late >= OVERSLEPT
            {
                self.forgive(now, late);
            }
            self.time_out(now);
        }
        for (_, running) in self.sessions.iter_mut() {
            running.part(Instant::now());
        }
    }

    fn add(&mut self, now: Instant, request: Request) {
        let abandoned: Vec<_> = self
            .sessions
            .iter_mut()
            .filter(|(_, running)| running.status.is_closed())
            .map(|(discriminator, _)| discriminator)
            .collect();
        for discriminator in abandoned {
            self.remove(now, discriminator);
        }
        let status = request.status.clone();
        let added = self.sessions.insert(request.path, |discriminator| {
            let config = SessionConfig::new(discriminator)
                .timing(request.timing)
                .hops(request.path.hops);
            Running {
                session: Session::new(config, random()),
                path: request.path,
                sender: None,
                status: request.status,
                retry: None,
                deadline: None,
            }
        });
        match added {
            Ok(discriminator) => self.start_session(now, discriminator),
            Err(error) => {
                status.send_modify(|status| status.problem = Some(error.to_string()));
            }
        }
    }

    /// Opens what a session needs; if that fails, it is tried again later.
    fn start_session(&mut self, now: Instant, discriminator: Discriminator) {
        let Some(running) = self.sessions.get_mut(discriminator) else {
            return;
        };
        let opened = self
            .receivers
            .cover(&running.path)
            .and_then(|()| Sender::open(&running.path));
        let problem = match opened {
            Ok(sender) => {
                running.sender = Some(sender);
                running.retry = None;
                running.handle(now, Input::Start);
                None
            }
            Err(error) => {
                running.retry = now.checked_add(RETRY);
                Some(error.to_string())
            }
        };
        if running.status.borrow().problem != problem {
            if let Some(problem) = &problem {
                warn!(peer = %running.path.remote, "no BFD: {problem}");
            }
            running
                .status
                .send_modify(|status| status.problem = problem);
        }
        running.reschedule(discriminator, &mut self.deadlines);
    }

    fn remove(&mut self, now: Instant, discriminator: Discriminator) {
        if let Some(mut running) = self.sessions.remove(discriminator) {
            running.part(now);
            if let Some(at) = running.deadline {
                self.deadlines.remove(&(at, discriminator));
            }
        }
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
                    running.reschedule(running.session.discriminator(), deadlines);
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
        while let Some((at, discriminator)) = self.deadlines.first().copied()
            && at <= now
        {
            self.deadlines.pop_first();
            let Some(running) = self.sessions.get_mut(discriminator) else {
                continue;
            };
            running.deadline = None;
            if running.status.is_closed() {
                self.remove(now, discriminator);
            } else if running.retry.is_some() {
                self.start_session(now, discriminator);
            } else {
                running.handle(now, Input::Timeout);
                running.reschedule(discriminator, &mut self.deadlines);
            }
        }
    }
}

impl Running {
    fn handle(&mut self, now: Instant, input: Input) {
        self.session.handle_input(now, input);
        let peer = self.path.remote;
        let (session, sender) = (&mut self.session, &self.sender);
        // What belongs together is told together.
        self.status.send_if_modified(|status| {
            let mut news = false;
            while let Some(output) = session.poll_output() {
                match output {
                    Output::Transmit(packet) => {
                        if let Some(sender) = sender
                            && let Err(error) = sender.send(&packet.encode())
                        {
                            debug!(%peer, %error, "BFD packet not sent");
                        }
                    }
                    Output::Event(event) => news |= note(peer, status, event),
                    _ => {}
                }
            }
            news
        });
    }

    /// Tells the peer that what follows is no failure.
    fn part(&mut self, now: Instant) {
        if self.session.state() != State::AdminDown {
            self.handle(now, Input::AdminDown);
        }
    }

    fn reschedule(
        &mut self,
        discriminator: Discriminator,
        deadlines: &mut BTreeSet<(Instant, Discriminator)>,
    ) {
        let session = self.session.poll_timeout().map(|(at, _)| at);
        let next = self.retry.or(session);
        if next == self.deadline {
            return;
        }
        if let Some(at) = self.deadline {
            deadlines.remove(&(at, discriminator));
        }
        if let Some(at) = next {
            deadlines.insert((at, discriminator));
        }
        self.deadline = next;
    }
}

/// Puts an event into the log and the status; `true` if the latter changed.
fn note(peer: IpAddr, status: &mut BfdStatus, event: Event) -> bool {
    match event {
        Event::StateChanged { to, .. } => {
            status.state = to;
            status.since = SystemTime::now();
        }
        Event::Up => {
            info!(%peer, "BFD session up");
            return false;
        }
        Event::Down(why) => {
            if why.is_failure() {
                warn!(%peer, "BFD session down: {why}");
            } else {
                info!(%peer, "BFD session down: {why}");
            }
            status.last_down = Some((SystemTime::now(), why));
            status.failures += u64::from(why.is_failure());
        }
        Event::ParametersChanged(parameters) => {
            debug!(%peer, "BFD {parameters}");
            status.parameters = parameters;
        }
        Event::Discarded(why) => {
            debug!(%peer, %why, "BFD packet discarded");
            return false;
        }
        _ => return false,
    }
    true
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
