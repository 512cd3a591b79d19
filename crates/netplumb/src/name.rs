//! Checked names: of links, and of hardware addresses.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a link, as the kernel accepts it: 1 to 15 octets, without
/// white space, control characters, `/`, `:` or `%`, and not `.` or `..`
/// (`dev_valid_name` in the kernel's `net/core/dev.c`).
///
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkName(Arc<str>);

impl LinkName {
    /// The longest name in octets (`IFNAMSIZ` less the final zero).
    pub const MAX_LEN: usize = 15;

    /// Checks a name.
    ///
    /// # Errors
    ///
    /// When the kernel would refuse the name, or, as with `%`, would take it
    /// for a pattern.
    pub fn new(name: &str) -> Result<Self, InvalidLinkName> {
        let fault = if name.is_empty() {
            Some("it is empty")
        } else if name.len() > Self::MAX_LEN {
            Some("it is longer than 15 octets")
        } else if name == "." || name == ".." {
            Some("it names a directory")
        } else if name.contains(['/', ':', '%']) {
            Some("it contains `/`, `:` or `%`")
        } else if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            Some("it contains white space or a control character")
        } else {
            None
        };
        match fault {
            None => Ok(Self(Arc::from(name))),
            Some(why) => Err(InvalidLinkName {
                name: name.to_owned(),
                why,
            }),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for LinkName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for LinkName {
    type Err = InvalidLinkName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl TryFrom<&str> for LinkName {
    type Error = InvalidLinkName;

    fn try_from(name: &str) -> Result<Self, Self::Error> {
        Self::new(name)
    }
}

impl fmt::Display for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The text is no name of a link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no link name: {why}")]
pub struct InvalidLinkName {
    name: String,
    why: &'static str,
}

/// The hardware address of an Ethernet-like link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr([u8; 6]);

impl MacAddr {
    /// Takes the six octets in the order they are sent.
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The six octets in the order they are sent.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl FromStr for MacAddr {
    type Err = InvalidMacAddr;

    /// Reads `02:42:0a:00:00:65`: six pairs of hexadecimal digits with colons.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidMacAddr {
            text: text.to_owned(),
        };
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().ok_or_else(invalid)?;
            // `from_str_radix` alone would accept a sign.
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(invalid());
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| invalid())?;
        }
        match parts.next() {
            None => Ok(Self(octets)),
            Some(_) => Err(invalid()),
        }
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no hardware address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no MAC address of the form 02:42:0a:00:00:65")]
pub struct InvalidMacAddr {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::{LinkName, MacAddr};

    #[test]
    fn names_the_kernel_would_refuse_are_refused() {
        for name in [
            "",
            "a name",
            "a\tb",
            "a/b",
            "a:1",
            "veth%d",
            ".",
            "..",
            "sixteen-octets-x",
            "\u{7}",
        ] {
            assert!(LinkName::new(name).is_err(), "{name:?}");
        }
        for name in ["lo", "fifteen-octets-", "bgplb-0123456ab", "eth0.100"] {
            assert_eq!(
                LinkName::new(name).map(|n| n.to_string()).as_deref(),
                Ok(name)
            );
        }
    }

    #[test]
    fn mac_addresses_are_read_as_they_are_printed() {
        let mac = MacAddr::new([2, 0x42, 10, 0, 0, 0x65]);
        assert_eq!(mac.to_string(), "02:42:0a:00:00:65");
        assert_eq!(mac.to_string().parse(), Ok(mac));
        for text in [
            "",
            "02:42:0a:00:00",
            "02:42:0a:00:00:65:1",
            "2:42:a:0:0:65",
            "+2:42:0a:00:00:65",
        ] {
            assert!(text.parse::<MacAddr>().is_err(), "{text:?}");
        }
    }
}
