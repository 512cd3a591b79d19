//! Runs of consecutive addresses, as an operator writes them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

use crate::address::{UnusableAddress, special_within};

/// What may be written, for messages.
const ACCEPTED: &str = "a prefix such as 10.9.0.0/24, a range such as 192.168.0.30-192.168.0.49, or one address, of IPv4 or IPv6";

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl AddressFamily {
    /// The family of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The most addresses of a range: an IPv4 /8, or an IPv6 /64.
    const fn limit(self) -> u128 {
        match self {
            Self::V4 => 1 << 24,
            Self::V6 => 1 << 64,
        }
    }
}

impl fmt::Display for AddressFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// Consecutive unicast addresses of one family.
///
/// Reads a prefix (`10.9.0.0/24`), a range (`10.9.0.5-10.9.0.20`, both ends
/// included) or one address, and prints itself the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
    /// Set if it was written as a prefix.
    prefix_len: Option<u8>,
}

/// Why a text is no range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// Neither a prefix nor a range nor an address.
    #[error("{value:?} is no range of addresses: give {ACCEPTED}")]
    Syntax {
        /// What was written.
        value: String,
    },
    /// A prefix with bits set beyond its length.
    #[error("{value} has host bits: give {network}, or the addresses as first-last")]
    HostBits {
        /// What was written.
        value: IpNet,
        /// The prefix without them.
        network: IpNet,
    },
    /// The ends are of different families.
    #[error("{first}-{last} mixes IPv4 and IPv6: give both ends of one family")]
    Families {
        /// The first address.
        first: IpAddr,
        /// The last one.
        last: IpAddr,
    },
    /// The last address comes before the first.
    #[error("{first}-{last} is empty: give the lower address first")]
    Empty {
        /// The first address.
        first: IpAddr,
        /// The last one.
        last: IpAddr,
    },
    /// More addresses than a pool can need.
    #[error("{value} is too large: give at most a /8 of IPv4 or a /64 of IPv6")]
    TooLarge {
        /// What was written.
        value: AddressRange,
    },
    /// It holds an address that can't be a service address.
    #[error("{value} holds addresses that can't be used: {reason}")]
    Unusable {
        /// What was written.
        value: AddressRange,
        /// The first such address found.
        reason: UnusableAddress,
    },
}

impl AddressRange {
    /// The addresses from `first` to `last`, both included.
    ///
    /// # Errors
    ///
    /// [`RangeError`] when they are of two families, in the wrong order, too
    /// many, or not all usable as service addresses.
    pub fn new(first: IpAddr, last: IpAddr) -> Result<Self, RangeError> {
        if AddressFamily::of(first) != AddressFamily::of(last) {
            return Err(RangeError::Families { first, last });
        }
        if last < first {
            return Err(RangeError::Empty { first, last });
        }
        Self {
            first,
            last,
            prefix_len: None,
        }
        .checked()
    }

    /// All addresses of a prefix.
    ///
    /// # Errors
    ///
    /// [`RangeError`] when it has host bits, or holds too many addresses or
    /// unusable ones.
    pub fn of_prefix(prefix: IpNet) -> Result<Self, RangeError> {
        if prefix.trunc() != prefix {
            return Err(RangeError::HostBits {
                value: prefix,
                network: prefix.trunc(),
            });
        }
        Self {
            first: prefix.network(),
            last: prefix.broadcast(),
            prefix_len: Some(prefix.prefix_len()),
        }
        .checked()
    }

    fn checked(self) -> Result<Self, RangeError> {
        // The difference, not the size, which may not fit.
        let more = number(self.last) - number(self.first);
        match special_within(self.first, self.last) {
            _ if more >= self.family().limit() => Err(RangeError::TooLarge { value: self }),
            Some(reason) => Err(RangeError::Unusable {
                value: self,
                reason,
            }),
            None => Ok(self),
        }
    }

    /// The lowest address.
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// The highest address.
    pub const fn last(&self) -> IpAddr {
        self.last
    }

    /// The family of all its addresses.
    pub const fn family(&self) -> AddressFamily {
        AddressFamily::of(self.first)
    }

    /// How many addresses it has; never 0, at most 2^64.
    pub const fn size(&self) -> u128 {
        number(self.last) - number(self.first) + 1
    }

    /// How many addresses of the range come before `address`; `None` if it is
    /// not in the range.
    pub(super) fn offset(&self, address: IpAddr) -> Option<u128> {
        let inside = AddressFamily::of(address) == self.family()
            && (self.first..=self.last).contains(&address);
        inside.then(|| number(address) - number(self.first))
    }

    /// The address that `offset` others come before.
    pub(super) fn nth(&self, offset: u128) -> Option<IpAddr> {
        (offset < self.size()).then(|| address(self.family(), number(self.first) + offset))
    }

    /// Whether `address` is one that old equipment takes for a network's or a
    /// broadcast address: IPv4 ending in .0 or .255, or an end of the prefix.
    pub(super) fn is_buggy(&self, address: IpAddr) -> bool {
        let octet = matches!(address, IpAddr::V4(v4) if matches!(v4.octets()[3], 0 | 255));
        let ends = self.prefix_len.is_some() && self.first != self.last;
        octet || (ends && (address == self.first || address == self.last))
    }
}

impl FromStr for AddressRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let syntax = || RangeError::Syntax {
            value: text.to_owned(),
        };
        let address = |text: &str| text.trim().parse::<IpAddr>().map_err(|_| syntax());
        let text = text.trim();
        if let Some((first, last)) = text.split_once('-') {
            Self::new(address(first)?, address(last)?)
        } else if text.contains('/') {
            Self::of_prefix(text.parse().map_err(|_| syntax())?)
        } else {
            let only = address(text)?;
            Self::new(only, only)
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix_len {
            Some(length) => write!(f, "{}/{length}", self.first),
            None if self.first == self.last => self.first.fmt(f),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

const fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits() as u128,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn address(family: AddressFamily, number: u128) -> IpAddr {
    match family {
        // Offsets never leave their range, which ends below 2^32.
        AddressFamily::V4 => Ipv4Addr::from_bits(u32::try_from(number).unwrap_or(u32::MAX)).into(),
        AddressFamily::V6 => Ipv6Addr::from_bits(number).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressRange, RangeError};

    fn range(text: &str) -> AddressRange {
        text.parse().unwrap()
    }

    #[test]
    fn prefixes_ranges_and_single_addresses_read_and_print_alike() {
        for (text, size) in [
            ("10.9.0.0/24", 256),
            ("192.168.0.30-192.168.0.49", 20),
            ("10.0.0.5", 1),
            ("10.0.0.5/32", 1),
            ("2001:db8:0:1000::/120", 256),
            ("2001:db8::/64", 1 << 64),
            ("10.0.0.0/8", 1 << 24),
        ] {
            assert_eq!(range(text).size(), size, "{text}");
            assert_eq!(range(text).to_string(), text);
        }
        assert_eq!(
            range(" 10.0.0.1 - 10.0.0.2 ").to_string(),
            "10.0.0.1-10.0.0.2"
        );
    }

    #[test]
    fn offsets_and_addresses_are_each_others_reverse() {
        for text in [
            "10.9.0.0/24",
            "10.8.255.250-10.9.0.20",
            "2001:db8::fffe-2001:db8::1:3",
        ] {
            let range = range(text);
            for offset in 0..range.size() {
                let address = range.nth(offset).unwrap();
                assert_eq!(range.offset(address), Some(offset));
            }
            assert_eq!(range.nth(range.size()), None);
            assert_eq!(range.offset("192.0.2.1".parse().unwrap()), None);
            assert_eq!(range.offset("2001:db8:1::".parse().unwrap()), None);
        }
    }

    #[test]
    fn what_old_equipment_stumbles_over_is_known() {
        let buggy = |text: &str, address: &str| range(text).is_buggy(address.parse().unwrap());
        assert!(buggy("10.9.0.0/23", "10.9.0.255"));
        assert!(buggy("10.9.0.0-10.9.3.7", "10.9.2.0"));
        assert!(buggy("10.9.0.16/28", "10.9.0.31"));
        assert!(buggy("2001:db8::/120", "2001:db8::"));
        assert!(!buggy("10.9.0.16-10.9.0.31", "10.9.0.31"));
        assert!(!buggy("10.9.0.0/23", "10.9.0.1"));
        assert!(!buggy("10.9.0.7/32", "10.9.0.7"));
    }

    #[test]
    fn refusals_name_the_value_and_what_is_accepted() {
        for (text, words) in [
            ("", "no range of addresses: give a prefix such as"),
            ("ten", "\"ten\""),
            ("10.0.0.0/33", "10.0.0.0/33"),
            ("10.0.0.1-", "10.0.0.1-"),
            ("10.0.0.1-10.0.0.2-10.0.0.3", "no range"),
            ("10.0.0.1/24", "give 10.0.0.0/24"),
            ("10.0.0.1-2001:db8::1", "mixes IPv4 and IPv6"),
            (
                "10.0.0.9-10.0.0.3",
                "is empty: give the lower address first",
            ),
            ("2001:db8::/63", "too large: give at most"),
            ("16.0.0.0-100.0.0.0", "too large"),
            ("::/0", "too large"),
            ("224.0.0.0/24", "multicast"),
            ("126.255.0.0-127.0.1.0", "loopback"),
            ("169.250.0.0-169.255.0.0", "link-local"),
            ("fe80::/64", "link-local"),
            ("::/64", "unspecified"),
            ("::fffe:0:0-::1:0:0:0", "IPv4-mapped"),
        ] {
            let error = text.parse::<AddressRange>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(matches!(
            "x".parse::<AddressRange>(),
            Err(RangeError::Syntax { .. })
        ));
    }
}
