//! Which of a peer's routes are taken.

use std::sync::Arc;

use ipnet::IpNet;

/// What becomes of the routes that a peer announces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Import {
    /// They are checked and forgotten (RFC 8212's default).
    #[default]
    Reject,
    /// They are candidates for [`LearnedRoutes`](crate::LearnedRoutes).
    Accept,
    /// Those whose prefix one of these covers are, the others are forgotten.
    Listed(Arc<[PrefixRange]>),
}

impl Import {
    /// Whether any route can be taken at all.
    pub fn accepts_any(&self) -> bool {
        match self {
            Self::Reject => false,
            Self::Accept => true,
            Self::Listed(ranges) => !ranges.is_empty(),
        }
    }

    /// Whether a route to `prefix` is taken.
    pub fn accepts(&self, prefix: IpNet) -> bool {
        match self {
            Self::Reject => false,
            Self::Accept => true,
            Self::Listed(ranges) => ranges.iter().any(|range| range.covers(prefix)),
        }
    }
}

/// Prefixes within another, of certain lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixRange {
    within: IpNet,
    shortest: u8,
    longest: u8,
}

impl PrefixRange {
    /// `prefix` and nothing else; its host bits are ignored.
    pub fn exactly(prefix: IpNet) -> Self {
        let length = prefix.prefix_len();
        Self {
            within: prefix.trunc(),
            shortest: length,
            longest: length,
        }
    }

    /// The prefixes within `prefix` whose length is `shortest` to `longest`;
    /// `None` if there can be none.
    pub fn within(prefix: IpNet, shortest: u8, longest: u8) -> Option<Self> {
        let possible = prefix.prefix_len() <= shortest
            && shortest <= longest
            && longest <= prefix.max_prefix_len();
        possible.then(|| Self {
            within: prefix.trunc(),
            shortest,
            longest,
        })
    }

    /// Whether `prefix` is one of them.
    pub fn covers(&self, prefix: IpNet) -> bool {
        let length = prefix.prefix_len();
        self.shortest <= length && length <= self.longest && self.within.contains(&prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_covers_lengths_within_its_prefix() {
        let range = PrefixRange::within(net("198.51.100.0/22"), 24, 32).unwrap();
        assert!(range.covers(net("198.51.101.0/24")));
        assert!(range.covers(net("198.51.103.255/32")));
        assert!(!range.covers(net("198.51.100.0/23")));
        assert!(!range.covers(net("198.51.104.0/24")));
        assert!(!range.covers(net("2001:db8::/24")));
    }

    #[test]
    fn lengths_that_cannot_be_make_no_range() {
        assert_eq!(PrefixRange::within(net("198.51.100.0/24"), 23, 32), None);
        assert_eq!(PrefixRange::within(net("198.51.100.0/24"), 28, 26), None);
        assert_eq!(PrefixRange::within(net("198.51.100.0/24"), 24, 33), None);
        assert!(PrefixRange::within(net("2001:db8::/32"), 32, 128).is_some());
    }

    #[test]
    fn a_list_takes_what_one_of_its_entries_covers() {
        let list = Import::Listed(Arc::new([
            PrefixRange::exactly(net("0.0.0.0/0")),
            PrefixRange::exactly(net("198.51.100.9/24")),
        ]));
        assert!(list.accepts(net("0.0.0.0/0")));
        assert!(list.accepts(net("198.51.100.0/24")));
        assert!(!list.accepts(net("198.51.100.0/25")));
        assert!(!Import::Listed(Arc::new([])).accepts_any());
    }
}
