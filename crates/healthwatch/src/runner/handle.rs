//! How others change what is checked.

use tokio::sync::{mpsc, oneshot};

use super::spec::{CheckId, CheckNews, CheckSpec};
use crate::check::TimingError;
use crate::probe::{Probe, SpecError};

/// Changes what is checked. May be cloned; dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct ChecksHandle {
    commands: mpsc::Sender<Command>,
}

/// What the actor is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Set {
        id: CheckId,
        spec: Box<CheckSpec>,
        probe: Box<Probe>,
    },
    Remove(CheckId),
    CheckNow(CheckId),
    Levels(oneshot::Sender<Vec<CheckNews>>),
    Load(oneshot::Sender<Load>),
}

impl ChecksHandle {
    pub(crate) const fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands }
    }

    /// Has `id` be checked so from here on.
    ///
    /// An equal specification keeps the check's state, and so does one that
    /// differs in its timing only; the files it names are read again. Another
    /// probe begins anew. The level is told in either case that it is new.
    ///
    /// # Errors
    ///
    /// When the specification is not accepted, in which case the check that
    /// was there stays as it is, or nobody runs the checks any more.
    pub async fn set(&self, id: CheckId, spec: CheckSpec) -> Result<(), SetError> {
        spec.timing.validate()?;
        let probe = Box::new(Probe::new(spec.probe.clone())?);
        let spec = Box::new(spec);
        self.send(Command::Set { id, spec, probe }).await?;
        Ok(())
    }

    /// Ends a check, if it is there. News of it that wait in the channel are
    /// still to be read.
    ///
    /// # Errors
    ///
    /// When nobody runs the checks any more.
    pub async fn remove(&self, id: CheckId) -> Result<(), Stopped> {
        self.send(Command::Remove(id)).await
    }

    /// Looks at once, whenever the next look would be; after the look under
    /// way, if there is one.
    ///
    /// # Errors
    ///
    /// When nobody runs the checks any more.
    pub async fn check_now(&self, id: CheckId) -> Result<(), Stopped> {
        self.send(Command::CheckNow(id)).await
    }

    /// The level of every check, counts up to date, in the order of the numbers.
    ///
    /// # Errors
    ///
    /// When nobody runs the checks any more.
    pub async fn levels(&self) -> Result<Vec<CheckNews>, Stopped> {
        let (sender, receiver) = oneshot::channel();
        self.send(Command::Levels(sender)).await?;
        receiver.await.map_err(|_| Stopped)
    }

    /// How busy the checks are.
    ///
    /// # Errors
    ///
    /// When nobody runs the checks any more.
    pub async fn load(&self) -> Result<Load, Stopped> {
        let (sender, receiver) = oneshot::channel();
        self.send(Command::Load(sender)).await?;
        receiver.await.map_err(|_| Stopped)
    }

    async fn send(&self, command: Command) -> Result<(), Stopped> {
        self.commands.send(command).await.map_err(|_| Stopped)
    }
}

/// How busy the checks are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// How many checks there are.
    pub checks: usize,
    /// How many looks are under way.
    pub in_flight: usize,
    /// How many are due, and wait because too many are under way.
    pub waiting: usize,
    /// How many looks so far began a second or more after they were due.
    pub late: u64,
}

/// Why a check was not set.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// Nothing that can be looked at.
    #[error(transparent)]
    Probe(#[from] SpecError),
    /// Not at these times.
    #[error(transparent)]
    Timing(#[from] TimingError),
    /// Nobody runs the checks.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Nobody runs the checks any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the checks were stopped")]
pub struct Stopped;
