//! What can be wrong with a configuration.

use std::net::IpAddr;

use bgp_wire::Family;
use ipnet::IpNet;

use super::PeerKey;

/// What is wrong with a [`SpeakerConfig`](crate::SpeakerConfig).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// AS 0 is reserved (RFC 7607).
    #[error("local AS 0 is reserved and cannot be used")]
    LocalAsZero,
    /// The BGP Identifier must not be zero (RFC 6286 section 2.1).
    #[error("BGP identifier 0.0.0.0 cannot be used")]
    IdentifierZero,
    /// Two peers share an address.
    #[error("peer {0} is listed twice")]
    DuplicatePeer(PeerKey),
    /// Whose signatures to check is not known.
    #[error("peer on {0}: without an address it can have no password")]
    Anybody(String),
    /// A link-local address says nothing alone.
    #[error("peer {0}: a link-local address needs an interface")]
    InterfaceMissing(IpAddr),
    /// Routing finds the interface of other addresses.
    #[error("peer {0}: only a link-local address has an interface")]
    InterfaceUseless(IpAddr),
    /// AS 0 is reserved (RFC 7607).
    #[error("peer {0}: AS 0 is reserved and cannot be used")]
    PeerAsZero(IpAddr),
    /// The address cannot be a peer's.
    #[error("peer {0}: not an address that a peer can have")]
    PeerAddress(IpAddr),
    /// Nothing can be reached at port 0.
    #[error("peer {0}: port 0 cannot be connected to")]
    PeerPortZero(IpAddr),
    /// A passive peer can never come up without a listener.
    #[error("peer {0} is passive, but there is no address to listen on")]
    PassiveWithoutListener(IpAddr),
    /// Local and remote address are of different families.
    #[error("peer {0}: the local address is of the other address family")]
    LocalAddressFamily(IpAddr),
    /// The kernel takes keys of 1 to 80 octets.
    #[error("peer {peer}: the password has {length} octets, 1 to 80 are possible")]
    PasswordLength {
        /// Whose password.
        peer: IpAddr,
        /// How long it is.
        length: usize,
    },
    /// A packet with TTL 0 never leaves.
    #[error("peer {0}: TTL 0 cannot be used")]
    TtlZero(IpAddr),
    /// More hops than a packet can make.
    #[error("peer {0}: TTL security needs a distance of 1 to 254 hops")]
    TtlSecurity(IpAddr),
    /// A path that no receiver could take.
    #[error("peer {peer}: the AS cannot be prepended {times} times, at most 64 are possible")]
    Prepend {
        /// Whose setting.
        peer: IpAddr,
        /// How often it was asked for.
        times: u8,
    },
    /// Two templates take the same addresses.
    #[error("dynamic peers of {0} are listed twice")]
    DuplicateDynamic(IpNet),
    /// Nobody could ever come.
    #[error("dynamic peers of {0} can connect to no address, since there is none to listen on")]
    DynamicWithoutListener(IpNet),
    /// There would never be one.
    #[error("dynamic peers of {0}: a limit of 0 admits nobody")]
    DynamicLimitZero(IpNet),
    /// A family we cannot carry.
    #[error("peer {peer}: family {family} is not supported, ipv4-unicast and ipv6-unicast are")]
    Family {
        /// Whose setting.
        peer: IpAddr,
        /// The family asked for.
        family: Family,
    },
    /// Times that BFD cannot keep.
    #[error("peer {peer}: {error}")]
    Bfd {
        /// Whose setting.
        peer: IpAddr,
        /// What is wrong, and what is possible.
        error: bfd::ConfigError,
    },
    /// The state machine has an objection.
    #[error("peer {peer}: {error}")]
    StateMachine {
        /// Whose setting.
        peer: IpAddr,
        /// The objection.
        error: bgp_fsm::ConfigError,
    },
}
