//! What is wanted: services and the destinations behind them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::check::InvalidService;

/// One service with the destinations it should have, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredService {
    spec: ServiceSpec,
    destinations: BTreeMap<DestinationKey, DestinationSpec>,
}

impl DesiredService {
    /// A service without destinations, which refuses connections.
    ///
    /// # Errors
    ///
    /// When the kernel would refuse such a service, or take it and do nothing.
    pub fn new(spec: ServiceSpec) -> Result<Self, InvalidService> {
        spec.check()?;
        Ok(Self {
            spec,
            destinations: BTreeMap::new(),
        })
    }

    /// Wants a destination; the last word for an address and port counts.
    ///
    /// # Errors
    ///
    /// When such a destination can't stand behind this service.
    pub fn insert(&mut self, destination: DestinationSpec) -> Result<(), InvalidService> {
        destination.check(&self.spec.key)?;
        self.destinations.insert(destination.key, destination);
        Ok(())
    }

    /// Wants a destination no more; yields what was wanted.
    pub fn remove(&mut self, key: &DestinationKey) -> Option<DestinationSpec> {
        self.destinations.remove(key)
    }

    /// The service itself.
    #[must_use]
    pub const fn spec(&self) -> &ServiceSpec {
        &self.spec
    }

    /// Its destinations.
    #[must_use]
    pub const fn destinations(&self) -> &BTreeMap<DestinationKey, DestinationSpec> {
        &self.destinations
    }
}

/// What identifies a service. Reads as `tcp [2001:db8::1]:80`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The address clients connect to.
    pub address: IpAddr,
    /// The port clients connect to.
    pub port: u16,
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = SocketAddr::new(self.address, self.port);
        write!(f, "{} {at}", self.protocol)
    }
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// Any other by its number. The kernel takes such services, and no packet
    /// ever meets one: nobody can want it, but somebody may have made it.
    Other(u16),
}

impl Protocol {
    /// The protocol of this number (`IPPROTO_…`).
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            132 => Self::Sctp,
            other => Self::Other(other),
        }
    }

    /// Its number (`IPPROTO_…`).
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
            Self::Other(number) => number,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => f.write_str("tcp"),
            Self::Udp => f.write_str("udp"),
            Self::Sctp => f.write_str("sctp"),
            Self::Other(number) => write!(f, "protocol {number}"),
        }
    }
}

/// A service without its destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSpec {
    /// What identifies it.
    pub key: ServiceKey,
    /// How a destination is chosen for a new connection.
    pub scheduler: Scheduler,
    /// Settings of the schedulers [`Scheduler::Sh`] and [`Scheduler::Mh`].
    pub flags: SchedulerFlags,
    /// For how long after its last connection a client's next ones go to the
    /// same destination, in whole seconds up to 31 days; `None` for not at all.
    pub persistence: Option<Duration>,
    /// Every datagram is scheduled for itself (`IP_VS_SVC_F_ONEPACKET`); UDP
    /// only.
    pub one_packet: bool,
}

impl ServiceSpec {
    /// A service with this scheduler and nothing special.
    #[must_use]
    pub const fn new(key: ServiceKey, scheduler: Scheduler) -> Self {
        Self {
            key,
            scheduler,
            flags: SchedulerFlags {
                fallback: false,
                port: false,
            },
            persistence: None,
            one_packet: false,
        }
    }

    /// The same service with these flags.
    #[must_use]
    pub const fn with_flags(mut self, flags: SchedulerFlags) -> Self {
        self.flags = flags;
        self
    }

    /// The same service with this persistence.
    #[must_use]
    pub const fn with_persistence(mut self, timeout: Duration) -> Self {
        self.persistence = Some(timeout);
        self
    }
}

/// How a destination is chosen for a new connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scheduler {
    /// One after the other.
    Rr,
    /// One after the other, in proportion to the weights.
    Wrr,
    /// The one with the fewest connections.
    Lc,
    /// The one with the fewest connections for its weight.
    Wlc,
    /// By a hash of the client's address.
    Sh,
    /// By a hash of the client's address that survives most changes of the
    /// destinations (Maglev).
    Mh,
    /// Any other by the kernel's name for it; nobody can want it here.
    Other(String),
}

impl Scheduler {
    /// Those that can be wanted.
    pub const ALL: [Self; 6] = [Self::Rr, Self::Wrr, Self::Lc, Self::Wlc, Self::Sh, Self::Mh];

    /// The scheduler the kernel calls so.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|it| it.name() == name);
        known.unwrap_or_else(|| Self::Other(name.to_owned()))
    }

    /// The kernel's name for it. Its module is that with `ip_vs_` before it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Rr => "rr",
            Self::Wrr => "wrr",
            Self::Lc => "lc",
            Self::Wlc => "wlc",
            Self::Sh => "sh",
            Self::Mh => "mh",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Settings of the schedulers that hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchedulerFlags {
    /// Where the chosen destination takes no connections, another is chosen
    /// instead of none (`IP_VS_SVC_F_SCHED_SH_FALLBACK`, `…_MH_FALLBACK`).
    pub fallback: bool,
    /// The client's port is hashed, too (`IP_VS_SVC_F_SCHED_SH_PORT`,
    /// `…_MH_PORT`).
    pub port: bool,
}

/// What identifies a destination of a service. Reads as `10.0.0.7:8080`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationKey {
    /// The address of the server.
    pub address: IpAddr,
    /// The port of the server.
    pub port: u16,
}

impl fmt::Display for DestinationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// One server behind a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestinationSpec {
    /// What identifies it.
    pub key: DestinationKey,
    /// How packets get there.
    pub forward: Forward,
    /// Its share beside the others', at most 2^31 - 1; 0 gets no new
    /// connections and keeps those it has.
    pub weight: u32,
}

impl DestinationSpec {
    /// A destination of weight 1.
    #[must_use]
    pub const fn new(address: IpAddr, port: u16, forward: Forward) -> Self {
        Self {
            key: DestinationKey { address, port },
            forward,
            weight: 1,
        }
    }

    /// The same destination with this weight.
    #[must_use]
    pub const fn with_weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }
}

/// How packets get to a destination (`IP_VS_CONN_F_FWD_MASK`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Forward {
    /// The destination's address and port are written into them, and its
    /// answers come back through this host.
    Masquerade,
    /// As they are, to the hardware address of the destination, which has the
    /// service's address too and answers by itself. The port stays as it is.
    DirectRoute,
    /// As they are, inside of packets to the destination (IP in IP), which has
    /// the service's address too and answers by itself. The port stays as it
    /// is, and the destination may be of the other address family.
    Tunnel,
    /// Any other by its number; nobody can want it here.
    Other(u32),
}

impl Forward {
    /// The way of this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Masquerade,
            2 => Self::Tunnel,
            3 => Self::DirectRoute,
            other => Self::Other(other),
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Masquerade => 0,
            Self::Tunnel => 2,
            Self::DirectRoute => 3,
            Self::Other(number) => number,
        }
    }
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masquerade => f.write_str("masquerading"),
            Self::DirectRoute => f.write_str("direct routing"),
            Self::Tunnel => f.write_str("a tunnel"),
            Self::Other(number) => write!(f, "forwarding method {number}"),
        }
    }
}
