//! The rules for each attribute (RFC 7606 section 7, in its order).

use core::net::Ipv4Addr;

use super::Disposition::{
    self, AttributeDiscard as Discard, SessionReset as Reset, TreatAsWithdraw as Withdraw,
};
use super::message::Judge;
use crate::attr::{
    Aggregator, AsPathView, AttributeCode, AttributeView, MpReachView, MpUnreachView, Origin,
    is_host_v4,
};
use crate::error::DecodeErrorKind;
use crate::number::Asn;
use crate::reader::Reader;
use crate::update::{AsWidth, SessionKind};

/// What is wrong with one attribute, and what to do about it.
pub(super) type Verdict = Result<(), (DecodeErrorKind, Disposition)>;

impl<'a> Judge<'a, '_> {
    /// Checks the flags, and whether the attribute belongs on this session.
    pub(super) fn check_class(&self, attribute: AttributeView<'a>) -> Verdict {
        let code = attribute.code();
        let internal_only = matches!(
            code,
            AttributeCode::LOCAL_PREF | AttributeCode::ORIGINATOR_ID | AttributeCode::CLUSTER_LIST
        );
        if internal_only && self.ctx.session == SessionKind::External {
            return Err((DecodeErrorKind::UnexpectedAttribute(code), Discard));
        }
        let as4 = matches!(
            code,
            AttributeCode::AS4_PATH | AttributeCode::AS4_AGGREGATOR
        );
        if as4 && self.ctx.as_width == AsWidth::Four {
            // RFC 6793 section 4.1.
            return Err((DecodeErrorKind::UnexpectedAttribute(code), Discard));
        }
        match code.flags() {
            Some(flags) if attribute.flags().same_class(flags) => Ok(()),
            Some(_) if as4 => Err((DecodeErrorKind::AttributeFlags(code), Discard)),
            Some(_) => Err((DecodeErrorKind::AttributeFlags(code), Withdraw)),
            None if attribute.flags().is_optional() => Ok(()),
            // A choice: RFC 4271 section 6.3 ends the session, RFC 7606 does
            // not name the case, and speakers differ (BIRD withdraws, FRR
            // resets). Whoever made the attribute may be several ASes away,
            // and that such a one can't take sessions down is what RFC 7606
            // is for.
            None => Err((DecodeErrorKind::UnrecognizedWellKnown(code), Withdraw)),
        }
    }

    /// Checks and keeps the value (section 7, in its order).
    pub(super) fn check_value(&mut self, code: AttributeCode, value: &'a [u8]) -> Verdict {
        let attributes = &mut self.judgement.attributes;
        match code {
            AttributeCode::ORIGIN => attributes.origin = Some(origin(value)?),
            AttributeCode::AS_PATH => {
                AsPathView::check(value, self.ctx.as_width, self.ctx.session)
                    .map_err(|kind| (kind, Withdraw))?;
                attributes.as_path = Some(AsPathView::checked(value, self.ctx.as_width));
            }
            AttributeCode::NEXT_HOP => attributes.next_hop = Some(next_hop(value)?),
            AttributeCode::MULTI_EXIT_DISC => attributes.med = Some(number(code, value)?),
            AttributeCode::LOCAL_PREF => attributes.local_pref = Some(number(code, value)?),
            AttributeCode::ATOMIC_AGGREGATE if value.is_empty() => {
                attributes.atomic_aggregate = true;
            }
            AttributeCode::ATOMIC_AGGREGATE => {
                return Err((DecodeErrorKind::AttributeLength(code), Discard));
            }
            AttributeCode::AGGREGATOR => {
                attributes.aggregator = Some(aggregator(code, value, self.ctx.as_width)?);
            }
            AttributeCode::COMMUNITIES => attributes.communities = items(code, value, 4)?,
            AttributeCode::ORIGINATOR_ID => {
                attributes.originator_id = Some(number(code, value)?.into());
            }
            AttributeCode::CLUSTER_LIST => attributes.cluster_list = items(code, value, 4)?,
            AttributeCode::MP_REACH_NLRI => self.mp_reach(value)?,
            AttributeCode::MP_UNREACH_NLRI => self.mp_unreach(value)?,
            AttributeCode::EXTENDED_COMMUNITIES => {
                attributes.extended_communities = items(code, value, 8)?;
            }
            AttributeCode::AS4_PATH if value.is_empty() => {
                return Err((DecodeErrorKind::MalformedAttribute(code), Discard));
            }
            // RFC 6793 section 6.
            AttributeCode::AS4_PATH => {
                // Segments of a confederation are passed over when merged.
                AsPathView::check(value, AsWidth::Four, SessionKind::Internal)
                    .map_err(|_| (DecodeErrorKind::MalformedAttribute(code), Discard))?;
                self.twins.as4_path = Some(AsPathView::checked(value, AsWidth::Four));
            }
            AttributeCode::AS4_AGGREGATOR => {
                self.twins.as4_aggregator = Some(aggregator(code, value, AsWidth::Four)?);
            }
            AttributeCode::IPV6_EXTENDED_COMMUNITIES => {
                items(code, value, 20)?;
            }
            AttributeCode::LARGE_COMMUNITIES => {
                attributes.large_communities = items(code, value, 12)?;
            }
            AttributeCode::ONLY_TO_CUSTOMER => {
                attributes.only_to_customer = Some(Asn::new(number(code, value)?));
            }
            _ => {}
        }
        Ok(())
    }

    fn mp_reach(&mut self, value: &'a [u8]) -> Verdict {
        let malformed = DecodeErrorKind::MalformedAttribute(AttributeCode::MP_REACH_NLRI);
        let view = MpReachView::parse(value, self.ctx.path_ids).ok_or((malformed, Reset))?;
        if view.nlri().check().is_err() {
            return Err((malformed, Reset));
        }
        self.judgement.attributes.mp_reach = Some(view);
        match view.next_hop() {
            Some(next_hop) if !next_hop.is_host() => {
                Err((DecodeErrorKind::InvalidNextHop, Withdraw))
            }
            _ => Ok(()),
        }
    }

    fn mp_unreach(&mut self, value: &'a [u8]) -> Verdict {
        let malformed = DecodeErrorKind::MalformedAttribute(AttributeCode::MP_UNREACH_NLRI);
        let view = MpUnreachView::parse(value, self.ctx.path_ids).ok_or((malformed, Reset))?;
        if view.nlri().check().is_err() {
            return Err((malformed, Reset));
        }
        self.judgement.attributes.mp_unreach = Some(view);
        Ok(())
    }
}

fn origin(value: &[u8]) -> Result<Origin, (DecodeErrorKind, Disposition)> {
    let &[octet] = value else {
        let kind = DecodeErrorKind::AttributeLength(AttributeCode::ORIGIN);
        return Err((kind, Withdraw));
    };
    Origin::from_octet(octet).ok_or((DecodeErrorKind::InvalidOrigin(octet), Withdraw))
}

fn next_hop(value: &[u8]) -> Result<Ipv4Addr, (DecodeErrorKind, Disposition)> {
    let address = Ipv4Addr::from(number(AttributeCode::NEXT_HOP, value)?);
    if is_host_v4(address) {
        Ok(address)
    } else {
        Err((DecodeErrorKind::InvalidNextHop, Withdraw))
    }
}

/// A value of exactly four octets.
fn number(code: AttributeCode, value: &[u8]) -> Result<u32, (DecodeErrorKind, Disposition)> {
    <[u8; 4]>::try_from(value)
        .map(u32::from_be_bytes)
        .map_err(|_| (DecodeErrorKind::AttributeLength(code), Withdraw))
}

/// A value of one or more items of `size` octets.
fn items(
    code: AttributeCode,
    value: &[u8],
    size: usize,
) -> Result<&[u8], (DecodeErrorKind, Disposition)> {
    if value.is_empty() || !value.len().is_multiple_of(size) {
        return Err((DecodeErrorKind::AttributeLength(code), Withdraw));
    }
    Ok(value)
}

fn aggregator(
    code: AttributeCode,
    value: &[u8],
    width: AsWidth,
) -> Result<Aggregator, (DecodeErrorKind, Disposition)> {
    let mut reader = Reader::new(value);
    let asn = match width {
        AsWidth::Two => reader.u16().map(u32::from),
        AsWidth::Four => reader.u32(),
    };
    match (asn, reader.array(), reader.is_empty()) {
        (Some(0), Some(_), true) => Err((DecodeErrorKind::ZeroAsn(code), Discard)),
        (Some(asn), Some(identifier), true) => Ok(Aggregator {
            asn: Asn::new(asn),
            identifier: Ipv4Addr::from_octets(identifier),
        }),
        _ => Err((DecodeErrorKind::AttributeLength(code), Discard)),
    }
}
