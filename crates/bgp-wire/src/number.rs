//! Numbers that mean something: autonomous systems, identifiers, families,
//! times and lengths.

use core::fmt;
use core::net::Ipv4Addr;
use core::str::FromStr;
use core::time::Duration;

/// An autonomous system number of four octets (RFC 6793).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asn(u32);

impl Asn {
    /// AS_TRANS: stands for a number above 65535 where only two octets fit
    /// (RFC 6793 section 2).
    pub const TRANS: Self = Self(23456);

    /// Takes any number; 0 is representable and never valid on the wire
    /// (RFC 7607).
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number as the two octets of an OPEN or an old AS_PATH hold it.
    #[must_use]
    pub const fn two_octets(self) -> u16 {
        let [high, low, a, b] = self.0.to_be_bytes();
        if high == 0 && low == 0 {
            u16::from_be_bytes([a, b])
        } else {
            Self::TRANS.two_octets()
        }
    }
}

impl From<u32> for Asn {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no AS number in asplain (RFC 5396).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAsn {
    /// Not a decimal number up to 4294967295.
    #[error("not an as number: use a decimal number up to 4294967295")]
    NotANumber,
    /// Written with a dot (asdot); the value is what to write instead.
    #[error("as number is written with a dot: use the plain decimal number {0}")]
    Asdot(u32),
}

/// Reads a plain decimal number (asplain, RFC 5396).
impl FromStr for Asn {
    type Err = InvalidAsn;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A leading plus sign is fine for the standard library, not for us.
        let decimal = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
        if let Some((high, low)) = text.split_once('.')
            && decimal(high)
            && decimal(low)
            && let (Ok(high), Ok(low)) = (high.parse::<u16>(), low.parse::<u16>())
        {
            return Err(InvalidAsn::Asdot(u32::from(high) << 16 | u32::from(low)));
        }
        if !decimal(text) {
            return Err(InvalidAsn::NotANumber);
        }
        text.parse().map(Self).map_err(|_| InvalidAsn::NotANumber)
    }
}

/// A BGP Identifier: four octets, unique within the AS and not zero
/// (RFC 6286).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BgpIdentifier(u32);

impl BgpIdentifier {
    /// The identifier as a number, for comparing (RFC 4271 section 6.8).
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl From<Ipv4Addr> for BgpIdentifier {
    fn from(address: Ipv4Addr) -> Self {
        Self(address.to_bits())
    }
}

impl From<u32> for BgpIdentifier {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<BgpIdentifier> for Ipv4Addr {
    fn from(identifier: BgpIdentifier) -> Self {
        Self::from_bits(identifier.0)
    }
}

impl fmt::Display for BgpIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ipv4Addr::from(*self).fmt(f)
    }
}

impl fmt::Debug for BgpIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BgpIdentifier({self})")
    }
}

/// A hold time in seconds: 0, or at least 3 (RFC 4271 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldTime(u16);

/// A hold time of one or two seconds, which RFC 4271 section 4.2 forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("hold time of {0} s is not allowed: use 0 or at least 3")]
pub struct InvalidHoldTime(pub u16);

impl HoldTime {
    /// No keepalives and no hold timer.
    pub const ZERO: Self = Self(0);

    /// Takes 0 or at least 3 seconds.
    ///
    /// # Errors
    ///
    /// [`InvalidHoldTime`] for 1 and 2.
    pub const fn new(seconds: u16) -> Result<Self, InvalidHoldTime> {
        match seconds {
            1 | 2 => Err(InvalidHoldTime(seconds)),
            _ => Ok(Self(seconds)),
        }
    }

    /// The time in seconds.
    #[must_use]
    pub const fn seconds(self) -> u16 {
        self.0
    }

    /// The time as a duration.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl Default for HoldTime {
    /// The 90 seconds RFC 4271 section 10 suggests.
    fn default() -> Self {
        Self(90)
    }
}

impl fmt::Display for HoldTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

/// An address family identifier (IANA “Address Family Numbers”).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Afi(pub u16);

impl Afi {
    /// IP version 4.
    pub const IPV4: Self = Self(1);
    /// IP version 6.
    pub const IPV6: Self = Self(2);
}

impl fmt::Display for Afi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::IPV4 => f.write_str("ipv4"),
            Self::IPV6 => f.write_str("ipv6"),
            Self(other) => write!(f, "afi-{other}"),
        }
    }
}

impl fmt::Debug for Afi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A subsequent address family identifier (IANA “SAFI Values”).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Safi(pub u8);

impl Safi {
    /// Unicast forwarding.
    pub const UNICAST: Self = Self(1);
    /// Multicast forwarding.
    pub const MULTICAST: Self = Self(2);
}

impl fmt::Display for Safi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UNICAST => f.write_str("unicast"),
            Self::MULTICAST => f.write_str("multicast"),
            Self(other) => write!(f, "safi-{other}"),
        }
    }
}

impl fmt::Debug for Safi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address family with its subsequent family (RFC 4760 section 6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family {
    /// Address family identifier.
    pub afi: Afi,
    /// Subsequent address family identifier.
    pub safi: Safi,
}

impl Family {
    /// IPv4 unicast: what RFC 4271 itself carries.
    pub const IPV4_UNICAST: Self = Self {
        afi: Afi::IPV4,
        safi: Safi::UNICAST,
    };
    /// IPv6 unicast (RFC 2545).
    pub const IPV6_UNICAST: Self = Self {
        afi: Afi::IPV6,
        safi: Safi::UNICAST,
    };
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.afi, self.safi)
    }
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The longest message a session may carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MaxMessageLen {
    /// 4096 octets (RFC 4271 section 4.1).
    #[default]
    Standard,
    /// 65535 octets, once both sides have said so (RFC 8654).
    Extended,
}

impl MaxMessageLen {
    /// [`Self::Standard`].
    pub const STANDARD: Self = Self::Standard;
    /// [`Self::Extended`].
    pub const EXTENDED: Self = Self::Extended;

    /// The length in octets, header included.
    #[must_use]
    pub const fn get(self) -> usize {
        match self {
            Self::Standard => 4096,
            Self::Extended => 65535,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Asn, BgpIdentifier, Family, HoldTime, InvalidAsn, InvalidHoldTime};

    #[test]
    fn large_as_numbers_become_as_trans_in_two_octets() {
        assert_eq!(Asn::new(64512).two_octets(), 64512);
        assert_eq!(Asn::new(65536).two_octets(), 23456);
        assert_eq!(Asn::new(4_200_000_000).two_octets(), 23456);
    }

    #[test]
    fn as_numbers_read_as_plain_decimals_only() {
        assert_eq!("4200000000".parse(), Ok(Asn::new(4_200_000_000)));
        assert_eq!("1.10".parse::<Asn>(), Err(InvalidAsn::Asdot(65546)));
        for text in ["4294967296", "", "+1", "-1", "1.70000", "AS1", " 1"] {
            assert_eq!(text.parse::<Asn>(), Err(InvalidAsn::NotANumber), "{text:?}");
        }
    }

    #[test]
    fn identifiers_compare_as_numbers() {
        let id = |text: &str| BgpIdentifier::from(text.parse::<core::net::Ipv4Addr>().unwrap());
        assert!(id("10.0.0.9") < id("10.0.0.10"));
        assert_eq!(id("192.0.2.1").to_string(), "192.0.2.1");
    }

    #[test]
    fn one_and_two_seconds_are_no_hold_times() {
        assert_eq!(HoldTime::new(0), Ok(HoldTime::ZERO));
        assert_eq!(HoldTime::new(1), Err(InvalidHoldTime(1)));
        assert_eq!(HoldTime::new(2), Err(InvalidHoldTime(2)));
        assert!(HoldTime::new(3).is_ok());
    }

    #[test]
    fn families_have_names() {
        assert_eq!(Family::IPV6_UNICAST.to_string(), "ipv6-unicast");
    }
}
