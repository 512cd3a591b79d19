//! One UPDATE: the walk over its parts, and what only the whole can tell.

use core::net::Ipv4Addr;

use super::Disposition::{AttributeDiscard, SessionReset, TreatAsWithdraw};
use super::{Fault, Judgement};
use crate::attr::{
    Aggregator, AsPathView, AttributeCode, AttributeIter, AttributeView, Origin, is_host_v4,
    mp_family,
};
use crate::error::DecodeErrorKind;
use crate::number::Asn;
use crate::update::{DecodeContext, UpdateView};

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

pub(super) struct Judge<'a, 'j> {
    pub(super) ctx: DecodeContext,
    pub(super) judgement: &'j mut Judgement<'a>,
    /// Whether anything asks for treat-as-withdraw.
    withdraws: bool,
    pub(super) seen: Seen,
    pub(super) twins: Twins<'a>,
}

/// What stands beside AS_PATH and AGGREGATOR (RFC 6793 section 3).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Twins<'a> {
    pub(crate) as4_path: Option<AsPathView<'a>>,
    pub(crate) as4_aggregator: Option<Aggregator>,
}

impl<'a, 'j> Judge<'a, 'j> {
    pub(super) fn new(ctx: DecodeContext, seen: Seen, judgement: &'j mut Judgement<'a>) -> Self {
        Self {
            ctx,
            judgement,
            withdraws: false,
            seen,
            twins: Twins::default(),
        }
    }

    pub(super) fn update(mut self, update: &UpdateView<'a>) {
        if let Err(error) = update.withdrawn_nlri(self.ctx).check() {
            self.found(Fault::of_message(error, SessionReset));
        }
        let mut attributes = update.path_attributes();
        self.usual_front(&mut attributes);
        for attribute in attributes {
            match attribute {
                Ok(attribute) => self.attribute(attribute),
                // NLRI can still be found by the field's length (section 4).
                Err(error) => self.found(Fault::of_message(error, TreatAsWithdraw)),
            }
        }
        if let Err(error) = update.announced_nlri(self.ctx).check() {
            self.found(Fault::of_message(error, SessionReset));
        }
        self.whole(update.announces_ipv4());
        self.merge_four_octet_twins();
    }

    /// Reads ORIGIN, AS_PATH and NEXT_HOP as long as they come in this order
    /// and nothing is wrong with them, as in nearly every UPDATE: what is
    /// expected is only compared, while finding out what an attribute is and
    /// how to check it costs a wrong guess of the processor each.
    fn usual_front(&mut self, rest: &mut AttributeIter<'a>) {
        let seen = &mut self.seen;
        let attributes = &mut self.judgement.attributes;
        let octets = rest.octets();
        let [0x40, 1, 1, octet, octets @ ..] = octets else {
            return;
        };
        let Some(origin) = Origin::from_octet(*octet) else {
            return;
        };
        attributes.origin = Some(origin);
        seen.insert(AttributeCode::ORIGIN);
        *rest = AttributeIter::new(octets);
        let [0x40, 2, length, octets @ ..] = octets else {
            return;
        };
        let Some((value, octets)) = octets.split_at_checked(usize::from(*length)) else {
            return;
        };
        if AsPathView::check(value, self.ctx.as_width, self.ctx.session).is_err() {
            return;
        }
        attributes.as_path = Some(AsPathView::checked(value, self.ctx.as_width));
        seen.insert(AttributeCode::AS_PATH);
        *rest = AttributeIter::new(octets);
        let [0x40, 3, 4, a, b, c, d, octets @ ..] = octets else {
            return;
        };
        let address = Ipv4Addr::new(*a, *b, *c, *d);
        if !is_host_v4(address) {
            return;
        }
        attributes.next_hop = Some(address);
        seen.insert(AttributeCode::NEXT_HOP);
        *rest = AttributeIter::new(octets);
    }

    pub(super) fn found(&mut self, fault: Fault<'a>) {
        self.withdraws |= fault.disposition == TreatAsWithdraw;
        match &mut self.judgement.fault {
            Some(worst) if worst.disposition >= fault.disposition => {
                if fault.disposition == SessionReset && worst.family != fault.family {
                    worst.family = None;
                }
            }
            _ => self.judgement.fault = Some(fault),
        }
    }

    pub(super) fn attribute(&mut self, attribute: AttributeView<'a>) {
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
            let disposition = if routes {
                SessionReset
            } else {
                AttributeDiscard
            };
            Err((DecodeErrorKind::DuplicateAttribute(code), disposition))
        };
        if let Err((kind, disposition)) = verdict {
            // Two attributes of a family are no matter of that family alone
            // (section 3 g).
            let duplicate = matches!(kind, DecodeErrorKind::DuplicateAttribute(_));
            let confined = routes && disposition == SessionReset && !duplicate;
            self.found(Fault {
                error: kind.into(),
                disposition,
                attribute: attribute.octets(),
                family: mp_family(attribute.value()).filter(|_| confined),
            });
        }
    }

    /// Checks what no attribute can tell alone.
    fn whole(&mut self, announces_ipv4: bool) {
        let announces = announces_ipv4 || self.seen.contains(AttributeCode::MP_REACH_NLRI);
        for (code, wanted) in mandatory(announces_ipv4, |code| self.seen.contains(code)) {
            if wanted && !self.seen.contains(code) {
                let error = DecodeErrorKind::MissingAttribute(code).into();
                self.found(Fault::of_message(error, TreatAsWithdraw));
            }
        }
        // Without any route announced, nobody can be sure that the fault did
        // not hide one (section 5.2).
        if self.withdraws
            && !announces
            && let Some(fault) = &mut self.judgement.fault
        {
            fault.disposition = SessionReset;
            fault.family = None;
        }
    }
}

/// Which attributes have to be there, and whether this time (RFC 7606 section
/// 3 d).
pub(super) fn mandatory(
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
