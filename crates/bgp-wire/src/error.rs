//! What a peer can do wrong, and the one mapping to NOTIFICATION.

use alloc::vec;

use bytes::Bytes;

use crate::attr::AttributeCode;
use crate::notification::{Notification, NotificationCode};

/// A fault in what a peer sent.
///
/// It is `Copy` and holds numbers only: rubbish on the wire can't make us
/// allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct DecodeError {
    kind: DecodeErrorKind,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The marker is not all ones (RFC 4271 section 6.1).
    #[error("marker is not all ones")]
    NotSynchronized,
    /// The header's length does not fit the type (RFC 4271 section 6.1).
    #[error("message length {0} is out of range")]
    BadMessageLength(u16),
    /// The header's type is not known (RFC 4271 section 6.1).
    #[error("message type {0} is unknown")]
    BadMessageType(u8),

    /// The OPEN's version is not 4 (RFC 4271 section 6.2).
    #[error("version {0} is not supported")]
    UnsupportedVersion(u8),
    /// The OPEN's AS is 0 (RFC 7607), or its two-octet field contradicts the
    /// four-octet capability (RFC 6793 section 4.1).
    #[error("as number {0} is not valid here")]
    BadPeerAs(u32),
    /// The BGP Identifier is 0 (RFC 6286).
    #[error("bgp identifier is zero")]
    BadBgpIdentifier,
    /// The hold time is 1 or 2 (RFC 4271 section 6.2).
    #[error("hold time of {0} s is not allowed")]
    UnacceptableHoldTime(u16),
    /// The optional parameters can't be read (RFC 4271 section 6.2).
    #[error("optional parameters are malformed")]
    MalformedOptionalParameters,
    /// An optional parameter is not known (RFC 4271 section 6.2).
    #[error("optional parameter {0} is not supported")]
    UnsupportedOptionalParameter(u8),
    /// A known capability's value can't be read (RFC 5492).
    #[error("capability {0} is malformed")]
    MalformedCapability(u8),

    /// The lengths in an UPDATE contradict the message's (RFC 4271 section
    /// 6.3).
    #[error("lengths of the update contradict each other")]
    UpdateLengths,
    /// An attribute does not fit the attribute field (RFC 7606 section 4).
    #[error("path attributes overrun their field")]
    AttributesOverrun,
    /// A prefix in Withdrawn Routes or NLRI can't be read (RFC 7606 section
    /// 5.3).
    #[error("prefix is malformed")]
    MalformedPrefix,
    /// An attribute occurs twice (RFC 7606 section 3 g).
    #[error("{0} occurs more than once")]
    DuplicateAttribute(AttributeCode),
    /// A mandatory attribute is missing (RFC 7606 section 3 d).
    #[error("{0} is missing")]
    MissingAttribute(AttributeCode),
    /// An unknown attribute claims to be well-known (RFC 4271 section 6.3).
    #[error("{0} is not a known well-known attribute")]
    UnrecognizedWellKnown(AttributeCode),
    /// The Optional or Transitive flag is wrong (RFC 7606 section 3 c).
    #[error("{0} has the wrong flags")]
    AttributeFlags(AttributeCode),
    /// An attribute's length is wrong (RFC 7606 section 7).
    #[error("{0} has the wrong length")]
    AttributeLength(AttributeCode),
    /// ORIGIN has an undefined value (RFC 7606 section 7.1).
    #[error("origin {0} is undefined")]
    InvalidOrigin(u8),
    /// AS_PATH can't be read (RFC 7606 section 7.2).
    #[error("AS_PATH is malformed")]
    MalformedAsPath,
    /// AS 0 where an AS number is expected (RFC 7607).
    #[error("{0} holds as 0")]
    ZeroAsn(AttributeCode),
    /// NEXT_HOP is not the address of a host (RFC 4271 section 6.3).
    #[error("next hop is not a host address")]
    InvalidNextHop,
    /// An optional attribute's content can't be read.
    #[error("{0} is malformed")]
    MalformedAttribute(AttributeCode),
    /// An attribute that has no meaning on this kind of session.
    #[error("{0} is not expected on this session")]
    UnexpectedAttribute(AttributeCode),

    /// A ROUTE-REFRESH of subtype 1 or 2 is not 4 octets long (RFC 7313
    /// section 5).
    #[error("route-refresh body is longer than four octets")]
    RouteRefreshLength,
}

impl DecodeError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// The NOTIFICATION that RFC 4271 section 6 wants for it, with the data
    /// that the error itself knows.
    #[must_use]
    pub fn notification(&self) -> Notification {
        self.notification_about(&[])
    }

    /// The same, with `offending` as data where the RFCs ask for octets that
    /// an error does not hold: the whole attribute for an attribute's fault
    /// (RFC 4271 section 6.3), the whole message for a ROUTE-REFRESH (RFC 7313
    /// section 5). It is ignored by all other kinds.
    #[must_use]
    pub fn notification_about(&self, offending: &[u8]) -> Notification {
        use DecodeErrorKind as Kind;
        use NotificationCode as Code;
        let show = |code| Notification::with_data(code, Bytes::copy_from_slice(offending));
        match self.kind {
            Kind::NotSynchronized => Notification::new(Code::HEADER_NOT_SYNCHRONIZED),
            Kind::BadMessageLength(length) => Notification::with_data(
                Code::HEADER_BAD_MESSAGE_LENGTH,
                length.to_be_bytes().to_vec(),
            ),
            Kind::BadMessageType(code) => {
                Notification::with_data(Code::HEADER_BAD_MESSAGE_TYPE, vec![code])
            }
            // The data is the version we would have liked.
            Kind::UnsupportedVersion(_) => {
                Notification::with_data(Code::OPEN_UNSUPPORTED_VERSION, vec![0, 4])
            }
            Kind::BadPeerAs(_) => Notification::new(Code::OPEN_BAD_PEER_AS),
            Kind::BadBgpIdentifier => Notification::new(Code::OPEN_BAD_BGP_IDENTIFIER),
            Kind::UnacceptableHoldTime(_) => Notification::new(Code::OPEN_UNACCEPTABLE_HOLD_TIME),
            Kind::MalformedOptionalParameters | Kind::MalformedCapability(_) => {
                Notification::new(Code::OPEN_UNSPECIFIC)
            }
            Kind::UnsupportedOptionalParameter(_) => {
                Notification::new(Code::OPEN_UNSUPPORTED_OPTIONAL_PARAMETER)
            }
            Kind::UpdateLengths | Kind::AttributesOverrun | Kind::DuplicateAttribute(_) => {
                Notification::new(Code::UPDATE_MALFORMED_ATTRIBUTE_LIST)
            }
            Kind::MalformedPrefix => Notification::new(Code::UPDATE_INVALID_NETWORK_FIELD),
            // The data is the missing attribute's code.
            Kind::MissingAttribute(code) => {
                Notification::with_data(Code::UPDATE_MISSING_WELL_KNOWN, vec![code.0])
            }
            Kind::UnrecognizedWellKnown(_) => show(Code::UPDATE_UNRECOGNIZED_WELL_KNOWN),
            Kind::AttributeFlags(_) => show(Code::UPDATE_ATTRIBUTE_FLAGS),
            Kind::AttributeLength(_) => show(Code::UPDATE_ATTRIBUTE_LENGTH),
            Kind::InvalidOrigin(_) => show(Code::UPDATE_INVALID_ORIGIN),
            Kind::ZeroAsn(AttributeCode::AS_PATH) | Kind::MalformedAsPath => {
                Notification::new(Code::UPDATE_MALFORMED_AS_PATH)
            }
            Kind::InvalidNextHop => show(Code::UPDATE_INVALID_NEXT_HOP),
            Kind::MalformedAttribute(_) | Kind::ZeroAsn(_) | Kind::UnexpectedAttribute(_) => {
                show(Code::UPDATE_OPTIONAL_ATTRIBUTE)
            }
            Kind::RouteRefreshLength => show(Code::ROUTE_REFRESH_INVALID_LENGTH),
        }
    }
}

impl From<DecodeErrorKind> for DecodeError {
    fn from(kind: DecodeErrorKind) -> Self {
        Self { kind }
    }
}

/// What we were asked to write does not fit the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A capability's value is longer than 255 octets.
    #[error("capability {0} is longer than 255 octets")]
    CapabilityTooLong(u8),
    /// The OPEN would be longer than 4096 octets.
    #[error("open message of {0} octets is too long")]
    OpenTooLong(usize),
    /// The attributes leave no room for a prefix in a message of this length.
    #[error("path attributes of {0} octets leave no room for a prefix")]
    AttributesTooLong(usize),
    /// An AS_SET or confederation set of more than 255 members can't be split.
    #[error("as set of {0} members is too large")]
    AsSetTooLarge(usize),
    /// This next hop can't be said for this family.
    #[error("next hop does not fit the address family {0}")]
    NextHopFamily(crate::Family),
    /// Prefixes of this family are not written by this crate.
    #[error("address family {0} is not supported")]
    UnsupportedFamily(crate::Family),
}
