//! The watch: one future that keeps an event stream and one question open.

use std::future::{Future, pending};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::client::DockerClient;
use super::http::DockerError;
use super::model::Observation;
use super::outbox::{Due, Outbox};
use super::question::{Answer, Request, Scope};
use super::state::State;
use super::stream::{EventStream, Heard};

/// Where Docker is and how patiently to deal with it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DockerConfig {
    /// Docker's socket. Where it may be replaced while we run, name it inside
    /// a mounted directory: a mount of the file itself keeps the old one.
    pub socket: PathBuf,
    /// How often everything is listed again without a cause; 30 s by default.
    pub resync_interval: Duration,
    /// How long one answer may take, and then its body; 10 s by default.
    pub request_timeout: Duration,
    /// The first pause after a failure; 50 ms by default. Pauses double and
    /// are drawn from the upper half of their step.
    pub backoff_first: Duration,
    /// The longest step of these pauses; 2 s by default.
    pub backoff_max: Duration,
    /// How many observations wait in the channel, and as many again inside,
    /// before a slow reader is given a whole list instead; 1024 by default.
    pub queue: usize,
}

impl DockerConfig {
    /// The defaults, for the daemon at `socket`.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
            resync_interval: Duration::from_secs(30),
            request_timeout: Duration::from_secs(10),
            backoff_first: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
            queue: 1024,
        }
    }
}

impl Default for DockerConfig {
    /// The defaults, for the daemon at `/var/run/docker.sock`.
    fn default() -> Self {
        Self::new("/var/run/docker.sock")
    }
}

/// Follows one Docker daemon. [`DockerWatch::run`] does the work.
#[derive(Debug)]
pub struct DockerWatch {
    config: DockerConfig,
    client: DockerClient,
    sender: mpsc::Sender<Observation>,
}

impl DockerWatch {
    /// A watch and the channel it reports on. Nothing happens before
    /// [`Self::run`] is polled.
    #[must_use]
    pub fn new(config: DockerConfig) -> (Self, mpsc::Receiver<Observation>) {
        let (sender, receiver) = mpsc::channel(config.queue.max(1));
        let client = DockerClient::new(config.socket.clone(), config.request_timeout);
        (
            Self {
                config,
                client,
                sender,
            },
            receiver,
        )
    }

    /// A client of the same daemon.
    #[must_use]
    pub fn client(&self) -> DockerClient {
        self.client.clone()
    }

    /// Watches until `cancel` is cancelled or the receiver is dropped. Never
    /// fails: what goes wrong is an observation, and is tried again.
    pub async fn run(self, cancel: CancellationToken) {
        Actor::new(self).run(cancel).await;
    }
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The event stream's life.
enum Stream {
    /// To be opened at this time.
    Closed(Instant),
    Opening(Work<Result<Box<EventStream>, DockerError>>),
    Open {
        stream: Box<EventStream>,
        since: Instant,
    },
}

/// Whether Docker answers, as told to the reader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Contact {
    /// Nothing was told yet.
    Unknown,
    Reachable,
    Unreachable,
}

struct Actor {
    config: DockerConfig,
    client: DockerClient,
    sender: mpsc::Sender<Observation>,
    state: State,
    outbox: Outbox,
    stream: Stream,
    question: Option<(Request, Work<Result<Answer, DockerError>>)>,
    /// No question before this time, after one failed.
    ask_after: Instant,
    resync_at: Instant,
    /// When everything was last listed out of turn.
    forced_at: Option<Instant>,
    contact: Contact,
    /// Between attempts to open the stream; begins anew once one lasted.
    stream_backoff: Backoff,
    /// Between questions that failed; begins anew with every answer.
    question_backoff: Backoff,
}

/// What the actor waits for.
enum Wake {
    Cancelled,
    ReaderGone,
    Room,
    Opened(Result<Box<EventStream>, DockerError>),
    Heard(Result<Heard, DockerError>),
    Answered(Result<Answer, DockerError>),
    Deadline,
}

impl Actor {
    fn new(watch: DockerWatch) -> Self {
        let DockerWatch {
            config,
            client,
            sender,
        } = watch;
        let now = Instant::now();
        let backoff = || {
            Backoff::new(
                config.backoff_first,
                config.backoff_max,
                Backoff::random_seed(),
            )
        };
        Self {
            stream_backoff: backoff(),
            question_backoff: backoff(),
            forced_at: None,
            state: State::default(),
            outbox: Outbox::new(config.queue),
            stream: Stream::Closed(now),
            question: None,
            ask_after: now,
            resync_at: now + config.resync_interval,
            contact: Contact::Unknown,
            config,
            client,
            sender,
        }
    }

    async fn run(mut self, cancel: CancellationToken) {
        loop {
            self.tell();
            self.ask();
            match self.wait(&cancel).await {
                Wake::Cancelled | Wake::ReaderGone => return,
                Wake::Room => {}
                Wake::Opened(result) => self.opened(result),
                Wake::Heard(result) => self.heard(result),
                Wake::Answered(result) => self.answered(result),
                Wake::Deadline => self.deadline(),
            }
        }
    }

    /// Waits and changes nothing. Which of several ready causes comes first
    /// is left to chance, so that a flood of events cannot hold up an answer
    /// nor the other way round.
    async fn wait(&mut self, cancel: &CancellationToken) -> Wake {
        let deadline = self.next_deadline();
        tokio::select! {
            () = cancel.cancelled() => Wake::Cancelled,
            () = self.sender.closed() => Wake::ReaderGone,
            room = self.sender.reserve(), if !self.outbox.is_empty() => match room {
                Ok(_) => Wake::Room,
                Err(_) => Wake::ReaderGone,
            },
            wake = next_of(&mut self.stream) => wake,
            answer = answer_of(&mut self.question) => Wake::Answered(answer),
            () = sleep_until(deadline) => Wake::Deadline,
        }
    }

    fn next_deadline(&self) -> Instant {
        let mut deadline = self.resync_at;
        match &self.stream {
            Stream::Closed(at) => deadline = deadline.min(*at),
            Stream::Opening(_) => {}
            Stream::Open { .. } if self.question.is_none() => {
                if self.ask_after > Instant::now() {
                    deadline = deadline.min(self.ask_after);
                } else if let Some(at) = self.state.poll_timeout() {
                    deadline = deadline.min(Instant::from_std(at));
                }
            }
            Stream::Open { .. } => {}
        }
        deadline
    }

    fn deadline(&mut self) {
        let now = Instant::now();
        if self.resync_at <= now {
            self.resync_at = now + self.config.resync_interval;
            self.state.resync();
        }
        if matches!(self.stream, Stream::Closed(at) if at <= now) {
            let client = self.client.clone();
            self.stream = Stream::Opening(Box::pin(async move {
                // Docker may have been replaced by another version.
                client.ping().await?;
                client.events().await.map(Box::new)
            }));
        }
    }

    fn opened(&mut self, result: Result<Box<EventStream>, DockerError>) {
        match result {
            Ok(stream) => {
                let since = Instant::now();
                self.stream = Stream::Open { stream, since };
                // Whatever was asked before may be answered from before.
                self.question = None;
                self.ask_after = since;
                self.state.stream_opened(since.into_std());
            }
            Err(error) => {
                self.stream = Stream::Closed(Instant::now() + self.stream_backoff.pause());
                self.unreachable(&error);
            }
        }
    }

    fn heard(&mut self, result: Result<Heard, DockerError>) {
        match result {
            Ok(Heard::Event(event)) => self.state.handle_event(std::time::Instant::now(), event),
            Ok(Heard::Garbled(what)) => {
                tracing::warn!(
                    what,
                    "an event of Docker was not understood; listing everything again"
                );
                self.state.resync();
            }
            Err(error) => {
                // Not yet unreachable: a daemon that can live without its
                // containers' parent is back in a moment. If it is not, the
                // attempt to connect will say so.
                tracing::info!(%error, "Docker's event stream ended");
                if let Stream::Open { since, .. } = self.stream
                    && since.elapsed() >= self.config.backoff_max
                {
                    self.stream_backoff.reset();
                }
                self.question = None;
                self.state.forget_request();
                self.stream = Stream::Closed(Instant::now() + self.stream_backoff.pause());
            }
        }
    }

    fn answered(&mut self, result: Result<Answer, DockerError>) {
        let Some((request, _)) = self.question.take() else {
            return;
        };
        match result {
            Ok(answer) => {
                if self.contact == Contact::Unreachable {
                    self.push(Observation::Reachable);
                    // Nothing less than everything ends being unreachable.
                    if request.scope != Scope::Everything {
                        self.state.resync();
                    }
                }
                self.contact = Contact::Reachable;
                self.question_backoff.reset();
                self.state
                    .handle_answer(std::time::Instant::now(), request.ticket, answer);
            }
            Err(error) => {
                self.state.forget_request();
                self.ask_after = Instant::now() + self.question_backoff.pause();
                self.unreachable(&error);
            }
        }
    }

    /// Asks Docker what the state wants to know, one question at a time and
    /// only while events are heard: a list without them is old at once.
    fn ask(&mut self) {
        let now = Instant::now();
        let open = matches!(self.stream, Stream::Open { .. });
        if !open || self.question.is_some() || now < self.ask_after {
            return;
        }
        if let Some(request) = self.state.poll_request(now.into_std()) {
            let client = self.client.clone();
            let scope = request.scope.clone();
            let work = Box::pin(async move { client.look(&scope).await });
            self.question = Some((request, work));
        }
    }

    fn unreachable(&mut self, error: &DockerError) {
        if self.contact == Contact::Unreachable {
            tracing::debug!(%error, "Docker is still unreachable");
            return;
        }
        self.contact = Contact::Unreachable;
        self.push(Observation::Unreachable {
            error: error.to_string(),
        });
    }

    fn push(&mut self, observation: Observation) {
        if self.outbox.push(observation) && self.resync_out_of_turn() {
            tracing::warn!("the reader of observations is slow; it will get a whole list");
        }
    }

    /// Lists everything at once, but not more often than once a second:
    /// garbled events and slow readers come in crowds. True if this call and
    /// not an earlier one is the cause.
    fn resync_out_of_turn(&mut self) -> bool {
        let now = Instant::now();
        if self.forced_at.is_some_and(|at| at > now) {
            return false;
        }
        let at = self
            .forced_at
            .map_or(now, |at| now.max(at + FORCED_INTERVAL));
        self.forced_at = Some(at);
        self.resync_at = self.resync_at.min(at);
        true
    }

    /// Moves what the state has to say to the reader, without waiting.
    fn tell(&mut self) {
        while let Some(observation) = self.state.poll_observation() {
            self.push(observation);
        }
        while !self.outbox.is_empty() {
            let Ok(permit) = self.sender.try_reserve() else {
                return;
            };
            match self.outbox.pop() {
                Some(Due::Observation(observation)) => permit.send(observation),
                Some(Due::Everything) => {
                    if let Some(everything) = self.state.everything() {
                        permit.send(everything);
                    }
                }
                None => return,
            }
        }
    }
}

/// Waits for the stream to open or to say something; for ever while closed.
async fn next_of(stream: &mut Stream) -> Wake {
    match stream {
        Stream::Closed(_) => pending().await,
        Stream::Opening(work) => Wake::Opened(work.await),
        Stream::Open { stream, .. } => Wake::Heard(stream.next().await),
    }
}

/// Waits for the answer to the question under way; for ever without one.
async fn answer_of(
    question: &mut Option<(Request, Work<Result<Answer, DockerError>>)>,
) -> Result<Answer, DockerError> {
    match question {
        Some((_, work)) => work.await,
        None => pending().await,
    }
}

/// Whole lists out of turn are at least this far apart.
const FORCED_INTERVAL: Duration = Duration::from_secs(1);
