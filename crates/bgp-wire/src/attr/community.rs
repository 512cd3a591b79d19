//! Communities of three sizes, and cluster lists.

use core::fmt;
use core::iter::FusedIterator;
use core::net::Ipv4Addr;
use core::str::FromStr;

use super::ExtendedCommunity;
use crate::reader::Reader;

/// A community of four octets (RFC 1997), written `65001:100` or by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(pub u32);

/// The names IANA gives (“BGP Well-known Communities”).
const NAMES: [(Community, &str); 9] = [
    (Community::GRACEFUL_SHUTDOWN, "graceful-shutdown"),
    (Community::ACCEPT_OWN, "accept-own"),
    (Community::LLGR_STALE, "llgr-stale"),
    (Community::NO_LLGR, "no-llgr"),
    (Community::BLACKHOLE, "blackhole"),
    (Community::NO_EXPORT, "no-export"),
    (Community::NO_ADVERTISE, "no-advertise"),
    (Community::NO_EXPORT_SUBCONFED, "no-export-subconfed"),
    (Community::NO_PEER, "no-peer"),
];

impl Community {
    /// Prefer any other route, this one goes away soon (RFC 8326).
    pub const GRACEFUL_SHUTDOWN: Self = Self(0xffff_0000);
    /// Use the route although it is one's own (RFC 7611).
    pub const ACCEPT_OWN: Self = Self(0xffff_0001);
    /// Kept after the restart time, to be used only for want of another one
    /// (RFC 9494).
    pub const LLGR_STALE: Self = Self(0xffff_0006);
    /// Not to be kept after the restart time (RFC 9494).
    pub const NO_LLGR: Self = Self(0xffff_0007);
    /// Drop what is sent here (RFC 7999).
    pub const BLACKHOLE: Self = Self(0xffff_029a);
    /// Not to other ASes (RFC 1997).
    pub const NO_EXPORT: Self = Self(0xffff_ff01);
    /// Not to anybody (RFC 1997).
    pub const NO_ADVERTISE: Self = Self(0xffff_ff02);
    /// Not to other members of the confederation (RFC 1997).
    pub const NO_EXPORT_SUBCONFED: Self = Self(0xffff_ff03);
    /// Not to peers (RFC 3765).
    pub const NO_PEER: Self = Self(0xffff_ff04);

    /// From the AS that gives it a meaning and the value it does so for.
    #[must_use]
    pub const fn new(asn: u16, value: u16) -> Self {
        Self((asn as u32) << 16 | value as u32)
    }
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(community, _)| community == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff),
        }
    }
}

impl FromStr for Community {
    type Err = InvalidCommunity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((community, _)) = NAMES.iter().find(|(_, name)| *name == text) {
            return Ok(*community);
        }
        let (asn, value) = text.split_once(':').ok_or(InvalidCommunity)?;
        let number = |text: &str| text.parse().map_err(|_| InvalidCommunity);
        Ok(Self::new(number(asn)?, number(value)?))
    }
}

/// A text that is no community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a community: use asn:value, asn:value:value for a large one, \
     name:asn:value for an extended one"
)]
pub struct InvalidCommunity;

/// A community of twelve octets (RFC 8092), written `4200000000:1:2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity {
    /// The AS that gives it a meaning.
    pub global: u32,
    /// The first local part.
    pub local_1: u32,
    /// The second local part.
    pub local_2: u32,
}

impl LargeCommunity {
    pub(crate) const fn fields(self) -> [u32; 3] {
        [self.global, self.local_1, self.local_2]
    }
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.global, self.local_1, self.local_2)
    }
}

impl FromStr for LargeCommunity {
    type Err = InvalidCommunity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':').map(str::parse);
        match [parts.next(), parts.next(), parts.next(), parts.next()] {
            [Some(Ok(global)), Some(Ok(local_1)), Some(Ok(local_2)), None] => Ok(Self {
                global,
                local_1,
                local_2,
            }),
            _ => Err(InvalidCommunity),
        }
    }
}

/// Declares an iterator over values of one length.
macro_rules! value_iter {
    ($(#[$doc:meta])* $name:ident, $item:ty, $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a> {
            reader: Reader<'a>,
        }

        impl<'a> $name<'a> {
            pub(crate) const fn new(octets: &'a [u8]) -> Self {
                Self {
                    reader: Reader::new(octets),
                }
            }
        }

        impl Iterator for $name<'_> {
            type Item = $item;

            fn next(&mut self) -> Option<$item> {
                let read: fn(&mut Reader<'_>) -> Option<$item> = $read;
                read(&mut self.reader)
            }
        }

        impl FusedIterator for $name<'_> {}
    };
}

value_iter!(
    /// The communities of a received route.
    CommunityIter,
    Community,
    |reader| reader.u32().map(Community)
);
value_iter!(
    /// The extended communities of a received route.
    ExtendedCommunityIter,
    ExtendedCommunity,
    |reader| reader.array().map(ExtendedCommunity)
);
value_iter!(
    /// The large communities of a received route.
    LargeCommunityIter,
    LargeCommunity,
    |reader| Some(LargeCommunity {
        global: reader.u32()?,
        local_1: reader.u32()?,
        local_2: reader.u32()?,
    })
);
value_iter!(
    /// The clusters a received route has passed, the last one first
    /// (RFC 4456).
    ClusterIter,
    Ipv4Addr,
    |reader| reader.array().map(Ipv4Addr::from_octets)
);
