//! RFC 7606: what is wrong with an UPDATE, what to do about it, and what can
//! be used of it.

mod attributes;
mod faults;

use core::fmt;
use core::net::Ipv4Addr;

pub use self::attributes::Attributes;
pub(crate) use self::faults::Examined;
use crate::attr::{
    Aggregator, AsPathView, AttributeCode, AttributeView, MpReachView, MpUnreachView, NextHop,
    Origin, mp_family,
};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::notification::Notification;
use crate::number::{Asn, Family};
use crate::reader::Reader;
use crate::update::{AsWidth, DecodeContext, SessionKind, UpdateView};

use Disposition::{
    AttributeDiscard as Discard, SessionReset as Reset, TreatAsWithdraw as Withdraw,
};

/// What to do about a fault (RFC 7606 section 2), from mild to severe: the
/// most severe one of a message wins (section 3 h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposition {
    /// Go on as if the attribute were not there.
    AttributeDiscard,
    /// Go on as if all routes of the UPDATE were withdrawn.
    TreatAsWithdraw,
    /// Take no more routes of the family over this session. This crate asks
    /// for [`Self::SessionReset`] instead, as RFC 7606 leaves open;
    /// [`Fault::family`] tells where this would do.
    AfiSafiDisable,
    /// Send the NOTIFICATION and end the session.
    SessionReset,
}

/// `treat-as-withdraw`.
impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AttributeDiscard => "attribute-discard",
            Self::TreatAsWithdraw => "treat-as-withdraw",
            Self::AfiSafiDisable => "afi-safi-disable",
            Self::SessionReset => "session-reset",
        })
    }
}

/// One thing wrong with an UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault<'a> {
    /// What is wrong.
    pub error: DecodeError,
    /// What to do about it.
    pub disposition: Disposition,
    /// All octets of the attribute at fault; empty if it is none in
    /// particular.
    pub attribute: &'a [u8],
    /// Of a fault within MP_REACH_NLRI or MP_UNREACH_NLRI that asks for
    /// [`Disposition::SessionReset`]: the family whose routes can't be told.
    /// Who would rather keep the session for the others may answer with
    /// [`Disposition::AfiSafiDisable`] of that one (RFC 7606 sections 5.3 and
    /// 7.11) and take the other routes of the UPDATE for withdrawn.
    pub family: Option<Family>,
}

impl Fault<'_> {
    /// Of no attribute in particular.
    const fn of_message(error: DecodeError, disposition: Disposition) -> Self {
        Self {
            error,
            disposition,
            attribute: &[],
            family: None,
        }
    }

    /// The NOTIFICATION to send if the session ends for it.
    #[must_use]
    pub fn notification(&self) -> Notification {
        self.error.notification_about(self.attribute)
    }
}

/// What is to be known of one UPDATE after RFC 7606 was applied.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'a> {
    fault: Option<Fault<'a>>,
    attributes: Attributes<'a>,
}

impl<'a> Judgement<'a> {
    /// The most severe disposition; `None` if nothing is wrong.
    #[must_use]
    pub fn disposition(&self) -> Option<Disposition> {
        self.fault.map(|fault| fault.disposition)
    }

    /// The first of the most severe faults.
    #[must_use]
    pub const fn fault(&self) -> Option<Fault<'a>> {
        self.fault
    }

    /// The attributes that are well-formed. With a disposition above
    /// [`Disposition::AttributeDiscard`] no route may be announced by them,
    /// but MP_REACH_NLRI and MP_UNREACH_NLRI tell what to withdraw.
    #[must_use]
    pub const fn attributes(&self) -> &Attributes<'a> {
        &self.attributes
    }
}

impl<'a> UpdateView<'a> {
    /// Applies RFC 7606: reads everything once, without allocating.
    ///
    /// What needs the configuration is not looked at: loops, the first AS of
    /// the path, families that were not negotiated, next hops of one's own.
    #[must_use]
    #[inline]
    pub fn judge(&self, ctx: DecodeContext) -> Judgement<'a> {
        let mut judgement = Judgement {
            fault: None,
            attributes: Attributes::of(self.path_attribute_octets()),
        };
        // The work is done in place, for it would be felt if something of
        // that size was moved.
        Judge::new(ctx, Seen::NONE, &mut judgement).update(self);
        judgement
    }
}

/// Which codes have occurred, one bit each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen([u64; 4]);

impl Seen {
    pub(crate) const NONE: Self = Self([0; 4]);

    /// Whether `code` occurs for the first time.
    pub(crate) fn insert(&mut self, code: AttributeCode) -> bool {
        let (word, bit) = (usize::from(code.0 / 64), 1 << (code.0 % 64));
        self.0.get_mut(word).is_some_and(|word| {
            let first = *word & bit == 0;
            *word |= bit;
            first
        })
    }

    fn contains(&self, code: AttributeCode) -> bool {
        let (word, bit) = (usize::from(code.0 / 64), 1 << (code.0 % 64));
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }
}

/// What is wrong with one attribute, and what to do about it.
type Verdict = Result<(), (DecodeErrorKind, Disposition)>;

struct Judge<'a, 'j> {
    ctx: DecodeContext,
    judgement: &'j mut Judgement<'a>,
    /// Whether anything asks for treat-as-withdraw.
    withdraws: bool,
    seen: Seen,
    twins: Twins<'a>,
}

/// What stands beside AS_PATH and AGGREGATOR (RFC 6793 section 3).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Twins<'a> {
    pub(crate) as4_path: Option<AsPathView<'a>>,
    pub(crate) as4_aggregator: Option<Aggregator>,
}

impl<'a, 'j> Judge<'a, 'j> {
    fn new(ctx: DecodeContext, seen: Seen, judgement: &'j mut Judgement<'a>) -> Self {
        Self {
            ctx,
            judgement,
            withdraws: false,
            seen,
            twins: Twins::default(),
        }
    }

    fn update(mut self, update: &UpdateView<'a>) {
        if let Err(error) = update.withdrawn_nlri(self.ctx).check() {
            self.found(Fault::of_message(error, Reset));
        }
        for attribute in update.path_attributes() {
            match attribute {
                Ok(attribute) => self.attribute(attribute),
                // NLRI can still be found by the field's length (section 4).
                Err(error) => self.found(Fault::of_message(error, Withdraw)),
            }
        }
        if let Err(error) = update.announced_nlri(self.ctx).check() {
            self.found(Fault::of_message(error, Reset));
        }
        self.whole(update.announces_ipv4());
        self.merge_four_octet_twins();
    }

    fn found(&mut self, fault: Fault<'a>) {
        self.withdraws |= fault.disposition == Withdraw;
        match &mut self.judgement.fault {
            Some(worst) if worst.disposition >= fault.disposition => {
                if fault.disposition == Reset && worst.family != fault.family {
                    worst.family = None;
                }
            }
            _ => self.judgement.fault = Some(fault),
        }
    }

    fn attribute(&mut self, attribute: AttributeView<'a>) {
        let code = attribute.code();
        let routes = matches!(
            code,
            AttributeCode::MP_REACH_NLRI | AttributeCode::MP_UNREACH_NLRI
        );
        let verdict = if self.seen.insert(code) {
            let class = self.check_class(attribute);
            if class.is_ok() || routes {
                // Routes can be withdrawn only if they are read, so wrong
                // flags don't keep them from that.
                self.check_value(code, attribute.value()).and(class)
            } else {
                class
            }
        } else {
            // Only the first one counts (section 3 g).
            let disposition = if routes { Reset } else { Discard };
            Err((DecodeErrorKind::DuplicateAttribute(code), disposition))
        };
        if let Err((kind, disposition)) = verdict {
            // Two attributes of a family are no matter of that family alone
            // (section 3 g).
            let duplicate = matches!(kind, DecodeErrorKind::DuplicateAttribute(_));
            let confined = routes && disposition == Reset && !duplicate;
            self.found(Fault {
                error: kind.into(),
                disposition,
                attribute: attribute.octets(),
                family: mp_family(attribute.value()).filter(|_| confined),
            });
        }
    }

    /// Checks the flags, and whether the attribute belongs on this session.
    fn check_class(&self, attribute: AttributeView<'a>) -> Verdict {
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
    fn check_value(&mut self, code: AttributeCode, value: &'a [u8]) -> Verdict {
        let attributes = &mut self.judgement.attributes;
        match code {
            AttributeCode::ORIGIN => attributes.origin = Some(origin(value)?),
            AttributeCode::AS_PATH => attributes.as_path = Some(as_path(value, self.ctx)?),
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
                let path = AsPathView::parse(value, AsWidth::Four)
                    .map_err(|_| (DecodeErrorKind::MalformedAttribute(code), Discard))?;
                self.twins.as4_path = Some(path);
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

    /// Checks what no attribute can tell alone.
    fn whole(&mut self, announces_ipv4: bool) {
        let announces = announces_ipv4 || self.seen.contains(AttributeCode::MP_REACH_NLRI);
        for (code, wanted) in mandatory(announces_ipv4, |code| self.seen.contains(code)) {
            if wanted && !self.seen.contains(code) {
                let error = DecodeErrorKind::MissingAttribute(code).into();
                self.found(Fault::of_message(error, Withdraw));
            }
        }
        // Without any route announced, nobody can be sure that the fault did
        // not hide one (section 5.2).
        if self.withdraws
            && !announces
            && let Some(fault) = &mut self.judgement.fault
        {
            fault.disposition = Reset;
            fault.family = None;
        }
    }
}

/// Which attributes have to be there, and whether this time (RFC 7606 section
/// 3 d).
fn mandatory(
    announces_ipv4: bool,
    has: impl Fn(AttributeCode) -> bool,
) -> [(AttributeCode, bool); 3] {
    let announces = announces_ipv4 || has(AttributeCode::MP_REACH_NLRI);
    [
        (AttributeCode::ORIGIN, announces),
        (AttributeCode::AS_PATH, announces),
        (AttributeCode::NEXT_HOP, announces_ipv4),
    ]
}

impl Judge<'_, '_> {
    /// Puts the numbers back that a speaker of two octets could not say
    /// (RFC 6793 section 4.2.3).
    fn merge_four_octet_twins(&mut self) {
        let attributes = &mut self.judgement.attributes;
        // Hardly any UPDATE has one, so theirs are looked at first.
        if let Some(four) = self.twins.as4_aggregator
            && let Some(two) = attributes.aggregator
        {
            if two.asn != Asn::TRANS {
                // Somebody who does not know of the twins has aggregated since
                // they were written, so neither of them is true any more.
                return;
            }
            attributes.aggregator = Some(four);
        }
        if let Some(four) = self.twins.as4_path
            && let Some(two) = attributes.as_path
        {
            attributes.as_path = Some(two.merge(four));
        }
    }
}

fn origin(value: &[u8]) -> Result<Origin, (DecodeErrorKind, Disposition)> {
    let &[octet] = value else {
        let kind = DecodeErrorKind::AttributeLength(AttributeCode::ORIGIN);
        return Err((kind, Withdraw));
    };
    Origin::from_octet(octet).ok_or((DecodeErrorKind::InvalidOrigin(octet), Withdraw))
}

fn as_path(
    value: &[u8],
    ctx: DecodeContext,
) -> Result<AsPathView<'_>, (DecodeErrorKind, Disposition)> {
    let path = AsPathView::parse(value, ctx.as_width).map_err(|kind| (kind, Withdraw))?;
    // Another AS can't be of our confederation: this crate knows of none
    // (RFC 5065 section 5).
    let strays = ctx.session == SessionKind::External
        && path.segments().any(|it| it.kind().is_confederation());
    if strays {
        return Err((DecodeErrorKind::MalformedAsPath, Withdraw));
    }
    Ok(path)
}

fn next_hop(value: &[u8]) -> Result<Ipv4Addr, (DecodeErrorKind, Disposition)> {
    let address = Ipv4Addr::from(number(AttributeCode::NEXT_HOP, value)?);
    if NextHop::V4(address).is_host() {
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
