//! Every fault of an UPDATE, one by one.

use super::message::{Judge, Seen, Twins, mandatory};
use super::{Attributes, Fault, Judgement};
use crate::attr::{AttributeIter, AttributeView};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::update::{DecodeContext, UpdateView};

use super::Disposition::{SessionReset, TreatAsWithdraw};

/// An attribute as RFC 7606 sees it alone: what it says, and what is wrong
/// with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Examined<'a> {
    pub(crate) attribute: Result<AttributeView<'a>, DecodeError>,
    pub(crate) fault: Option<Fault<'a>>,
    /// Only what this attribute says.
    pub(crate) says: Attributes<'a>,
    /// What it says as AS4_PATH, as AS4_AGGREGATOR.
    pub(crate) twins: Twins<'a>,
}

/// Looks at attributes one after the other.
pub(crate) struct Examination<'a> {
    attributes: AttributeIter<'a>,
    ctx: DecodeContext,
    seen: Seen,
}

impl<'a> Iterator for Examination<'a> {
    type Item = Examined<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let attribute = self.attributes.next()?;
        let mut judgement = Judgement {
            fault: None,
            attributes: Attributes::default(),
        };
        let mut judge = Judge::new(self.ctx, self.seen, &mut judgement);
        match attribute {
            Ok(attribute) => judge.attribute(attribute),
            Err(error) => judge.found(Fault::of_message(error, TreatAsWithdraw)),
        }
        self.seen = judge.seen;
        let twins = judge.twins;
        Some(Examined {
            attribute,
            fault: judgement.fault,
            says: judgement.attributes,
            twins,
        })
    }
}

impl<'a> UpdateView<'a> {
    pub(crate) fn examine(self, ctx: DecodeContext) -> Examination<'a> {
        Examination {
            attributes: self.path_attributes(),
            ctx,
            seen: Seen::NONE,
        }
    }

    /// Every fault, where [`Self::judge`] tells only the first of the worst:
    /// in the order of the octets, then what is missing.
    ///
    /// Each disposition is that of the fault alone. What to do about the
    /// message is what [`Self::judge`] says, which is stricter where no route
    /// is announced that could be withdrawn (RFC 7606 section 5.2).
    pub fn faults(self, ctx: DecodeContext) -> impl Iterator<Item = Fault<'a>> {
        let withdrawn = self.withdrawn_nlri(ctx).find_map(Result::err);
        let nlri = self.announced_nlri(ctx).find_map(Result::err);
        let reset = |error| Fault::of_message(error, SessionReset);
        let attributes = self.examine(ctx).filter_map(|it| it.fault);
        let announces_ipv4 = self.nlri().next().is_some();
        let has = move |code| {
            let mut attributes = self.path_attributes().flatten();
            attributes.any(|it| it.code() == code)
        };
        let missing = mandatory(announces_ipv4, has)
            .into_iter()
            .filter(move |(code, wanted)| *wanted && !has(*code))
            .map(|(code, _)| {
                let error = DecodeErrorKind::MissingAttribute(code).into();
                Fault::of_message(error, TreatAsWithdraw)
            });
        withdrawn
            .map(reset)
            .into_iter()
            .chain(attributes)
            .chain(nlri.map(reset))
            .chain(missing)
    }
}
