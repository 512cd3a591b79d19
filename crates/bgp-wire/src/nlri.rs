//! Prefixes as NLRI hold them.

use core::iter::FusedIterator;
use core::marker::PhantomData;
use core::net::{Ipv4Addr, Ipv6Addr};

use bytes::{BufMut as _, BytesMut};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::error::{DecodeError, DecodeErrorKind};
use crate::number::{Afi, Family, Safi};
use crate::path_id::IpNlriIter;
use crate::reader::Reader;

/// Prefixes of one family, read as they are asked for (RFC 4271 section 4.3).
///
/// ```text
/// length in bits (1) | as many octets as that needs
/// ```
///
/// `P` is [`Ipv4Net`] or [`Ipv6Net`]. Bits behind the length are zeroed, for
/// their value means nothing. The walk ends with the first error.
#[derive(Clone, Copy, Debug)]
pub struct PrefixIter<'a, P> {
    reader: Reader<'a>,
    family: PhantomData<P>,
}

impl<'a, P> PrefixIter<'a, P> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(octets),
            family: PhantomData,
        }
    }

    /// Reads the path identifier of the next route; the inner `None` is one
    /// that is cut short.
    pub(crate) fn read_path_id(&mut self) -> Option<Option<u32>> {
        if self.reader.is_empty() {
            return None;
        }
        let id = self.reader.u32();
        if id.is_none() {
            self.reader = Reader::new(&[]);
        }
        Some(id)
    }
}

pub(crate) const MALFORMED: DecodeErrorKind = DecodeErrorKind::MalformedPrefix;

impl Iterator for PrefixIter<'_, Ipv4Net> {
    type Item = Result<Ipv4Net, DecodeError>;

    // Every length has an arm, the usual ones first, instead of the arithmetic
    // that IPv6 does: so the processor guesses where the next prefix begins and
    // need not wait until this one's length is read.
    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (octets, bits, rest) = match *self.reader.rest() {
            [] => return None,
            [bits @ 17..=24, a, b, c, ref rest @ ..] => ([a, b, c, 0], bits, rest),
            [bits @ 9..=16, a, b, ref rest @ ..] => ([a, b, 0, 0], bits, rest),
            [bits @ 25..=32, a, b, c, d, ref rest @ ..] => ([a, b, c, d], bits, rest),
            [bits @ 1..=8, a, ref rest @ ..] => ([a, 0, 0, 0], bits, rest),
            [0, ref rest @ ..] => ([0; 4], 0, rest),
            _ => {
                self.reader = Reader::new(&[]);
                return Some(Err(MALFORMED.into()));
            }
        };
        self.reader = Reader::new(rest);
        let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
        let address = Ipv4Addr::from_bits(u32::from_be_bytes(octets) & mask);
        Some(Ipv4Net::new(address, bits).map_err(|_| MALFORMED.into()))
    }
}

impl Iterator for PrefixIter<'_, Ipv6Net> {
    type Item = Result<Ipv6Net, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let bits = self.reader.u8()?;
        let prefix = (bits <= 128)
            .then(|| self.reader.take(octets_of(bits)))
            .flatten()
            .and_then(|significant| {
                let mut octets = [0; 16];
                for (octet, value) in octets.iter_mut().zip(significant) {
                    *octet = *value;
                }
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                let address = Ipv6Addr::from_bits(u128::from_be_bytes(octets) & mask);
                Ipv6Net::new(address, bits).ok()
            });
        if prefix.is_none() {
            self.reader = Reader::new(&[]);
        }
        Some(prefix.ok_or_else(|| MALFORMED.into()))
    }
}

impl FusedIterator for PrefixIter<'_, Ipv4Net> {}
impl FusedIterator for PrefixIter<'_, Ipv6Net> {}

/// Prefixes of a family that is known only when read, without their path
/// identifiers; empty for families whose NLRI are not plain prefixes.
#[derive(Clone, Copy, Debug)]
pub struct IpPrefixIter<'a>(IpNlriIter<'a>);

impl<'a> IpPrefixIter<'a> {
    pub(crate) fn new(family: Family, octets: &'a [u8], path_ids: bool) -> Self {
        Self(IpNlriIter::new(family, octets, path_ids))
    }
}

impl Iterator for IpPrefixIter<'_> {
    type Item = Result<IpNet, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|it| it.map(|it| it.prefix))
    }
}

impl FusedIterator for IpPrefixIter<'_> {}

/// Whether NLRI of this family are plain prefixes: unicast and multicast of
/// both IP versions.
pub(crate) fn holds_prefixes(family: Family) -> bool {
    matches!(family.afi, Afi::IPV4 | Afi::IPV6)
        && matches!(family.safi, Safi::UNICAST | Safi::MULTICAST)
}

/// Octets [`put_prefix`] appends.
pub(crate) fn prefix_len(prefix: IpNet) -> usize {
    1 + octets_of(prefix.prefix_len())
}

/// Appends one prefix, with the bits behind its length zeroed.
pub(crate) fn put_prefix(buf: &mut BytesMut, prefix: IpNet) {
    let bits = prefix.prefix_len();
    buf.put_u8(bits);
    let significant = octets_of(bits);
    match prefix.trunc() {
        IpNet::V4(net) => put_octets(buf, &net.addr().octets(), significant),
        IpNet::V6(net) => put_octets(buf, &net.addr().octets(), significant),
    }
}

fn put_octets(buf: &mut BytesMut, octets: &[u8], significant: usize) {
    buf.put_slice(octets.get(..significant).unwrap_or(octets));
}

fn octets_of(bits: u8) -> usize {
    usize::from(bits.div_ceil(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(octets: &[u8]) -> Vec<Option<String>> {
        PrefixIter::<Ipv4Net>::new(octets)
            .map(|it| it.ok().map(|net| net.to_string()))
            .collect()
    }

    #[test]
    fn prefixes_are_cut_to_their_length() {
        let octets = [0, 8, 10, 12, 172, 31, 32, 192, 0, 2, 1];
        let all = ["0.0.0.0/0", "10.0.0.0/8", "172.16.0.0/12", "192.0.2.1/32"];
        assert_eq!(v4(&octets), all.map(|it| Some(it.to_owned())));
    }

    #[test]
    fn the_walk_ends_with_a_prefix_that_does_not_fit() {
        assert_eq!(v4(&[8, 10, 33, 1, 2, 3, 4, 5, 8, 11])[1..], [None]);
        assert_eq!(v4(&[24, 10, 0]), [None]);
        let six = PrefixIter::<Ipv6Net>::new(&[129, 0]).collect::<Vec<_>>();
        assert_eq!(six, [Err(MALFORMED.into())]);
    }

    #[test]
    fn what_is_put_is_what_was_announced_in_length() {
        for text in [
            "0.0.0.0/0",
            "10.1.2.3/9",
            "10.0.0.1/32",
            "::/0",
            "2001:db8::1/128",
            "2001:db8::/33",
        ] {
            let prefix: IpNet = text.parse().unwrap();
            let mut buf = BytesMut::new();
            put_prefix(&mut buf, prefix);
            assert_eq!(buf.len(), prefix_len(prefix));
            let family = match prefix {
                IpNet::V4(_) => Family::IPV4_UNICAST,
                IpNet::V6(_) => Family::IPV6_UNICAST,
            };
            let read = IpPrefixIter::new(family, &buf, false).collect::<Result<Vec<_>, _>>();
            assert_eq!(read, Ok(vec![prefix.trunc()]));
        }
    }
}
