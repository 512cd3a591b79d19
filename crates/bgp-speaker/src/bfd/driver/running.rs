//! One session of the driver, from its beginning to the farewell.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use bfd::{Discriminator, Input, Output, Path, Session, SessionConfig, State};
use tracing::debug;

use super::super::Request;
use super::super::sender::Sender;
use super::{RETRY, note_problem, random};
use crate::interface;

/// One session with its socket and its reader.
pub(super) struct Running {
    session: Session,
    pub(super) path: Path,
    pub(super) request: Request,
    sender: Option<Sender>,
    /// The newest packet could not be sent.
    unsent: bool,
    /// How many packets the kernel has not taken since the path was last found
    /// broken.
    refused: u64,
    /// When the sockets are tried again.
    pub(super) retry: Option<Instant>,
    /// The peer is told that nobody wants the session any more, until then.
    parting: Option<Instant>,
    /// Under which it stands in the driver's deadlines.
    pub(super) deadline: Option<Instant>,
}

impl Running {
    pub(super) fn new(discriminator: Discriminator, path: Path, request: Request) -> Self {
        // The C bit stays clear: these sessions live and die with BGP's.
        let config = SessionConfig::new(discriminator)
            .timing(request.timing)
            .hops(path.hops);
        Self {
            session: Session::new(config, random()),
            path,
            request,
            sender: None,
            unsent: false,
            refused: 0,
            retry: None,
            parting: None,
            deadline: None,
        }
    }

    /// Starts the session if its packets can be received and sent, or else
    /// sees to it that this is tried again.
    pub(super) fn start(&mut self, now: Instant, receiving: io::Result<()>) {
        let opened = receiving.and_then(|()| Sender::open(&self.path));
        let problem = match opened {
            Ok(sender) => {
                self.sender = Some(sender);
                self.retry = None;
                self.handle(now, Input::Start);
                None
            }
            Err(error) => {
                self.retry = now.checked_add(RETRY);
                Some(error.to_string())
            }
        };
        note_problem(&self.request.status, self.path.remote, problem.as_deref());
    }

    pub(super) fn discriminator(&self) -> Discriminator {
        self.session.discriminator()
    }

    pub(super) fn handle(&mut self, now: Instant, input: Input) {
        let peer = self.path.remote;
        // What the session was like that may end now.
        let remote = self.session.remote();
        let independent = remote.is_some_and(|remote| remote.control_plane_independent);
        self.session.handle_input(now, input);
        let (session, sender) = (&mut self.session, &self.sender);
        let (unsent, refused) = (&mut self.unsent, &mut self.refused);
        // What belongs together is told together.
        self.request.status.send_if_modified(|status| {
            let mut news = false;
            while let Some(output) = session.poll_output() {
                match output {
                    Output::Transmit(packet) => {
                        let Some(sender) = sender else { continue };
                        let sent = sender.send(&packet.encode());
                        *unsent = sent.is_err();
                        *refused += u64::from(sent.is_err());
                        if let Err(error) = sent {
                            debug!(%peer, %error, "BFD packet not sent");
                        }
                    }
                    Output::Event(event) => news |= status.note(peer, event, independent),
                    _ => {}
                }
            }
            // Not only with events: the peer may tell something new at any time.
            status.follow(session) || news
        });
    }

    /// How often the path was found broken.
    pub(super) fn failures(&self) -> u64 {
        self.request.status.borrow().failures
    }

    /// How many packets the kernel has not taken since this was last asked.
    pub(super) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// Whether nobody is interested any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.request.status.is_closed()
    }

    /// Tells the peer that what follows is no failure, and goes on doing so
    /// for a Detection Time (RFC 5880 section 6.8.16).
    pub(super) fn part(&mut self, now: Instant) {
        self.retry = None;
        if self.session.state() != State::AdminDown {
            self.handle(now, Input::AdminDown);
        }
        let time = self.session.farewell_time().min(LONGEST_FAREWELL);
        self.parting = Some(now.checked_add(time).unwrap_or(now));
    }

    pub(super) fn is_parting(&self) -> bool {
        self.parting.is_some()
    }

    /// Whether the peer must have heard the farewell.
    pub(super) fn has_parted(&self, now: Instant) -> bool {
        self.parting.is_some_and(|at| at <= now)
    }

    /// Whether the session's interface is another one than it was, or gone,
    /// and the session down with it.
    pub(super) fn has_moved(&self) -> bool {
        let Some(name) = &self.request.interface else {
            return false;
        };
        self.unsent
            && self.parting.is_none()
            && self.session.state() != State::Up
            && interface::index(name).ok() != self.path.interface
    }

    pub(super) fn reschedule(
        &mut self,
        discriminator: Discriminator,
        deadlines: &mut BTreeSet<(Instant, Discriminator)>,
    ) {
        let session = self.session.poll_timeout().map(|(at, _)| at);
        let session = session.into_iter().chain(self.parting).min();
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

/// No farewell takes longer, however rarely a peer wants to hear of us.
const LONGEST_FAREWELL: Duration = Duration::from_secs(30);
