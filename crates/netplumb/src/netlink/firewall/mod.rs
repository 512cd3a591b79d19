//! Whether the packet filter lets a packet through this host.

mod expression;
mod insert;
mod rules;
mod walk;
mod watch;

use std::fmt;
use std::net::IpAddr;

use netlink_sys::protocols::NETLINK_NETFILTER;

use self::rules::{Chain, ChainKey, Reader};
use self::walk::End;
pub use self::watch::FirewallWatch;
use super::socket::Connection;
use crate::error::{Cause, Error};
use crate::name::LinkName;

/// The packet filter (nf_tables) of the network namespace that the opening
/// thread was in.
pub struct Firewall {
    connection: Connection,
}

/// A packet of a service's on its way through this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The link it comes in by.
    pub from: LinkName,
    /// The kernel's number of that link.
    pub from_index: u32,
    /// The link it leaves by.
    pub by: LinkName,
    /// The kernel's number of that link.
    pub by_index: u32,
    /// The service's address.
    pub service: IpAddr,
    /// Which way it goes.
    pub way: Way,
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// To the service: the first packet of a connection.
    Request,
    /// From the service: a packet of a connection that there is.
    Answer,
}

/// What becomes of a packet at the `forward` hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// No rule and no policy drops every such packet: it passes, or whether it
    /// does depends on what is not looked at, as its ports or its source.
    MayPass,
    /// Every such packet is dropped or rejected.
    Dropped(Obstacle),
}

/// Where packets are dropped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Obstacle {
    /// The family of the table: `ip`, `ip6` or `inet`.
    pub family: &'static str,
    /// The table.
    pub table: String,
    /// Its chain at the hook.
    pub chain: String,
    /// It is the chain's policy that drops, not a rule.
    pub by_policy: bool,
    /// The chain before the others that is the operator's own with Docker
    /// (`DOCKER-USER`), if packets come by it.
    pub operators_chain: Option<String>,
}

impl Firewall {
    /// Opens a socket. Reading needs CAP_NET_ADMIN, too.
    ///
    /// # Errors
    ///
    /// When no netlink socket can be had.
    pub fn open() -> Result<Self, Error> {
        let connection = Connection::open_for(NETLINK_NETFILTER);
        let connection =
            connection.map_err(|cause| Error::new("open a netfilter socket", cause))?;
        Ok(Self { connection })
    }

    /// What becomes of such a packet at the chains of the `forward` hook. What
    /// can't be understood of a rule is taken to let it pass.
    ///
    /// Nothing is changed, and no module loaded: a kernel without nf_tables
    /// drops nothing.
    ///
    /// # Errors
    ///
    /// When the kernel can't be asked.
    pub fn forward(&mut self, passage: &Passage) -> Result<Fate, Error> {
        let result = self.try_forward(passage);
        result.map_err(|cause| {
            Error::new(
                format!("look for what drops packets of {}", passage.service),
                cause,
            )
        })
    }

    fn try_forward(&mut self, passage: &Passage) -> Result<Fate, Cause> {
        let mut reader = Reader::new(&mut self.connection);
        for chain in reader.forward_chains(passage.service.is_ipv6())? {
            let by_policy = match walk::walk(&mut reader, &chain.key, passage)? {
                End::Dropped => false,
                End::Open if chain.drops => true,
                _ => continue,
            };
            let operators_chain = reader.has_read(&chain.key, OPERATORS_CHAIN);
            return Ok(Fate::Dropped(obstacle(chain, by_policy, operators_chain)));
        }
        Ok(Fate::MayPass)
    }

    /// Has certain packets accepted first of all in a chain of an
    /// [`Obstacle`]'s: the operator's, if there is one.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn accept(&mut self, obstacle: &Obstacle, packets: Accepted<'_>) -> Result<(), Error> {
        let result = insert::insert_accept(&mut self.connection, obstacle, packets);
        result.map_err(|cause| Error::new(format!("accept {packets} in {obstacle}"), cause))
    }
}

/// Packets to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted<'a> {
    /// Those that leave by links whose names begin so.
    By(&'a str),
    /// Those of connections that there are, and what belongs to them, as far
    /// as they come in by this link.
    AnswersFrom(&'a LinkName),
}

impl fmt::Display for Accepted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::By(links) => write!(f, "packets to {links}*"),
            Self::AnswersFrom(link) => write!(f, "answers from {link}"),
        }
    }
}

fn obstacle(chain: Chain, by_policy: bool, operators_chain: bool) -> Obstacle {
    let ChainKey {
        family,
        table,
        chain,
    } = chain.key;
    Obstacle {
        family: rules::family_name(family),
        table,
        chain,
        by_policy,
        operators_chain: operators_chain.then(|| OPERATORS_CHAIN.to_owned()),
    }
}

impl Obstacle {
    /// The chain in which to accept what is dropped here.
    #[must_use]
    pub fn place(&self) -> &str {
        self.operators_chain.as_deref().unwrap_or(&self.chain)
    }

    /// Whether the table is `iptables`' or `ip6tables`'.
    #[must_use]
    pub fn is_of_iptables(&self) -> bool {
        self.family != "inet" && self.table == "filter" && self.chain == "FORWARD"
    }
}

impl fmt::Display for Obstacle {
    /// Family, table and chain, as `ip filter FORWARD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family, self.table, self.chain)
    }
}

impl fmt::Debug for Firewall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Firewall").finish_non_exhaustive()
    }
}

/// Where Docker has operators put their rules.
const OPERATORS_CHAIN: &str = "DOCKER-USER";

#[cfg(test)]
mod tests;
