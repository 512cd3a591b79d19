//! What is asked of the pools, and the answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use super::AddressFamily;

/// Whose networks the addresses are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolScope {
    /// This host's alone.
    Host,
    /// Those of several hosts, of which one chooses the IPv4 address and each
    /// has to come to the same IPv6 address by itself.
    Swarm,
}

/// A request for an address of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// Which family.
    pub family: AddressFamily,
    /// The address, if it was chosen already.
    pub given: Option<IpAddr>,
}

/// The answer to an [`Ask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It is this one.
    Address(IpAddr),
    /// The pool is for IPv6-only networks: there is no IPv4 address.
    NoIpv4,
    /// Another network of the pool is half made. Ask again when it is whole,
    /// and at this time at the latest.
    Later(Instant),
}

/// Why an address can't be had: a sentence for whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// No pool has this name.
    #[error("pool {pool:?} is not known: {known}")]
    UnknownPool {
        /// The name asked for.
        pool: String,
        /// Which pools there are, in words.
        known: String,
    },
    /// The address chosen is another pool's or nobody's.
    #[error(
        "{address} is not in pool {pool} ({ranges}): leave the address out, give one of the pool, or leave the pool out"
    )]
    Outside {
        /// The address chosen.
        address: IpAddr,
        /// The pool asked.
        pool: String,
        /// Its ranges of that family, in words.
        ranges: String,
    },
    /// The pool lacks the family.
    #[error(
        "pool {pool} has no {family} addresses: add a range of them to the pool, or give the network's {family} address itself"
    )]
    Family {
        /// The pool asked.
        pool: String,
        /// The family it has no range of.
        family: AddressFamily,
    },
    /// Everything is given out.
    #[error(
        "pool {pool} is exhausted: of its {size} {family} addresses {used} are in use, the others are left out; remove a network or widen the pool"
    )]
    Exhausted {
        /// The pool asked.
        pool: String,
        /// The family asked for.
        family: AddressFamily,
        /// How many addresses of the family it has.
        size: u128,
        /// How many of them are in use.
        used: usize,
    },
    /// In a Swarm only the IPv4 address is told to other hosts.
    #[error(
        "pool {pool} has no IPv4 addresses, by which the hosts of a Swarm agree on an address: add a range of them, or leave the pool out and give the IPv6 address with v6subnet"
    )]
    SwarmNeedsIpv4 {
        /// The pool asked.
        pool: String,
    },
    /// An IPv6 address was asked for without an IPv4 address before.
    #[error(
        "the IPv6 address of pool {pool} follows from the network's IPv4 address, and none was asked for just before: create the network with both, or once more"
    )]
    Alone {
        /// The pool asked.
        pool: String,
    },
    /// The IPv6 ranges are shorter than the IPv4 ranges.
    #[error(
        "{address} of pool {pool} has no IPv6 counterpart, the pool has fewer IPv6 addresses than IPv4 addresses: widen its IPv6 range"
    )]
    NoCounterpart {
        /// The network's IPv4 address.
        address: IpAddr,
        /// The pool asked.
        pool: String,
    },
    /// The two addresses do not belong together.
    #[error(
        "{v6} does not belong to {v4} in pool {pool}, where hosts of a Swarm would look for {expected}: give addresses that belong together, or none; if none was given, two networks were created at once, so create this one again"
    )]
    Apart {
        /// The network's IPv4 address.
        v4: Ipv4Addr,
        /// Its IPv6 address.
        v6: Ipv6Addr,
        /// The pool of both.
        pool: String,
        /// The IPv6 address that belongs to the IPv4 address, in words.
        expected: String,
    },
}
