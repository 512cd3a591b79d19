//! ROUTE-REFRESH, plain and enhanced.

use bytes::{BufMut as _, BytesMut};

use crate::error::{DecodeError, DecodeErrorKind};
use crate::frame::{HEADER_LEN, MessageType, begin_message, finish_message};
use crate::number::{Afi, Family, Safi};
use crate::reader::Reader;

/// A received ROUTE-REFRESH (RFC 2918, RFC 7313).
///
/// ```text
/// afi (2) | subtype (1) | safi (1)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRefreshView<'a> {
    message: RouteRefresh,
    rest: &'a [u8],
}

impl<'a> RouteRefreshView<'a> {
    /// Looks at the body of a ROUTE-REFRESH.
    ///
    /// # Errors
    ///
    /// The body is shorter than four octets, or longer with a subtype that
    /// has no more (RFC 7313 section 5).
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let (Some(afi), Some(subtype), Some(safi)) = (reader.u16(), reader.u8(), reader.u8())
        else {
            // Shorter than four octets.
            let length = u16::try_from(HEADER_LEN + body.len()).unwrap_or(u16::MAX);
            return Err(DecodeErrorKind::BadMessageLength(length).into());
        };
        let subtype = RouteRefreshSubtype(subtype);
        let enhanced = subtype == RouteRefreshSubtype::BEGIN || subtype == RouteRefreshSubtype::END;
        if enhanced && !reader.is_empty() {
            return Err(DecodeErrorKind::RouteRefreshLength.into());
        }
        Ok(Self {
            message: RouteRefresh {
                family: Family {
                    afi: Afi(afi),
                    safi: Safi(safi),
                },
                subtype,
            },
            rest: reader.rest(),
        })
    }

    /// The family whose routes are meant.
    #[must_use]
    pub const fn family(self) -> Family {
        self.message.family
    }

    /// A request, or the begin or end of the answer. Unknown subtypes are to
    /// be ignored (RFC 7313 section 5).
    #[must_use]
    pub const fn subtype(self) -> RouteRefreshSubtype {
        self.message.subtype
    }

    /// What follows the four octets: the filters of RFC 5291, not read here.
    #[must_use]
    pub const fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// An owned copy, without [`Self::rest`].
    #[must_use]
    pub const fn to_route_refresh(self) -> RouteRefresh {
        self.message
    }
}

/// A ROUTE-REFRESH of our own making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRefresh {
    /// The family whose routes are meant.
    pub family: Family,
    /// A request, or the begin or end of the answer.
    pub subtype: RouteRefreshSubtype,
}

impl RouteRefresh {
    /// Asks for all routes of `family`.
    #[must_use]
    pub const fn request(family: Family) -> Self {
        Self {
            family,
            subtype: RouteRefreshSubtype::REQUEST,
        }
    }

    /// Appends the whole message.
    pub fn encode(&self, buf: &mut BytesMut) {
        let start = begin_message(buf, MessageType::ROUTE_REFRESH);
        buf.put_u16(self.family.afi.0);
        buf.put_u8(self.subtype.0);
        buf.put_u8(self.family.safi.0);
        finish_message(buf, start);
    }
}

/// A message subtype (IANA “BGP Route Refresh Subcodes”).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteRefreshSubtype(pub u8);

impl RouteRefreshSubtype {
    /// Asks for routes (RFC 2918).
    pub const REQUEST: Self = Self(0);
    /// Begin-of-RIB: the answer starts (RFC 7313).
    pub const BEGIN: Self = Self(1);
    /// End-of-RIB: the answer is complete (RFC 7313).
    pub const END: Self = Self(2);
}

impl core::fmt::Display for RouteRefreshSubtype {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::REQUEST => f.write_str("request"),
            Self::BEGIN => f.write_str("begin"),
            Self::END => f.write_str("end"),
            Self(other) => write!(f, "subtype-{other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MaxMessageLen, MessageView, RawMessage};

    fn view_of(body: &[u8]) -> Result<RouteRefresh, DecodeError> {
        RouteRefreshView::parse(body).map(RouteRefreshView::to_route_refresh)
    }

    #[test]
    fn a_request_survives_the_wire() {
        let sent = RouteRefresh::request(Family::IPV6_UNICAST);
        let mut buf = BytesMut::new();
        sent.encode(&mut buf);
        let message = RawMessage::split_from(&mut buf, MaxMessageLen::STANDARD)
            .unwrap()
            .unwrap();
        assert_eq!(message.body(), [0, 2, 0, 1]);
        let Ok(MessageView::RouteRefresh(view)) = message.view() else {
            panic!("not a ROUTE-REFRESH");
        };
        assert_eq!(view.to_route_refresh(), sent);
    }

    #[test]
    fn lengths_are_checked_by_subtype() {
        let short = view_of(&[0, 1, 0]).unwrap_err();
        assert_eq!(short.kind(), DecodeErrorKind::BadMessageLength(22));
        let long = view_of(&[0, 1, 1, 1, 9]).unwrap_err();
        assert_eq!(long.kind(), DecodeErrorKind::RouteRefreshLength);
        // RFC 5291 appends filters to a plain request; an unknown subtype is
        // not ours to judge.
        assert!(view_of(&[0, 1, 0, 1, 9]).is_ok());
        assert!(view_of(&[0, 1, 77, 1, 9]).is_ok());
    }

    #[test]
    fn a_wrong_length_is_notified_with_the_message() {
        let n = DecodeError::from(DecodeErrorKind::RouteRefreshLength).notification_about(b"all");
        assert_eq!(
            (n.code.code, n.code.subcode, &n.data[..]),
            (7, 1, &b"all"[..])
        );
    }
}
