//! Which next hops we announce for ourselves on a session.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_wire::NextHop;
use ipnet::IpNet;

/// The addresses of this machine, grouped by link.
///
/// The speaker reads no kernel state of its own; whoever runs it keeps this
/// up to date, and a change re-announces what it affects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalAddresses {
    /// One entry a link, with its addresses in the kernel's order.
    pub links: Vec<Vec<IpNet>>,
}

impl LocalAddresses {
    /// Whether `address` is one of this machine's own.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.links.iter().flatten().any(|a| a.addr() == address)
    }

    /// The addresses of the link that holds `address`.
    fn beside(&self, address: IpAddr) -> impl Iterator<Item = IpAddr> {
        let link = self
            .links
            .iter()
            .find(|link| link.iter().any(|a| a.addr() == address));
        link.into_iter().flatten().map(IpNet::addr)
    }
}

/// Next hops to announce instead of those derived from the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextHops {
    /// For IPv4 prefixes.
    pub v4: Option<Ipv4Addr>,
    /// For IPv6 prefixes.
    pub v6: Option<Ipv6Addr>,
}

impl NextHops {
    /// The next hop for IPv4 prefixes on a session whose own address is `local`.
    pub(crate) fn resolve_v4(
        &self,
        local: IpAddr,
        addresses: &LocalAddresses,
    ) -> Result<Ipv4Addr, NoNextHop> {
        let usable = |address| match address {
            IpAddr::V4(v4) if NextHop::V4(v4).is_host() => Some(v4),
            _ => None,
        };
        self.v4
            .or_else(|| usable(local))
            .or_else(|| addresses.beside(local).find_map(usable))
            .ok_or(NoNextHop {
                local,
                wanted: "IPv4",
            })
    }

    /// The next hop for IPv6 prefixes on a session whose own address is `local`.
    pub(crate) fn resolve_v6(
        &self,
        local: IpAddr,
        addresses: &LocalAddresses,
    ) -> Result<Ipv6Addr, NoNextHop> {
        let usable = |address| match address {
            IpAddr::V6(v6) if is_global(v6) => Some(v6),
            _ => None,
        };
        self.v6
            .or_else(|| usable(local))
            .or_else(|| addresses.beside(local).find_map(usable))
            .ok_or(NoNextHop {
                local,
                wanted: "global IPv6",
            })
    }

    /// The same in the form it is announced in: on a session between
    /// link-local addresses with ours beside it, or in its place if there is
    /// no global one (RFC 2545 section 3).
    pub(crate) fn announced_v6(
        &self,
        local: IpAddr,
        addresses: &LocalAddresses,
    ) -> Result<NextHop, NoNextHop> {
        let global = self.resolve_v6(local, addresses);
        match local {
            IpAddr::V6(own) if own.is_unicast_link_local() && self.v6.is_none() => {
                Ok(NextHop::V6 {
                    global: global.unwrap_or(own),
                    link_local: Some(own),
                })
            }
            _ => global.map(|global| NextHop::V6 {
                global,
                link_local: None,
            }),
        }
    }

    /// The same for IPv4 prefixes, which take the IPv6 next hop where there is
    /// no IPv4 one and `extended` says that the peer understands that (RFC
    /// 8950 section 3).
    pub(crate) fn announced_v4(
        &self,
        local: IpAddr,
        addresses: &LocalAddresses,
        extended: bool,
    ) -> Result<NextHop, NoNextHop> {
        match self.resolve_v4(local, addresses) {
            Ok(v4) => Ok(NextHop::V4(v4)),
            Err(reason) if extended => self.announced_v6(local, addresses).map_err(|_| reason),
            Err(reason) => Err(reason),
        }
    }
}

/// Why a family cannot be announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoNextHop {
    local: IpAddr,
    wanted: &'static str,
}

impl fmt::Display for NoNextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { local, wanted } = self;
        write!(
            f,
            "no next hop is configured and the link that holds {local} has no {wanted} address"
        )
    }
}

/// Whether other machines can use `address` as a next hop from beyond the
/// link. A unique local address serves too (RFC 4193 section 3.3), an
/// IPv4-mapped one never.
pub(crate) fn is_global(address: Ipv6Addr) -> bool {
    NextHop::v6(address).is_host() && !address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(links: &[&[&str]]) -> LocalAddresses {
        let links = links
            .iter()
            .map(|link| link.iter().map(|a| a.parse().unwrap()).collect());
        LocalAddresses {
            links: links.collect(),
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_configured_next_hop_wins() {
        let configured = NextHops {
            v4: Some("198.51.100.1".parse().unwrap()),
            v6: Some("2001:db8::1".parse().unwrap()),
        };
        let here = addresses(&[&["192.0.2.1/24", "2001:db8:1::1/64"]]);
        assert_eq!(
            configured
                .resolve_v4(ip("192.0.2.1"), &here)
                .unwrap()
                .to_string(),
            "198.51.100.1"
        );
        assert_eq!(
            configured
                .resolve_v6(ip("192.0.2.1"), &here)
                .unwrap()
                .to_string(),
            "2001:db8::1"
        );
    }

    #[test]
    fn the_other_family_comes_from_the_sessions_link() {
        let here = addresses(&[
            &["198.51.100.1/24", "2001:db8:9::9/64"],
            &[
                "192.0.2.1/24",
                "fe80::1/64",
                "2001:db8:1::1/64",
                "2001:db8:1::2/64",
            ],
        ]);
        let derived = NextHops::default();
        assert_eq!(
            derived
                .resolve_v6(ip("192.0.2.1"), &here)
                .unwrap()
                .to_string(),
            "2001:db8:1::1"
        );
        assert_eq!(
            derived
                .resolve_v4(ip("2001:db8:1::1"), &here)
                .unwrap()
                .to_string(),
            "192.0.2.1"
        );
    }

    #[test]
    fn a_link_without_a_global_address_gives_a_reason() {
        let here = addresses(&[&["192.0.2.1/24", "fe80::1/64", "::ffff:192.0.2.1/128"]]);
        let reason = NextHops::default()
            .resolve_v6(ip("192.0.2.1"), &here)
            .unwrap_err();
        assert_eq!(
            reason.to_string(),
            "no next hop is configured and the link that holds 192.0.2.1 has no global IPv6 address"
        );
    }

    #[test]
    fn ipv4_goes_by_an_ipv6_next_hop_where_the_peer_understands_that() {
        let here = addresses(&[&["2001:db8:1::1/64", "fe80::1/64"]]);
        let derived = NextHops::default();
        let global = NextHop::v6("2001:db8:1::1".parse().unwrap());
        let local = ip("2001:db8:1::1");
        assert_eq!(derived.announced_v4(local, &here, true), Ok(global));
        assert!(derived.announced_v4(local, &here, false).is_err());
        // With an IPv4 address on the link there is no need for it.
        let both = addresses(&[&["2001:db8:1::1/64", "192.0.2.1/24"]]);
        let v4 = NextHop::V4("192.0.2.1".parse().unwrap());
        assert_eq!(derived.announced_v4(local, &both, true), Ok(v4));
    }

    #[test]
    fn a_session_between_link_local_addresses_announces_ours() {
        let own: Ipv6Addr = "fe80::1".parse().unwrap();
        let here = addresses(&[&["fe80::1/64"]]);
        let alone = NextHop::V6 {
            global: own,
            link_local: Some(own),
        };
        let derived = NextHops::default();
        assert_eq!(derived.announced_v6(own.into(), &here), Ok(alone));
        let here = addresses(&[&["fe80::1/64", "2001:db8:1::1/64"]]);
        let beside = NextHop::V6 {
            global: "2001:db8:1::1".parse().unwrap(),
            link_local: Some(own),
        };
        assert_eq!(derived.announced_v6(own.into(), &here), Ok(beside));
    }
}
