//! The task that looks when it is time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::handle::{ChecksHandle, Command, Load};
use super::spec::{CheckId, CheckNews, ChecksConfig};
use super::table::Table;
use crate::check::{Failure, Outcome};
use crate::probe::look;

/// Runs checks. [`Checks::run`] does the work.
#[derive(Debug)]
pub struct Checks {
    config: ChecksConfig,
    commands: mpsc::Receiver<Command>,
    news: mpsc::Sender<CheckNews>,
}

impl Checks {
    /// No checks yet; how to change that, and the channel that tells of them.
    ///
    /// Applying all news in order gives the present level of every check. A
    /// reader that is slow misses levels that were replaced since, but never
    /// the last one.
    #[must_use]
    pub fn new(config: ChecksConfig) -> (Self, ChecksHandle, mpsc::Receiver<CheckNews>) {
        let (sender, commands) = mpsc::channel(COMMANDS);
        let (news, receiver) = mpsc::channel(config.queue.max(1));
        let checks = Self {
            config,
            commands,
            news,
        };
        (checks, ChecksHandle::new(sender), receiver)
    }

    /// Runs the checks until `cancel` is cancelled or the receiver of the news
    /// is dropped. Looks under way are ended then.
    pub async fn run(self, cancel: CancellationToken) {
        let actor = Actor {
            max_in_flight: self.config.max_in_flight.max(1),
            commands: self.commands,
            news: self.news,
            table: Table::default(),
            looks: JoinSet::new(),
            whose: HashMap::new(),
            late: 0,
            warn_after: None,
        };
        actor.run(cancel).await;
    }
}

struct Actor {
    max_in_flight: usize,
    commands: mpsc::Receiver<Command>,
    news: mpsc::Sender<CheckNews>,
    table: Table,
    /// Looks under way.
    looks: JoinSet<Outcome>,
    /// Which check each of them is for.
    whose: HashMap<Id, CheckId>,
    late: u64,
    /// No warning before this time, after one.
    warn_after: Option<Instant>,
}

/// What the actor waits for.
enum Wake {
    Cancelled,
    ReaderGone,
    Room,
    Command(Command),
    Looked(Result<(Id, Outcome), JoinError>),
    Deadline,
}

impl Actor {
    async fn run(mut self, cancel: CancellationToken) {
        loop {
            self.begin();
            self.tell();
            match self.wait(&cancel).await {
                Wake::Cancelled | Wake::ReaderGone => return,
                Wake::Room | Wake::Deadline => {}
                Wake::Command(command) => self.command(command),
                Wake::Looked(result) => {
                    self.looked(result);
                    while let Some(result) = self.looks.try_join_next_with_id() {
                        self.looked(result);
                    }
                }
            }
        }
    }

    /// Waits and changes nothing. Which of several ready causes comes first
    /// is left to chance, so that none can hold up another.
    async fn wait(&mut self, cancel: &CancellationToken) -> Wake {
        let deadline = self.deadline();
        tokio::select! {
            () = cancel.cancelled() => Wake::Cancelled,
            () = self.news.closed() => Wake::ReaderGone,
            room = self.news.reserve(), if self.table.has_news() => match room {
                Ok(_) => Wake::Room,
                Err(_) => Wake::ReaderGone,
            },
            Some(command) = self.commands.recv() => Wake::Command(command),
            Some(result) = self.looks.join_next_with_id() => Wake::Looked(result),
            () = until(deadline) => Wake::Deadline,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let look = self.table.looks.first().map(|(due, _)| {
            if self.looks.len() < self.max_in_flight {
                due
            } else {
                // A look that ends makes room; only the warning has a time.
                let late = due + LATE;
                self.warn_after.map_or(late, |after| late.max(after))
            }
        });
        [look, self.table.next_step()].into_iter().flatten().min()
    }

    /// Begins the looks that are due, as far as there is room for them.
    fn begin(&mut self) {
        let now = now();
        self.table.step(now);
        while let Some((due, id)) = self.table.looks.due(now) {
            let is_late = now.saturating_duration_since(due) >= LATE;
            if is_late {
                self.warn(now);
            }
            if self.looks.len() >= self.max_in_flight {
                return;
            }
            self.late += u64::from(is_late);
            let (looks, whose) = (&mut self.looks, &mut self.whose);
            self.table.begin(id, now, |probe, limit| {
                let task = looks.spawn(async move { look(&probe, limit).await });
                whose.insert(task.id(), id);
                task
            });
        }
    }

    fn looked(&mut self, result: Result<(Id, Outcome), JoinError>) {
        let (task, outcome) = match result {
            Ok(ended) => ended,
            Err(error) if error.is_cancelled() => {
                self.whose.remove(&error.id());
                return;
            }
            // A fault of ours, which should not look like health.
            Err(error) => (
                error.id(),
                Err(Failure::new("the check itself broke; see the log")),
            ),
        };
        if let Some(id) = self.whose.remove(&task) {
            self.table.finish(id, task, outcome, now());
        }
    }

    fn command(&mut self, command: Command) {
        let now = now();
        match command {
            Command::Set { id, spec, probe } => {
                let at_once = self.max_in_flight.div_ceil(4);
                if let Err(error) = self.table.set(id, *spec, *probe, at_once, now) {
                    // The handle has seen to it before.
                    tracing::error!(%id, %error, "a check was refused late");
                }
            }
            Command::Remove(id) => self.table.remove(id),
            Command::CheckNow(id) => self.table.check_now(id, now),
            // Whoever has asked may not want to know any more.
            Command::Levels(reply) => drop(reply.send(self.table.levels(now))),
            Command::Load(reply) => drop(reply.send(Load {
                checks: self.table.len(),
                in_flight: self.looks.len(),
                waiting: self.table.looks.count_due(now),
                late: self.late,
            })),
        }
    }

    /// Moves news to the reader, without waiting.
    fn tell(&mut self) {
        while self.table.has_news() {
            let Ok(permit) = self.news.try_reserve() else {
                return;
            };
            if let Some(news) = self.table.pop_news(now()) {
                permit.send(news);
            }
        }
    }

    fn warn(&mut self, now: Instant) {
        if self.warn_after.is_some_and(|after| now < after) {
            return;
        }
        self.warn_after = Some(now + BETWEEN_WARNINGS);
        tracing::warn!(
            in_flight = self.looks.len(),
            most = self.max_in_flight,
            waiting = self.table.looks.count_due(now),
            "checks are late by a second or more: fewer, longer intervals or shorter timeouts help"
        );
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// The time of tokio, which tests can stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Commands on their way; the actor never keeps them waiting for long.
const COMMANDS: usize = 256;
/// From here on a look that waits is told.
const LATE: Duration = Duration::from_secs(1);
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);
