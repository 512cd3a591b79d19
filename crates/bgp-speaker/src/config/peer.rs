//! What a speaker is told of one peer, and the checks of that.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use bgp_fsm::{PeerConfig, PrefixLimit, RoleCheck, Support};
use bgp_wire::{Asn, Family, HoldTime, Role};

use super::key::is_anybody;
use super::{ConfigError, Export, Import, PeerKey, RemoteAs, SpeakerConfig, export, is_link_local};
use crate::md5::MAX_KEY_LEN;
use crate::{BfdSettings, GracefulRestart, NextHops, Secret};

/// The port of BGP (RFC 4271 section 8.2.1).
pub const BGP_PORT: u16 = 179;

/// One peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerSettings {
    /// What people call it, in logs and status.
    pub name: Option<String>,
    /// Its address; connections from it are matched by this too.
    pub address: IpAddr,
    /// The interface that a link-local address belongs to; `None` for others.
    pub interface: Option<String>,
    /// The port to connect to, [`BGP_PORT`] unless changed.
    pub port: u16,
    /// Its autonomous system; equal to ours makes the session internal.
    pub remote_as: RemoteAs,
    /// What we say our autonomous system is; `None` for the speaker's.
    pub local_as: Option<Asn>,
    /// The address to connect from; `None` lets the kernel choose.
    pub local_address: Option<IpAddr>,
    /// The key of TCP MD5 signatures (RFC 2385). With a key that cannot be
    /// set there is no connection.
    pub password: Option<Secret>,
    /// Whether we connect or only wait to be connected to.
    pub initiation: Initiation,
    /// The Hold Time we propose, 90 s unless changed (RFC 4271 section 10).
    pub hold_time: HoldTime,
    /// The pause between KEEPALIVEs, if it shall be shorter than a third of
    /// the hold time. `None` in this and the following timers leaves them to
    /// the state machine's defaults.
    pub keepalive: Option<Duration>,
    /// The ConnectRetryTime (RFC 4271 section 8).
    pub connect_retry: Option<Duration>,
    /// The IdleHoldTime (RFC 4271 section 8.1.1).
    pub idle_hold: Option<IdleHold>,
    /// The DelayOpenTime (RFC 4271 section 8.1.1).
    pub delay_open: Option<Duration>,
    /// The SendHoldTime (RFC 9687); zero for no end.
    pub send_hold: Option<Duration>,
    /// The families we offer; both unless changed.
    pub families: Vec<Family>,
    /// Next hops to announce instead of those derived from the session.
    pub next_hops: NextHops,
    /// What is said of routes to this peer alone.
    pub export: Export,
    /// How far packets to the peer may travel.
    pub ttl: Ttl,
    /// What becomes of routes it announces.
    pub import: Import,
    /// The degree of preference of its routes, whatever it says of them (RFC
    /// 4271 section 9.1.1).
    pub import_preference: Option<u32>,
    /// How many prefixes of each family it may announce before the session is
    /// ended with Cease / Maximum Number of Prefixes Reached (RFC 4486 section
    /// 4). Three quarters of it are worth a warning.
    pub max_prefixes: u32,
    /// After how long such a peer is tried again, 5 minutes unless changed.
    pub max_prefixes_pause: Duration,
    /// Graceful restart, offered unless changed to `None`.
    pub graceful_restart: Option<GracefulRestart>,
    /// What we are to an external peer (RFC 9234 section 4): routes it must
    /// not have sent us are not used, and those it must not get are not sent.
    /// `None` to leave that alone; of no consequence to an internal peer.
    pub role: Option<Role>,
    /// Whether a peer that does not tell its own role is refused (RFC 9234
    /// section 4.2).
    pub role_strict: bool,
    /// BFD with the peer (RFC 5882): a path found broken ends the session with
    /// Cease / BFD Down (RFC 9384). `None` for none.
    pub bfd: Option<BfdSettings>,
}

impl PeerSettings {
    /// A peer we connect to at port 179, with both families and defaults.
    pub fn new(address: IpAddr, remote_as: impl Into<RemoteAs>) -> Self {
        Self {
            name: None,
            address,
            interface: None,
            port: BGP_PORT,
            remote_as: remote_as.into(),
            local_as: None,
            local_address: None,
            password: None,
            initiation: Initiation::default(),
            hold_time: HoldTime::default(),
            keepalive: None,
            connect_retry: None,
            idle_hold: None,
            delay_open: None,
            send_hold: None,
            families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
            next_hops: NextHops::default(),
            export: Export::default(),
            ttl: Ttl::default(),
            import: Import::default(),
            import_preference: None,
            max_prefixes: DEFAULT_MAX_PREFIXES,
            max_prefixes_pause: DEFAULT_MAX_PREFIXES_PAUSE,
            graceful_restart: Some(GracefulRestart::default()),
            role: None,
            role_strict: false,
            bfd: None,
        }
    }

    /// The router on `interface`, found by its link-local address there, with
    /// both families and defaults. Its address is `::`.
    ///
    /// Of several the first one that is heard, or connects to us, is taken; it
    /// stays while its session does, and without one until it was not heard
    /// for half a minute. See
    /// [`SpeakerHandle::set_peer_links`](crate::SpeakerHandle::set_peer_links)
    /// for what the speaker has to be told for that.
    pub fn on_interface(interface: impl Into<String>, remote_as: impl Into<RemoteAs>) -> Self {
        Self {
            interface: Some(interface.into()),
            ..Self::new(Ipv6Addr::UNSPECIFIED.into(), remote_as)
        }
    }

    /// What tells this peer from others.
    pub fn key(&self) -> PeerKey {
        PeerKey::new(self.address, self.interface.as_deref())
    }

    /// The autonomous system that we are to this peer.
    pub(crate) fn own_as(&self, speaker: Asn) -> Asn {
        self.local_as.unwrap_or(speaker)
    }

    pub(super) fn check(&self, listening: bool) -> Result<(), ConfigError> {
        let peer = self.address;
        if self.remote_as == RemoteAs::Number(Asn::new(0))
            || self.local_as.is_some_and(|asn| asn.get() == 0)
        {
            return Err(ConfigError::PeerAsZero(peer));
        }
        if let Some(interface) = self.interface.as_ref().filter(|_| is_anybody(peer)) {
            if self.password.is_some() {
                return Err(ConfigError::Anybody(interface.clone()));
            }
        } else if peer.is_unspecified() || peer.is_multicast() {
            return Err(ConfigError::PeerAddress(peer));
        } else if is_link_local(peer) != self.interface.is_some() {
            return Err(match self.interface {
                None => ConfigError::InterfaceMissing(peer),
                Some(_) => ConfigError::InterfaceUseless(peer),
            });
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
        match self.ttl {
            Ttl::Hops(0) => return Err(ConfigError::TtlZero(peer)),
            Ttl::Security { hops: 0 | 255 } => return Err(ConfigError::TtlSecurity(peer)),
            _ => {}
        }
        if self.export.prepend > export::MAX_PREPEND {
            let times = self.export.prepend;
            return Err(ConfigError::Prepend { peer, times });
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

    pub(super) fn machine(&self, speaker: &SpeakerConfig) -> Result<PeerConfig, ConfigError> {
        let wrong = |error| ConfigError::StateMachine {
            peer: self.address,
            error,
        };
        let local_as = self.own_as(speaker.local_as);
        let machine = match self.remote_as {
            RemoteAs::Number(asn) => PeerConfig::new(local_as, speaker.identifier, asn),
            RemoteAs::Internal => PeerConfig::new(local_as, speaker.identifier, local_as),
            RemoteAs::External => PeerConfig::external(local_as, speaker.identifier),
        };
        let mut machine = machine
            .and_then(|machine| machine.families(self.families.iter().copied()))
            .map_err(wrong)?
            .hold_time(self.hold_time);
        if let Some(time) = self.keepalive {
            machine = machine.keepalive_time(time);
        }
        if let Some(time) = self.connect_retry {
            machine = machine.connect_retry_time(time);
        }
        if let Some(IdleHold { first, longest }) = self.idle_hold {
            machine = machine.idle_hold_time(first, longest);
        }
        if let Some(time) = self.delay_open {
            machine = machine.delay_open_time(time);
        }
        if let Some(time) = self.send_hold {
            machine = machine.send_hold_time(time);
        }
        // Where the session itself is IPv6 there may be no IPv4 on the link.
        if self.address.to_canonical().is_ipv6() {
            machine = machine.extended_next_hop(Support::Supported);
        }
        if let Some(role) = self.role {
            let check = match self.role_strict {
                true => RoleCheck::Strict,
                false => RoleCheck::Lenient,
            };
            machine = machine.role(role, check);
        }
        if let Some(restart) = self.graceful_restart {
            let families = self.families.iter().copied();
            machine = machine.graceful_restart(restart.machine(families, speaker.restarting));
        }
        let limit = PrefixLimit::new(self.max_prefixes)
            .warning_at(self.max_prefixes - self.max_prefixes / 4)
            .restart_after(self.max_prefixes_pause);
        for family in &self.families {
            machine = machine.prefix_limit(*family, limit);
        }
        Ok(match self.initiation {
            Initiation::Active => machine,
            Initiation::Passive => machine.passive(),
        })
    }
}

/// The pauses after a session's failures (RFC 4271 section 8.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleHold {
    /// After the first one; each further one doubles it.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl IdleHold {
    /// What the state machine does without other orders.
    pub const DEFAULT: Self = Self {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(60),
    };
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
    /// We send with TTL 255 and the kernel drops what has come farther than
    /// this many hops, 1 for a peer on the link (RFC 5082).
    Security {
        /// How far away the peer may be.
        hops: u8,
    },
}

/// More than the Internet's table has today, and still a bound on memory.
const DEFAULT_MAX_PREFIXES: u32 = 2_000_000;
const DEFAULT_MAX_PREFIXES_PAUSE: Duration = Duration::from_secs(300);
