//! Connection collisions (RFC 4271 section 6.8, RFC 6286 section 2.3).

use bgp_wire::{Asn, BgpIdentifier};

use crate::io::Connection;

/// One end of a session, ordered as collisions ask: by identifier as a
/// number, then by AS number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Speaker {
    pub(crate) identifier: BgpIdentifier,
    pub(crate) asn: Asn,
}

/// The connection that stays: the one the higher speaker dialled.
///
/// Both ends compute the same from swapped arguments, unless they are equal,
/// which OPEN validation excludes.
pub(crate) fn survivor(local: Speaker, remote: Speaker) -> Connection {
    if local > remote {
        Connection::Outgoing
    } else {
        Connection::Incoming
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn speaker(identifier: [u8; 4], asn: u32) -> Speaker {
        Speaker {
            identifier: Ipv4Addr::from(identifier).into(),
            asn: Asn::new(asn),
        }
    }

    #[test]
    fn the_higher_identifier_keeps_what_it_dialled() {
        let low = speaker([10, 0, 0, 9], 65009);
        let high = speaker([192, 0, 2, 1], 65001);
        assert_eq!(survivor(high, low), Connection::Outgoing);
        assert_eq!(survivor(low, high), Connection::Incoming);
    }

    #[test]
    fn equal_identifiers_leave_it_to_the_higher_as() {
        let low = speaker([10, 0, 0, 1], 65001);
        let high = speaker([10, 0, 0, 1], 4_200_000_000);
        assert_eq!(survivor(high, low), Connection::Outgoing);
        assert_eq!(survivor(low, high), Connection::Incoming);
    }
}
