//! MP_REACH_NLRI and MP_UNREACH_NLRI, and next hops of both IP versions.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use bytes::{BufMut as _, BytesMut};

use crate::nlri::{IpPrefixIter, holds_prefixes};
use crate::number::{Afi, Family, Safi};
use crate::path_id::{IpNlriIter, PathIds};
use crate::reader::Reader;

/// Where packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextHop {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, and the link-local one of the same host if both share
    /// the link with it (RFC 2545 section 3).
    V6 {
        /// The global address.
        global: Ipv6Addr,
        /// The link-local address.
        link_local: Option<Ipv6Addr>,
    },
}

impl NextHop {
    /// A global IPv6 address alone.
    #[must_use]
    pub const fn v6(global: Ipv6Addr) -> Self {
        Self::V6 {
            global,
            link_local: None,
        }
    }

    /// Whether it can be the address of a host: not of “this network”, nor
    /// loopback, multicast, reserved or IPv4-mapped.
    #[must_use]
    pub fn is_host(&self) -> bool {
        match self {
            Self::V4(address) => is_host_v4(*address),
            // Some speakers without a global address leave it unspecified.
            Self::V6 { global, link_local } => {
                is_host_v6(*global) || (global.is_unspecified() && link_local.is_some())
            }
        }
    }

    /// The next hop field of MP_REACH_NLRI: 4, 16 or 32 octets.
    pub(crate) fn parse(octets: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        match octets.len() {
            4 => reader.array().map(|it| Self::V4(Ipv4Addr::from_octets(it))),
            16 | 32 => {
                let global = Ipv6Addr::from_octets(reader.array()?);
                let second = reader.array().map(Ipv6Addr::from_octets);
                Some(Self::V6 {
                    global,
                    // Anything else there means nothing.
                    link_local: second.filter(Ipv6Addr::is_unicast_link_local),
                })
            }
            _ => None,
        }
    }

    /// Octets [`Self::put`] appends, the length octet not counted.
    pub(crate) const fn encoded_len(&self) -> u8 {
        match self {
            Self::V4(_) => 4,
            Self::V6 {
                link_local: None, ..
            } => 16,
            Self::V6 {
                link_local: Some(_),
                ..
            } => 32,
        }
    }

    /// Appends the next hop field of MP_REACH_NLRI with its length.
    pub(crate) fn put(&self, buf: &mut BytesMut) {
        buf.put_u8(self.encoded_len());
        match self {
            Self::V4(address) => buf.put_slice(&address.octets()),
            Self::V6 { global, link_local } => {
                buf.put_slice(&global.octets());
                if let Some(link_local) = link_local {
                    buf.put_slice(&link_local.octets());
                }
            }
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6 { global, link_local } => {
                global.fmt(f)?;
                link_local
                    .iter()
                    .try_for_each(|address| write!(f, " ({address})"))
            }
        }
    }
}

#[inline]
pub(crate) fn is_host_v4(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    first != 0 && first != 127 && first < 224
}

fn is_host_v6(address: Ipv6Addr) -> bool {
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.to_ipv4_mapped().is_some())
}

/// A received MP_REACH_NLRI (RFC 4760 section 3).
///
/// ```text
/// afi (2) | safi (1) | length (1) | next hop (length) | reserved (1) | nlri
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpReachView<'a> {
    family: Family,
    next_hop: &'a [u8],
    nlri: &'a [u8],
    path_ids: bool,
}

impl<'a> MpReachView<'a> {
    /// `None` if it is too short, or the next hop's length does not fit the
    /// family where that is known (RFC 7606 section 7.11). The NLRI are read
    /// by [`Self::prefixes`].
    pub(crate) fn parse(value: &'a [u8], path_ids: PathIds) -> Option<Self> {
        let mut reader = Reader::new(value);
        let family = read_family(&mut reader)?;
        let length = reader.u8()?;
        let next_hop = reader.take(usize::from(length))?;
        reader.u8()?;
        let fits = match family.afi {
            _ if !holds_prefixes(family) => true,
            // IPv6 next hops for IPv4 routes: RFC 8950.
            Afi::IPV4 => matches!(length, 4 | 16 | 32),
            _ => matches!(length, 16 | 32),
        };
        fits.then_some(Self {
            family,
            next_hop,
            nlri: reader.rest(),
            path_ids: path_ids.contains(family),
        })
    }

    /// The family of the routes.
    #[must_use]
    pub const fn family(self) -> Family {
        self.family
    }

    /// The next hop; `None` for families this crate does not read.
    #[must_use]
    pub fn next_hop(self) -> Option<NextHop> {
        holds_prefixes(self.family)
            .then(|| NextHop::parse(self.next_hop))
            .flatten()
    }

    /// The next hop's octets.
    #[must_use]
    pub const fn next_hop_octets(self) -> &'a [u8] {
        self.next_hop
    }

    /// The routes with their path identifiers (RFC 7911); none for families
    /// this crate does not read.
    #[must_use]
    pub fn nlri(self) -> IpNlriIter<'a> {
        IpNlriIter::new(self.family, self.nlri, self.path_ids)
    }

    /// The routes' prefixes; none for families this crate does not read.
    #[must_use]
    pub fn prefixes(self) -> IpPrefixIter<'a> {
        IpPrefixIter::new(self.family, self.nlri, self.path_ids)
    }

    /// The routes' octets.
    #[must_use]
    pub const fn nlri_octets(self) -> &'a [u8] {
        self.nlri
    }
}

/// A received MP_UNREACH_NLRI (RFC 4760 section 4).
///
/// ```text
/// afi (2) | safi (1) | withdrawn routes
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpUnreachView<'a> {
    family: Family,
    nlri: &'a [u8],
    path_ids: bool,
}

impl<'a> MpUnreachView<'a> {
    /// `None` if it is too short.
    pub(crate) fn parse(value: &'a [u8], path_ids: PathIds) -> Option<Self> {
        let mut reader = Reader::new(value);
        let family = read_family(&mut reader)?;
        Some(Self {
            family,
            nlri: reader.rest(),
            path_ids: path_ids.contains(family),
        })
    }

    /// The family of the routes.
    #[must_use]
    pub const fn family(self) -> Family {
        self.family
    }

    /// The withdrawn routes with their path identifiers (RFC 7911); none for
    /// families this crate does not read.
    #[must_use]
    pub fn nlri(self) -> IpNlriIter<'a> {
        IpNlriIter::new(self.family, self.nlri, self.path_ids)
    }

    /// The withdrawn routes' prefixes; none for families this crate does not
    /// read.
    #[must_use]
    pub fn prefixes(self) -> IpPrefixIter<'a> {
        IpPrefixIter::new(self.family, self.nlri, self.path_ids)
    }

    /// The withdrawn routes' octets; none at all is an End-of-RIB marker.
    #[must_use]
    pub const fn nlri_octets(self) -> &'a [u8] {
        self.nlri
    }
}

/// The family an MP attribute's value begins with, if it is that long.
pub(crate) fn mp_family(value: &[u8]) -> Option<Family> {
    read_family(&mut Reader::new(value))
}

fn read_family(reader: &mut Reader<'_>) -> Option<Family> {
    Some(Family {
        afi: Afi(reader.u16()?),
        safi: Safi(reader.u8()?),
    })
}
