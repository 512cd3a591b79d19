//! The rows of the table: what is tried with every program.

/// What is tried; the order is that of the table, and the restarts come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    V4OverV4,
    V6OverV4,
    BothOverV6,
    ExtendedNextHop,
    FourOctetAs,
    StandardCommunities,
    ExtendedCommunities,
    LargeCommunities,
    Password,
    ShutdownReceived,
    ShutdownSent,
    RefreshTheirs,
    RefreshOurs,
    WeRestart,
    TheyRestart,
    Bfd,
    Unnumbered,
}

impl Feature {
    pub(super) const ALL: [Self; 17] = [
        Self::V4OverV4,
        Self::V6OverV4,
        Self::BothOverV6,
        Self::ExtendedNextHop,
        Self::FourOctetAs,
        Self::StandardCommunities,
        Self::ExtendedCommunities,
        Self::LargeCommunities,
        Self::Password,
        Self::ShutdownReceived,
        Self::ShutdownSent,
        Self::RefreshTheirs,
        Self::RefreshOurs,
        Self::WeRestart,
        Self::TheyRestart,
        Self::Bfd,
        Self::Unnumbered,
    ];

    /// The name of its case.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::V4OverV4 => "ipv4_prefixes_both_ways_over_ipv4",
            Self::V6OverV4 => "ipv6_prefixes_both_ways_over_ipv4",
            Self::BothOverV6 => "both_families_both_ways_over_ipv6",
            Self::ExtendedNextHop => "ipv4_prefixes_with_ipv6_next_hops_both_ways",
            Self::FourOctetAs => "as_numbers_of_four_octets_both_ways",
            Self::StandardCommunities => "communities_both_ways",
            Self::ExtendedCommunities => "extended_communities_both_ways",
            Self::LargeCommunities => "large_communities_both_ways",
            Self::Password => "md5_passwords_must_agree",
            Self::ShutdownReceived => "their_graceful_shutdown_is_heard",
            Self::ShutdownSent => "our_graceful_shutdown_is_heard",
            Self::RefreshTheirs => "their_route_refresh_is_answered",
            Self::RefreshOurs => "our_route_refresh_is_answered",
            Self::WeRestart => "they_keep_our_routes_while_we_restart",
            Self::TheyRestart => "we_keep_their_routes_while_they_restart",
            Self::Bfd => "bfd_comes_up",
            Self::Unnumbered => "both_families_with_a_peer_found_on_its_interface",
        }
    }

    /// Its row's title.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::V4OverV4 => "IPv4 prefixes both ways over IPv4 (RFC 4271)",
            Self::V6OverV4 => "IPv6 prefixes both ways over IPv4 (RFC 4760, 2545)",
            Self::BothOverV6 => "IPv4 and IPv6 prefixes both ways over IPv6",
            Self::ExtendedNextHop => "IPv4 prefixes with IPv6 next hops both ways (RFC 8950)",
            Self::FourOctetAs => "AS numbers above 65535 on both sides (RFC 6793)",
            Self::StandardCommunities => "Communities both ways (RFC 1997)",
            Self::ExtendedCommunities => "Extended communities both ways (RFC 4360)",
            Self::LargeCommunities => "Large communities both ways (RFC 8092)",
            Self::Password => "TCP MD5: one key on both sides, and none with two (RFC 2385)",
            Self::ShutdownReceived => "GRACEFUL_SHUTDOWN from them (RFC 8326)",
            Self::ShutdownSent => "GRACEFUL_SHUTDOWN from us (RFC 8326)",
            Self::RefreshTheirs => "They ask for our routes again (RFC 2918)",
            Self::RefreshOurs => "We ask for their routes again (RFC 2918)",
            Self::WeRestart => "We are killed and start again, they keep our routes (RFC 4724)",
            Self::TheyRestart => "They are killed and start again, we keep their routes (RFC 4724)",
            Self::Bfd => "Bidirectional Forwarding Detection (RFC 5880, 5881)",
            Self::Unnumbered => {
                "Both families both ways with a peer found on its interface (RFC 4861)"
            }
        }
    }
}
