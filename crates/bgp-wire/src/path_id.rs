//! Path identifiers in front of prefixes (RFC 7911).

use core::fmt;
use core::iter::FusedIterator;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::error::DecodeError;
use crate::nlri::{MALFORMED, PrefixIter, holds_prefixes};
use crate::number::{Afi, Family, Safi};

/// The families whose NLRI carry path identifiers, in one direction of a
/// session: where one side has said it sends several paths and the other that
/// it receives them (RFC 7911 section 4).
///
/// Only families of plain prefixes can be in it; NLRI of all others stay
/// octets anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PathIds(u8);

impl PathIds {
    /// No family: ADD-PATH was not negotiated.
    pub const NONE: Self = Self(0);

    /// The same and `family`, if its NLRI are plain prefixes.
    #[must_use]
    pub const fn with(self, family: Family) -> Self {
        Self(self.0 | bit(family))
    }

    /// Whether NLRI of `family` carry path identifiers.
    #[must_use]
    pub const fn contains(self, family: Family) -> bool {
        self.0 & bit(family) != 0
    }
}

/// The families in any order, as a set of them.
impl FromIterator<Family> for PathIds {
    fn from_iter<T: IntoIterator<Item = Family>>(families: T) -> Self {
        families.into_iter().fold(Self::NONE, Self::with)
    }
}

/// The family's bit in a [`PathIds`]; none for families not read here.
const fn bit(family: Family) -> u8 {
    match (family.afi, family.safi) {
        (Afi::IPV4, Safi::UNICAST) => 1,
        (Afi::IPV4, Safi::MULTICAST) => 2,
        (Afi::IPV6, Safi::UNICAST) => 4,
        (Afi::IPV6, Safi::MULTICAST) => 8,
        _ => 0,
    }
}

/// One route as NLRI name it: the prefix, and which of the peer's paths to it
/// where the session tells them apart (RFC 7911 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nlri<P = IpNet> {
    /// The path identifier; `None` without ADD-PATH. Its value means nothing
    /// but for being another one for another path.
    pub path_id: Option<u32>,
    /// The prefix.
    pub prefix: P,
}

/// `10.0.0.0/8`, or `10.0.0.0/8 path 7`.
impl<P: fmt::Display> fmt::Display for Nlri<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path_id {
            Some(id) => write!(f, "{} path {id}", self.prefix),
            None => self.prefix.fmt(f),
        }
    }
}

impl<P> From<P> for Nlri<P> {
    fn from(prefix: P) -> Self {
        Self {
            path_id: None,
            prefix,
        }
    }
}

/// Routes of one family with their path identifiers, read as they are asked
/// for.
///
/// ```text
/// { path identifier (4), with ADD-PATH only | prefix } …
/// ```
///
/// `P` is [`Ipv4Net`] or [`Ipv6Net`]. The walk ends with the first error.
#[derive(Clone, Copy, Debug)]
pub struct NlriIter<'a, P> {
    prefixes: PrefixIter<'a, P>,
    path_ids: bool,
}

impl<'a, P> NlriIter<'a, P> {
    pub(crate) const fn new(octets: &'a [u8], path_ids: bool) -> Self {
        Self {
            prefixes: PrefixIter::new(octets),
            path_ids,
        }
    }
}

impl<'a, P> NlriIter<'a, P>
where
    PrefixIter<'a, P>: Iterator<Item = Result<P, DecodeError>>,
{
    /// Whether everything can be read.
    pub(crate) fn check(mut self) -> Result<(), DecodeError> {
        // Whole messages are walked by this, mostly without identifiers.
        if self.path_ids {
            self.try_for_each(|route| route.map(drop))
        } else {
            self.prefixes.try_for_each(|prefix| prefix.map(drop))
        }
    }
}

impl<'a, P> Iterator for NlriIter<'a, P>
where
    PrefixIter<'a, P>: Iterator<Item = Result<P, DecodeError>>,
{
    type Item = Result<Nlri<P>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if !self.path_ids {
            return self.prefixes.next().map(|it| it.map(Nlri::from));
        }
        let id = self.prefixes.read_path_id()?;
        // An identifier that nothing follows is as malformed as half of one.
        let read = id.and_then(|id| Some((id, self.prefixes.next()?)));
        Some(match read {
            Some((id, prefix)) => prefix.map(|prefix| Nlri {
                path_id: Some(id),
                prefix,
            }),
            None => Err(MALFORMED.into()),
        })
    }
}

impl<'a, P> FusedIterator for NlriIter<'a, P> where
    PrefixIter<'a, P>: Iterator<Item = Result<P, DecodeError>>
{
}

/// Routes of a family that is known only when read; empty for families whose
/// NLRI are not plain prefixes.
#[derive(Clone, Copy, Debug)]
pub struct IpNlriIter<'a>(Version<'a>);

#[derive(Clone, Copy, Debug)]
enum Version<'a> {
    V4(NlriIter<'a, Ipv4Net>),
    V6(NlriIter<'a, Ipv6Net>),
    Other,
}

impl<'a> IpNlriIter<'a> {
    pub(crate) fn new(family: Family, octets: &'a [u8], path_ids: bool) -> Self {
        Self(match family.afi {
            _ if !holds_prefixes(family) => Version::Other,
            Afi::IPV4 => Version::V4(NlriIter::new(octets, path_ids)),
            _ => Version::V6(NlriIter::new(octets, path_ids)),
        })
    }
}

impl IpNlriIter<'_> {
    /// Whether everything can be read.
    pub(crate) fn check(self) -> Result<(), DecodeError> {
        match self.0 {
            Version::V4(routes) => routes.check(),
            Version::V6(routes) => routes.check(),
            Version::Other => Ok(()),
        }
    }
}

impl Iterator for IpNlriIter<'_> {
    type Item = Result<Nlri, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Version::V4(routes) => routes.next().map(|it| it.map(|it| widen(it, IpNet::V4))),
            Version::V6(routes) => routes.next().map(|it| it.map(|it| widen(it, IpNet::V6))),
            Version::Other => None,
        }
    }
}

impl FusedIterator for IpNlriIter<'_> {}

fn widen<P>(route: Nlri<P>, widen: impl FnOnce(P) -> IpNet) -> Nlri {
    Nlri {
        path_id: route.path_id,
        prefix: widen(route.prefix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: [u8; 13] = [0, 0, 0, 7, 8, 10, 0, 0, 0, 9, 16, 10, 1];

    fn read(octets: &[u8]) -> Vec<Option<String>> {
        NlriIter::<Ipv4Net>::new(octets, true)
            .map(|it| it.ok().map(|it| it.to_string()))
            .collect()
    }

    #[test]
    fn identifiers_come_with_their_prefixes() {
        let all = ["10.0.0.0/8 path 7", "10.1.0.0/16 path 9"];
        assert_eq!(read(&TWO), all.map(|it| Some(it.to_owned())));
    }

    #[test]
    fn the_walk_ends_with_a_route_that_is_cut_short() {
        for end in [1, 3, 4, 5] {
            assert_eq!(read(&TWO[..end]), [None], "{end}");
        }
        for end in [7, 9, 10, 11, 12] {
            assert_eq!(read(&TWO[..end])[1..], [None], "{end}");
        }
    }

    #[test]
    fn only_families_of_plain_prefixes_are_in_the_set() {
        let vpn = Family {
            afi: Afi::IPV4,
            safi: Safi(128),
        };
        let set = PathIds::from_iter([Family::IPV6_UNICAST, vpn]);
        assert!(set.contains(Family::IPV6_UNICAST));
        assert!(!set.contains(Family::IPV4_UNICAST));
        assert!(!set.contains(vpn));
        assert_eq!(PathIds::NONE, PathIds::default());
    }
}
