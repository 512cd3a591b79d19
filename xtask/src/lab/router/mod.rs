//! The router of the laboratory: one of four programs, each looked at by its own means.

mod bird;
mod fib_agent;
mod frr;
mod gobgp;
mod speaker;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

pub(crate) use self::fib_agent::{Args as FibAgentArgs, run as run_fib_agent};
use super::netns::Netns;
use crate::artifacts::Artifacts;
use crate::packages::{self, Package};

/// The router's autonomous system in the README.
pub(crate) const ROUTER_AS: u32 = 65500;

/// The hosts' autonomous system in the README.
pub(crate) const HOST_AS: u32 = 64512;

/// The program that plays the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RouterKind {
    /// Our own `bgplb-speaker`.
    Speaker,
    /// BIRD 2.
    Bird,
    /// GoBGP with the README's configuration.
    Gobgp,
    /// FRRouting: bgpd and zebra.
    Frr,
}

impl RouterKind {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Speaker, Self::Gobgp, Self::Bird, Self::Frr];

    /// Its name in the names of tests.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Speaker => "speaker",
            Self::Bird => "bird",
            Self::Gobgp => "gobgp",
            Self::Frr => "frr",
        }
    }

    /// The Debian package it comes from.
    pub(crate) const fn package(self) -> Option<Package> {
        match self {
            Self::Speaker => None,
            Self::Bird => Some(packages::BIRD),
            Self::Gobgp => Some(packages::GOBGP),
            Self::Frr => Some(packages::FRR),
        }
    }
}

/// A neighbour that connects to the router and gets everything it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neighbour {
    /// A word by which the router may call it.
    pub(crate) name: &'static str,
    /// Its address.
    pub(crate) address: Ipv4Addr,
    /// Its autonomous system.
    pub(crate) asn: u32,
}

/// Where a router runs and what it must know.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The router's namespace.
    pub(crate) netns: Netns,
    /// A directory for its files.
    pub(crate) dir: PathBuf,
    /// TCP MD5 password of all sessions.
    pub(crate) password: Option<String>,
    /// What it is configured with instead of the laboratory's own text.
    pub(crate) configuration: Option<String>,
    /// Neighbours beside the hosts.
    pub(crate) neighbours: Vec<Neighbour>,
    /// The hosts' link-local addresses and the global ones that mean the same host: some routers
    /// prefer the former as next hops in the kernel.
    pub(crate) link_locals: BTreeMap<IpAddr, IpAddr>,
}

/// How a program is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By SIGTERM, with time to take its leave.
    Stopped,
    /// By SIGKILL.
    Killed,
}

/// A running router.
pub(crate) trait Router: Debug {
    /// Where it runs.
    fn place(&self) -> &Place;

    /// Its name, with the command that was used to look at it.
    fn name(&self) -> &'static str;

    /// The neighbours whose session is established, as the router itself says.
    ///
    /// # Errors
    ///
    /// When the router does not answer.
    fn established(&self) -> Result<BTreeSet<IpAddr>>;

    /// The next hops of all usable paths to a prefix, as the router itself says.
    ///
    /// # Errors
    ///
    /// When the router does not answer.
    fn next_hops(&self, prefix: &str) -> Result<BTreeSet<IpAddr>>;

    /// What the router shows of every path to a prefix, in its own words, as one object a path.
    ///
    /// # Errors
    ///
    /// When the router does not answer or shows no attributes.
    fn paths(&self, prefix: &str) -> Result<Vec<Value>> {
        bail!("{} shows no attributes of {prefix}", self.name())
    }

    /// Ends a neighbour's session and lets it come back.
    ///
    /// # Errors
    ///
    /// When the router does not take the command, or cannot do so.
    fn restart_session(&self, neighbour: &str) -> Result<()> {
        bail!(
            "{} is not asked to end the session with {neighbour}",
            self.name()
        )
    }

    /// Ends the router's program and starts it anew.
    ///
    /// # Errors
    ///
    /// When it does not end or come up, or the laboratory cannot do that with this router.
    fn restart(&self, _how: End) -> Result<()> {
        bail!("{} is not restarted here", self.name())
    }

    /// The commands, in words for the user, that show the router's own view.
    fn look(&self) -> Vec<String>;

    /// Its log files.
    fn logs(&self) -> Vec<PathBuf>;

    /// Leaves it running when this value is dropped.
    fn keep(&mut self);

    /// The next hops by which the router's kernel forwards to a prefix.
    ///
    /// # Errors
    ///
    /// When `ip` fails.
    fn kernel_next_hops(&self, prefix: &str) -> Result<BTreeSet<IpAddr>> {
        let place = self.place();
        let v6 = prefix.contains(':');
        let routes = place.netns.routes(v6, &format!("exact {prefix}"))?;
        let gateways = routes.iter().flat_map(super::netns::Route::gateways);
        Ok(gateways
            .map(|hop| place.link_locals.get(&hop).copied().unwrap_or(hop))
            .collect())
    }
}

/// Starts a router and waits until it takes commands.
///
/// # Errors
///
/// When it does not come up; the message holds the end of its log.
pub(crate) fn start(
    kind: RouterKind,
    place: Place,
    artifacts: &Artifacts,
) -> Result<Box<dyn Router>> {
    match kind {
        RouterKind::Speaker => {
            let speaker = speaker::Speaker::start(place, &artifacts.speaker)?;
            Ok(Box::new(speaker))
        }
        _ => start_packaged(kind, place),
    }
}

/// [`start`] for a router that comes from a package.
///
/// # Errors
///
/// As there, and when `kind` is our own speaker.
pub(crate) fn start_packaged(kind: RouterKind, place: Place) -> Result<Box<dyn Router>> {
    Ok(match kind {
        RouterKind::Speaker => bail!("the speaker comes from no package"),
        RouterKind::Bird => Box::new(bird::Bird::start(place)?),
        RouterKind::Gobgp => Box::new(gobgp::Gobgp::start(place)?),
        RouterKind::Frr => Box::new(frr::Frr::start(place)?),
    })
}

/// Reads an address as routers print it.
fn address(text: &str) -> Result<IpAddr> {
    text.parse()
        .with_context(|| format!("{text:?} is no address"))
}
