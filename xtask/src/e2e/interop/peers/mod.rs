//! The programs of others, behind one interface.

mod bird;
mod exabgp;
mod frr;
mod gobgp;
mod openbgpd;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::Value;

use super::feature::Feature;
use super::session::Session;
use crate::lab::netns::Netns;
use crate::packages::{self, Package};

/// A program to be spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gobgp,
    Bird,
    Frr,
    ExaBgp,
    OpenBgpd,
}

/// Why a program cannot do something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lack {
    pub(super) feature: Feature,
    /// For the foot of the table.
    pub(super) why: &'static str,
    pub(super) sign: Sign,
}

/// A program without BFD.
const NO_BFD: Lack = Lack {
    feature: Feature::Bfd,
    why: "knows no BFD",
    sign: Sign::Unseen,
};

/// By what a lack is seen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sign {
    /// No capability of its OPEN, as we print it, holds these words.
    Capability(&'static [&'static str]),
    /// Its documentation has no word of it, and nothing else could show that.
    Unseen,
    /// The feature is tried and does not hold.
    Fails,
    /// Asked for its routes again, it writes this to its log.
    RefreshRefused(&'static str),
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

    /// How many it sent.
    fn sent(&self, session: Session) -> Result<u64>;

    /// An error, with what it shows, unless its BFD session with us is up.
    fn bfd_up(&self, session: Session) -> Result<()> {
        bail!("it has no BFD session for {}", session.name())
    }

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
    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [
        Self::Gobgp,
        Self::Bird,
        Self::Frr,
        Self::ExaBgp,
        Self::OpenBgpd,
    ];

    /// Its name in the names of tests.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Gobgp => "gobgp",
            Self::Bird => "bird",
            Self::Frr => "frr",
            Self::ExaBgp => "exabgp",
            Self::OpenBgpd => "openbgpd",
        }
    }

    /// Its name for people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gobgp => "GoBGP",
            Self::Bird => "BIRD",
            Self::Frr => "FRR",
            Self::ExaBgp => "ExaBGP",
            Self::OpenBgpd => "OpenBGPD",
        }
    }

    pub(super) const fn package(self) -> Package {
        match self {
            Self::Gobgp => packages::GOBGP,
            Self::Bird => packages::BIRD,
            Self::Frr => packages::FRR,
            Self::ExaBgp => packages::EXABGP,
            Self::OpenBgpd => packages::OPENBGPD,
        }
    }

    /// Its version, as it says itself.
    pub(super) fn version(self) -> Result<String> {
        match self {
            Self::Gobgp => gobgp::version(),
            Self::Bird => bird::version(),
            Self::Frr => frr::version(),
            Self::ExaBgp => exabgp::version(),
            Self::OpenBgpd => openbgpd::version(),
        }
    }

    /// What it cannot do.
    pub(super) const fn lacks(self) -> &'static [Lack] {
        match self {
            Self::Gobgp => &gobgp::LACKS,
            Self::Bird | Self::Frr => &[],
            Self::ExaBgp => &exabgp::LACKS,
            Self::OpenBgpd => &openbgpd::LACKS,
        }
    }

    pub(super) fn place(self, netns: &Netns, dir: &Path) -> Place {
        let lacks = |feature: Feature| {
            let mut lacks = self.lacks().iter();
            lacks.any(|lack| lack.feature == feature)
        };
        let mut sessions = Session::ALL.to_vec();
        sessions.retain(|session| match session {
            Session::V4 | Session::V6 => true,
            Session::ExtendedNextHop => !lacks(Feature::ExtendedNextHop),
            Session::Password | Session::OtherPassword => !lacks(Feature::Password),
            Session::Bfd => !lacks(Feature::Bfd),
            Session::LinkLocal => !lacks(Feature::Unnumbered),
        });
        Place {
            netns: netns.clone(),
            dir: dir.to_owned(),
            sessions,
        }
    }

    pub(super) fn opponent(self, place: Place) -> Box<dyn Opponent> {
        match self {
            Self::Gobgp => Box::new(gobgp::Gobgp::new(place)),
            Self::Bird => Box::new(bird::Bird::new(place)),
            Self::Frr => Box::new(frr::Frr::new(place)),
            Self::ExaBgp => Box::new(exabgp::ExaBgp::new(place)),
            Self::OpenBgpd => Box::new(openbgpd::OpenBgpd::new(place)),
        }
    }
}

/// The items of a list; none if it is no list.
fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The texts in a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    items(value).iter().filter_map(Value::as_str)
}
