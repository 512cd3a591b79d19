//! What tells a peer from others, and from whom we expect to be called.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use bgp_wire::Asn;

/// Which peer: no two have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey {
    address: IpAddr,
    interface: Option<Box<str>>,
}

impl PeerKey {
    /// The peer at `address`, on `interface` if that address is link-local;
    /// the interface of others does not count. The address `::` stands for
    /// whoever is on the interface.
    pub fn new(address: IpAddr, interface: Option<&str>) -> Self {
        let address = address.to_canonical();
        Self {
            address,
            interface: interface
                .filter(|_| is_link_local(address) || is_anybody(address))
                .map(Box::from),
        }
    }

    /// The peer's address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether the peer is whoever is on its interface.
    pub(crate) fn is_anybody(&self) -> bool {
        is_anybody(self.address)
    }

    /// The interface of a link-local address.
    pub fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }
}

impl From<IpAddr> for PeerKey {
    fn from(address: IpAddr) -> Self {
        Self::new(address, None)
    }
}

impl fmt::Display for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.interface {
            None => write!(f, "{}", self.address),
            Some(interface) if is_anybody(self.address) => f.write_str(interface),
            Some(interface) => write!(f, "{}%{interface}", self.address),
        }
    }
}

/// Whether the address means nothing without an interface.
pub(crate) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// Whether the address stands for whoever is on an interface.
pub(crate) fn is_anybody(address: IpAddr) -> bool {
    address == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
}

/// The autonomous system a peer has to be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteAs {
    /// This one.
    Number(Asn),
    /// Ours.
    Internal,
    /// Any but ours.
    External,
}

impl RemoteAs {
    /// Whether the session with a speaker of `local_as` is an external one.
    pub fn is_external(self, local_as: Asn) -> bool {
        match self {
            Self::Number(asn) => asn != local_as,
            Self::Internal => false,
            Self::External => true,
        }
    }
}

impl From<Asn> for RemoteAs {
    fn from(asn: Asn) -> Self {
        Self::Number(asn)
    }
}

impl fmt::Display for RemoteAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(asn) => asn.fmt(f),
            Self::Internal => f.write_str("internal"),
            Self::External => f.write_str("external"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_counts_only_where_the_address_needs_it() {
        let key = |address: &str| PeerKey::new(address.parse().unwrap(), Some("eth1"));
        assert_eq!(key("fe80::1").to_string(), "fe80::1%eth1");
        assert_eq!(key("::").to_string(), "eth1");
        assert_eq!(
            key("192.0.2.1"),
            PeerKey::from(IpAddr::from([192, 0, 2, 1]))
        );
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }
}
