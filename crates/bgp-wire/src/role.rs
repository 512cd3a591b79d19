//! Who is whose customer: roles and route leaks (RFC 9234).

use core::fmt;

use crate::number::Asn;

/// What a speaker says it is to its peer (RFC 9234 section 4.1). Values
/// outside of 0 to 4 are kept and fit none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(pub u8);

impl Role {
    /// It gives the peer transit.
    pub const PROVIDER: Self = Self(0);
    /// It is a route server, the peer its client.
    pub const ROUTE_SERVER: Self = Self(1);
    /// It is a client of the peer, a route server.
    pub const ROUTE_SERVER_CLIENT: Self = Self(2);
    /// It gets transit from the peer.
    pub const CUSTOMER: Self = Self(3);
    /// Both exchange their own and their customers' routes.
    pub const PEER: Self = Self(4);

    /// Whether two ends of a session that say this of themselves can mean the
    /// same (RFC 9234 section 4.2). If not, the session ends with Role
    /// Mismatch.
    #[must_use]
    pub const fn fits(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::PROVIDER, Self::CUSTOMER)
                | (Self::CUSTOMER, Self::PROVIDER)
                | (Self::ROUTE_SERVER, Self::ROUTE_SERVER_CLIENT)
                | (Self::ROUTE_SERVER_CLIENT, Self::ROUTE_SERVER)
                | (Self::PEER, Self::PEER)
        )
    }

    /// What ONLY_TO_CUSTOMER of a route is once it came in over a session of
    /// this own role from `peer_as` (RFC 9234 section 5, of external sessions
    /// and unicast routes only).
    ///
    /// # Errors
    ///
    /// The route is a leak and must not be used.
    pub fn only_to_customer_in(
        self,
        received: Option<Asn>,
        peer_as: Asn,
    ) -> Result<Option<Asn>, RouteLeak> {
        match (self, received) {
            // From below, no route may have been sent down before.
            (Self::PROVIDER | Self::ROUTE_SERVER, Some(_)) => Err(RouteLeak),
            (Self::PEER, Some(asn)) if asn != peer_as => Err(RouteLeak),
            (Self::PEER | Self::CUSTOMER | Self::ROUTE_SERVER_CLIENT, None) => Ok(Some(peer_as)),
            _ => Ok(received),
        }
    }

    /// What ONLY_TO_CUSTOMER of a route has to be when it goes out over a
    /// session of this own role (RFC 9234 section 5, of external sessions and
    /// unicast routes only).
    ///
    /// # Errors
    ///
    /// Sending the route would be a leak.
    pub fn only_to_customer_out(
        self,
        held: Option<Asn>,
        local_as: Asn,
    ) -> Result<Option<Asn>, RouteLeak> {
        match (self, held) {
            (Self::CUSTOMER | Self::PEER | Self::ROUTE_SERVER_CLIENT, Some(_)) => Err(RouteLeak),
            (Self::PROVIDER | Self::PEER | Self::ROUTE_SERVER, None) => Ok(Some(local_as)),
            _ => Ok(held),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::PROVIDER => f.write_str("provider"),
            Self::ROUTE_SERVER => f.write_str("route-server"),
            Self::ROUTE_SERVER_CLIENT => f.write_str("route-server-client"),
            Self::CUSTOMER => f.write_str("customer"),
            Self::PEER => f.write_str("peer"),
            Self(other) => write!(f, "role-{other}"),
        }
    }
}

/// A route on its way from one peer or provider to another (RFC 7908).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("route was sent to customers only and may not go further")]
pub struct RouteLeak;

#[cfg(test)]
mod tests {
    use super::*;

    const US: Asn = Asn::new(64512);
    const THEM: Asn = Asn::new(64513);
    const OTHER: Asn = Asn::new(64514);
    const ALL: [Role; 6] = [
        Role::PROVIDER,
        Role::ROUTE_SERVER,
        Role::ROUTE_SERVER_CLIENT,
        Role::CUSTOMER,
        Role::PEER,
        Role(5),
    ];

    #[test]
    fn five_pairs_of_roles_fit() {
        let pairs = ALL.into_iter().flat_map(|a| ALL.map(|b| (a, b)));
        let fitting: Vec<_> = pairs.filter(|(a, b)| a.fits(*b)).collect();
        assert_eq!(fitting.len(), 5);
        assert!(fitting.iter().all(|(a, b)| b.fits(*a)));
    }

    #[test]
    fn routes_that_came_down_are_refused_from_below() {
        for role in [Role::PROVIDER, Role::ROUTE_SERVER] {
            assert_eq!(role.only_to_customer_in(Some(THEM), THEM), Err(RouteLeak));
            assert_eq!(role.only_to_customer_in(None, THEM), Ok(None));
        }
    }

    #[test]
    fn peers_may_only_send_their_own() {
        let peer = Role::PEER;
        assert_eq!(peer.only_to_customer_in(Some(OTHER), THEM), Err(RouteLeak));
        assert_eq!(peer.only_to_customer_in(Some(THEM), THEM), Ok(Some(THEM)));
        assert_eq!(peer.only_to_customer_in(None, THEM), Ok(Some(THEM)));
    }

    #[test]
    fn routes_from_above_are_marked() {
        for role in [Role::CUSTOMER, Role::ROUTE_SERVER_CLIENT] {
            assert_eq!(role.only_to_customer_in(None, THEM), Ok(Some(THEM)));
            assert_eq!(role.only_to_customer_in(Some(OTHER), THEM), Ok(Some(OTHER)));
        }
    }

    #[test]
    fn marked_routes_go_down_only() {
        for role in [Role::CUSTOMER, Role::PEER, Role::ROUTE_SERVER_CLIENT] {
            assert_eq!(role.only_to_customer_out(Some(THEM), US), Err(RouteLeak));
        }
        for role in [Role::PROVIDER, Role::ROUTE_SERVER] {
            assert_eq!(role.only_to_customer_out(Some(THEM), US), Ok(Some(THEM)));
        }
    }

    #[test]
    fn routes_sent_down_or_sideways_are_marked() {
        for role in [Role::PROVIDER, Role::PEER, Role::ROUTE_SERVER] {
            assert_eq!(role.only_to_customer_out(None, US), Ok(Some(US)));
        }
        for role in [Role::CUSTOMER, Role::ROUTE_SERVER_CLIENT] {
            assert_eq!(role.only_to_customer_out(None, US), Ok(None));
        }
    }

    #[test]
    fn unknown_roles_change_nothing() {
        for value in [None, Some(OTHER)] {
            assert_eq!(Role(5).only_to_customer_in(value, THEM), Ok(value));
            assert_eq!(Role(5).only_to_customer_out(value, US), Ok(value));
        }
    }
}
