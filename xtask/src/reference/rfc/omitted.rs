//! What is left out on purpose, kept by hand.

/// An RFC, what of it is not there, and why.
pub(super) const OMITTED: [(u32, &str, &str); 11] = [
    (
        4271,
        "passing routes on from one peer to another",
        "the speaker is the edge of a site, not a transit router",
    ),
    (
        4456,
        "route reflection",
        "nothing is passed on; its attributes are read and judged",
    ),
    (
        4760,
        "families other than unicast and multicast of both IP versions",
        "services are unicast; the routes of other families stay octets",
    ),
    (
        5065,
        "confederations",
        "nothing is passed on; their segments are read and judged",
    ),
    (
        5291,
        "Outbound Route Filtering",
        "little is announced, and chosen; filters in a ROUTE-REFRESH are not read",
    ),
    (
        5880,
        "authentication (section 6.7), echo (6.4), demand mode of our own (6.6)",
        "asynchronous mode is what hosts and routers have in common; packets with an \
         authentication section are not believed, and a peer's demand mode is left in peace",
    ),
    (
        5925,
        "TCP-AO",
        "TCP MD5 (RFC 2385) is what all the routers speak that are tried",
    ),
    (
        6368,
        "ATTR_SET",
        "it is for provider edges; it is kept as octets",
    ),
    (
        7606,
        "disabling one address family after a fault",
        "the session is reset, which the RFC allows; the codec says where a family would do",
    ),
    (
        7911,
        "ADD-PATH in sessions of the speaker",
        "a host has one path to an address; the codec reads and writes it",
    ),
    (
        9494,
        "long-lived graceful restart",
        "an address that is away for hours should be gone; capability and communities are read",
    ),
];
