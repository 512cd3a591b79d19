//! Whose connections are let in at all: known where they are accepted, so that
//! strangers take no place that somebody else waits for.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{PoisonError, RwLock};

use ipnet::IpNet;

use crate::config::is_link_local;
use crate::{DynamicPeers, PeerKey};

/// Everybody who may connect; changes while connections are accepted.
#[derive(Debug, Default)]
pub(crate) struct Guests(RwLock<List>);

#[derive(Debug, Default)]
struct List {
    /// Peers with an address. An interface is not looked at here: what it is
    /// called takes a question to the kernel.
    addresses: BTreeSet<IpAddr>,
    prefixes: Vec<IpNet>,
    /// Somebody on an interface may come from any link-local address.
    anybody: bool,
}

impl Guests {
    /// Lets these in, and nobody else.
    pub(crate) fn set<'a>(
        &self,
        peers: impl Iterator<Item = &'a PeerKey>,
        dynamic: &[DynamicPeers],
    ) {
        let addresses: BTreeSet<_> = peers.map(|key| key.address().to_canonical()).collect();
        let list = List {
            anybody: addresses.iter().any(IpAddr::is_unspecified),
            prefixes: dynamic.iter().map(|dynamic| dynamic.prefix).collect(),
            addresses,
        };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = list;
    }

    /// Whether somebody from there may be one of them.
    pub(crate) fn expect(&self, from: SocketAddr) -> bool {
        let list = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let address = from.ip().to_canonical();
        list.addresses.contains(&address)
            || list.prefixes.iter().any(|prefix| prefix.contains(&address))
            || (list.anybody && is_link_local(address))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use bgp_wire::Asn;

    use super::*;
    use crate::PeerSettings;

    fn expects(guests: &Guests, from: &str) -> bool {
        guests.expect(SocketAddr::new(from.parse().unwrap(), 40_000))
    }

    #[test]
    fn peers_and_those_of_their_prefixes_are_let_in_and_strangers_are_not() {
        let guests = Guests::default();
        assert!(!expects(&guests, "192.0.2.1"));
        let peer = PeerKey::from(IpAddr::from([192, 0, 2, 1]));
        let template = PeerSettings::new(IpAddr::from([0, 0, 0, 0]), Asn::new(64513));
        let dynamic = DynamicPeers::new("198.51.100.0/24".parse().unwrap(), 1, template);
        guests.set([&peer].into_iter(), &[dynamic]);
        for (from, expected) in [
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", true),
            ("198.51.100.77", true),
            ("::ffff:198.51.100.77", true),
            ("192.0.2.2", false),
            ("fe80::1", false),
        ] {
            assert_eq!(expects(&guests, from), expected, "{from}");
        }
        guests.set([].into_iter(), &[]);
        assert!(!expects(&guests, "192.0.2.1"));
    }

    #[test]
    fn anybody_on_an_interface_has_a_link_local_address() {
        let guests = Guests::default();
        let anybody = PeerKey::new(Ipv6Addr::UNSPECIFIED.into(), Some("eth0"));
        guests.set([&anybody].into_iter(), &[]);
        assert!(expects(&guests, "fe80::1"));
        assert!(!expects(&guests, "2001:db8::1"));
        assert!(!expects(&guests, "192.0.2.1"));
    }
}
