//! Where the status is served over TCP, and by which names.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::str::FromStr;

/// An address and port to serve what may be read, as it is configured:
/// `127.0.0.1:9179`, or `192.0.2.7:9179 exposed` for one that other hosts reach.
/// Names behind that word are what clients may call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusAddress {
    address: SocketAddr,
    names: Vec<String>,
}

/// Why something is no address to serve the status on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is none at all.
    #[error("{0} is no address with a port, such as 127.0.0.1:9179 or [::1]:9179")]
    Address(String),
    /// Other hosts reach it, and nobody said that they should.
    #[error(
        "{0} can be reached from other hosts, and everybody there could read the status: give a loopback address such as 127.0.0.1:9179, or write `{0} exposed` if that is meant"
    )]
    Exposed(SocketAddr),
    /// What follows means nothing.
    #[error(
        "{0} behind the address means nothing: only `exposed` may follow, and then names by which the host is called"
    )]
    Word(String),
}

const EXPOSED: &str = "exposed";

impl StatusAddress {
    /// What to listen on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens there.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn bind(&self) -> io::Result<TcpListener> {
        TcpListener::bind(self.address)
    }

    /// The names that clients may call it, beside addresses and this host's own
    /// name.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

impl FromStr for StatusAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut words = text.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        let address: SocketAddr = first
            .parse()
            .map_err(|_| AddressError::Address(first.to_owned()))?;
        let exposed = match words.next() {
            None => false,
            Some(EXPOSED) => true,
            Some(other) => return Err(AddressError::Word(other.to_owned())),
        };
        if !exposed && !is_loopback(address.ip()) {
            return Err(AddressError::Exposed(address));
        }
        Ok(Self {
            address,
            names: words.map(str::to_ascii_lowercase).collect(),
        })
    }
}

impl fmt::Display for StatusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

pub(super) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_second_word_lets_other_hosts_in() {
        let read = |text: &str| text.parse::<StatusAddress>();
        for text in ["127.0.0.1:9179", "[::1]:9179", "127.9.9.9:1"] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
        for text in ["0.0.0.0:9179", "[::]:9179", "192.0.2.7:9179"] {
            let refused = read(text).unwrap_err();
            assert_eq!(refused, AddressError::Exposed(text.parse().unwrap()));
            assert!(refused.to_string().contains(&format!("`{text} exposed`")));
            let exposed = read(&format!("{text} exposed")).unwrap();
            assert_eq!(exposed.to_string(), text);
        }
        let named = read("[::]:9179 exposed Web1.example web1").unwrap();
        assert_eq!(named.names(), ["web1.example", "web1"]);
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for text in ["", "9179", "localhost:9179", "127.0.0.1", "127.0.0.1:x"] {
            let error = text.parse::<StatusAddress>().unwrap_err().to_string();
            assert!(error.contains("127.0.0.1:9179"), "{error}");
        }
        let error = "127.0.0.1:1 open".parse::<StatusAddress>().unwrap_err();
        assert_eq!(error, AddressError::Word("open".to_owned()));
    }
}
