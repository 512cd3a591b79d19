//! One session: its state, its timers and what it sends (RFC 5880 section 6.8).

mod times;

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use crate::config::SessionConfig;
use crate::io::{Discard, DownReason, Event, Input, Output, Parameters, Remote};
use crate::jitter::Jitter;
use crate::number::{Diagnostic, Discriminator, State};
use crate::packet::ControlPacket;
use crate::poll::Poll;

/// What is sent at most once in this time while a session is not Up (RFC 5880
/// section 6.8.3).
pub const SLOW_INTERVAL: Duration = Duration::from_secs(1);

/// One BFD session in asynchronous mode, without sockets and clock.
///
/// After every [`handle_input`](Self::handle_input), drain
/// [`poll_output`](Self::poll_output) to `None`, then sleep no longer than
/// [`poll_timeout`](Self::poll_timeout) says.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    jitter: Jitter,
    started: bool,
    state: State,
    diagnostic: Diagnostic,
    remote: Option<Remote>,
    last_received: Option<Instant>,
    last_sent: Option<Instant>,
    next_transmit: Option<Instant>,
    poll: Option<Poll>,
    /// bfd.DesiredMinTxInterval as we keep to it: a longer one counts only
    /// once the peer has answered the Poll Sequence that told it.
    desired_tx_in_use: Duration,
    /// bfd.RequiredMinRxInterval as the peer may still keep to it: a shorter
    /// one counts only once the peer has answered.
    required_rx_in_use: Duration,
    /// What was last told by [`Event::ParametersChanged`].
    parameters: Parameters,
    outputs: VecDeque<Output>,
}

/// What [`Session::poll_timeout`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timer {
    /// The peer will have been silent for the Detection Time.
    Detection,
    /// The next periodic packet.
    Transmit,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Detection => "detection timer",
            Self::Transmit => "transmit timer",
        })
    }
}

impl Session {
    /// A session in AdminDown that is silent until [`Input::Start`].
    ///
    /// `seed` is the only source of randomness (jitter, RFC 5880 section
    /// 6.8.7): the same seed and inputs give the same outputs.
    #[must_use]
    pub fn new(config: SessionConfig, seed: u64) -> Self {
        Self {
            jitter: Jitter::new(seed),
            started: false,
            state: State::AdminDown,
            diagnostic: Diagnostic::NONE,
            remote: None,
            last_received: None,
            last_sent: None,
            next_transmit: None,
            poll: None,
            desired_tx_in_use: config.timing.desired_min_tx().max(SLOW_INTERVAL),
            required_rx_in_use: config.timing.required_min_rx(),
            parameters: Parameters {
                transmit_interval: None,
                detection_time: None,
            },
            outputs: VecDeque::new(),
            config,
        }
    }

    /// Takes one input. `now` never runs backwards.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        let told = (self.state, self.diagnostic, self.advertised());
        let mut answer = false;
        match input {
            Input::Start => {
                self.started = true;
                if self.state == State::AdminDown {
                    self.enter(State::Down, Diagnostic::NONE, None);
                }
            }
            Input::AdminDown => {
                let why = Diagnostic::ADMINISTRATIVELY_DOWN;
                self.enter(State::AdminDown, why, Some(DownReason::AdminDown));
            }
            Input::Retime(timing) => {
                if timing != self.config.timing {
                    self.config.timing = timing;
                    self.retime();
                }
            }
            Input::Received { packet, ttl } => match self.check(&packet, ttl) {
                Ok(()) => answer = self.receive(now, &packet),
                Err(why) => self.tell(Event::Discarded(why)),
            },
            Input::Overslept(time) => {
                let later = |at: Instant| at.checked_add(time).unwrap_or(now).min(now);
                self.last_received = self.last_received.map(later);
            }
            // Only here is silence judged: a driver that reads what has arrived
            // before it looks at the clock blames no peer for its own delay.
            Input::Timeout => self.judge_silence(now),
        }
        let news = told != (self.state, self.diagnostic, self.advertised());
        self.transmit(now, answer, news);
        self.tell_parameters();
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is due, and for what.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        let detection = self.detection_deadline().map(|at| (at, Timer::Detection));
        let transmit = self.next_transmit.map(|at| (at, Timer::Transmit));
        match (detection, transmit) {
            (Some(detection), Some(transmit)) if transmit.0 < detection.0 => Some(transmit),
            (detection, transmit) => detection.or(transmit),
        }
    }

    /// The state now.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Why the session last left Up; cleared when it is Up again.
    pub const fn diagnostic(&self) -> Diagnostic {
        self.diagnostic
    }

    /// Our discriminator.
    pub const fn discriminator(&self) -> Discriminator {
        self.config.discriminator
    }

    /// The peer as its last packet has it; `None` if it was silent for the
    /// Detection Time.
    pub const fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// What follows from what both sides want.
    pub fn parameters(&self) -> Parameters {
        Parameters {
            transmit_interval: self.transmit_interval(),
            detection_time: self.detection_time(),
        }
    }

    /// Whether a Poll Sequence is under way (RFC 5880 section 6.5).
    pub const fn is_polling(&self) -> bool {
        self.poll.is_some()
    }
}

/// What is received.
impl Session {
    /// The checks of RFC 5880 section 6.8.6 that need to know the session.
    fn check(&self, packet: &ControlPacket, ttl: u8) -> Result<(), Discard> {
        let least = self.config.hops.least_ttl();
        if ttl < least {
            return Err(Discard::Ttl {
                received: ttl,
                least,
            });
        }
        match packet.your_discriminator {
            Some(yours) if yours != self.config.discriminator => {
                Err(Discard::UnknownDiscriminator(yours))
            }
            _ if packet.authenticated => Err(Discard::Authenticated),
            _ => Ok(()),
        }
    }

    /// The rest of RFC 5880 section 6.8.6; `true` if an answer is due.
    fn receive(&mut self, now: Instant, packet: &ControlPacket) -> bool {
        self.remote = Some(Remote::from(packet));
        self.last_received = Some(now);
        if packet.is_final && self.poll.as_mut().is_some_and(Poll::note_final) {
            self.poll = None;
            self.desired_tx_in_use = self.desired_min_tx();
            self.required_rx_in_use = self.config.timing.required_min_rx();
        }
        let signaled = Diagnostic::NEIGHBOR_SIGNALED_SESSION_DOWN;
        match (self.state, packet.state) {
            // Down to the peer's every question.
            (State::AdminDown, _) => return false,
            (State::Down, State::AdminDown) => {}
            (State::Init | State::Up, State::AdminDown) => {
                let why = DownReason::PeerAdminDown(packet.diagnostic);
                self.enter(State::Down, signaled, Some(why));
            }
            (State::Up, State::Down) => {
                let why = DownReason::PeerDown(packet.diagnostic);
                self.enter(State::Down, signaled, Some(why));
            }
            (State::Down, State::Down) => self.enter(State::Init, self.diagnostic, None),
            (State::Down, State::Init) | (State::Init, State::Init | State::Up) => {
                self.enter(State::Up, Diagnostic::NONE, None);
            }
            (State::Down | State::Up, State::Up)
            | (State::Init, State::Down)
            | (State::Up, State::Init) => {}
        }
        packet.poll
    }

    fn judge_silence(&mut self, now: Instant) {
        if self.detection_deadline().is_none_or(|at| at > now) {
            return;
        }
        let silent_for = self.detection_time().unwrap_or_default();
        self.remote = None;
        self.last_received = None;
        if matches!(self.state, State::Init | State::Up) {
            let why = DownReason::DetectionTimeExpired(silent_for);
            let diagnostic = Diagnostic::CONTROL_DETECTION_TIME_EXPIRED;
            self.enter(State::Down, diagnostic, Some(why));
        }
    }

    /// Moves to another state; `why` is told if that means leaving Up.
    fn enter(&mut self, to: State, diagnostic: Diagnostic, why: Option<DownReason>) {
        self.diagnostic = diagnostic;
        let from = self.state;
        if from == to {
            return;
        }
        self.state = to;
        self.tell(Event::StateChanged { from, to });
        if to == State::Up {
            self.retime();
            self.tell(Event::Up);
        } else {
            self.poll = None;
            self.desired_tx_in_use = self.desired_min_tx();
            if let Some(why) = why.filter(|_| from == State::Up) {
                self.tell(Event::Down(why));
            }
        }
    }
}

/// What is sent.
impl Session {
    /// Sends what is due: an answer to the peer's P, and what is new or the
    /// periodic packet. The answer tells the news too.
    fn transmit(&mut self, now: Instant, answer: bool, news: bool) {
        if answer {
            // Without respect to the transmit timer, or any other limit.
            let packet = self.packet(true);
            self.outputs.push_back(Output::Transmit(packet));
        }
        let interval = self.transmit_interval();
        let untold = !answer && (news || self.last_sent.is_none());
        let due = untold || self.next_transmit.is_some_and(|at| at <= now);
        let periodic = due && interval.is_some();
        if periodic {
            let packet = self.packet(false);
            if let Some(poll) = &mut self.poll {
                poll.note_sent();
            }
            self.outputs.push_back(Output::Transmit(packet));
        }
        let sent = periodic || (answer && news);
        if sent {
            self.last_sent = Some(now);
        }
        if sent || interval != self.parameters.transmit_interval {
            self.next_transmit = interval.and_then(|interval| self.next_after(now, interval));
        }
    }

    /// The next packet leaves one jittered interval after the last one, at
    /// once if that has passed.
    fn next_after(&mut self, now: Instant, interval: Duration) -> Option<Instant> {
        let wait = self.jitter.apply(interval, self.config.timing.multiplier());
        self.last_sent.unwrap_or(now).checked_add(wait)
    }

    fn packet(&self, answer: bool) -> ControlPacket {
        let (desired_min_tx, required_min_rx, detect_multiplier) = self.advertised();
        ControlPacket {
            diagnostic: self.diagnostic,
            state: self.state,
            poll: self.poll.is_some() && !answer,
            is_final: answer,
            control_plane_independent: self.config.control_plane_independent,
            authenticated: false,
            demand: false,
            detect_multiplier,
            my_discriminator: self.config.discriminator,
            your_discriminator: self.remote.map(|remote| remote.discriminator),
            desired_min_tx,
            required_min_rx,
            required_min_echo_rx: Duration::ZERO,
        }
    }

    fn tell_parameters(&mut self) {
        let parameters = self.parameters();
        if parameters != self.parameters {
            self.parameters = parameters;
            self.tell(Event::ParametersChanged(parameters));
        }
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
