//! Prefixes that nobody can route, and the order of those of both families.

use std::net::IpAddr;
use std::ops::Bound;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Why a prefix must not be announced nor learned, in words that follow “it
/// is”; `None` for what can be routed, default routes included.
///
/// ```
/// use bgp_speaker::unroutable;
///
/// assert_eq!(unroutable("127.0.0.0/8".parse()?), Some("a loopback address"));
/// assert_eq!(unroutable("0.0.0.0/0".parse()?), None);
/// # Ok::<(), ipnet::AddrParseError>(())
/// ```
pub fn unroutable(prefix: IpNet) -> Option<&'static str> {
    let address = prefix.network();
    if prefix.prefix_len() == 0 {
        return None;
    }
    match address {
        IpAddr::V4(v4) if v4.octets()[0] == 0 => Some("an address of “this network”"),
        IpAddr::V4(v4) if v4.is_link_local() => Some("a link-local address"),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
        IpAddr::V6(v6) if v6.is_unspecified() => Some("the unspecified address"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("a link-local address"),
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => Some("an IPv4-mapped address"),
        _ if address.is_loopback() => Some("a loopback address"),
        _ if address.is_multicast() => Some("a multicast address"),
        _ => None,
    }
}

/// Where a walk from `from` on begins among the IPv4 prefixes, unless it is
/// past them, and among the IPv6 ones, which come behind.
pub(crate) const fn by_family(from: Bound<IpNet>) -> (Option<Bound<Ipv4Net>>, Bound<Ipv6Net>) {
    match from {
        Bound::Unbounded => (Some(Bound::Unbounded), Bound::Unbounded),
        Bound::Included(IpNet::V4(net)) => (Some(Bound::Included(net)), Bound::Unbounded),
        Bound::Excluded(IpNet::V4(net)) => (Some(Bound::Excluded(net)), Bound::Unbounded),
        Bound::Included(IpNet::V6(net)) => (None, Bound::Included(net)),
        Bound::Excluded(IpNet::V6(net)) => (None, Bound::Excluded(net)),
    }
}
