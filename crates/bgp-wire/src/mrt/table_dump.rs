//! TABLE_DUMP_V2: the routes of a RIB.

use core::iter::FusedIterator;
use core::time::Duration;

use bytes::{BufMut as _, BytesMut};
use ipnet::IpNet;

use super::peer_index::PeerIndexTableView;
use super::{IPV4_MULTICAST, IPV6_MULTICAST, MrtError, RecordBody, next_of};
use crate::attr::{
    AttributeCode, AttributeFlags, AttributeIter, AttributeView, MpReachView, NextHop,
};
use crate::frame::{MessageType, begin_message, finish_message};
use crate::judge::Attributes;
use crate::nlri::{IpPrefixIter, prefix_len, put_prefix};
use crate::number::{Family, MaxMessageLen};
use crate::path_id::PathIds;
use crate::reader::Reader;
use crate::update::{AsWidth, DecodeContext, SessionKind, UpdateView};

/// `None` for subtypes that are not read.
pub(super) fn body(subtype: u16, reader: Reader<'_>) -> Result<Option<RecordBody<'_>>, MrtError> {
    let (family, has_path_ids) = match subtype {
        PEER_INDEX_TABLE => {
            return PeerIndexTableView::read(reader).map(|it| Some(RecordBody::PeerIndexTable(it)));
        }
        RIB_IPV4_UNICAST => (Family::IPV4_UNICAST, false),
        RIB_IPV4_MULTICAST => (IPV4_MULTICAST, false),
        RIB_IPV6_UNICAST => (Family::IPV6_UNICAST, false),
        RIB_IPV6_MULTICAST => (IPV6_MULTICAST, false),
        RIB_IPV4_UNICAST_ADDPATH => (Family::IPV4_UNICAST, true),
        RIB_IPV4_MULTICAST_ADDPATH => (IPV4_MULTICAST, true),
        RIB_IPV6_UNICAST_ADDPATH => (Family::IPV6_UNICAST, true),
        RIB_IPV6_MULTICAST_ADDPATH => (IPV6_MULTICAST, true),
        _ => return Ok(None),
    };
    RibView::read(reader, family, has_path_ids).map(|it| Some(RecordBody::Rib(it)))
}

/// One prefix and its routes (RFC 6396 section 4.3.2).
///
/// ```text
/// sequence (4) | prefix | count (2) | count × entry
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RibView<'a> {
    sequence: u32,
    family: Family,
    has_path_ids: bool,
    prefix: IpNet,
    count: u16,
    entries: &'a [u8],
}

impl<'a> RibView<'a> {
    fn read(mut reader: Reader<'a>, family: Family, has_path_ids: bool) -> Result<Self, MrtError> {
        let sequence = reader.u32().ok_or(MrtError::Malformed)?;
        let prefix = IpPrefixIter::new(family, reader.rest(), false)
            .next()
            .ok_or(MrtError::Malformed)?
            .map_err(|_| MrtError::MalformedPrefix)?;
        let count = reader.take(prefix_len(prefix)).and_then(|_| reader.u16());
        Ok(Self {
            sequence,
            family,
            has_path_ids,
            prefix,
            count: count.ok_or(MrtError::Malformed)?,
            entries: reader.rest(),
        })
    }

    /// The record's number; a file counts from 0 and wraps.
    #[must_use]
    pub const fn sequence(self) -> u32 {
        self.sequence
    }

    /// The family of the prefix.
    #[must_use]
    pub const fn family(self) -> Family {
        self.family
    }

    /// The prefix, with the bits behind its length zeroed.
    #[must_use]
    pub const fn prefix(self) -> IpNet {
        self.prefix
    }

    /// The routes to the prefix, one or more for each peer that has any.
    #[must_use]
    pub const fn entries(self) -> RibEntryIter<'a> {
        RibEntryIter {
            reader: Reader::new(self.entries),
            left: self.count,
            family: self.family,
            prefix: self.prefix,
            has_path_ids: self.has_path_ids,
        }
    }
}

/// The routes to a prefix. The walk ends with the first error.
#[derive(Clone, Copy, Debug)]
pub struct RibEntryIter<'a> {
    reader: Reader<'a>,
    left: u16,
    family: Family,
    prefix: IpNet,
    has_path_ids: bool,
}

impl<'a> Iterator for RibEntryIter<'a> {
    type Item = Result<RibEntryView<'a>, MrtError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (family, prefix, has_path_ids) = (self.family, self.prefix, self.has_path_ids);
        next_of(&mut self.reader, &mut self.left, |reader| {
            Some(RibEntryView {
                family,
                prefix,
                peer_index: reader.u16()?,
                originated: reader.u32()?,
                path_id: match has_path_ids {
                    true => Some(reader.u32()?),
                    false => None,
                },
                attributes: {
                    let length = reader.u16()?;
                    reader.take(length.into())?
                },
            })
        })
    }
}

impl FusedIterator for RibEntryIter<'_> {}

/// One route (RFC 6396 section 4.3.4, RFC 8050 section 4.1).
///
/// ```text
/// peer index (2) | originated (4) | path identifier (4, or none)
/// | length (2) | path attributes (length)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RibEntryView<'a> {
    family: Family,
    prefix: IpNet,
    peer_index: u16,
    originated: u32,
    path_id: Option<u32>,
    attributes: &'a [u8],
}

impl<'a> RibEntryView<'a> {
    /// The place in the PEER_INDEX_TABLE of who announced the route.
    #[must_use]
    pub const fn peer_index(self) -> u16 {
        self.peer_index
    }

    /// The prefix the route leads to.
    #[must_use]
    pub const fn prefix(self) -> IpNet {
        self.prefix
    }

    /// When it was received, since 1970-01-01 00:00 UTC.
    #[must_use]
    pub const fn originated(self) -> Duration {
        Duration::from_secs(self.originated as u64)
    }

    /// The path identifier (RFC 7911), in ADD-PATH records.
    #[must_use]
    pub const fn path_id(self) -> Option<u32> {
        self.path_id
    }

    /// The attributes as they come, not checked. AS numbers have four octets,
    /// and the value of MP_REACH_NLRI may be its next hop field alone, with its
    /// length: [`Self::next_hop`] reads both forms.
    #[must_use]
    pub const fn path_attributes(self) -> AttributeIter<'a> {
        AttributeIter::new(self.attributes)
    }

    /// The attributes that are well-formed, by name, without MP_REACH_NLRI
    /// and MP_UNREACH_NLRI. What is wrong with the others tells
    /// [`UpdateView::judge`] of [`Self::encode_update`].
    #[must_use]
    pub fn attributes(self) -> Attributes<'a> {
        let judgement = UpdateView::of_attributes(self.attributes).judge(self.context());
        judgement.attributes().without_mp()
    }

    /// Where packets go: the next hop of MP_REACH_NLRI, or else NEXT_HOP.
    #[must_use]
    pub fn next_hop(self) -> Option<NextHop> {
        let mut attributes = self.path_attributes().filter_map(Result::ok);
        let reach = attributes.find(|it| it.code() == AttributeCode::MP_REACH_NLRI);
        if let Some(reach) = reach {
            return NextHop::parse(next_hop_octets(reach)?);
        }
        let mut attributes = self.path_attributes().filter_map(Result::ok);
        let next_hop = attributes.find(|it| it.code() == AttributeCode::NEXT_HOP)?;
        NextHop::parse(next_hop.value()).filter(|it| matches!(it, NextHop::V4(_)))
    }

    /// How to read the UPDATE of [`Self::encode_update`]: AS numbers have four
    /// octets whatever the session had, attributes of internal sessions may be
    /// there, and the route carries a path identifier if it has one.
    #[must_use]
    pub const fn context(self) -> DecodeContext {
        let ctx = DecodeContext::new(AsWidth::Four, SessionKind::Internal);
        match self.path_id {
            Some(_) => ctx.with_path_ids(PathIds::NONE.with(self.family)),
            None => ctx,
        }
    }

    /// Appends the UPDATE that announces this route alone: attributes as they
    /// are, except that MP_REACH_NLRI gets its family and the route.
    ///
    /// # Errors
    ///
    /// [`MrtError::Malformed`] if there is no next hop field for the route, or
    /// the UPDATE would be longer than 65535 octets. Nothing is appended then.
    pub fn encode_update(self, buf: &mut BytesMut) -> Result<(), MrtError> {
        let start = buf.len();
        let written = self.put_update(buf);
        if written.is_none() {
            buf.truncate(start);
        }
        written.ok_or(MrtError::Malformed)
    }

    fn put_update(self, buf: &mut BytesMut) -> Option<()> {
        let message = begin_message(buf, MessageType::UPDATE);
        buf.put_u16(0);
        let length_at = buf.len();
        buf.put_u16(0);
        let (mut rest, mut has_reach) = (self.attributes, false);
        for attribute in self.path_attributes().filter_map(Result::ok) {
            rest = rest.get(attribute.octets().len()..)?;
            if attribute.code() == AttributeCode::MP_REACH_NLRI && !has_reach {
                has_reach = true;
                self.put_reach(buf, attribute)?;
            } else {
                buf.put_slice(attribute.octets());
            }
        }
        // What can't be read stays, so that it is judged.
        buf.put_slice(rest);
        let length = u16::try_from(buf.len() - length_at - 2).ok()?;
        buf.get_mut(length_at..length_at + 2)?
            .copy_from_slice(&length.to_be_bytes());
        if !has_reach {
            (self.family == Family::IPV4_UNICAST).then_some(())?;
            self.put_nlri(buf);
        }
        let max = MaxMessageLen::EXTENDED.get();
        (finish_message(buf, message) <= max).then_some(())
    }

    fn put_reach(self, buf: &mut BytesMut, attribute: AttributeView<'_>) -> Option<()> {
        let next_hop = next_hop_octets(attribute)?;
        let nlri = prefix_len(self.prefix) + self.path_id.map_or(0, |_| 4);
        let length = 5 + next_hop.len() + nlri;
        buf.put_u8(attribute.flags().0 | AttributeFlags::EXTENDED_LENGTH);
        buf.put_u8(attribute.code().0);
        buf.put_u16(u16::try_from(length).ok()?);
        buf.put_u16(self.family.afi.0);
        buf.put_u8(self.family.safi.0);
        buf.put_u8(u8::try_from(next_hop.len()).ok()?);
        buf.put_slice(next_hop);
        buf.put_u8(0);
        self.put_nlri(buf);
        Some(())
    }

    fn put_nlri(self, buf: &mut BytesMut) {
        if let Some(id) = self.path_id {
            buf.put_u32(id);
        }
        put_prefix(buf, self.prefix);
    }
}

/// The next hop field of MP_REACH_NLRI. RFC 6396 section 4.3.4 leaves only
/// that and its length. FRR and GoBGP keep the whole value, which begins with
/// the family, whose first octet is 0 as no next hop's length is.
fn next_hop_octets(reach: AttributeView<'_>) -> Option<&[u8]> {
    let (&first, rest) = reach.value().split_first()?;
    if first == 0 {
        return MpReachView::parse(reach.value(), PathIds::NONE).map(MpReachView::next_hop_octets);
    }
    (rest.len() == usize::from(first)).then_some(rest)
}

// IANA “TABLE_DUMP_V2 Subtype Codes”.
const PEER_INDEX_TABLE: u16 = 1;
const RIB_IPV4_UNICAST: u16 = 2;
const RIB_IPV4_MULTICAST: u16 = 3;
const RIB_IPV6_UNICAST: u16 = 4;
const RIB_IPV6_MULTICAST: u16 = 5;
const RIB_IPV4_UNICAST_ADDPATH: u16 = 8;
const RIB_IPV4_MULTICAST_ADDPATH: u16 = 9;
const RIB_IPV6_UNICAST_ADDPATH: u16 = 10;
const RIB_IPV6_MULTICAST_ADDPATH: u16 = 11;
