//! TABLE_DUMP_V2: the peers that routes came from.

use core::iter::FusedIterator;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{MrtError, next_of};
use crate::number::{Asn, BgpIdentifier};
use crate::reader::Reader;

/// The peers that RIB entries refer to (RFC 6396 section 4.3.1).
///
/// ```text
/// collector (4) | length (2) | view name (length) | count (2) | count × peer
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerIndexTableView<'a> {
    collector: BgpIdentifier,
    view_name: &'a [u8],
    count: u16,
    peers: &'a [u8],
}

impl<'a> PeerIndexTableView<'a> {
    pub(super) fn read(mut reader: Reader<'a>) -> Result<Self, MrtError> {
        let mut read = || {
            Some(Self {
                collector: BgpIdentifier::from(reader.u32()?),
                view_name: {
                    let length = reader.u16()?;
                    reader.take(length.into())?
                },
                count: reader.u16()?,
                peers: reader.rest(),
            })
        };
        read().ok_or(MrtError::Malformed)
    }

    /// The BGP Identifier of who wrote the file.
    #[must_use]
    pub const fn collector(self) -> BgpIdentifier {
        self.collector
    }

    /// The view's name, UTF-8 if it is as the RFC says; often empty.
    #[must_use]
    pub const fn view_name(self) -> &'a [u8] {
        self.view_name
    }

    /// The peers. A RIB entry's index is the place in this walk; who looks
    /// many up collects them first.
    #[must_use]
    pub const fn peers(self) -> PeerEntryIter<'a> {
        PeerEntryIter {
            reader: Reader::new(self.peers),
            left: self.count,
        }
    }
}

/// One peer of a PEER_INDEX_TABLE.
///
/// ```text
/// type (1) | bgp identifier (4) | address (4 or 16) | as (2 or 4)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerEntry {
    /// Its BGP Identifier.
    pub identifier: BgpIdentifier,
    /// Its address.
    pub address: IpAddr,
    /// Its AS.
    pub asn: Asn,
}

impl PeerEntry {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let kind = reader.u8()?;
        Some(Self {
            identifier: BgpIdentifier::from(reader.u32()?),
            address: if kind & PEER_IS_IPV6 == 0 {
                Ipv4Addr::from_octets(reader.array()?).into()
            } else {
                Ipv6Addr::from_octets(reader.array()?).into()
            },
            asn: Asn::new(if kind & PEER_HAS_AS4 == 0 {
                reader.u16()?.into()
            } else {
                reader.u32()?
            }),
        })
    }
}

/// The peers of a PEER_INDEX_TABLE. The walk ends with the first error.
#[derive(Clone, Copy, Debug)]
pub struct PeerEntryIter<'a> {
    reader: Reader<'a>,
    left: u16,
}

impl Iterator for PeerEntryIter<'_> {
    type Item = Result<PeerEntry, MrtError>;

    fn next(&mut self) -> Option<Self::Item> {
        next_of(&mut self.reader, &mut self.left, PeerEntry::read)
    }
}

impl FusedIterator for PeerEntryIter<'_> {}

// Bits of a peer's type (RFC 6396 section 4.3.1).
const PEER_IS_IPV6: u8 = 1;
const PEER_HAS_AS4: u8 = 2;
