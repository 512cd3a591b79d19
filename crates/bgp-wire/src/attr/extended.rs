//! Extended communities by name (RFC 4360 and those that fill it).

use core::fmt;
use core::net::Ipv4Addr;
use core::str::FromStr;

use super::InvalidCommunity;
use crate::number::Asn;

/// A community of eight octets (RFC 4360), its type included.
///
/// ```text
/// type (1) | subtype (1) | value (6)
/// ```
///
/// It is kept as it came; [`Self::value`] tells what it says. The types known
/// by name are written `target:64512:100`, `link-bandwidth:64512:125000000`
/// and so on, all others as sixteen hexadecimal digits. What is written reads
/// back to the same octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedCommunity(pub [u8; 8]);

/// What an extended community of a known type says.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExtendedValue {
    /// Who wants the route (RFC 4360 section 4, RFC 5668).
    RouteTarget(Administrator),
    /// Where the route comes from (RFC 4360 section 5, RFC 5668).
    RouteOrigin(Administrator),
    /// The OSPF domain the route comes from (RFC 4577 section 4.2.4).
    OspfDomain(Administrator),
    /// How much traffic the link to the route can take
    /// (draft-ietf-idr-link-bandwidth).
    LinkBandwidth {
        /// Whether it may pass on to other ASes.
        transitive: bool,
        /// The AS that says so; AS_TRANS for those above 65535.
        asn: u16,
        /// Octets per second, finite and not negative.
        octets_per_second: f32,
    },
    /// The color a path towards the next hop should have (RFC 9012 section
    /// 4.3).
    Color {
        /// The flags.
        flags: u16,
        /// The color.
        color: u32,
    },
    /// The tunnel to use, as IANA numbers them (RFC 9012 section 4.1).
    Encapsulation(u16),
    /// The next hop is a default gateway (RFC 7432 section 7.8).
    DefaultGateway,
    /// What RPKI said of the origin (RFC 8097).
    OriginValidation(OriginValidation),
}

/// The state of a route's origin (RFC 8097 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OriginValidation {
    /// A ROA covers it.
    Valid,
    /// No ROA is there.
    NotFound,
    /// All ROAs speak against it.
    Invalid,
}

/// Who gives a value its meaning, and the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Administrator {
    /// An AS number of two octets (RFC 4360 section 3.1).
    As2 {
        /// The AS.
        asn: u16,
        /// Its value.
        local: u32,
    },
    /// An IPv4 address (RFC 4360 section 3.2).
    V4 {
        /// The address.
        address: Ipv4Addr,
        /// Its value.
        local: u16,
    },
    /// An AS number of four octets (RFC 5668).
    As4 {
        /// The AS.
        asn: Asn,
        /// Its value.
        local: u16,
    },
}

const AS2: u8 = 0x00;
const V4: u8 = 0x01;
const AS4: u8 = 0x02;
const OPAQUE: u8 = 0x03;
/// The bit in the type that keeps a community within the AS.
const NON_TRANSITIVE: u8 = 0x40;

const ROUTE_TARGET: u8 = 0x02;
const ROUTE_ORIGIN: u8 = 0x03;
const LINK_BANDWIDTH: u8 = 0x04;
const OSPF_DOMAIN: u8 = 0x05;
const ORIGIN_VALIDATION: u8 = 0x00;
const COLOR: u8 = 0x0b;
const ENCAPSULATION: u8 = 0x0c;
const DEFAULT_GATEWAY: u8 = 0x0d;

impl ExtendedCommunity {
    /// A route target (RFC 4360 section 4).
    #[must_use]
    pub fn route_target(administrator: Administrator) -> Self {
        administrator.community(ROUTE_TARGET)
    }

    /// A route origin (RFC 4360 section 5).
    #[must_use]
    pub fn route_origin(administrator: Administrator) -> Self {
        administrator.community(ROUTE_ORIGIN)
    }

    /// The non-transitive link bandwidth that most speakers mean, in octets
    /// per second. A large AS number becomes AS_TRANS; a rate that is negative
    /// or no number becomes 0, infinity the largest rate.
    #[must_use]
    pub fn link_bandwidth(asn: Asn, octets_per_second: f32) -> Self {
        Self::bandwidth(AS2 | NON_TRANSITIVE, asn.two_octets(), octets_per_second)
    }

    /// As [`Self::link_bandwidth`], but to be passed on to other ASes.
    #[must_use]
    pub fn transitive_link_bandwidth(asn: Asn, octets_per_second: f32) -> Self {
        Self::bandwidth(AS2, asn.two_octets(), octets_per_second)
    }

    /// A color without flags (RFC 9012 section 4.3).
    #[must_use]
    pub const fn color(color: u32) -> Self {
        let [a, b, c, d] = color.to_be_bytes();
        Self([OPAQUE, COLOR, 0, 0, a, b, c, d])
    }

    fn bandwidth(kind: u8, asn: u16, octets_per_second: f32) -> Self {
        let [a, b] = asn.to_be_bytes();
        // What is no number is not greater than anything.
        let rate = if octets_per_second > 0.0 {
            octets_per_second.min(f32::MAX)
        } else {
            0.0
        };
        let [c, d, e, f] = rate.to_be_bytes();
        Self([kind, LINK_BANDWIDTH, a, b, c, d, e, f])
    }

    /// Whether it may pass on to other ASes (RFC 4360 section 6).
    #[must_use]
    pub const fn is_transitive(self) -> bool {
        self.0[0] & NON_TRANSITIVE == 0
    }

    /// What it says, if its type is known and holds what it should.
    #[must_use]
    pub fn value(self) -> Option<ExtendedValue> {
        let [kind, subtype, value @ ..] = self.0;
        let [a, b, c, d, e, f] = value;
        match (kind, subtype) {
            (AS2 | V4 | AS4, ROUTE_TARGET) => {
                Some(ExtendedValue::RouteTarget(Administrator::of(kind, value)?))
            }
            (AS2 | V4 | AS4, ROUTE_ORIGIN) => {
                Some(ExtendedValue::RouteOrigin(Administrator::of(kind, value)?))
            }
            (AS2 | V4 | AS4, OSPF_DOMAIN) => {
                Some(ExtendedValue::OspfDomain(Administrator::of(kind, value)?))
            }
            (_, LINK_BANDWIDTH) if kind & !NON_TRANSITIVE == AS2 => {
                let octets_per_second = f32::from_be_bytes([c, d, e, f]);
                // Rates below zero and what is no number mean nothing.
                let sensible =
                    octets_per_second.is_finite() && octets_per_second.is_sign_positive();
                sensible.then_some(ExtendedValue::LinkBandwidth {
                    transitive: self.is_transitive(),
                    asn: u16::from_be_bytes([a, b]),
                    octets_per_second,
                })
            }
            (OPAQUE, COLOR) => Some(ExtendedValue::Color {
                flags: u16::from_be_bytes([a, b]),
                color: u32::from_be_bytes([c, d, e, f]),
            }),
            (OPAQUE, ENCAPSULATION) if [a, b, c, d] == [0; 4] => {
                Some(ExtendedValue::Encapsulation(u16::from_be_bytes([e, f])))
            }
            (OPAQUE, DEFAULT_GATEWAY) if value == [0; 6] => Some(ExtendedValue::DefaultGateway),
            (_, ORIGIN_VALIDATION)
                if kind == OPAQUE | NON_TRANSITIVE && [a, b, c, d, e] == [0; 5] =>
            {
                OriginValidation::of(f).map(ExtendedValue::OriginValidation)
            }
            _ => None,
        }
    }
}

impl OriginValidation {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Valid, "valid"),
        (Self::NotFound, "not-found"),
        (Self::Invalid, "invalid"),
    ];

    fn of(octet: u8) -> Option<Self> {
        let state = Self::ALL.get(usize::from(octet));
        state.map(|(state, _)| *state)
    }
}

impl fmt::Display for OriginValidation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Valid => "valid",
            Self::NotFound => "not-found",
            Self::Invalid => "invalid",
        })
    }
}

impl Administrator {
    fn of(kind: u8, [a, b, c, d, e, f]: [u8; 6]) -> Option<Self> {
        let local = u16::from_be_bytes([e, f]);
        match kind {
            AS2 => Some(Self::As2 {
                asn: u16::from_be_bytes([a, b]),
                local: u32::from_be_bytes([c, d, e, f]),
            }),
            V4 => Some(Self::V4 {
                address: Ipv4Addr::new(a, b, c, d),
                local,
            }),
            AS4 => Some(Self::As4 {
                asn: Asn::new(u32::from_be_bytes([a, b, c, d])),
                local,
            }),
            _ => None,
        }
    }

    fn community(self, subtype: u8) -> ExtendedCommunity {
        let (kind, [a, b, c, d], local) = match self {
            Self::As2 { asn, local } => {
                let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), local.to_be_bytes());
                (AS2, [a, b, c, d], [e, f])
            }
            Self::V4 { address, local } => (V4, address.octets(), local.to_be_bytes()),
            Self::As4 { asn, local } => (AS4, asn.get().to_be_bytes(), local.to_be_bytes()),
        };
        let [e, f] = local;
        ExtendedCommunity([kind, subtype, a, b, c, d, e, f])
    }
}

/// `64512:100`, `192.0.2.1:100`, `4200000000:100`; an AS number that would fit
/// into two octets but comes in four ends with `L`.
impl fmt::Display for Administrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::As2 { asn, local } => write!(f, "{asn}:{local}"),
            Self::V4 { address, local } => write!(f, "{address}:{local}"),
            Self::As4 { asn, local } => {
                let mark = if asn.get() > u32::from(u16::MAX) {
                    ""
                } else {
                    "L"
                };
                write!(f, "{asn}{mark}:{local}")
            }
        }
    }
}

impl FromStr for Administrator {
    type Err = InvalidCommunity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (administrator, local) = text.split_once(':').ok_or(InvalidCommunity)?;
        if administrator.contains('.') {
            return Ok(Self::V4 {
                address: number(administrator)?,
                local: number(local)?,
            });
        }
        if let Some(asn) = administrator.strip_suffix('L') {
            return Ok(Self::As4 {
                asn: Asn::new(number(asn)?),
                local: number(local)?,
            });
        }
        match number::<u16>(administrator) {
            Ok(asn) => Ok(Self::As2 {
                asn,
                local: number(local)?,
            }),
            Err(_) => Ok(Self::As4 {
                asn: Asn::new(number(administrator)?),
                local: number(local)?,
            }),
        }
    }
}

impl fmt::Display for ExtendedCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            Some(value) => value.fmt(f),
            None => write!(f, "{:016x}", u64::from_be_bytes(self.0)),
        }
    }
}

impl fmt::Display for ExtendedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RouteTarget(it) => write!(f, "target:{it}"),
            Self::RouteOrigin(it) => write!(f, "origin:{it}"),
            Self::OspfDomain(it) => write!(f, "ospf-domain:{it}"),
            Self::LinkBandwidth {
                transitive,
                asn,
                octets_per_second,
            } => {
                let prefix = if *transitive { "transitive-" } else { "" };
                write!(f, "{prefix}link-bandwidth:{asn}:{octets_per_second}")
            }
            Self::Color { flags: 0, color } => write!(f, "color:{color}"),
            Self::Color { flags, color } => write!(f, "color:{color}:{flags}"),
            Self::Encapsulation(tunnel) => write!(f, "encapsulation:{tunnel}"),
            Self::DefaultGateway => f.write_str("default-gateway"),
            Self::OriginValidation(state) => write!(f, "origin-validation:{state}"),
        }
    }
}

impl FromStr for ExtendedCommunity {
    type Err = InvalidCommunity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "default-gateway" {
            return Ok(Self([OPAQUE, DEFAULT_GATEWAY, 0, 0, 0, 0, 0, 0]));
        }
        let Some((name, value)) = text.split_once(':') else {
            return hexadecimal(text).map(Self);
        };
        match name {
            "target" => Ok(Self::route_target(value.parse()?)),
            "origin" => Ok(Self::route_origin(value.parse()?)),
            "ospf-domain" => Ok(value.parse::<Administrator>()?.community(OSPF_DOMAIN)),
            "link-bandwidth" => bandwidth(AS2 | NON_TRANSITIVE, value),
            "transitive-link-bandwidth" => bandwidth(AS2, value),
            "color" => {
                let (color, flags) = value.split_once(':').unwrap_or((value, "0"));
                let [a, b] = number::<u16>(flags)?.to_be_bytes();
                let Self([kind, subtype, _, _, rest @ ..]) = Self::color(number(color)?);
                let [c, d, e, f] = rest;
                Ok(Self([kind, subtype, a, b, c, d, e, f]))
            }
            "encapsulation" => {
                let [e, f] = number::<u16>(value)?.to_be_bytes();
                Ok(Self([OPAQUE, ENCAPSULATION, 0, 0, 0, 0, e, f]))
            }
            "origin-validation" => {
                let state = (0..).zip(OriginValidation::ALL);
                let mut named = state.filter(|(_, (_, name))| *name == value);
                let (octet, _) = named.next().ok_or(InvalidCommunity)?;
                let kind = OPAQUE | NON_TRANSITIVE;
                Ok(Self([kind, ORIGIN_VALIDATION, 0, 0, 0, 0, 0, octet]))
            }
            _ => Err(InvalidCommunity),
        }
    }
}

fn bandwidth(kind: u8, text: &str) -> Result<ExtendedCommunity, InvalidCommunity> {
    let (asn, rate) = text.split_once(':').ok_or(InvalidCommunity)?;
    let rate: f32 = number(rate)?;
    if rate.is_finite() && rate.is_sign_positive() {
        Ok(ExtendedCommunity::bandwidth(kind, number(asn)?, rate))
    } else {
        Err(InvalidCommunity)
    }
}

fn hexadecimal(text: &str) -> Result<[u8; 8], InvalidCommunity> {
    if text.len() != 16 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(InvalidCommunity);
    }
    let value = u64::from_str_radix(text, 16).map_err(|_| InvalidCommunity)?;
    Ok(value.to_be_bytes())
}

fn number<T: FromStr>(text: &str) -> Result<T, InvalidCommunity> {
    text.parse().map_err(|_| InvalidCommunity)
}

#[cfg(test)]
mod tests;
