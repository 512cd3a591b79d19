//! Path attributes: codes, flags and the walk over them.

mod as_path;
mod community;
mod extended;
mod mp;
mod other;
mod owned;

use core::fmt;
use core::iter::FusedIterator;

pub use self::as_path::{
    AsPath, AsPathSegment, AsPathSegmentView, AsPathView, AsnIter, SegmentIter, SegmentKind,
};
pub use self::community::{
    ClusterIter, Community, CommunityIter, ExtendedCommunityIter, InvalidCommunity, LargeCommunity,
    LargeCommunityIter,
};
pub use self::extended::{Administrator, ExtendedCommunity, ExtendedValue, OriginValidation};
pub use self::mp::{MpReachView, MpUnreachView, NextHop};
pub(crate) use self::mp::{is_host_v4, mp_family};
pub use self::other::{OtherAttribute, OtherAttributeIter};
use self::owned::put_header_flags;
pub use self::owned::{Aggregator, Origin, PathAttributes};

use crate::error::{DecodeError, DecodeErrorKind};
use crate::reader::Reader;

/// An attribute's type code (IANA “BGP Path Attributes”).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeCode(pub u8);

/// Declares the known codes with name and flags in one place.
macro_rules! attributes {
    ($($(#[$doc:meta])* $constant:ident = ($code:literal, $flags:expr);)*) => {
        impl AttributeCode {
            $($(#[$doc])* pub const $constant: Self = Self($code);)*

            /// The RFCs' name, if the code is known.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some(stringify!($constant)),)*
                    _ => None,
                }
            }

            /// The Optional and Transitive flags a known code must have.
            #[must_use]
            pub const fn flags(self) -> Option<AttributeFlags> {
                match self.0 {
                    $($code => Some($flags),)*
                    _ => None,
                }
            }
        }
    };
}

const WELL_KNOWN: AttributeFlags = AttributeFlags(AttributeFlags::TRANSITIVE);
const OPTIONAL: AttributeFlags = AttributeFlags(AttributeFlags::OPTIONAL);
const OPTIONAL_TRANSITIVE: AttributeFlags =
    AttributeFlags(AttributeFlags::OPTIONAL | AttributeFlags::TRANSITIVE);

attributes! {
    /// How the route got into BGP (RFC 4271 section 5.1.1).
    ORIGIN = (1, WELL_KNOWN);
    /// The ASes passed (RFC 4271 section 5.1.2).
    AS_PATH = (2, WELL_KNOWN);
    /// Where to send packets to (RFC 4271 section 5.1.3).
    NEXT_HOP = (3, WELL_KNOWN);
    /// Which of several links to prefer (RFC 4271 section 5.1.4).
    MULTI_EXIT_DISC = (4, OPTIONAL);
    /// The preference within the AS (RFC 4271 section 5.1.5).
    LOCAL_PREF = (5, WELL_KNOWN);
    /// A more specific route was left out (RFC 4271 section 5.1.6).
    ATOMIC_AGGREGATE = (6, WELL_KNOWN);
    /// Who aggregated (RFC 4271 section 5.1.7).
    AGGREGATOR = (7, OPTIONAL_TRANSITIVE);
    /// Communities of four octets (RFC 1997).
    COMMUNITIES = (8, OPTIONAL_TRANSITIVE);
    /// Who brought the route into the AS (RFC 4456).
    ORIGINATOR_ID = (9, OPTIONAL);
    /// The route reflectors passed (RFC 4456).
    CLUSTER_LIST = (10, OPTIONAL);
    /// Routes of any family (RFC 4760).
    MP_REACH_NLRI = (14, OPTIONAL);
    /// Withdrawn routes of any family (RFC 4760).
    MP_UNREACH_NLRI = (15, OPTIONAL);
    /// Communities of eight octets (RFC 4360).
    EXTENDED_COMMUNITIES = (16, OPTIONAL_TRANSITIVE);
    /// AS_PATH with four octets, through speakers of two (RFC 6793).
    AS4_PATH = (17, OPTIONAL_TRANSITIVE);
    /// AGGREGATOR with four octets, through speakers of two (RFC 6793).
    AS4_AGGREGATOR = (18, OPTIONAL_TRANSITIVE);
    /// Extended communities holding IPv6 addresses (RFC 5701).
    IPV6_EXTENDED_COMMUNITIES = (25, OPTIONAL_TRANSITIVE);
    /// Communities of twelve octets (RFC 8092).
    LARGE_COMMUNITIES = (32, OPTIONAL_TRANSITIVE);
    /// Not to be sent up or sideways again (RFC 9234).
    ONLY_TO_CUSTOMER = (35, OPTIONAL_TRANSITIVE);
}

/// Whether it has a place of its own in [`PathAttributes`], or is written by
/// the encoder itself.
const fn has_field(code: AttributeCode) -> bool {
    code.name().is_some() && code.0 != AttributeCode::IPV6_EXTENDED_COMMUNITIES.0
}

impl fmt::Display for AttributeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "attribute {}", self.0),
        }
    }
}

/// An attribute's flags octet (RFC 4271 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttributeFlags(pub u8);

impl AttributeFlags {
    /// Not every speaker knows the attribute.
    pub const OPTIONAL: u8 = 0x80;
    /// To be passed on even if not known.
    pub const TRANSITIVE: u8 = 0x40;
    /// Somebody who did not know it has passed it on.
    pub const PARTIAL: u8 = 0x20;
    /// The length has two octets.
    pub const EXTENDED_LENGTH: u8 = 0x10;

    /// Whether the attribute is optional.
    #[must_use]
    pub const fn is_optional(self) -> bool {
        self.0 & Self::OPTIONAL != 0
    }

    /// Whether the attribute is transitive.
    #[must_use]
    pub const fn is_transitive(self) -> bool {
        self.0 & Self::TRANSITIVE != 0
    }

    /// Whether somebody who did not know the attribute has passed it on.
    #[must_use]
    pub const fn is_partial(self) -> bool {
        self.0 & Self::PARTIAL != 0
    }

    /// Whether the length has two octets.
    #[must_use]
    pub const fn is_extended_length(self) -> bool {
        self.0 & Self::EXTENDED_LENGTH != 0
    }

    /// Whether Optional and Transitive are the same in both; the other bits
    /// do not make an attribute malformed.
    #[must_use]
    pub const fn same_class(self, other: Self) -> bool {
        (self.0 ^ other.0) & (Self::OPTIONAL | Self::TRANSITIVE) == 0
    }
}

/// One path attribute, its value not looked at.
///
/// ```text
/// flags (1) | code (1) | length (1, or 2 with Extended Length) | value
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeView<'a> {
    octets: &'a [u8],
    value: &'a [u8],
    flags: AttributeFlags,
    code: AttributeCode,
}

impl<'a> AttributeView<'a> {
    /// The flags.
    #[must_use]
    pub const fn flags(self) -> AttributeFlags {
        self.flags
    }

    /// The type code.
    #[must_use]
    pub const fn code(self) -> AttributeCode {
        self.code
    }

    /// The value's octets.
    #[must_use]
    pub const fn value(self) -> &'a [u8] {
        self.value
    }

    /// All octets, as a NOTIFICATION shows them.
    #[must_use]
    pub const fn octets(self) -> &'a [u8] {
        self.octets
    }
}

/// The attributes of an UPDATE, read as they are asked for. The walk ends with
/// the first error, that an attribute overruns the field.
#[derive(Clone, Copy, Debug)]
pub struct AttributeIter<'a> {
    reader: Reader<'a>,
}

impl<'a> AttributeIter<'a> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(octets),
        }
    }

    pub(crate) const fn octets(&self) -> &'a [u8] {
        self.reader.rest()
    }

    fn read(&mut self) -> Option<AttributeView<'a>> {
        let whole = self.reader.rest();
        let [flags, code] = self.reader.array()?;
        let flags = AttributeFlags(flags);
        let length = if flags.is_extended_length() {
            usize::from(self.reader.u16()?)
        } else {
            usize::from(self.reader.u8()?)
        };
        let value = self.reader.take(length)?;
        Some(AttributeView {
            octets: whole.get(..whole.len() - self.reader.rest().len())?,
            value,
            flags,
            code: AttributeCode(code),
        })
    }
}

impl<'a> Iterator for AttributeIter<'a> {
    type Item = Result<AttributeView<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_none() {
            self.reader = Reader::new(&[]);
        }
        Some(read.ok_or_else(|| DecodeErrorKind::AttributesOverrun.into()))
    }
}

impl FusedIterator for AttributeIter<'_> {}

#[cfg(test)]
mod tests;
