//! Which addresses are given out, and which comes next.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::{AddressFamily, AddressPool, Ask, Lease, LeaseError, PoolScope, Pools};

/// How long a network's IPv4 address waits for its IPv6 request before another
/// network of the pool may be begun.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long after the IPv4 request an IPv6 request may be for the same network.
const SAME_NETWORK: Duration = Duration::from_secs(30);

/// Who has an address.
#[derive(Clone, Copy, Debug, Default)]
struct Holders {
    /// How often it was asked for and not given back. The manager and the
    /// worker on one host ask for, and give back, the same address.
    requests: u32,
    /// A network of this host has it.
    network: bool,
    /// It was in the last list of all networks.
    listed: bool,
    /// When it was first missed there.
    missing: Option<Instant>,
}

/// How full a pool is, in one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolUsage<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// The family.
    pub family: AddressFamily,
    /// How many addresses it has.
    pub size: u128,
    /// How many of them are in use.
    pub used: usize,
}

/// What moves in a pool.
#[derive(Debug, Default)]
struct Ledger {
    /// Every number below is in use, left out or among the holes.
    frontier: u128,
    /// Numbers below the frontier that have become free.
    holes: BTreeSet<u128>,
    /// The network whose IPv6 request may follow: its IPv4 address.
    begun: Option<(IpAddr, Instant)>,
}

/// The addresses that are given out, of pools and others.
///
/// An address is in use while it was asked for and not given back
/// ([`ask`](Self::ask), [`take`](Self::take), [`release`](Self::release)),
/// while a network has it ([`hold`](Self::hold), [`let_go`](Self::let_go)), or
/// while the outside world shows it ([`compare`](Self::compare)). The lowest
/// number of a pool none of whose addresses is in use comes next. The cost of
/// a change does not grow with the pool.
#[derive(Debug)]
pub struct Leases {
    pools: Pools,
    scope: PoolScope,
    ledgers: Vec<Ledger>,
    holders: BTreeMap<IpAddr, Holders>,
}

impl Leases {
    /// Nothing is in use yet.
    pub fn new(pools: Pools, scope: PoolScope) -> Self {
        let ledgers = pools.iter().map(|_| Ledger::default()).collect();
        Self {
            pools,
            scope,
            ledgers,
            holders: BTreeMap::new(),
        }
    }

    /// Other pools from now on. What is in use stays so, within them or not.
    pub fn replace_pools(&mut self, pools: Pools) {
        let begun: Vec<_> = self.ledgers.iter().filter_map(|it| it.begun).collect();
        let holders = std::mem::take(&mut self.holders);
        self.ledgers = pools.iter().map(|_| Ledger::default()).collect();
        self.pools = pools;
        for (address, held) in holders {
            *self.taken(address) = held;
        }
        for (v4, since) in begun {
            if let Some(index) = self.pools.index_holding(v4) {
                self.ledgers[index].begun = Some((v4, since));
            }
        }
    }

    /// What was asked for and not given back, and how often; to be remembered.
    pub fn requests(&self) -> BTreeMap<IpAddr, u32> {
        let asked = self.holders.iter().filter(|(_, h)| h.requests > 0);
        asked.map(|(address, h)| (*address, h.requests)).collect()
    }

    /// Takes back what [`requests`](Self::requests) told.
    pub fn restore(&mut self, requests: &BTreeMap<IpAddr, u32>) {
        for (address, count) in requests {
            self.taken(*address).requests = *count;
        }
    }

    /// Gives out an address of a pool: the one chosen, the one that belongs to
    /// the IPv4 address asked for just before, or the next.
    ///
    /// # Errors
    ///
    /// [`LeaseError`] says what is wrong and what to do; nothing is changed.
    pub fn ask(&mut self, ask: &Ask<'_>, now: Instant) -> Result<Lease, LeaseError> {
        let index = self.index(ask.pool)?;
        if let Some(given) = ask.given
            && self.pools.index_holding(given) != Some(index)
        {
            return Err(self.outside(index, given));
        }
        match ask.family {
            AddressFamily::V4 => self.ask_v4(index, ask.given, now),
            AddressFamily::V6 => self.ask_v6(index, ask.given, now),
        }
    }

    fn ask_v4(
        &mut self,
        index: usize,
        given: Option<IpAddr>,
        now: Instant,
    ) -> Result<Lease, LeaseError> {
        let pool = &self.pools.pools[index];
        if pool.size(AddressFamily::V4) == 0 {
            return match self.scope {
                PoolScope::Host => Ok(Lease::NoIpv4),
                PoolScope::Swarm => Err(LeaseError::SwarmNeedsIpv4 {
                    pool: pool.name.clone(),
                }),
            };
        }
        let pairs = pool.size(AddressFamily::V6) > 0;
        if let (PoolScope::Swarm, Some((_, since))) = (self.scope, self.ledgers[index].begun)
            && now < since + PATIENCE
        {
            return Ok(Lease::Later(since + PATIENCE));
        }
        let address = match given {
            Some(given) => given,
            None => self.next(index, AddressFamily::V4)?,
        };
        self.take(address);
        self.ledgers[index].begun = pairs.then_some((address, now));
        Ok(Lease::Address(address))
    }

    fn ask_v6(
        &mut self,
        index: usize,
        given: Option<IpAddr>,
        now: Instant,
    ) -> Result<Lease, LeaseError> {
        let begun = self.ledgers[index]
            .begun
            .filter(|(_, since)| now < *since + SAME_NETWORK)
            .map(|(v4, _)| v4);
        let counterpart = begun.and_then(|v4| self.pools.counterpart(v4));
        let address = match (given, self.scope, counterpart) {
            (Some(given), ..) => given,
            (None, PoolScope::Swarm, Some(address)) => address,
            (None, PoolScope::Swarm, None) => return Err(self.no_counterpart(index, begun)),
            (None, PoolScope::Host, Some(address)) if self.is_free(address) => address,
            (None, PoolScope::Host, _) => self.next(index, AddressFamily::V6)?,
        };
        self.take(address);
        self.ledgers[index].begun = None;
        Ok(Lease::Address(address))
    }

    /// Counts a request for an address that somebody else chose, in a pool or
    /// not.
    pub fn take(&mut self, address: IpAddr) {
        let holders = self.taken(address);
        holders.requests = holders.requests.saturating_add(1);
        holders.missing = None;
    }

    /// Gives a request back. An address that nobody asked for is let be.
    pub fn release(&mut self, address: IpAddr) {
        self.settled(address);
        if let Some(holders) = self.holders.get_mut(&address) {
            holders.requests = holders.requests.saturating_sub(1);
            self.free_unless_held(address);
        }
    }

    /// A network of this host has the address.
    pub fn hold(&mut self, address: IpAddr) {
        self.settled(address);
        self.taken(address).network = true;
    }

    /// The network of this host that had the address is gone.
    pub fn let_go(&mut self, address: IpAddr) {
        if let Some(holders) = self.holders.get_mut(&address) {
            holders.network = false;
            self.free_unless_held(address);
        }
    }

    /// The network with this IPv4 address is whole: no request follows for it.
    pub fn settled(&mut self, address: IpAddr) {
        if let Some(index) = self.pools.index_holding(address) {
            let begun = &mut self.ledgers[index].begun;
            *begun = begun.filter(|(v4, _)| *v4 != address);
        }
    }

    /// Whether a network may have these two addresses.
    ///
    /// # Errors
    ///
    /// [`LeaseError::Apart`] when the hosts of a Swarm would not agree on them.
    pub fn check_pair(&self, v4: Ipv4Addr, v6: Ipv6Addr) -> Result<(), LeaseError> {
        let pool = |address| self.pools.index_holding(address);
        let (Some(one), Some(other)) = (pool(v4.into()), pool(v6.into())) else {
            return Ok(());
        };
        let expected = self.pools.counterpart(v4.into());
        if self.scope == PoolScope::Host || one != other || expected == Some(v6.into()) {
            return Ok(());
        }
        Err(LeaseError::Apart {
            v4,
            v6,
            pool: self.pools.pools[one].name.clone(),
            expected: expected.map_or_else(|| "none".to_owned(), |address| address.to_string()),
        })
    }

    /// Compares with the addresses all networks have that exist. What was asked
    /// for, is no network's here, and was missing for `grace` was never given
    /// back: it is taken back, and returned.
    pub fn compare(
        &mut self,
        listed: &BTreeSet<IpAddr>,
        now: Instant,
        grace: Duration,
    ) -> Vec<IpAddr> {
        let mut reclaimed = Vec::new();
        let mut vanished = Vec::new();
        for (address, holders) in &mut self.holders {
            let gone = !listed.contains(address);
            vanished.extend((gone && holders.listed).then_some(*address));
            holders.listed = !gone;
            if !gone || holders.network {
                holders.missing = None;
            } else if now >= *holders.missing.get_or_insert(now) + grace && holders.requests > 0 {
                holders.requests = 0;
                reclaimed.push(*address);
            }
        }
        for address in vanished.iter().chain(&reclaimed) {
            self.free_unless_held(*address);
        }
        for address in listed {
            self.taken(*address).listed = true;
        }
        reclaimed
    }

    fn index(&self, name: &str) -> Result<usize, LeaseError> {
        self.pools.index(name).ok_or_else(|| {
            let names: Vec<&str> = self.pools.iter().map(AddressPool::name).collect();
            LeaseError::UnknownPool {
                pool: name.chars().take(64).collect(),
                known: match names.as_slice() {
                    [] => "no pools are configured".to_owned(),
                    [only] => format!("the only pool is {only}"),
                    several => format!("the pools are {}", several.join(", ")),
                },
            }
        })
    }

    /// The lowest address of a family none of whose number is in use.
    fn next(&mut self, index: usize, family: AddressFamily) -> Result<IpAddr, LeaseError> {
        let pool = &self.pools.pools[index];
        let size = pool.size(family);
        let ledger = &self.ledgers[index];
        let hole = ledger.holes.first().filter(|number| **number < size);
        let mut number = ledger.frontier;
        if let Some(hole) = hole {
            number = *hole;
        } else {
            while number < size && !self.is_number_free(pool, number) {
                number += 1;
            }
            self.ledgers[index].frontier = number;
        }
        match pool.address(family, number) {
            Some(address) => Ok(address),
            None if size == 0 => Err(LeaseError::Family {
                pool: pool.name.clone(),
                family,
            }),
            None => Err(LeaseError::Exhausted {
                pool: pool.name.clone(),
                family,
                size,
                used: self.used(pool, family),
            }),
        }
    }

    /// How full the pools are, for each family they have addresses of.
    pub fn usage(&self) -> impl Iterator<Item = PoolUsage<'_>> {
        let families = [AddressFamily::V4, AddressFamily::V6];
        let each = self.pools.iter().flat_map(move |pool| {
            families.map(|family| PoolUsage {
                pool: pool.name(),
                family,
                size: pool.size(family),
                used: self.used(pool, family),
            })
        });
        each.filter(|usage| usage.size > 0)
    }

    fn used(&self, pool: &AddressPool, family: AddressFamily) -> usize {
        let ranges = pool.ranges(family).iter();
        ranges
            .map(|range| self.holders.range(range.first()..=range.last()).count())
            .sum()
    }

    fn is_free(&self, address: IpAddr) -> bool {
        !self.holders.contains_key(&address)
    }

    /// Whether a number may be given out, with the addresses it has.
    fn is_number_free(&self, pool: &AddressPool, number: u128) -> bool {
        [AddressFamily::V4, AddressFamily::V6]
            .into_iter()
            .filter_map(|family| pool.address(family, number))
            .all(|address| self.is_free(address) && !pool.leaves_out(address))
    }

    /// The holders of an address, which is in use from now on.
    fn taken(&mut self, address: IpAddr) -> &mut Holders {
        if let Some(index) = self.pools.index_holding(address)
            && let Some(number) = self.pools.pools[index].number(address)
        {
            self.ledgers[index].holes.remove(&number);
        }
        self.holders.entry(address).or_default()
    }

    fn free_unless_held(&mut self, address: IpAddr) {
        let Some(holders) = self.holders.get(&address) else {
            return;
        };
        if holders.requests > 0 || holders.network {
            return;
        }
        // Whoever gave it back knows better than the last list.
        self.holders.remove(&address);
        let Some(index) = self.pools.index_holding(address) else {
            return;
        };
        let pool = &self.pools.pools[index];
        if let Some(number) = pool.number(address)
            && number < self.ledgers[index].frontier
            && self.is_number_free(pool, number)
        {
            self.ledgers[index].holes.insert(number);
        }
    }

    fn outside(&self, index: usize, address: IpAddr) -> LeaseError {
        let pool = &self.pools.pools[index];
        let family = AddressFamily::of(address);
        let ranges: Vec<String> = pool
            .ranges(family)
            .iter()
            .map(ToString::to_string)
            .collect();
        LeaseError::Outside {
            address,
            pool: pool.name.clone(),
            ranges: if ranges.is_empty() {
                format!("which has no {family} addresses")
            } else {
                ranges.join(", ")
            },
        }
    }

    fn no_counterpart(&self, index: usize, begun: Option<IpAddr>) -> LeaseError {
        let pool = self.pools.pools[index].name.clone();
        match begun {
            Some(address) => LeaseError::NoCounterpart { address, pool },
            None => LeaseError::Alone { pool },
        }
    }
}

#[cfg(test)]
mod tests;
