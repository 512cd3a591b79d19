//! Where packets go: a next hop with its share.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// One of the next hops of a prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Gateway {
    /// Its address, which may be of another family than the prefix (RFC 8950).
    pub address: IpAddr,
    /// The interface that a link-local address belongs to.
    pub interface: Option<Arc<str>>,
    /// Its share of the packets compared with the others' of the set; 1 for
    /// all of them when they are equal.
    pub weight: u8,
}

impl Gateway {
    /// A next hop with the weight 1.
    pub fn new(address: IpAddr) -> Self {
        Self {
            address,
            interface: None,
            weight: 1,
        }
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        if let Some(interface) = &self.interface {
            write!(f, "%{interface}")?;
        }
        match self.weight {
            1 => Ok(()),
            weight => write!(f, " weight {weight}"),
        }
    }
}

/// Weights in the proportion of these rates; all 1 unless every rate is known,
/// since a share of an unknown whole says nothing.
pub(crate) fn weights(rates: &[Option<u64>]) -> Vec<u8> {
    let equal = || vec![1; rates.len()];
    let known: Option<Vec<u64>> = rates.iter().copied().collect();
    let Some(known) = known else {
        return equal();
    };
    let most = known.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return equal();
    }
    // The greatest gets the greatest weight there is, the others theirs,
    // rounded and at least 1.
    let share = |rate: u64| {
        let (rate, most) = (u128::from(rate), u128::from(most));
        let weight = (rate * 2 * u128::from(MOST) + most) / (2 * most);
        u8::try_from(weight).unwrap_or(MOST).max(1)
    };
    let weights: Vec<u8> = known.into_iter().map(share).collect();
    let divisor = weights.iter().copied().fold(0, common_divisor).max(1);
    weights.into_iter().map(|weight| weight / divisor).collect()
}

fn common_divisor(a: u8, b: u8) -> u8 {
    match b {
        0 => a,
        b => common_divisor(b, a % b),
    }
}

const MOST: u8 = u8::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_in_proportion_and_small() {
        assert_eq!(weights(&[Some(300), Some(100)]), [3, 1]);
        assert_eq!(weights(&[Some(125_000_000), Some(125_000_000)]), [1, 1]);
        assert_eq!(weights(&[Some(1), Some(2), Some(3)]), [1, 2, 3]);
        assert_eq!(weights(&[Some(7)]), [1]);
        assert_eq!(weights(&[]), [0_u8; 0]);
    }

    #[test]
    fn the_least_share_is_not_nothing() {
        assert_eq!(weights(&[Some(1), Some(1_000_000)]), [1, 255]);
        assert_eq!(weights(&[Some(u64::MAX), Some(0)]), [255, 1]);
    }

    #[test]
    fn one_unknown_rate_makes_all_equal() {
        assert_eq!(weights(&[Some(300), None]), [1, 1]);
        assert_eq!(weights(&[Some(0), Some(0)]), [1, 1]);
    }
}
