//! Which peer is meant by what people write.

use std::fmt;
use std::net::IpAddr;

use crate::{PeerKey, PeerStatus, SpeakerHandle};

/// Why a name does not stand for one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// For none of those there are.
    Unknown {
        /// What was written.
        name: String,
        /// Every peer.
        peers: Vec<PeerKey>,
    },
    /// For several.
    Ambiguous {
        /// What was written.
        name: String,
        /// Each of them, as it is called alone.
        peers: Vec<PeerKey>,
    },
}

impl SpeakerHandle {
    /// The peer that is meant by its key as it is displayed: an address, an
    /// address with its interface (`fe80::1%eth0`), or the interface of a peer
    /// that is whoever is there. A link-local address alone, and one that was
    /// found on an interface, do as long as no other peer has it; so does an
    /// interface with one peer.
    ///
    /// # Errors
    ///
    /// No peer is called so, or several are.
    pub fn find_peer(&self, name: &str) -> Result<PeerKey, NameError> {
        find(&self.shared.statuses.borrow(), name)
    }
}

fn find(peers: &[PeerStatus], name: &str) -> Result<PeerKey, NameError> {
    let keys = || peers.iter().map(PeerStatus::key);
    let canonical = name.parse::<IpAddr>().map(PeerKey::from);
    let exact = |key: &PeerKey| canonical.as_ref() == Ok(key) || key.to_string() == name;
    if let Some(key) = keys().find(exact) {
        return Ok(key);
    }
    let called = peers.iter().filter(|peer| is_called(peer, name));
    let mut called: Vec<_> = called.map(PeerStatus::key).collect();
    match (called.pop(), called.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            called.push(last);
            Err(NameError::Ambiguous {
                name: name.to_owned(),
                peers: called,
            })
        }
        (None, _) => Err(NameError::Unknown {
            name: name.to_owned(),
            peers: keys().collect(),
        }),
    }
}

/// Whether the name may stand for this peer though it is not its key.
fn is_called(peer: &PeerStatus, name: &str) -> bool {
    let (address, interface) = match name.split_once('%') {
        Some((address, interface)) => (address, Some(interface)),
        None => (name, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return interface.is_none() && peer.interface.as_deref() == Some(name);
    };
    let address = address.to_canonical();
    let here = peer.address.to_canonical() == address || peer.neighbour == Some(address);
    here && interface.is_none_or(|interface| peer.interface.as_deref() == Some(interface))
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, between) = match self {
            Self::Unknown { name, peers } if peers.is_empty() => {
                return write!(f, "{name} is no peer: there are none");
            }
            Self::Unknown { name, peers } => {
                write!(f, "{name} is no peer: there are ")?;
                (peers, ", ")
            }
            Self::Ambiguous { name, peers } => {
                write!(f, "{name} may be ")?;
                (peers, " or ")
            }
        };
        for (place, key) in all.iter().take(NAMED).enumerate() {
            let between = if place > 0 { between } else { "" };
            write!(f, "{between}{key}")?;
        }
        match all.len().checked_sub(NAMED) {
            Some(more @ 1..) => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for NameError {}

/// How many peers an error names; there may be thousands.
const NAMED: usize = 8;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use bgp_wire::Asn;

    use super::*;
    use crate::PeerSettings;

    fn peer(address: &str, interface: Option<&str>) -> PeerStatus {
        let settings = PeerSettings {
            interface: interface.map(str::to_owned),
            ..PeerSettings::new(address.parse::<IpAddr>().unwrap(), Asn::new(64513))
        };
        PeerStatus::new(0, &settings, Asn::new(65001))
    }

    fn found(interface: &str, neighbour: Option<&str>) -> PeerStatus {
        let mut found = peer("::", Some(interface));
        found.neighbour = neighbour.map(|it| it.parse().unwrap());
        found
    }

    fn called(peers: &[PeerStatus], name: &str) -> String {
        match find(peers, name) {
            Ok(key) => key.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_peer_has_a_name_of_its_own_and_others_that_are_clear() {
        let peers = [
            peer("192.0.2.1", None),
            peer("fe80::1", Some("eth0")),
            peer("fe80::1", Some("eth1")),
            peer("fe80::2", Some("eth1")),
            found("eth2", Some("fe80::7")),
            found("eth3", None),
            peer("fe80::3", Some("eth3")),
        ];
        for (name, meant) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("fe80:0::1%eth1", "fe80::1%eth1"),
            ("fe80::2", "fe80::2%eth1"),
            ("eth0", "fe80::1%eth0"),
            ("eth2", "eth2"),
            ("fe80::7", "eth2"),
            ("fe80::7%eth2", "eth2"),
            ("eth3", "eth3"),
        ] {
            assert_eq!(called(&peers, name), meant, "{name}");
        }
        for (name, why) in [
            ("fe80::1", "fe80::1 may be fe80::1%eth0 or fe80::1%eth1"),
            ("eth1", "eth1 may be fe80::1%eth1 or fe80::2%eth1"),
            ("::", ":: may be eth2 or eth3"),
        ] {
            assert_eq!(called(&peers, name), why);
        }
    }

    #[test]
    fn a_name_that_nobody_has_is_answered_with_those_there_are() {
        assert_eq!(called(&[], "eth0"), "eth0 is no peer: there are none");
        let two = [peer("192.0.2.1", None), found("eth2", None)];
        for name in [
            "fe80::1%eth2",
            "192.0.2.1%eth2",
            "eth",
            "",
            "%",
            "192.0.2.2",
        ] {
            let why = format!("{name} is no peer: there are 192.0.2.1, eth2");
            assert_eq!(called(&two, name), why);
        }
        let many = (0..20).map(|host| peer(&Ipv4Addr::new(192, 0, 2, host).to_string(), None));
        let many: Vec<_> = many.collect();
        let why = called(&many, &Ipv6Addr::LOCALHOST.to_string());
        assert!(why.ends_with(", 192.0.2.7 and 12 more"), "{why}");
    }
}
