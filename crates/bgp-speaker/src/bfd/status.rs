//! What is known of a BFD session, for people, programs and the peer's task.

use std::net::IpAddr;
use std::time::SystemTime;

use bfd::{Diagnostic, Discriminator, DownReason, Event, Parameters, Remote, Session, State};
use tracing::{debug, info, warn};

/// The BFD session with a peer at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BfdStatus {
    /// Where it stands.
    pub state: State,
    /// Since when it stands there.
    pub since: SystemTime,
    /// Why it last left Up, as the peer is told; cleared when it is Up again.
    pub diagnostic: Diagnostic,
    /// Our discriminator; `None` before there is a session.
    pub discriminator: Option<Discriminator>,
    /// The peer by its last packet; `None` if it is not heard.
    pub remote: Option<Remote>,
    /// What follows from what both sides want.
    pub parameters: Parameters,
    /// Why it last left Up, and when.
    pub last_down: Option<(SystemTime, DownReason)>,
    /// How often the path was found broken.
    pub failures: u64,
    /// How many of these can't have come from a restart of the peer's control
    /// plane: its packets had said that BFD outlives one (the C bit, RFC 5880
    /// section 4.1).
    pub forwarding_failures: u64,
    /// What keeps us from speaking BFD at all.
    pub problem: Option<String>,
}

impl BfdStatus {
    pub(super) fn new() -> Self {
        Self {
            state: State::Down,
            since: SystemTime::now(),
            diagnostic: Diagnostic::NONE,
            discriminator: None,
            remote: None,
            parameters: Parameters {
                transmit_interval: None,
                detection_time: None,
            },
            last_down: None,
            failures: 0,
            forwarding_failures: 0,
            problem: None,
        }
    }

    /// Takes over what is no event's; `true` if that was news.
    pub(super) fn follow(&mut self, session: &Session) -> bool {
        let (diagnostic, remote) = (session.diagnostic(), session.remote());
        let discriminator = Some(session.discriminator());
        let news = self.diagnostic != diagnostic
            || self.remote.as_ref() != remote
            || self.discriminator != discriminator;
        if news {
            self.diagnostic = diagnostic;
            self.remote = remote.copied();
            self.discriminator = discriminator;
        }
        news
    }

    /// Puts an event into the log and the status; `true` if the latter changed.
    /// `independent` is the C bit the peer had last.
    pub(super) fn note(&mut self, peer: IpAddr, event: Event, independent: bool) -> bool {
        match event {
            Event::StateChanged { to, .. } => {
                self.state = to;
                self.since = SystemTime::now();
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
                self.last_down = Some((SystemTime::now(), why));
                self.failures += u64::from(why.is_failure());
                self.forwarding_failures += u64::from(why.is_failure() && independent);
            }
            Event::ParametersChanged(parameters) => {
                debug!(%peer, "BFD {parameters}");
                self.parameters = parameters;
            }
            Event::Discarded(why) => {
                debug!(%peer, %why, "BFD packet discarded");
                return false;
            }
            _ => return false,
        }
        true
    }
}
