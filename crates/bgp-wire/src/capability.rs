//! Capabilities of an OPEN, both ways.

mod graceful;

use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut as _, Bytes, BytesMut};
use nom::Parser as _;
use nom::number::complete::{be_u8, be_u16, be_u32};

pub use self::graceful::{GracefulRestart, LongLivedFamily};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::number::{Afi, Asn, Family, Safi};
use crate::role::Role;
use crate::tlv;

/// A capability code (IANA “Capability Codes”).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CapabilityCode(pub u8);

impl CapabilityCode {
    /// Multiprotocol extensions (RFC 4760).
    pub const MULTIPROTOCOL: Self = Self(1);
    /// Route refresh (RFC 2918).
    pub const ROUTE_REFRESH: Self = Self(2);
    /// Next hops of another family (RFC 8950).
    pub const EXTENDED_NEXT_HOP: Self = Self(5);
    /// Messages of up to 65535 octets (RFC 8654).
    pub const EXTENDED_MESSAGE: Self = Self(6);
    /// What the speaker is to its peer (RFC 9234).
    pub const ROLE: Self = Self(9);
    /// Graceful restart (RFC 4724).
    pub const GRACEFUL_RESTART: Self = Self(64);
    /// AS numbers of four octets (RFC 6793).
    pub const FOUR_OCTET_AS: Self = Self(65);
    /// Several paths for a prefix (RFC 7911).
    pub const ADD_PATH: Self = Self(69);
    /// Enhanced route refresh (RFC 7313).
    pub const ENHANCED_ROUTE_REFRESH: Self = Self(70);
    /// Long-lived graceful restart (RFC 9494).
    pub const LONG_LIVED_GRACEFUL_RESTART: Self = Self(71);
}

/// One capability of a received OPEN (RFC 5492 section 4).
///
/// ```text
/// code (1) | length (1) | value (length)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapabilityView<'a> {
    code: CapabilityCode,
    value: &'a [u8],
}

impl<'a> CapabilityView<'a> {
    pub(crate) const fn new(code: u8, value: &'a [u8]) -> Self {
        Self {
            code: CapabilityCode(code),
            value,
        }
    }

    /// Which capability it is.
    #[must_use]
    pub const fn code(self) -> CapabilityCode {
        self.code
    }

    /// The value's octets.
    #[must_use]
    pub const fn value(self) -> &'a [u8] {
        self.value
    }

    /// Reads the value into an owned capability; a code this crate does not
    /// know becomes [`Capability::Unknown`].
    ///
    /// # Errors
    ///
    /// The value of a known capability has another shape than its RFC says.
    pub fn to_capability(self) -> Result<Capability, DecodeError> {
        let value = self.value;
        let read = match self.code {
            CapabilityCode::MULTIPROTOCOL => tlv::whole(value, tlv::family_with_reserved)
                .map(|it| Capability::Multiprotocol(family(it))),
            CapabilityCode::ROUTE_REFRESH => empty(value, Capability::RouteRefresh),
            CapabilityCode::EXTENDED_NEXT_HOP => {
                tlv::list(value, |input| (be_u16, be_u16, be_u16).parse(input))
                    .and_then(extended_next_hop)
            }
            CapabilityCode::EXTENDED_MESSAGE => empty(value, Capability::ExtendedMessage),
            CapabilityCode::ROLE => {
                tlv::whole(value, |input| be_u8.parse(input)).map(|it| Capability::Role(Role(it)))
            }
            CapabilityCode::GRACEFUL_RESTART => {
                graceful::graceful_restart(value).map(Capability::GracefulRestart)
            }
            CapabilityCode::LONG_LIVED_GRACEFUL_RESTART => {
                graceful::long_lived(value).map(Capability::LongLivedGracefulRestart)
            }
            CapabilityCode::FOUR_OCTET_AS => tlv::whole(value, |input| be_u32.parse(input))
                .map(|asn| Capability::FourOctetAs(Asn::new(asn))),
            CapabilityCode::ADD_PATH => tlv::list(value, |input| (tlv::family, be_u8).parse(input))
                .map(|list| {
                    let modes = list.into_iter();
                    Capability::AddPath(modes.map(|(it, mode)| (family(it), mode.into())).collect())
                }),
            CapabilityCode::ENHANCED_ROUTE_REFRESH => {
                empty(value, Capability::EnhancedRouteRefresh)
            }
            CapabilityCode(code) => Some(Capability::Unknown {
                code,
                value: Bytes::copy_from_slice(value),
            }),
        };
        read.ok_or_else(|| DecodeErrorKind::MalformedCapability(self.code.0).into())
    }
}

/// A capability that can be announced (RFC 5492).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Routes of this family can be exchanged (RFC 4760 section 8).
    Multiprotocol(Family),
    /// ROUTE-REFRESH is understood (RFC 2918).
    RouteRefresh,
    /// Routes of each family may have next hops of the given other one
    /// (RFC 8950).
    ExtendedNextHop(Vec<(Family, Afi)>),
    /// Messages of up to 65535 octets are understood (RFC 8654).
    ExtendedMessage,
    /// Routes may be kept over a restart (RFC 4724, RFC 8538).
    GracefulRestart(GracefulRestart),
    /// Routes of these families may be kept for very long (RFC 9494).
    LongLivedGracefulRestart(Vec<LongLivedFamily>),
    /// What the speaker is to its peer (RFC 9234).
    Role(Role),
    /// AS numbers have four octets; this is the speaker's (RFC 6793).
    FourOctetAs(Asn),
    /// Answers to ROUTE-REFRESH have a begin and an end (RFC 7313).
    EnhancedRouteRefresh,
    /// Several paths for a prefix, by family and direction (RFC 7911).
    AddPath(Vec<(Family, AddPathMode)>),
    /// Any other, as it came.
    Unknown {
        /// The capability code.
        code: u8,
        /// The value's octets.
        value: Bytes,
    },
}

impl Capability {
    /// Which capability it is.
    #[must_use]
    pub const fn code(&self) -> CapabilityCode {
        match self {
            Self::Multiprotocol(_) => CapabilityCode::MULTIPROTOCOL,
            Self::RouteRefresh => CapabilityCode::ROUTE_REFRESH,
            Self::ExtendedNextHop(_) => CapabilityCode::EXTENDED_NEXT_HOP,
            Self::ExtendedMessage => CapabilityCode::EXTENDED_MESSAGE,
            Self::GracefulRestart(_) => CapabilityCode::GRACEFUL_RESTART,
            Self::LongLivedGracefulRestart(_) => CapabilityCode::LONG_LIVED_GRACEFUL_RESTART,
            Self::Role(_) => CapabilityCode::ROLE,
            Self::FourOctetAs(_) => CapabilityCode::FOUR_OCTET_AS,
            Self::EnhancedRouteRefresh => CapabilityCode::ENHANCED_ROUTE_REFRESH,
            Self::AddPath(_) => CapabilityCode::ADD_PATH,
            Self::Unknown { code, .. } => CapabilityCode(*code),
        }
    }

    /// Appends code, length and value. NOTIFICATION 2/7 shows capabilities in
    /// the same form (RFC 5492 section 5).
    ///
    /// # Errors
    ///
    /// The value is longer than 255 octets; nothing is appended then.
    pub fn encode(&self, buf: &mut BytesMut) -> Result<(), EncodeError> {
        let mut value = BytesMut::new();
        self.encode_value(&mut value);
        let code = self.code().0;
        let Ok(length) = u8::try_from(value.len()) else {
            return Err(EncodeError::CapabilityTooLong(code));
        };
        buf.put_u8(code);
        buf.put_u8(length);
        buf.put_slice(&value);
        Ok(())
    }

    fn encode_value(&self, buf: &mut BytesMut) {
        match self {
            Self::RouteRefresh | Self::ExtendedMessage | Self::EnhancedRouteRefresh => {}
            Self::Multiprotocol(family) => {
                buf.put_u16(family.afi.0);
                buf.put_u8(0);
                buf.put_u8(family.safi.0);
            }
            Self::ExtendedNextHop(list) => {
                for (family, next_hop) in list {
                    buf.put_u16(family.afi.0);
                    buf.put_u16(u16::from(family.safi.0));
                    buf.put_u16(next_hop.0);
                }
            }
            Self::GracefulRestart(it) => it.encode_value(buf),
            Self::LongLivedGracefulRestart(list) => list.iter().for_each(|it| it.encode(buf)),
            Self::Role(role) => buf.put_u8(role.0),
            Self::FourOctetAs(asn) => buf.put_u32(asn.get()),
            Self::AddPath(list) => {
                for (family, mode) in list {
                    put_family(buf, *family);
                    buf.put_u8(mode.0);
                }
            }
            Self::Unknown { value, .. } => buf.put_slice(value),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Multiprotocol(family) => write!(f, "multiprotocol {family}"),
            Self::RouteRefresh => f.write_str("route-refresh"),
            Self::ExtendedNextHop(list) => {
                f.write_str("extended-next-hop")?;
                list.iter()
                    .try_for_each(|(family, afi)| write!(f, " {family}/{afi}"))
            }
            Self::ExtendedMessage => f.write_str("extended-message"),
            Self::GracefulRestart(it) => {
                write!(f, "graceful-restart {} s", it.restart_seconds())?;
                it.families
                    .iter()
                    .try_for_each(|(family, _)| write!(f, " {family}"))
            }
            Self::LongLivedGracefulRestart(list) => {
                f.write_str("long-lived-graceful-restart")?;
                list.iter().try_for_each(|it| write!(f, " {it}"))
            }
            Self::Role(role) => write!(f, "role {role}"),
            Self::FourOctetAs(asn) => write!(f, "four-octet-as {asn}"),
            Self::EnhancedRouteRefresh => f.write_str("enhanced-route-refresh"),
            Self::AddPath(list) => {
                f.write_str("add-path")?;
                list.iter()
                    .try_for_each(|(family, mode)| write!(f, " {family}/{mode}"))
            }
            Self::Unknown { code, value } => {
                write!(f, "capability-{code} ({} octets)", value.len())
            }
        }
    }
}

/// Which directions of ADD-PATH a speaker can do (RFC 7911 section 4). Values
/// outside of 1 to 3 are kept and mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddPathMode(u8);

impl AddPathMode {
    /// It can receive several paths.
    pub const RECEIVE: Self = Self(1);
    /// It can send several paths.
    pub const SEND: Self = Self(2);
    /// It can do both.
    pub const BOTH: Self = Self(3);

    /// The octet on the wire.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl From<u8> for AddPathMode {
    fn from(octet: u8) -> Self {
        Self(octet)
    }
}

impl fmt::Display for AddPathMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RECEIVE => f.write_str("receive"),
            Self::SEND => f.write_str("send"),
            Self::BOTH => f.write_str("both"),
            Self(other) => write!(f, "mode-{other}"),
        }
    }
}

const fn family((afi, safi): (u16, u8)) -> Family {
    Family {
        afi: Afi(afi),
        safi: Safi(safi),
    }
}

fn put_family(buf: &mut BytesMut, family: Family) {
    buf.put_u16(family.afi.0);
    buf.put_u8(family.safi.0);
}

fn empty(value: &[u8], capability: Capability) -> Option<Capability> {
    value.is_empty().then_some(capability)
}

/// The SAFI has two octets here, unlike everywhere else.
fn extended_next_hop(list: Vec<(u16, u16, u16)>) -> Option<Capability> {
    list.into_iter()
        .map(|(afi, safi, next_hop)| {
            let safi = u8::try_from(safi).ok()?;
            Some((family((afi, safi)), Afi(next_hop)))
        })
        .collect::<Option<Vec<_>>>()
        .map(Capability::ExtendedNextHop)
}
