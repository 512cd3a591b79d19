//! The programs of others, behind one interface.

mod bird;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::feature::Feature;
use super::session::Session;
use crate::lab::netns::Netns;
use crate::packages::{self, Package};

/// A program to be spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bird,
}

/// Why a program cannot do something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lack {
    pub(super) feature: Feature,
    /// For the foot of the table.
    pub(super) why: &'static str,
    /// What would stand in its OPEN if it could; none if that would not show it.
    pub(super) capability: Option<&'static str>,
}

/// A route as one side shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) next_hop: Option<IpAddr>,
    pub(super) as_path: Vec<u32>,
    /// Of all kinds, as we print them.
    pub(super) communities: BTreeSet<String>,
    /// Kept over a restart, as far as the program tells.
    pub(super) stale: bool,
}

/// A running, or just now killed, program.
pub(super) trait Opponent: Debug {
    /// Starts it and waits until it takes commands. After a restart it announces less.
    fn start(&mut self, restarted: bool) -> Result<()>;

    /// Ends it by SIGKILL.
    fn kill(&mut self);

    /// Its routes to exactly this prefix, by the session they came from.
    fn learned(&self, prefix: &str) -> Result<BTreeMap<Session, Seen>>;

    /// An error, with what it shows, unless a session is established.
    fn established(&self, session: Session) -> Result<()>;

    /// How many routes, or UPDATEs, it got on a session since its start.
    fn received(&self, session: Session) -> Result<u64>;

    /// Has it ask for all our routes again.
    fn ask_refresh(&self, session: Session) -> Result<()>;

    /// Its log files.
    fn logs(&self) -> Vec<PathBuf>;
}

/// Where a program runs.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) netns: Netns,
    pub(super) dir: PathBuf,
    /// The sessions it can have.
    pub(super) sessions: Vec<Session>,
}

impl Place {
    fn log(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl Kind {
    pub(super) const ALL: [Self; 1] = [Self::Bird];

    /// Its name in the names of tests.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Bird => "bird",
        }
    }

    /// Its name for people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bird => "BIRD",
        }
    }

    pub(super) const fn package(self) -> Package {
        match self {
            Self::Bird => packages::BIRD,
        }
    }

    /// Its version, as it says itself.
    pub(super) fn version(self) -> Result<String> {
        match self {
            Self::Bird => bird::version(),
        }
    }

    /// What it cannot do.
    pub(super) const fn lacks(self) -> &'static [Lack] {
        match self {
            Self::Bird => &[],
        }
    }

    pub(super) fn place(self, netns: &Netns, dir: &Path) -> Place {
        let lacks = |feature| self.lacks().iter().any(|lack| lack.feature == feature);
        let mut sessions = Session::ALL.to_vec();
        sessions.retain(|session| match session {
            Session::V4 | Session::V6 => true,
            Session::ExtendedNextHop => !lacks(Feature::ExtendedNextHop),
            Session::Password | Session::OtherPassword => !lacks(Feature::Password),
        });
        Place {
            netns: netns.clone(),
            dir: dir.to_owned(),
            sessions,
        }
    }

    pub(super) fn opponent(self, place: Place) -> Box<dyn Opponent> {
        match self {
            Self::Bird => Box::new(bird::Bird::new(place)),
        }
    }
}
