//! The attributes of a route, owned, and how they are written.

use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv4Addr;
use core::ops::RangeInclusive;

use bytes::{BufMut as _, BytesMut};

use super::{
    AsPath, AttributeCode, AttributeFlags, Community, ExtendedCommunity, LargeCommunity,
    OtherAttribute,
};
use crate::error::EncodeError;
use crate::number::Asn;
use crate::update::{AsWidth, DecodeContext, SessionKind};

/// How a route got into BGP (RFC 4271 section 5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// From within the AS.
    Igp,
    /// By EGP (RFC 904).
    Egp,
    /// In another way.
    Incomplete,
}

impl Origin {
    pub(crate) const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            0 => Some(Self::Igp),
            1 => Some(Self::Egp),
            2 => Some(Self::Incomplete),
            _ => None,
        }
    }

    const fn octet(self) -> u8 {
        match self {
            Self::Igp => 0,
            Self::Egp => 1,
            Self::Incomplete => 2,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Igp => "igp",
            Self::Egp => "egp",
            Self::Incomplete => "incomplete",
        })
    }
}

/// Who aggregated a route (RFC 4271 section 5.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aggregator {
    /// The speaker's AS.
    pub asn: Asn,
    /// The speaker's identifier.
    pub identifier: Ipv4Addr,
}

/// What is said about a route, but for its next hop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathAttributes {
    /// How the route got into BGP.
    pub origin: Origin,
    /// The ASes passed. The encoder writes it as it is: putting one's own AS
    /// in front for external peers is the caller's.
    pub as_path: AsPath,
    /// Which of several links to prefer: the lower one.
    pub med: Option<u32>,
    /// The preference within the AS: the higher one. Internal peers get 100
    /// if there is none, external ones never get it (RFC 4271 section 5.1.5).
    pub local_pref: Option<u32>,
    /// Whether a more specific route was left out.
    pub atomic_aggregate: bool,
    /// Who aggregated.
    pub aggregator: Option<Aggregator>,
    /// Communities, in the order they are written in.
    pub communities: Vec<Community>,
    /// Extended communities, in the order they are written in.
    pub extended_communities: Vec<ExtendedCommunity>,
    /// Large communities, in the order they are written in.
    pub large_communities: Vec<LargeCommunity>,
    /// Who brought the route into the AS (RFC 4456). External peers never get
    /// it.
    pub originator_id: Option<Ipv4Addr>,
    /// The route reflectors passed, the last one first (RFC 4456). External
    /// peers never get it.
    pub cluster_list: Vec<Ipv4Addr>,
    /// The AS that has sent the route down or sideways; [`Role`](crate::Role)
    /// tells what it has to be (RFC 9234).
    pub only_to_customer: Option<Asn>,
    /// Attributes without a field of their own, in the order of their codes.
    /// They are written as they are; what came from a peer goes on to another
    /// one as [`OtherAttribute::passed_on`] says.
    pub others: Vec<OtherAttribute>,
}

impl PathAttributes {
    /// The LOCAL_PREF internal peers get if none is set.
    pub const DEFAULT_LOCAL_PREF: u32 = 100;

    /// Of a route of one's own: origin IGP, an empty path, nothing else.
    #[must_use]
    pub const fn originated() -> Self {
        Self {
            origin: Origin::Igp,
            as_path: AsPath::empty(),
            med: None,
            local_pref: None,
            atomic_aggregate: false,
            aggregator: None,
            communities: Vec::new(),
            extended_communities: Vec::new(),
            large_communities: Vec::new(),
            originator_id: None,
            cluster_list: Vec::new(),
            only_to_customer: None,
            others: Vec::new(),
        }
    }

    /// Appends all attributes, with NEXT_HOP if there is one, in the order of
    /// their codes (RFC 4271 section 5).
    pub(crate) fn put(
        &self,
        buf: &mut BytesMut,
        next_hop: Option<Ipv4Addr>,
        ctx: DecodeContext,
    ) -> Result<(), EncodeError> {
        put_header(buf, AttributeCode::ORIGIN, 1)?;
        buf.put_u8(self.origin.octet());

        let length = self.as_path.encoded_len(ctx.as_width)?;
        put_header(buf, AttributeCode::AS_PATH, length)?;
        self.as_path.put(buf, ctx.as_width);

        if let Some(address) = next_hop {
            put_header(buf, AttributeCode::NEXT_HOP, 4)?;
            buf.put_slice(&address.octets());
        }
        if let Some(med) = self.med {
            put_header(buf, AttributeCode::MULTI_EXIT_DISC, 4)?;
            buf.put_u32(med);
        }
        if ctx.session == SessionKind::Internal {
            put_header(buf, AttributeCode::LOCAL_PREF, 4)?;
            buf.put_u32(self.local_pref.unwrap_or(Self::DEFAULT_LOCAL_PREF));
        }
        if self.atomic_aggregate {
            put_header(buf, AttributeCode::ATOMIC_AGGREGATE, 0)?;
        }
        if let Some(aggregator) = self.aggregator {
            put_aggregator(buf, AttributeCode::AGGREGATOR, aggregator, ctx.as_width)?;
        }
        if !self.communities.is_empty() {
            put_header(buf, AttributeCode::COMMUNITIES, self.communities.len() * 4)?;
            self.communities.iter().for_each(|it| buf.put_u32(it.0));
        }
        if ctx.session == SessionKind::Internal {
            self.put_reflection(buf)?;
        }
        self.put_others(buf, 0..=AttributeCode::EXTENDED_COMMUNITIES.0)?;
        if !self.extended_communities.is_empty() {
            let length = self.extended_communities.len() * 8;
            put_header(buf, AttributeCode::EXTENDED_COMMUNITIES, length)?;
            let communities = self.extended_communities.iter();
            communities.for_each(|it| buf.put_slice(&it.0));
        }
        if ctx.as_width == AsWidth::Two {
            self.put_four_octet_twins(buf)?;
        }
        let behind_twins = AttributeCode::EXTENDED_COMMUNITIES.0 + 1;
        self.put_others(buf, behind_twins..=AttributeCode::LARGE_COMMUNITIES.0)?;
        if !self.large_communities.is_empty() {
            let length = self.large_communities.len() * 12;
            put_header(buf, AttributeCode::LARGE_COMMUNITIES, length)?;
            let fields = self.large_communities.iter().flat_map(|it| it.fields());
            fields.for_each(|field| buf.put_u32(field));
        }
        let customer = AttributeCode::ONLY_TO_CUSTOMER;
        self.put_others(buf, AttributeCode::LARGE_COMMUNITIES.0 + 1..=customer.0)?;
        if let Some(asn) = self.only_to_customer {
            put_header(buf, customer, 4)?;
            buf.put_u32(asn.get());
        }
        self.put_others(buf, customer.0 + 1..=u8::MAX)
    }

    /// Appends what route reflectors add (RFC 4456 section 8).
    fn put_reflection(&self, buf: &mut BytesMut) -> Result<(), EncodeError> {
        if let Some(originator) = self.originator_id {
            put_header(buf, AttributeCode::ORIGINATOR_ID, 4)?;
            buf.put_slice(&originator.octets());
        }
        if !self.cluster_list.is_empty() {
            let length = self.cluster_list.len() * 4;
            put_header(buf, AttributeCode::CLUSTER_LIST, length)?;
            let clusters = self.cluster_list.iter();
            clusters.for_each(|it| buf.put_slice(&it.octets()));
        }
        Ok(())
    }

    fn put_others(&self, buf: &mut BytesMut, codes: RangeInclusive<u8>) -> Result<(), EncodeError> {
        let mut others = self.others.iter();
        others.try_for_each(|it| match codes.contains(&it.code().0) {
            true => it.put(buf),
            false => Ok(()),
        })
    }

    /// Appends AS4_PATH and AS4_AGGREGATOR where AS_TRANS had to stand in for
    /// a number (RFC 6793 section 4.2.2).
    fn put_four_octet_twins(&self, buf: &mut BytesMut) -> Result<(), EncodeError> {
        if self.as_path.needs_four_octets() {
            let path = self.as_path.without_confederation();
            let length = path.encoded_len(AsWidth::Four)?;
            if length > 0 {
                put_header(buf, AttributeCode::AS4_PATH, length)?;
                path.put(buf, AsWidth::Four);
            }
        }
        match self.aggregator {
            Some(aggregator) if aggregator.asn.get() > u32::from(u16::MAX) => {
                let code = AttributeCode::AS4_AGGREGATOR;
                put_aggregator(buf, code, aggregator, AsWidth::Four)
            }
            _ => Ok(()),
        }
    }
}

fn put_aggregator(
    buf: &mut BytesMut,
    code: AttributeCode,
    aggregator: Aggregator,
    width: AsWidth,
) -> Result<(), EncodeError> {
    put_header(buf, code, width.octets() + 4)?;
    match width {
        AsWidth::Two => buf.put_u16(aggregator.asn.two_octets()),
        AsWidth::Four => buf.put_u32(aggregator.asn.get()),
    }
    buf.put_slice(&aggregator.identifier.octets());
    Ok(())
}

/// Appends flags, code and length of a known attribute.
fn put_header(buf: &mut BytesMut, code: AttributeCode, length: usize) -> Result<(), EncodeError> {
    // All codes this crate writes are in the table.
    let flags = code.flags().unwrap_or(AttributeFlags(0));
    put_header_flags(buf, flags, code, length)
}

/// Appends flags, code and length; the length has two octets only where it
/// must.
pub(super) fn put_header_flags(
    buf: &mut BytesMut,
    flags: AttributeFlags,
    code: AttributeCode,
    length: usize,
) -> Result<(), EncodeError> {
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length), _) => buf.put_slice(&[flags.0, code.0, length]),
        (_, Ok(length)) => {
            buf.put_slice(&[flags.0 | AttributeFlags::EXTENDED_LENGTH, code.0]);
            buf.put_u16(length);
        }
        _ => return Err(EncodeError::AttributesTooLong(length)),
    }
    Ok(())
}
