//! What is known of a peer before it speaks.

mod prefix_limit;
mod restart;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bgp_wire::{Afi, Asn, BgpIdentifier, Capability, Family, HoldTime, Open, Role};

pub use self::prefix_limit::PrefixLimit;
pub use self::restart::RestartConfig;

/// Configuration of one peer, checked.
///
/// Starts with defaults that suit a program which must be back soon after a
/// router's restart; the setters take and return the whole.
///
/// ```
/// # use bgp_fsm::PeerConfig;
/// # use bgp_wire::{Asn, HoldTime};
/// # use std::net::Ipv4Addr;
/// let identifier = Ipv4Addr::new(192, 0, 2, 1).into();
/// let config = PeerConfig::new(Asn::new(65001), identifier, Asn::new(65000))?
///     .hold_time(HoldTime::new(9)?)
///     .passive();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerConfig {
    pub(crate) local_as: Asn,
    pub(crate) identifier: BgpIdentifier,
    /// `None` for any but our own.
    pub(crate) peer_as: Option<Asn>,
    pub(crate) hold_time: HoldTime,
    pub(crate) keepalive_time: Option<Duration>,
    pub(crate) connect_retry_time: Duration,
    pub(crate) idle_hold_time: Duration,
    pub(crate) idle_hold_limit: Duration,
    pub(crate) delay_open_time: Option<Duration>,
    pub(crate) send_hold_time: Option<Duration>,
    pub(crate) initiation: Initiation,
    pub(crate) families: BTreeSet<Family>,
    pub(crate) extended_message: Support,
    pub(crate) extended_next_hop: Support,
    pub(crate) restart: Option<RestartConfig>,
    pub(crate) refresh_time: Duration,
    pub(crate) prefix_limits: BTreeMap<Family, PrefixLimit>,
    pub(crate) role: Option<(Role, RoleCheck)>,
    pub(crate) collision_detect_established: bool,
}

/// What becomes of a peer that does not tell its role (RFC 9234 section 4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RoleCheck {
    /// Its role is taken to fit ours.
    #[default]
    Lenient,
    /// It is refused with Role Mismatch.
    Strict,
}

/// Whether something is offered, or was agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Support {
    /// It is.
    Supported,
    /// It is not.
    Unsupported,
}

/// Who dials (PassiveTcpEstablishment, RFC 4271 section 8.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Initiation {
    Active,
    Passive,
}

/// A peer that can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// AS 0 is reserved (RFC 7607).
    #[error("AS 0 is reserved and can't be used")]
    ZeroAs,
    /// A BGP identifier is not 0 (RFC 6286 section 2.1).
    #[error("BGP identifier 0.0.0.0 is not allowed")]
    ZeroIdentifier,
    /// Nothing to exchange.
    #[error("a peer needs at least one address family")]
    NoFamilies,
    /// More families than an OPEN is filled with.
    #[error("{0} address families are more than {MAX_FAMILIES}")]
    TooManyFamilies(usize),
}

impl PeerConfig {
    /// A peer with the defaults: hold time 90 s, both unicast families,
    /// extended messages offered, dialling.
    ///
    /// # Errors
    ///
    /// An AS number or the identifier is 0.
    pub fn new(
        local_as: Asn,
        identifier: BgpIdentifier,
        peer_as: Asn,
    ) -> Result<Self, ConfigError> {
        if local_as.get() == 0 || peer_as.get() == 0 {
            return Err(ConfigError::ZeroAs);
        }
        if identifier.get() == 0 {
            return Err(ConfigError::ZeroIdentifier);
        }
        Ok(Self {
            local_as,
            identifier,
            peer_as: Some(peer_as),
            hold_time: HoldTime::default(),
            keepalive_time: None,
            connect_retry_time: DEFAULT_CONNECT_RETRY_TIME,
            idle_hold_time: DEFAULT_IDLE_HOLD_TIME,
            idle_hold_limit: DEFAULT_IDLE_HOLD_LIMIT,
            delay_open_time: None,
            send_hold_time: None,
            initiation: Initiation::Active,
            families: BTreeSet::from([Family::IPV4_UNICAST, Family::IPV6_UNICAST]),
            extended_message: Support::Supported,
            extended_next_hop: Support::Unsupported,
            restart: None,
            refresh_time: DEFAULT_REFRESH_TIME,
            prefix_limits: BTreeMap::new(),
            role: None,
            collision_detect_established: false,
        })
    }

    /// A peer of whatever AS but ours, with the defaults of [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// Our AS number or the identifier is 0.
    pub fn external(local_as: Asn, identifier: BgpIdentifier) -> Result<Self, ConfigError> {
        let machine = Self::new(local_as, identifier, local_as)?;
        Ok(Self {
            peer_as: None,
            ..machine
        })
    }

    /// HoldTime we propose; the lower of both proposals counts. Default 90 s.
    #[must_use]
    pub const fn hold_time(mut self, time: HoldTime) -> Self {
        self.hold_time = time;
        self
    }

    /// KeepaliveTime, if it shall be shorter than the usual third of the
    /// negotiated hold time. Never less than a second (RFC 4271 section 4.4).
    #[must_use]
    pub fn keepalive_time(mut self, time: Duration) -> Self {
        self.keepalive_time = Some(time.max(MIN_KEEPALIVE_TIME));
        self
    }

    /// ConnectRetryTime: the longest pause between two connection attempts.
    ///
    /// Default 30 s where RFC 4271 section 10 suggests 120 s. A refused
    /// attempt is repeated after about 1 s, and each further failure doubles
    /// the pause up to this. An attempt that gets no answer is given up, and
    /// made anew, after 10 s or this if it is shorter.
    #[must_use]
    pub fn connect_retry_time(mut self, time: Duration) -> Self {
        self.connect_retry_time = time.max(MIN_PAUSE);
        self
    }

    /// IdleHoldTime: the pause in Idle after a session's first failure, and
    /// the longest one; repeated failures double it (DampPeerOscillations,
    /// RFC 4271 section 8.1.1). Default 1 s and 60 s.
    ///
    /// A session that lasted at least as long as the longest pause clears the
    /// record.
    #[must_use]
    pub fn idle_hold_time(mut self, first: Duration, longest: Duration) -> Self {
        self.idle_hold_time = first.max(MIN_PAUSE);
        self.idle_hold_limit = longest.max(self.idle_hold_time);
        self
    }

    /// DelayOpenTime: how long a new connection waits for the peer's OPEN
    /// before ours is sent (DelayOpen). Default: not at all.
    #[must_use]
    pub const fn delay_open_time(mut self, time: Duration) -> Self {
        self.delay_open_time = Some(time);
        self
    }

    /// SendHoldTime: how long the peer may leave its receive window closed
    /// (RFC 9687). Default: twice the negotiated hold time, at least 8
    /// minutes. Zero: for ever.
    #[must_use]
    pub const fn send_hold_time(mut self, time: Duration) -> Self {
        self.send_hold_time = Some(time);
        self
    }

    /// PassiveTcpEstablishment: never dial, only accept.
    #[must_use]
    pub const fn passive(mut self) -> Self {
        self.initiation = Initiation::Passive;
        self
    }

    /// The address families to offer. Default: IPv4 and IPv6 unicast.
    ///
    /// # Errors
    ///
    /// None at all, or more than 32.
    pub fn families(
        mut self,
        families: impl IntoIterator<Item = Family>,
    ) -> Result<Self, ConfigError> {
        let families: BTreeSet<_> = families.into_iter().collect();
        match families.len() {
            0 => return Err(ConfigError::NoFamilies),
            n if n > MAX_FAMILIES => return Err(ConfigError::TooManyFamilies(n)),
            _ => self.families = families,
        }
        Ok(self)
    }

    /// Whether messages of up to 65535 octets are offered (RFC 8654).
    /// Default: yes.
    #[must_use]
    pub const fn extended_message(mut self, support: Support) -> Self {
        self.extended_message = support;
        self
    }

    /// Whether IPv4 routes with IPv6 next hops are offered (RFC 8950). Default:
    /// no.
    #[must_use]
    pub const fn extended_next_hop(mut self, support: Support) -> Self {
        self.extended_next_hop = support;
        self
    }

    /// Graceful restart (RFC 4724). Default: not offered, and a peer's routes
    /// go when its session does.
    #[must_use]
    pub fn graceful_restart(mut self, restart: RestartConfig) -> Self {
        self.restart = Some(restart);
        self
    }

    /// How long the answer to a ROUTE-REFRESH may take from its begin to its
    /// end, before what it did not repeat counts as gone (RFC 7313 section 4).
    /// Default 360 s.
    #[must_use]
    pub const fn refresh_time(mut self, time: Duration) -> Self {
        self.refresh_time = time;
        self
    }

    /// How many prefixes of `family` the peer may announce. Default: any
    /// number.
    #[must_use]
    pub fn prefix_limit(mut self, family: Family, limit: PrefixLimit) -> Self {
        self.prefix_limits.insert(family, limit);
        self
    }

    /// What we are to the peer (RFC 9234); means nothing on an internal
    /// session. Default: not said.
    #[must_use]
    pub const fn role(mut self, role: Role, check: RoleCheck) -> Self {
        self.role = Some((role, check));
        self
    }

    /// CollisionDetectEstablishedState: whether an Established session takes
    /// part in collisions as well (RFC 4271 section 8.1.1), and so may be given
    /// up for a new connection. Default: no.
    #[must_use]
    pub const fn collision_detect_established(mut self) -> Self {
        self.collision_detect_established = true;
        self
    }

    /// The OPEN that this configuration sends at first.
    #[must_use]
    pub fn open(&self) -> Open {
        let restart = self.restart.as_ref();
        self.open_while(restart.is_some_and(|it| it.deferral_time.is_some()))
    }

    /// The OPEN of a speaker that is restarting, or has done so.
    pub(crate) fn open_while(&self, restarting: bool) -> Open {
        let mut capabilities: Vec<_> = self
            .families
            .iter()
            .copied()
            .map(Capability::Multiprotocol)
            .collect();
        capabilities.push(Capability::RouteRefresh);
        capabilities.push(Capability::EnhancedRouteRefresh);
        if self.extended_message == Support::Supported {
            capabilities.push(Capability::ExtendedMessage);
        }
        if self.extended_next_hop == Support::Supported
            && self.families.contains(&Family::IPV4_UNICAST)
        {
            let forms = vec![(Family::IPV4_UNICAST, Afi::IPV6)];
            capabilities.push(Capability::ExtendedNextHop(forms));
        }
        if let Some(restart) = &self.restart {
            let capability = restart.capability(&self.families, restarting);
            capabilities.push(Capability::GracefulRestart(capability));
        }
        if let Some((role, _)) = self.external_role() {
            capabilities.push(Capability::Role(role));
        }
        capabilities.push(Capability::FourOctetAs(self.local_as));
        Open {
            asn: self.local_as,
            hold_time: self.hold_time,
            identifier: self.identifier,
            capabilities,
        }
    }

    /// Roles are of external sessions only (RFC 9234 section 4).
    pub(crate) fn external_role(&self) -> Option<(Role, RoleCheck)> {
        self.role.filter(|_| self.peer_as != Some(self.local_as))
    }

    /// How long one attempt to connect may take.
    pub(crate) fn connect_time(&self) -> Duration {
        CONNECT_TIME_LIMIT.min(self.connect_retry_time)
    }
}

/// The pause after the first refused connection attempt.
pub(crate) const FIRST_CONNECT_RETRY: Duration = Duration::from_secs(1);

/// The "large value" of the HoldTimer while the peer's OPEN is awaited
/// (RFC 4271 section 8.2.2).
pub(crate) const OPEN_HOLD_TIME: Duration = Duration::from_secs(240);

/// The least SendHoldTime by default (RFC 9687).
pub(crate) const MIN_SEND_HOLD_TIME: Duration = Duration::from_secs(480);

/// The kernel repeats a lost SYN after 1, 3, 7 and 15 s; dialling anew closes
/// the growing gaps.
pub(crate) const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(10);

const DEFAULT_CONNECT_RETRY_TIME: Duration = Duration::from_secs(30);
const DEFAULT_IDLE_HOLD_TIME: Duration = Duration::from_secs(1);
const DEFAULT_IDLE_HOLD_LIMIT: Duration = Duration::from_secs(60);
const DEFAULT_REFRESH_TIME: Duration = Duration::from_secs(360);
const MIN_KEEPALIVE_TIME: Duration = Duration::from_secs(1);

/// A pause of nothing would let a refusing peer keep a processor busy.
const MIN_PAUSE: Duration = Duration::from_millis(100);

/// Keeps an OPEN far below 4096 octets.
const MAX_FAMILIES: usize = 32;
