//! From what Docker says about a container to whether it serves.

use std::fmt;

use super::event::Change;

/// Whether a container serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Level {
    /// Running, and healthy if it has a health check.
    Serving,
    /// Anything else.
    NotServing(Reason),
}

impl Level {
    /// True for [`Level::Serving`].
    #[must_use]
    pub fn is_serving(self) -> bool {
        self == Self::Serving
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serving => f.write_str("serving"),
            Self::NotServing(reason) => write!(f, "not serving: {reason}"),
        }
    }
}

/// Why a container does not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Running, but its health check has not answered yet.
    Starting,
    /// Running, and its health check fails.
    Unhealthy,
    /// All its processes are frozen.
    Paused,
    /// It ended and Docker is about to start it again.
    Restarting,
    /// It was never started.
    Created,
    /// Its main process ended, or was told to end by SIGKILL.
    Exited,
    /// Docker could not remove it.
    Dead,
    /// Docker is removing it.
    Removing,
    /// Docker used a word this version does not know.
    Unknown,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Unhealthy => "unhealthy",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Created => "created",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Removing => "removing",
            Self::Unknown => "in an unknown state",
        })
    }
}

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Never started.
    Created,
    /// Its main process lives.
    Running,
    /// Its main process lives and was sent SIGKILL.
    Killed,
    /// Its processes are frozen.
    Paused,
    /// Between two runs.
    Restarting,
    /// Ended.
    Exited,
    /// Could not be removed.
    Dead,
    /// Being removed.
    Removing,
    /// A word of a newer Docker.
    Unknown,
}

/// What the health check of a container says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// There is no health check.
    None,
    /// No verdict yet.
    Starting,
    /// Good.
    Healthy,
    /// Bad.
    Unhealthy,
    /// Not told: a paused or stopped container's health is not listed, and a
    /// start is told before what follows from it.
    Unknown,
}

/// The two facts a level follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) phase: Phase,
    pub(crate) health: Health,
}

impl Facts {
    /// Reads the facts off a list entry.
    ///
    /// `state` and `status` are the fields `State` and `Status`, `health` is
    /// `Health.Status` (API 1.52 and later). Before that the health is only
    /// in the human-readable status: `Up 5 minutes (healthy)`.
    pub(crate) fn listed(state: &str, status: &str, health: Option<&str>) -> Self {
        let phase = match state {
            "created" => Phase::Created,
            "running" => Phase::Running,
            "paused" => Phase::Paused,
            "restarting" => Phase::Restarting,
            "exited" => Phase::Exited,
            "dead" => Phase::Dead,
            "removing" => Phase::Removing,
            _ => Phase::Unknown,
        };
        // The two fields are filled separately; believing the worse of them
        // costs nothing.
        if phase == Phase::Running && status.ends_with("(Paused)") {
            return Self {
                phase: Phase::Paused,
                health: Health::Unknown,
            };
        }
        let health = if phase == Phase::Running {
            health
                .and_then(Health::named)
                .unwrap_or_else(|| Health::in_status(status))
        } else {
            Health::Unknown
        };
        Self { phase, health }
    }

    /// The level that follows.
    pub(crate) fn level(self) -> Level {
        Level::NotServing(match self.phase {
            Phase::Running => match self.health {
                Health::None | Health::Healthy => return Level::Serving,
                Health::Starting | Health::Unknown => Reason::Starting,
                Health::Unhealthy => Reason::Unhealthy,
            },
            Phase::Created => Reason::Created,
            Phase::Paused => Reason::Paused,
            Phase::Restarting => Reason::Restarting,
            Phase::Killed | Phase::Exited => Reason::Exited,
            Phase::Dead => Reason::Dead,
            Phase::Removing => Reason::Removing,
            Phase::Unknown => Reason::Unknown,
        })
    }

    /// The facts after `change`, as far as the change alone tells them.
    ///
    /// What it does not tell stays as it was, except that nothing becomes
    /// serving without proof: a start is followed by
    /// [`Reason::Starting`] until somebody looked.
    pub(crate) fn after(self, change: Change) -> Self {
        match change {
            Change::Health(health) => Self { health, ..self },
            Change::Killed if matches!(self.phase, Phase::Running | Phase::Paused) => Self {
                phase: Phase::Killed,
                ..self
            },
            Change::Ended => Self {
                phase: Phase::Exited,
                ..self
            },
            Change::Paused => Self {
                phase: Phase::Paused,
                ..self
            },
            // Docker starts nothing that runs, so a list was ahead of the event.
            Change::Started if matches!(self.phase, Phase::Running | Phase::Paused) => self,
            Change::Started => Self {
                phase: Phase::Running,
                health: Health::Unknown,
            },
            Change::Killed | Change::Resumed | Change::Removed | Change::Altered => self,
        }
    }

    /// Whether `change` leaves something open that only a look can tell.
    pub(crate) fn must_look(self, change: Change) -> bool {
        match change {
            // A verdict about a container that does not run contradicts what
            // is known, so one of the two is old.
            Change::Health(health) => {
                health == Health::Unknown
                    || !matches!(self.phase, Phase::Running | Phase::Killed | Phase::Paused)
            }
            Change::Paused | Change::Killed | Change::Removed => false,
            Change::Ended | Change::Started | Change::Resumed | Change::Altered => true,
        }
    }
}

impl Health {
    /// A health status by the word Docker uses in events and objects.
    pub(crate) fn named(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::None),
            "starting" => Some(Self::Starting),
            "healthy" => Some(Self::Healthy),
            "unhealthy" => Some(Self::Unhealthy),
            "" => None,
            _ => Some(Self::Unknown),
        }
    }

    /// The health at the end of a list entry's status text.
    fn in_status(status: &str) -> Self {
        let Some((_, last)) = status
            .strip_suffix(')')
            .and_then(|rest| rest.rsplit_once('('))
        else {
            return Self::None;
        };
        match last {
            "health: starting" => Self::Starting,
            word => Self::named(word).unwrap_or(Self::Unknown),
        }
    }
}

#[cfg(test)]
mod tests;
