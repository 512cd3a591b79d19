//! One peer that is watched: whatever happens to it, some things hold.

use std::collections::BTreeSet;
use std::time::Duration;

use bgp_fsm::{Connection, DownReason, Event, Input, Output, PeerConfig, State};
use bgp_wire::{Family, HoldTime, NotificationCode};

use crate::{Solo, Transcript};

/// One thing that may happen to a peer.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "they are the inputs of the same names")]
pub enum Operation {
    Start,
    Stop,
    Reset(NotificationCode),
    Connected(Connection),
    Failed(Connection),
    Received(Connection, Vec<u8>),
    UpdateSent,
    WriteBlocked(Connection),
    WriteProgress(Connection),
    InitialTableComplete,
    EndOfRibSent(Family),
    RequestRefresh(Family),
    RefreshSent(Family),
    PrefixCount(Family, u32),
    EarlyTimeout,
    Run(Duration),
}

impl Operation {
    /// Does it, whether or not a driver could.
    pub fn apply(&self, solo: &mut Solo) {
        match self {
            Self::Start => solo.start(),
            Self::Stop => solo.stop(Some("enough")),
            Self::Reset(code) => solo.handle(Input::Reset(*code)),
            Self::Connected(connection) => solo.connect(*connection),
            Self::Failed(connection) => solo.fail(*connection),
            Self::Received(connection, octets) => solo.receive(*connection, octets),
            Self::UpdateSent => solo.handle(Input::UpdateSent),
            Self::WriteBlocked(connection) => solo.handle(Input::WriteBlocked(*connection)),
            Self::WriteProgress(connection) => solo.handle(Input::WriteProgress(*connection)),
            Self::InitialTableComplete => solo.handle(Input::InitialTableComplete),
            Self::EndOfRibSent(family) => solo.handle(Input::EndOfRibSent(*family)),
            Self::RequestRefresh(family) => solo.handle(Input::RequestRefresh(*family)),
            Self::RefreshSent(family) => solo.handle(Input::RefreshSent(*family)),
            Self::PrefixCount(family, count) => solo.handle(Input::PrefixCount(*family, *count)),
            Self::EarlyTimeout => solo.handle(Input::Timeout),
            Self::Run(time) => solo.run_for(*time),
        }
    }
}

/// What a careful driver may believe of a peer, and checks.
///
/// It panics with the transcript when the peer breaks a promise: at most one
/// session, no octet on a closed connection, a deadline in every state that
/// waits, outputs in proportion to inputs, every end told, and nothing stale
/// for longer than it may be.
#[derive(Debug)]
pub struct Oracle {
    solo: Solo,
    passive: bool,
    stopped: bool,
    open: [bool; 2],
    dialling: bool,
    state: State,
    up: Option<Connection>,
    /// A session ended, and its end was not told yet.
    owes_down: bool,
    /// Idle until the next start, or for a time that a limit asks for.
    limited: bool,
    /// Since when routes of these families are stale, and until when the peer
    /// has to be back for that.
    stale: BTreeSet<Family>,
    stale_since: Duration,
    back_until: Option<Duration>,
    refresh_ignored: bool,
    /// What belongs to the session.
    end_of_rib_allowed: bool,
    answering: BTreeSet<Family>,
    repeated: BTreeSet<Family>,
}

impl Oracle {
    /// A peer in Idle.
    #[must_use]
    pub fn new(config: PeerConfig, seed: u64) -> Self {
        let passive = config == config.clone().passive();
        Self {
            solo: Solo::new(config, seed),
            passive,
            stopped: true,
            open: [false; 2],
            dialling: false,
            state: State::Idle,
            up: None,
            owes_down: false,
            limited: false,
            stale: BTreeSet::new(),
            stale_since: Duration::ZERO,
            back_until: None,
            refresh_ignored: false,
            end_of_rib_allowed: false,
            answering: BTreeSet::new(),
            repeated: BTreeSet::new(),
        }
    }

    /// What happened.
    pub const fn transcript(&mut self) -> &mut Transcript {
        self.solo.transcript()
    }

    /// Does what a driver could do: an answer to a dial that was not asked
    /// for, or a connection beside one of its kind, is no such thing.
    ///
    /// # Panics
    ///
    /// When the peer breaks a promise.
    pub fn step(&mut self, operation: &Operation) {
        let mut octets = 0;
        match operation {
            Operation::Start => {
                self.stopped = false;
                self.limited = false;
                operation.apply(&mut self.solo);
            }
            Operation::Stop => {
                self.stopped = true;
                operation.apply(&mut self.solo);
            }
            Operation::Connected(connection) => self.connect(*connection),
            Operation::Failed(connection) => self.fail(*connection),
            Operation::Received(connection, bytes) => {
                if self.open[index(*connection)] {
                    octets = bytes.len() + self.solo.buffered(*connection);
                    operation.apply(&mut self.solo);
                }
            }
            Operation::Run(time) => {
                operation.apply(&mut self.solo);
                // Timers fire one by one; their number is bounded by time.
                octets = usize::try_from(time.as_millis()).unwrap_or(usize::MAX / 8);
            }
            Operation::RefreshSent(family) => {
                self.answering.remove(family);
                operation.apply(&mut self.solo);
            }
            other => other.apply(&mut self.solo),
        }
        self.check(octets);
    }

    fn connect(&mut self, connection: Connection) {
        let allowed = match connection {
            Connection::Outgoing => self.dialling,
            Connection::Incoming => {
                if self.solo.renews_incoming() {
                    self.fail(connection);
                    self.observe_all();
                }
                self.solo.peer().accepts_incoming()
            }
        };
        if allowed {
            self.open[index(connection)] = true;
            self.dialling &= connection == Connection::Incoming;
            self.solo.connect(connection);
        }
    }

    fn fail(&mut self, connection: Connection) {
        self.open[index(connection)] = false;
        self.dialling &= connection == Connection::Incoming;
        self.solo.fail(connection);
    }

    fn check(&mut self, octets: usize) {
        let outputs = self.observe_all();
        // An input has a few outputs of its own, and a few for each message.
        assert!(
            outputs <= 24 + octets / 19 * 4,
            "{}",
            self.solo.transcript()
        );
        assert!(!self.owes_down, "{}", self.solo.transcript());
        let peer = self.solo.peer();
        assert_eq!(peer.state(), self.state);
        assert_eq!(peer.negotiated().map(|n| n.connection), self.up);
        assert_eq!(peer.state() == State::Established, self.up.is_some());
        let may_sleep = match peer.state() {
            State::Idle => self.stopped || self.limited,
            State::Active => self.passive,
            State::Established => peer.negotiated().map(|n| n.hold_time) == Some(HoldTime::ZERO),
            State::Connect | State::OpenSent | State::OpenConfirm => false,
        };
        let waits = !may_sleep || !self.stale.is_empty() || !self.repeated.is_empty();
        if waits && peer.poll_timeout().is_none() {
            panic!("waits for ever:\n{}", self.solo.transcript());
        }
        let peer = self.solo.peer();
        if peer.state() == State::Idle {
            assert!(!self.dialling && !self.open[index(Connection::Outgoing)]);
        }
        if self.stopped {
            assert_eq!(peer.state(), State::Idle);
            assert_eq!(peer.poll_timeout(), None);
        }
        let now = self.solo.now();
        let late = now.saturating_sub(self.stale_since);
        let away = self.back_until.is_some_and(|until| now > until);
        let over = !self.stale.is_empty() && (away || late > LONGEST_STALE);
        assert!(!over, "stale for {late:?}:\n{}", self.solo.transcript());
        for connection in [Connection::Outgoing, Connection::Incoming] {
            let buffered = self.solo.buffered(connection);
            let open = self.open[index(connection)];
            assert!(buffered == 0 || open, "{buffered} octets for nobody");
        }
    }

    fn observe_all(&mut self) -> usize {
        let outputs = self.solo.take_outputs();
        let count = outputs.len();
        for output in outputs {
            self.observe(output);
        }
        count
    }

    fn observe(&mut self, output: Output) {
        match output {
            Output::Connect => {
                let idle = !self.open[index(Connection::Outgoing)] && !self.dialling;
                assert!(!self.passive && idle, "{}", self.solo.transcript());
                self.dialling = true;
            }
            Output::Transmit(connection, octets) => {
                assert!(self.open[index(connection)]);
                assert!((19..=4096).contains(&octets.len()));
            }
            Output::Close(connection) => {
                self.open[index(connection)] = false;
                self.dialling &= connection == Connection::Incoming;
                // The session's end is told after its connection is closed.
            }
            Output::Event(event) => self.observe_event(event),
            other => panic!("new output {other:?}"),
        }
    }

    fn observe_event(&mut self, event: Event) {
        match event {
            Event::StateChanged { from, to } => {
                assert_eq!(from, self.state);
                assert_ne!(from, to);
                self.state = to;
                if from == State::Established {
                    self.session_ended();
                }
            }
            Event::Established(negotiated) => {
                assert_eq!(self.up, None, "{}", self.solo.transcript());
                assert_eq!(self.state, State::Established);
                assert!(!negotiated.families.is_empty());
                self.up = Some(negotiated.connection);
                self.back_until = None;
            }
            Event::ConnectionClosed(connection, reason) => {
                assert_ne!(self.up, Some(connection));
                let other = match connection {
                    Connection::Outgoing => self.open[index(Connection::Incoming)],
                    Connection::Incoming => self.open[index(Connection::Outgoing)],
                };
                assert!(other || self.dialling);
                assert_ne!(reason, DownReason::ManualStop);
            }
            Event::Down(reason) => {
                assert_eq!(self.up, None);
                self.owes_down = false;
                self.limited |= is_limit(&reason);
            }
            Event::StaleEnded(family, _) => {
                assert!(self.stale.remove(&family), "{}", self.solo.transcript());
            }
            event => self.observe_in_session(&event),
        }
    }

    /// What there is in a session only.
    fn observe_in_session(&mut self, event: &Event) {
        assert!(self.up.is_some(), "{event:?}:\n{}", self.solo.transcript());
        let fine = match event {
            Event::Update(_) | Event::PrefixWarning { .. } => true,
            Event::SendEndOfRib => !std::mem::replace(&mut self.end_of_rib_allowed, true),
            Event::RouteRefresh(family) => self.answering.insert(*family),
            Event::RefreshBegun(family) => {
                self.repeated.insert(*family);
                true
            }
            Event::RefreshEnded(family) => self.repeated.remove(family),
            Event::RoutesRetained { families, time } => {
                // What is stale already may stay, but its time does not begin anew.
                let fine = families.is_superset(&self.stale) && !families.is_empty();
                let now = self.solo.now();
                if self.stale.is_empty() {
                    self.stale_since = now;
                }
                self.stale.clone_from(families);
                self.back_until = Some(now + *time);
                fine && !time.is_zero()
            }
            Event::RefreshIgnored(_) => !std::mem::replace(&mut self.refresh_ignored, true),
            other => panic!("new event {other:?}"),
        };
        assert!(fine, "{event:?}:\n{}", self.solo.transcript());
    }

    fn session_ended(&mut self) {
        self.up = None;
        self.owes_down = true;
        self.end_of_rib_allowed = false;
        self.answering.clear();
        self.repeated.clear();
        self.refresh_ignored = false;
    }
}

fn is_limit(reason: &DownReason) -> bool {
    matches!(
        reason,
        DownReason::NotificationSent {
            cause: bgp_fsm::Cause::PrefixLimit { .. },
            ..
        }
    )
}

const fn index(connection: Connection) -> usize {
    match connection {
        Connection::Outgoing => 0,
        Connection::Incoming => 1,
    }
}

/// The default of the limit that is configurable.
const LONGEST_STALE: Duration = Duration::from_secs(360);
