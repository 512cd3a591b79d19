//! What the kernel has: services, their destinations, and counters.

use std::collections::BTreeMap;

use super::model::{DesiredService, DestinationKey, DestinationSpec, ServiceSpec};

/// A service as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceState {
    /// What is in force of what can be wanted. It may be what
    /// [`DesiredService`] refuses: others make services, too.
    pub spec: ServiceSpec,
    /// Nothing is in force that no [`ServiceSpec`] asks for: no persistence
    /// engine, no netmask for persistence, no further flag.
    pub plain: bool,
    /// Its destinations.
    pub destinations: BTreeMap<DestinationKey, DestinationState>,
    /// What went through it. The kernel adds up every two seconds.
    pub statistics: Statistics,
}

impl ServiceState {
    /// Whether the service itself is as `spec` asks.
    #[must_use]
    pub fn satisfies(&self, spec: &ServiceSpec) -> bool {
        self.plain && self.spec == *spec
    }

    /// Whether service and destinations are exactly as wanted.
    #[must_use]
    pub fn satisfies_all(&self, desired: &DesiredService) -> bool {
        let wanted = desired.destinations();
        self.satisfies(desired.spec())
            && self.destinations.len() == wanted.len()
            && self.destinations.iter().all(|(key, state)| {
                let wanted = wanted.get(key);
                wanted.is_some_and(|wanted| state.satisfies(wanted))
            })
    }
}

/// A destination as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationState {
    /// What is in force of what can be wanted.
    pub spec: DestinationSpec,
    /// Nothing is in force that no [`DestinationSpec`] asks for: no bounds of
    /// its connections, no tunnel other than IP in IP.
    pub plain: bool,
    /// Connections that are established.
    pub active: u32,
    /// Connections that begin, end, or have no such state.
    pub inactive: u32,
    /// Clients that persistence holds here.
    pub persistent: u32,
    /// What went through it. The kernel adds up every two seconds.
    pub statistics: Statistics,
}

impl DestinationState {
    /// Whether it is as `spec` asks.
    #[must_use]
    pub fn satisfies(&self, spec: &DestinationSpec) -> bool {
        self.plain && self.spec == *spec
    }
}

/// Counters since the object was made (`IPVS_SVC_ATTR_STATS64`).
///
/// Those of what comes back stay 0 unless packets are masqueraded: by the other
/// ways it does not pass here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Connections that were scheduled.
    pub connections: u64,
    /// Packets to the service.
    pub packets_in: u64,
    /// Packets back to clients.
    pub packets_out: u64,
    /// Octets to the service.
    pub octets_in: u64,
    /// Octets back to clients.
    pub octets_out: u64,
}
