//! Address pools: which addresses may be given to services automatically, and
//! which are given out.

mod ask;
mod leases;
mod range;

use std::collections::BTreeMap;
use std::net::IpAddr;

pub use ask::{Ask, Lease, LeaseError, PoolScope};
pub use leases::{Leases, PoolUsage};
pub use range::{AddressFamily, AddressRange, RangeError};

/// A named pool of service addresses.
///
/// The addresses of each family are numbered from 0, the lowest first. Those
/// of the same number belong together: a service that has both families gets
/// both, so that hosts which know one of the two agree on the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPool {
    name: String,
    v4: Vec<AddressRange>,
    v6: Vec<AddressRange>,
    avoid_buggy: bool,
}

/// Why addresses make no pool, or pools can't be side by side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The name can't be typed as an option's value.
    #[error("pool {name:?} can't be called so: give 1 to 63 letters, digits, '-', '_' or '.'")]
    Name {
        /// The name.
        name: String,
    },
    /// No addresses.
    #[error("pool {pool} has no addresses: give at least one prefix, range or address")]
    NoAddresses {
        /// The pool.
        pool: String,
    },
    /// The name is there twice.
    #[error("pool {pool} is there twice: give each pool once, with all of its ranges")]
    Twice {
        /// The pool.
        pool: String,
    },
    /// Two ranges share addresses.
    #[error(
        "pool {pool}: {range} shares addresses with {other} of pool {other_pool}: give each address to one pool, once"
    )]
    Overlap {
        /// The pool of the higher range.
        pool: String,
        /// The higher range.
        range: AddressRange,
        /// The pool of the lower range.
        other_pool: String,
        /// The lower range.
        other: AddressRange,
    },
}

impl AddressPool {
    /// A pool of these ranges, in any order. With `avoid_buggy` the addresses
    /// that old equipment takes for networks or broadcasts are left out: IPv4
    /// addresses ending in .0 or .255 and both ends of each prefix.
    ///
    /// # Errors
    ///
    /// [`PoolError`] for a name that can't be used, or without any range.
    pub fn new(
        name: &str,
        mut ranges: Vec<AddressRange>,
        avoid_buggy: bool,
    ) -> Result<Self, PoolError> {
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > 63 || !name.chars().all(fine) {
            let name = name.chars().take(64).collect();
            return Err(PoolError::Name { name });
        }
        if ranges.is_empty() {
            let pool = name.to_owned();
            return Err(PoolError::NoAddresses { pool });
        }
        ranges.sort_by_key(AddressRange::first);
        let (v4, v6) = ranges
            .into_iter()
            .partition(|range| range.family() == AddressFamily::V4);
        Ok(Self {
            name: name.to_owned(),
            v4,
            v6,
            avoid_buggy,
        })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many addresses of a family it has, those left out included.
    pub fn size(&self, family: AddressFamily) -> u128 {
        self.ranges(family).iter().map(AddressRange::size).sum()
    }

    /// Its ranges, IPv4 first.
    pub fn all_ranges(&self) -> impl Iterator<Item = &AddressRange> {
        self.v4.iter().chain(&self.v6)
    }

    fn ranges(&self, family: AddressFamily) -> &[AddressRange] {
        match family {
            AddressFamily::V4 => &self.v4,
            AddressFamily::V6 => &self.v6,
        }
    }

    /// The address of a family with this number.
    fn address(&self, family: AddressFamily, mut number: u128) -> Option<IpAddr> {
        for range in self.ranges(family) {
            match range.nth(number) {
                Some(address) => return Some(address),
                None => number -= range.size(),
            }
        }
        None
    }

    /// The number of an address of the pool.
    fn number(&self, address: IpAddr) -> Option<u128> {
        let mut before = 0;
        for range in self.ranges(AddressFamily::of(address)) {
            match range.offset(address) {
                Some(offset) => return Some(before + offset),
                None => before += range.size(),
            }
        }
        None
    }

    /// Whether an address of the pool is never given out by itself.
    fn leaves_out(&self, address: IpAddr) -> bool {
        let ranges = self.ranges(AddressFamily::of(address)).iter();
        self.avoid_buggy
            && ranges
                .filter(|range| range.offset(address).is_some())
                .any(|range| range.is_buggy(address))
    }
}

/// Pools that share no address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pools {
    pools: Vec<AddressPool>,
    /// By the first address of each range: the last one, and whose it is.
    by_address: BTreeMap<IpAddr, (IpAddr, usize)>,
}

impl Pools {
    /// Puts pools side by side.
    ///
    /// # Errors
    ///
    /// [`PoolError`] when two have one name or share an address.
    pub fn new(mut pools: Vec<AddressPool>) -> Result<Self, PoolError> {
        pools.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = pools.windows(2).find(|pair| pair[0].name == pair[1].name) {
            let pool = pair[0].name.clone();
            return Err(PoolError::Twice { pool });
        }
        let mut ranges: Vec<(AddressRange, usize)> = pools
            .iter()
            .enumerate()
            .flat_map(|(index, pool)| pool.all_ranges().map(move |range| (*range, index)))
            .collect();
        ranges.sort_by_key(|(range, _)| range.first());
        for pair in ranges.windows(2) {
            let [(other, theirs), (range, its)] = [pair[0], pair[1]];
            if range.first() <= other.last() && range.family() == other.family() {
                return Err(PoolError::Overlap {
                    pool: pools[its].name.clone(),
                    range,
                    other_pool: pools[theirs].name.clone(),
                    other,
                });
            }
        }
        let by_address = ranges
            .into_iter()
            .map(|(range, index)| (range.first(), (range.last(), index)))
            .collect();
        Ok(Self { pools, by_address })
    }

    /// The pools, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &AddressPool> {
        self.pools.iter()
    }

    /// The pool an address belongs to.
    pub fn holding(&self, address: IpAddr) -> Option<&AddressPool> {
        self.index_holding(address).map(|index| &self.pools[index])
    }

    fn index_holding(&self, address: IpAddr) -> Option<usize> {
        let (_, (last, index)) = self.by_address.range(..=address).next_back()?;
        // All of IPv4 sorts before all of IPv6.
        (address <= *last).then_some(*index)
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.pools
            .binary_search_by(|pool| pool.name.as_str().cmp(name))
            .ok()
    }

    /// The address of the other family that belongs to `address`, by the number
    /// both have in their pool.
    fn counterpart(&self, address: IpAddr) -> Option<IpAddr> {
        let pool = self.holding(address)?;
        let other = match AddressFamily::of(address) {
            AddressFamily::V4 => AddressFamily::V6,
            AddressFamily::V6 => AddressFamily::V4,
        };
        pool.address(other, pool.number(address)?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::IpAddr;

    use super::{AddressFamily, AddressPool, PoolError, Pools};

    pub(crate) fn pool(name: &str, ranges: &[&str], avoid_buggy: bool) -> AddressPool {
        let ranges = ranges.iter().map(|text| text.parse().unwrap()).collect();
        AddressPool::new(name, ranges, avoid_buggy).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_run_through_the_ranges_from_the_lowest_address() {
        let pool = pool("web", &["10.9.1.0/30", "10.8.0.7", "2001:db8::/126"], false);
        let texts: Vec<String> = (0..6)
            .filter_map(|n| pool.address(AddressFamily::V4, n))
            .map(|a| a.to_string())
            .collect();
        assert_eq!(
            texts,
            ["10.8.0.7", "10.9.1.0", "10.9.1.1", "10.9.1.2", "10.9.1.3"]
        );
        for (number, text) in (0..).zip(&texts) {
            assert_eq!(pool.number(ip(text)), Some(number));
        }
        assert_eq!(pool.number(ip("10.8.0.8")), None);
        assert_eq!(
            (pool.size(AddressFamily::V4), pool.size(AddressFamily::V6)),
            (5, 4)
        );
    }

    #[test]
    fn each_address_has_one_pool_and_at_most_one_counterpart() {
        let web = pool(
            "web",
            &["192.168.0.30-192.168.0.49", "2001:db8::/124"],
            false,
        );
        let db = pool("db", &["10.9.0.0/24"], false);
        let pools = Pools::new(vec![web, db]).unwrap();
        let name = |text| pools.holding(ip(text)).map(AddressPool::name);
        assert_eq!(name("192.168.0.30"), Some("web"));
        assert_eq!(name("192.168.0.49"), Some("web"));
        assert_eq!(name("10.9.0.255"), Some("db"));
        assert_eq!(name("2001:db8::f"), Some("web"));
        for outside in [
            "192.168.0.29",
            "192.168.0.50",
            "10.10.0.0",
            "1.1.1.1",
            "2001:db8::10",
        ] {
            assert_eq!(name(outside), None, "{outside}");
        }
        let counterpart = |text| pools.counterpart(ip(text));
        assert_eq!(counterpart("192.168.0.35"), Some(ip("2001:db8::5")));
        assert_eq!(counterpart("2001:db8::5"), Some(ip("192.168.0.35")));
        assert_eq!(
            counterpart("192.168.0.49"),
            None,
            "the IPv6 range is shorter"
        );
        assert_eq!(counterpart("10.9.0.1"), None);
    }

    #[test]
    fn names_repeats_and_overlaps_are_refused() {
        let name = |name| AddressPool::new(name, vec!["10.0.0.1".parse().unwrap()], false);
        let long = "x".repeat(64);
        for bad in ["", "a b", "web;", &long] {
            assert!(matches!(name(bad), Err(PoolError::Name { .. })), "{bad}");
        }
        let empty = AddressPool::new("web", vec![], false).unwrap_err();
        assert!(empty.to_string().contains("pool web has no addresses"));
        let twice = vec![name("web").unwrap(), name("web").unwrap()];
        let error = Pools::new(twice).unwrap_err().to_string();
        assert!(error.contains("pool web is there twice"), "{error}");
        for (web, db) in [
            (vec!["10.0.0.0/24"], vec!["10.0.0.200-10.0.1.5"]),
            (vec!["10.0.0.0/24"], vec!["10.0.0.7"]),
            (vec!["2001:db8::/64"], vec!["2001:db8::/120"]),
        ] {
            let error = Pools::new(vec![pool("web", &web, false), pool("db", &db, false)]);
            let error = error.unwrap_err().to_string();
            for word in [web[0], db[0], "pool web", "pool db"] {
                assert!(error.contains(word), "{error}");
            }
        }
        let twice = pool("web", &["10.0.0.1-10.0.0.9", "10.0.0.9"], false);
        assert!(matches!(
            Pools::new(vec![twice]),
            Err(PoolError::Overlap { .. })
        ));
    }
}
