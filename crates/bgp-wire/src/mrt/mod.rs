//! Files of routing data (MRT, RFC 6396 and RFC 8050), seen through their
//! octets.
//!
//! [`Records`] walks the records of a file that is in memory,
//! [`RecordView::body`] looks at one. Nothing is copied. Reading is total: any
//! octets end in a value or an [`MrtError`], and what a count or a length
//! claims is believed only as far as there are octets.
//!
//! Read are TABLE_DUMP_V2 with PEER_INDEX_TABLE and the RIBs of IPv4 and IPv6
//! unicast and multicast, BGP4MP and BGP4MP_ET with messages and changes of
//! state, and the ADD-PATH variants of both. All other records, among them
//! TABLE_DUMP and RIB_GENERIC (whose ADD-PATH variant is not written as
//! RFC 8050 says), stay octets.

mod bgp4mp;
mod peer_index;
mod table_dump;

use core::fmt;
use core::iter::FusedIterator;
use core::time::Duration;

pub use self::bgp4mp::{MessageRecordView, PeerState, Peering, StateChange};
pub use self::peer_index::{PeerEntry, PeerEntryIter, PeerIndexTableView};
pub use self::table_dump::{RibEntryIter, RibEntryView, RibView};
use crate::error::DecodeError;
use crate::number::{Afi, Family, Safi};
use crate::reader::Reader;

/// The records of a file, read as they are asked for. The walk ends with the
/// first error, that a record is not whole.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    reader: Reader<'a>,
    failed: bool,
}

impl<'a> Records<'a> {
    /// Walks `octets`, which begin with a record.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(octets),
            failed: false,
        }
    }

    /// The octets behind the last whole record. Who reads a file in pieces
    /// keeps them and goes on when there are more.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }

    fn read(&mut self) -> Option<RecordView<'a>> {
        let mut reader = self.reader;
        let record = RecordView {
            seconds: reader.u32()?,
            record_type: RecordType(reader.u16()?),
            subtype: reader.u16()?,
            octets: {
                let length = reader.u32()?;
                reader.take(usize::try_from(length).ok()?)?
            },
        };
        self.reader = reader;
        Some(record)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordView<'a>, MrtError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.reader.is_empty() {
            return None;
        }
        let record = self.read().ok_or(MrtError::Truncated);
        self.failed = record.is_err();
        Some(record)
    }
}

impl FusedIterator for Records<'_> {}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MrtError {
    /// The file ends within a record.
    #[error("the record is not whole")]
    Truncated,
    /// A record's fields and its length contradict each other.
    #[error("the fields of the record do not fit its length")]
    Malformed,
    /// A peering's address family is neither that of IPv4 nor of IPv6.
    #[error("address family {0} is unknown")]
    UnknownFamily(u16),
    /// The prefix of a RIB record can't be read.
    #[error("the prefix of the record is malformed")]
    MalformedPrefix,
    /// The message of a record can't be read.
    #[error("{0}")]
    Message(#[from] DecodeError),
}

/// A record's type (IANA “MRT Types”).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    /// A RIB, prefix by prefix (RFC 6396 section 4.3).
    pub const TABLE_DUMP_V2: Self = Self(13);
    /// What was said in sessions (RFC 6396 section 4.4).
    pub const BGP4MP: Self = Self(16);
    /// The same with microseconds (RFC 6396 section 3).
    pub const BGP4MP_ET: Self = Self(17);
}

/// `TABLE_DUMP_V2`.
impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TABLE_DUMP_V2 => f.write_str("TABLE_DUMP_V2"),
            Self::BGP4MP => f.write_str("BGP4MP"),
            Self::BGP4MP_ET => f.write_str("BGP4MP_ET"),
            Self(other) => write!(f, "record type {other}"),
        }
    }
}

/// One record, its body not looked at (RFC 6396 section 2).
///
/// ```text
/// seconds (4) | type (2) | subtype (2) | length (4) | body (length)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordView<'a> {
    seconds: u32,
    record_type: RecordType,
    subtype: u16,
    octets: &'a [u8],
}

impl<'a> RecordView<'a> {
    /// The type.
    #[must_use]
    pub const fn record_type(self) -> RecordType {
        self.record_type
    }

    /// The subtype, whose meaning depends on the type.
    #[must_use]
    pub const fn subtype(self) -> u16 {
        self.subtype
    }

    /// The octets behind the header, among them the microseconds of a
    /// BGP4MP_ET.
    #[must_use]
    pub const fn octets(self) -> &'a [u8] {
        self.octets
    }

    /// When it was written, since 1970-01-01 00:00 UTC; of a BGP4MP_ET to the
    /// microsecond.
    #[must_use]
    pub fn time(self) -> Duration {
        let seconds = Duration::from_secs(self.seconds.into());
        match self.record_type {
            RecordType::BGP4MP_ET => {
                let micros = Reader::new(self.octets).u32().unwrap_or_default();
                seconds + Duration::from_micros(micros.into())
            }
            _ => seconds,
        }
    }

    /// Looks at the body.
    ///
    /// # Errors
    ///
    /// Its fixed fields can't be read. What is in lists and messages is read
    /// by the views.
    pub fn body(self) -> Result<RecordBody<'a>, MrtError> {
        let mut reader = Reader::new(self.octets);
        let body = match self.record_type {
            RecordType::TABLE_DUMP_V2 => table_dump::body(self.subtype, reader)?,
            RecordType::BGP4MP => bgp4mp::body(self.subtype, reader)?,
            RecordType::BGP4MP_ET => {
                reader.u32().ok_or(MrtError::Malformed)?;
                bgp4mp::body(self.subtype, reader)?
            }
            _ => None,
        };
        Ok(body.unwrap_or(RecordBody::Other))
    }
}

/// A record seen through its octets.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum RecordBody<'a> {
    /// The peers that the RIB records behind it refer to.
    PeerIndexTable(PeerIndexTableView<'a>),
    /// One prefix and its routes.
    Rib(RibView<'a>),
    /// A message sent or received.
    Message(MessageRecordView<'a>),
    /// A session has changed its state.
    StateChange(StateChange),
    /// A type or subtype this crate does not read.
    Other,
}

/// The next of a list whose count is known; an error if the octets do not hold
/// as many, or more octets than those.
fn next_of<'a, T>(
    reader: &mut Reader<'a>,
    left: &mut u16,
    read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
) -> Option<Result<T, MrtError>> {
    let item = if *left == 0 {
        if reader.is_empty() {
            return None;
        }
        None
    } else {
        read(reader)
    };
    *left -= u16::from(item.is_some());
    if item.is_none() {
        (*reader, *left) = (Reader::new(&[]), 0);
    }
    Some(item.ok_or(MrtError::Malformed))
}

/// The families whose routes are read.
const FAMILIES: [Family; 4] = [
    Family::IPV4_UNICAST,
    IPV4_MULTICAST,
    Family::IPV6_UNICAST,
    IPV6_MULTICAST,
];
const IPV4_MULTICAST: Family = Family {
    afi: Afi::IPV4,
    safi: Safi::MULTICAST,
};
const IPV6_MULTICAST: Family = Family {
    afi: Afi::IPV6,
    safi: Safi::MULTICAST,
};

#[cfg(test)]
mod tests;
