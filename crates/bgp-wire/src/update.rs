//! UPDATE seen through its octets, and what a session says about reading it.

use ipnet::Ipv4Net;

use crate::attr::{AttributeCode, AttributeIter, MpUnreachView};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::nlri::PrefixIter;
use crate::number::Family;
use crate::path_id::{NlriIter, PathIds};
use crate::reader::Reader;

/// What a session has settled that UPDATEs do not say themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecodeContext {
    /// Octets of AS numbers in AS_PATH and AGGREGATOR.
    pub as_width: AsWidth,
    /// Whether the peer is of our own AS.
    pub session: SessionKind,
    /// The families with path identifiers in their NLRI (RFC 7911): those the
    /// peer sends when reading, those we send when writing.
    pub path_ids: PathIds,
}

impl DecodeContext {
    /// Of a session without ADD-PATH.
    #[must_use]
    pub const fn new(as_width: AsWidth, session: SessionKind) -> Self {
        Self {
            as_width,
            session,
            path_ids: PathIds::NONE,
        }
    }

    /// The same with path identifiers in the NLRI of these families.
    #[must_use]
    pub const fn with_path_ids(self, path_ids: PathIds) -> Self {
        Self { path_ids, ..self }
    }
}

/// Octets of an AS number in AS_PATH and AGGREGATOR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AsWidth {
    /// Two: the peer does not know RFC 6793.
    Two,
    /// Four (RFC 6793).
    Four,
}

impl AsWidth {
    /// The number of octets.
    #[must_use]
    pub const fn octets(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

/// Whether the peer is of our own AS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// Another AS: EBGP.
    External,
    /// Our own AS: IBGP.
    Internal,
}

/// A received UPDATE (RFC 4271 section 4.3).
///
/// ```text
/// length (2) | withdrawn routes | length (2) | path attributes | nlri (rest)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateView<'a> {
    withdrawn_routes: &'a [u8],
    path_attributes: &'a [u8],
    nlri: &'a [u8],
}

impl<'a> UpdateView<'a> {
    /// Looks at the body of an UPDATE.
    ///
    /// # Errors
    ///
    /// The two lengths contradict the message's. What the three parts hold is
    /// judged by [`Self::judge`].
    #[inline]
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let mut field = || {
            let length = reader.u16()?;
            reader.take(usize::from(length))
        };
        let (Some(withdrawn_routes), Some(path_attributes)) = (field(), field()) else {
            return Err(DecodeErrorKind::UpdateLengths.into());
        };
        Ok(Self {
            withdrawn_routes,
            path_attributes,
            nlri: reader.rest(),
        })
    }

    /// An UPDATE of attributes alone.
    #[cfg(feature = "mrt")]
    pub(crate) const fn of_attributes(path_attributes: &'a [u8]) -> Self {
        Self {
            withdrawn_routes: &[],
            path_attributes,
            nlri: &[],
        }
    }

    /// IPv4 routes that are gone, as this session tells them apart; those of
    /// other families are in MP_UNREACH_NLRI.
    #[must_use]
    pub const fn withdrawn_nlri(self, ctx: DecodeContext) -> NlriIter<'a, Ipv4Net> {
        let path_ids = ctx.path_ids.contains(Family::IPV4_UNICAST);
        NlriIter::new(self.withdrawn_routes, path_ids)
    }

    /// IPv4 routes announced, as this session tells them apart; those of other
    /// families are in MP_REACH_NLRI.
    #[must_use]
    pub const fn announced_nlri(self, ctx: DecodeContext) -> NlriIter<'a, Ipv4Net> {
        let path_ids = ctx.path_ids.contains(Family::IPV4_UNICAST);
        NlriIter::new(self.nlri, path_ids)
    }

    /// [`Self::withdrawn_nlri`] for sessions without ADD-PATH for IPv4, the
    /// usual ones.
    #[must_use]
    pub const fn withdrawn_routes(self) -> PrefixIter<'a, Ipv4Net> {
        PrefixIter::new(self.withdrawn_routes)
    }

    pub(crate) const fn path_attribute_octets(self) -> &'a [u8] {
        self.path_attributes
    }

    /// The attributes as they come, not checked. [`Self::judge`] gives them
    /// checked and by name.
    #[must_use]
    pub const fn path_attributes(self) -> AttributeIter<'a> {
        AttributeIter::new(self.path_attributes)
    }

    /// [`Self::announced_nlri`] for sessions without ADD-PATH for IPv4, the
    /// usual ones.
    #[must_use]
    pub const fn nlri(self) -> PrefixIter<'a, Ipv4Net> {
        PrefixIter::new(self.nlri)
    }

    /// Whether there is anything in the NLRI field.
    pub(crate) const fn announces_ipv4(self) -> bool {
        !self.nlri.is_empty()
    }

    /// The family whose initial routes are complete, if this is an End-of-RIB
    /// marker (RFC 4724 section 2).
    #[must_use]
    pub fn is_end_of_rib(self) -> Option<Family> {
        if !self.withdrawn_routes.is_empty() || !self.nlri.is_empty() {
            return None;
        }
        if self.path_attributes.is_empty() {
            return Some(Family::IPV4_UNICAST);
        }
        let mut attributes = self.path_attributes();
        let (Some(Ok(only)), None) = (attributes.next(), attributes.next()) else {
            return None;
        };
        if only.code() != AttributeCode::MP_UNREACH_NLRI {
            return None;
        }
        let unreach = MpUnreachView::parse(only.value(), PathIds::NONE)?;
        unreach.nlri_octets().is_empty().then(|| unreach.family())
    }
}
