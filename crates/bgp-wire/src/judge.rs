//! RFC 7606: what is wrong with an UPDATE, what to do about it, and what can
//! be used of it.

mod attributes;
mod faults;
mod message;
mod values;

use core::fmt;

pub use self::attributes::Attributes;
pub(crate) use self::faults::Examined;
use self::message::Judge;
pub(crate) use self::message::Seen;
use crate::error::DecodeError;
use crate::notification::Notification;
use crate::number::Family;
use crate::update::{DecodeContext, UpdateView};

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
