//! What a speaker is told, and the checks made before it starts.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bgp_fsm::PeerConfig;
use bgp_wire::{Asn, BgpIdentifier, Family, HoldTime};

use crate::md5::MAX_KEY_LEN;
use crate::{BfdSettings, NextHops, Secret};

/// The port of BGP (RFC 4271 section 8.2.1).
pub const BGP_PORT: u16 = 179;

/// A whole speaker: itself and its peers.
#[derive(Clone, Debug)]
pub struct SpeakerConfig {
    /// Our autonomous system.
    pub local_as: Asn,
    /// Our BGP Identifier (RFC 4271 section 4.2).
    pub identifier: BgpIdentifier,
    /// Where connections are accepted; empty for no listener. An IPv6 address
    /// listed together with an IPv4 one of the same port takes IPv6 only.
    pub listen: Vec<SocketAddr>,
    /// The peers; no two may have the same address.
    pub peers: Vec<PeerSettings>,
    /// How learned routes become sets of next hops.
    pub multipath: Multipath,
}

impl SpeakerConfig {
    /// A speaker without listener and peers.
    pub fn new(local_as: Asn, identifier: BgpIdentifier) -> Self {
        Self {
            local_as,
            identifier,
            listen: Vec::new(),
            peers: Vec::new(),
            multipath: Multipath::default(),
        }
    }

    /// Checks what no type can say, and configures each peer's state machine.
    pub(crate) fn check(&self) -> Result<Vec<PeerConfig>, ConfigError> {
        if self.local_as.get() == 0 {
            return Err(ConfigError::LocalAsZero);
        }
        if self.identifier.get() == 0 {
            return Err(ConfigError::IdentifierZero);
        }
        let mut seen = BTreeSet::new();
        let mut machines = Vec::with_capacity(self.peers.len());
        for peer in &self.peers {
            if !seen.insert(peer.address.to_canonical()) {
                return Err(ConfigError::DuplicatePeer(peer.address));
            }
            peer.check(!self.listen.is_empty())?;
            machines.push(peer.machine(self)?);
        }
        Ok(machines)
    }
}

/// One peer.
#[derive(Clone, Debug)]
pub struct PeerSettings {
    /// What people call it, in logs and status.
    pub name: Option<String>,
    /// Its address; connections from it are matched by this too.
    pub address: IpAddr,
    /// The port to connect to, [`BGP_PORT`] unless changed.
    pub port: u16,
    /// Its autonomous system; equal to ours makes the session internal.
    pub remote_as: Asn,
    /// The address to connect from; `None` lets the kernel choose.
    pub local_address: Option<IpAddr>,
    /// The key of TCP MD5 signatures (RFC 2385). With a key that cannot be
    /// set there is no connection.
    pub password: Option<Secret>,
    /// Whether we connect or only wait to be connected to.
    pub initiation: Initiation,
    /// The Hold Time we propose, 90 s unless changed (RFC 4271 section 10).
    pub hold_time: HoldTime,
    /// The ConnectRetryTime (RFC 4271 section 8); `None` leaves it to the
    /// state machine's default.
    pub connect_retry: Option<Duration>,
    /// The families we offer; both unless changed.
    pub families: Vec<Family>,
    /// Next hops to announce instead of those derived from the session.
    pub next_hops: NextHops,
    /// How far packets to the peer may travel.
    pub ttl: Ttl,
    /// What becomes of routes it announces.
    pub import: Import,
    /// How many prefixes it may announce before the session is ended with
    /// Cease / Maximum Number of Prefixes Reached (RFC 4486 section 4).
    pub max_prefixes: u32,
    /// BFD with the peer (RFC 5882): a path found broken ends the session with
    /// Cease / BFD Down (RFC 9384). `None` for none.
    pub bfd: Option<BfdSettings>,
}

impl PeerSettings {
    /// A peer we connect to at port 179, with both families and defaults.
    pub fn new(address: IpAddr, remote_as: Asn) -> Self {
        Self {
            name: None,
            address,
            port: BGP_PORT,
            remote_as,
            local_address: None,
            password: None,
            initiation: Initiation::default(),
            hold_time: HoldTime::default(),
            connect_retry: None,
            families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
            next_hops: NextHops::default(),
            ttl: Ttl::default(),
            import: Import::default(),
            max_prefixes: DEFAULT_MAX_PREFIXES,
            bfd: None,
        }
    }

    fn check(&self, listening: bool) -> Result<(), ConfigError> {
        let peer = self.address;
        if self.remote_as.get() == 0 {
            return Err(ConfigError::PeerAsZero(peer));
        }
        if peer.is_unspecified() || peer.is_multicast() {
            return Err(ConfigError::PeerAddress(peer));
        }
        if self.port == 0 && self.initiation == Initiation::Active {
            return Err(ConfigError::PeerPortZero(peer));
        }
        if self.initiation == Initiation::Passive && !listening {
            return Err(ConfigError::PassiveWithoutListener(peer));
        }
        if self
            .local_address
            .is_some_and(|local| local.is_ipv4() != peer.is_ipv4())
        {
            return Err(ConfigError::LocalAddressFamily(peer));
        }
        if let Some(key) = &self.password {
            let length = key.octets().len();
            if length == 0 || length > MAX_KEY_LEN {
                return Err(ConfigError::PasswordLength { peer, length });
            }
        }
        if self.ttl == Ttl::Hops(0) {
            return Err(ConfigError::TtlZero(peer));
        }
        if let Some(Err(error)) = self.bfd.map(|bfd| bfd.timing()) {
            return Err(ConfigError::Bfd { peer, error });
        }
        let known = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];
        if let Some(family) = self.families.iter().find(|f| !known.contains(f)) {
            return Err(ConfigError::Family {
                peer,
                family: *family,
            });
        }
        Ok(())
    }

    fn machine(&self, speaker: &SpeakerConfig) -> Result<PeerConfig, ConfigError> {
        let wrong = |error| ConfigError::StateMachine {
            peer: self.address,
            error,
        };
        let mut machine = PeerConfig::new(speaker.local_as, speaker.identifier, self.remote_as)
            .and_then(|machine| machine.families(self.families.iter().copied()))
            .map_err(wrong)?
            .hold_time(self.hold_time);
        if let Some(time) = self.connect_retry {
            machine = machine.connect_retry_time(time);
        }
        Ok(match self.initiation {
            Initiation::Active => machine,
            Initiation::Passive => machine.passive(),
        })
    }
}

/// Who opens the TCP connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Initiation {
    /// We connect, and accept connections too when there is a listener.
    #[default]
    Active,
    /// Only the peer connects (PassiveTcpEstablishment, RFC 4271 section 8).
    Passive,
}

/// The time to live of packets to a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ttl {
    /// One hop for an external peer, the kernel's default for an internal one.
    #[default]
    Automatic,
    /// This many hops.
    Hops(u8),
}

/// What becomes of the routes that a peer announces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Import {
    /// They are checked and forgotten (RFC 8212's default).
    #[default]
    Reject,
    /// They are candidates for [`LearnedRoutes`](crate::LearnedRoutes).
    Accept,
}

/// When several paths to one prefix are used at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multipath {
    /// Which paths may stand beside the best one.
    pub beside_best: BesideBest,
    /// The most next hops of one prefix; at least one is always used.
    pub max_next_hops: usize,
}

impl Default for Multipath {
    fn default() -> Self {
        Self {
            beside_best: BesideBest::default(),
            max_next_hops: 64,
        }
    }
}

/// Which external paths are as good as the best one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BesideBest {
    /// Those with an AS_PATH of the same length, through whatever systems
    /// (what others call multipath-relax).
    #[default]
    SameLength,
    /// Those with the very same AS_PATH.
    SamePath,
}

/// What is wrong with a [`SpeakerConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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
    DuplicatePeer(IpAddr),
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

/// More than the Internet's table has today, and still a bound on memory.
const DEFAULT_MAX_PREFIXES: u32 = 2_000_000;
