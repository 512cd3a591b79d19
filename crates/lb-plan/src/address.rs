//! Which addresses may be service addresses at all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address can't be a service address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {kind} and can't be a service address; use a unicast address")]
pub struct UnusableAddress {
    /// The refused address.
    pub address: IpAddr,
    /// What kind of special address it is, as it reads in a sentence.
    pub kind: &'static str,
}

/// Accepts unicast addresses that routers forward; refuses the rest.
///
/// Refused are the unspecified, loopback, link-local, multicast and reserved
/// ranges of RFC 6890, and IPv4-mapped IPv6 addresses (RFC 4291 section
/// 2.5.5.2), which no router forwards.
///
/// # Errors
///
/// [`UnusableAddress`] names the address and the range it is in.
pub fn check_service_address(address: IpAddr) -> Result<(), UnusableAddress> {
    let kind = match address {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    };
    match kind {
        Some(kind) => Err(UnusableAddress { address, kind }),
        None => Ok(()),
    }
}

/// The first or last of these addresses, or one between them, that can't be a
/// service address.
pub(crate) fn special_within(first: IpAddr, last: IpAddr) -> Option<UnusableAddress> {
    // One of each special range that a range of unicast addresses can hold
    // whole; of the others it would hold an end.
    const INSIDE: [IpAddr; 4] = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V4(Ipv4Addr::new(169, 254, 0, 1)),
        IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0)),
        IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
    ];
    let inside = INSIDE.into_iter().filter(|a| (first..=last).contains(a));
    [first, last]
        .into_iter()
        .chain(inside)
        .find_map(|address| check_service_address(address).err())
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address {
        a if a.octets()[0] == 0 => Some("in the unspecified range 0.0.0.0/8"),
        a if a.is_loopback() => Some("a loopback address"),
        a if a.is_link_local() => Some("a link-local address"),
        a if a.is_multicast() => Some("a multicast address"),
        a if a.is_broadcast() => Some("the broadcast address"),
        a if a.octets()[0] >= 240 => Some("in the reserved range 240.0.0.0/4"),
        _ => None,
    }
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address {
        a if a.is_unspecified() => Some("the unspecified address"),
        a if a.is_loopback() => Some("the loopback address"),
        a if a.is_unicast_link_local() => Some("a link-local address"),
        a if a.is_multicast() => Some("a multicast address"),
        a if a.to_ipv4_mapped().is_some() => Some("an IPv4-mapped address"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::check_service_address;

    #[test]
    fn ordinary_unicast_addresses_are_accepted() {
        for text in ["10.0.0.101", "192.0.2.1", "2001:db8::101", "fd00::1"] {
            assert_eq!(check_service_address(text.parse().unwrap()), Ok(()));
        }
    }

    #[test]
    fn special_addresses_are_refused_by_name() {
        for (text, kind) in [
            ("0.0.0.0", "unspecified"),
            ("127.0.0.1", "loopback"),
            ("169.254.3.4", "link-local"),
            ("224.0.0.5", "multicast"),
            ("255.255.255.255", "broadcast"),
            ("250.1.1.1", "reserved"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("fe80::1", "link-local"),
            ("ff02::1", "multicast"),
            ("::ffff:10.0.0.1", "IPv4-mapped"),
        ] {
            let error = check_service_address(text.parse().unwrap()).unwrap_err();
            assert!(error.kind.contains(kind), "{text}: {error}");
            assert!(error.to_string().starts_with(&error.address.to_string()));
        }
    }
}
