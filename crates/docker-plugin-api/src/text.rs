//! Reading Docker's JSON: `null` as absent, and addresses that travel as text.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A hardware address of an Ethernet interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// The address made of these octets.
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// Its six octets.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl From<[u8; 6]> for MacAddress {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddress {
    type Err = InvalidMacAddress;

    fn from_str(text: &str) -> Result<Self, InvalidMacAddress> {
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().ok_or(InvalidMacAddress)?;
            // `from_str_radix` alone would let a sign and one digit pass.
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(InvalidMacAddress);
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| InvalidMacAddress)?;
        }
        match parts.next() {
            None => Ok(Self(octets)),
            Some(_) => Err(InvalidMacAddress),
        }
    }
}

impl Serialize for MacAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not six pairs of hexadecimal digits with colons between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hardware address such as 02:42:0a:00:00:65")]
pub struct InvalidMacAddress;

/// What a field of text is expected to be, for the sentence that refuses it.
pub(crate) trait Expected: FromStr {
    const EXPECTED: &'static str;
}

impl Expected for IpNet {
    const EXPECTED: &'static str = "an address with a prefix length, such as 10.0.0.101/32";
}

impl Expected for Ipv4Net {
    const EXPECTED: &'static str = "an IPv4 address with a prefix length, such as 10.0.0.101/32";
}

impl Expected for Ipv6Net {
    const EXPECTED: &'static str =
        "an IPv6 address with a prefix length, such as 2001:db8::101/128";
}

impl Expected for IpAddr {
    const EXPECTED: &'static str = "an IP address";
}

impl Expected for Ipv4Addr {
    const EXPECTED: &'static str = "an IPv4 address";
}

impl Expected for Ipv6Addr {
    const EXPECTED: &'static str = "an IPv6 address";
}

impl Expected for MacAddress {
    const EXPECTED: &'static str = "a hardware address, such as 02:42:0a:00:00:65";
}

/// Parses text that must be there.
pub(crate) fn parse<T: Expected>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{:?} is not {}", Excerpt(text), T::EXPECTED))
}

/// Reads a text that may be absent, `null` or empty, all three meaning "none".
pub(crate) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Expected,
{
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => parse(text).map(Some).map_err(de::Error::custom),
    }
}

/// Reads a map from names to text that must parse.
pub(crate) fn map<'de, D, T>(
    deserializer: D,
) -> Result<std::collections::BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Expected,
{
    Option::<std::collections::BTreeMap<String, String>>::deserialize(deserializer)?
        .unwrap_or_default()
        .into_iter()
        .map(|(name, text)| match parse(&text) {
            Ok(value) => Ok((name, value)),
            Err(error) => Err(de::Error::custom(error)),
        })
        .collect()
}

/// Reads a value for which `null` means the same as an absent key.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The beginning of a received text, so that an answer does not carry a megabyte back.
pub(crate) struct Excerpt<'a>(pub(crate) &'a str);

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 80;
        match self.0.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{:?}…", self.0.get(..end).unwrap_or_default()),
            None => write!(f, "{:?}", self.0),
        }
    }
}
