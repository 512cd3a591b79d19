//! What of a host itself keeps packets from where its routes lead them: found, and said with what
//! shows it and what mends it.
//!
//! [`look`] follows the way of packets from routers to services of this host and back,
//! [`look_at_transit`] that of packets which a router passes on by the routes it has learned. Both
//! look at the network namespace of the calling thread, and block. [`mend`] does what can safely be
//! done from here.
//!
//! It keeps nothing and tells nobody: who calls it does. What can't be looked at is not found.

#![forbid(unsafe_code)]

mod finding;
mod mend;
mod path;
mod resolver;
mod switches;
mod transit;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use netplumb::LinkName;

pub use self::finding::Finding;
use self::finding::{FORWARDING_V4, FORWARDING_V6};
pub use self::mend::{Mended, mend};
pub use self::transit::{TransitRoute, look_at_transit};

/// What services depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// The services with containers or without.
    pub services: Vec<ServiceInUse>,
    /// Services have IPv4 addresses.
    pub v4: bool,
    /// Services have IPv6 addresses.
    pub v6: bool,
    /// The bridges by which containers' answers may come, should they exist.
    pub bridges: Vec<String>,
    /// In these subnets other such bridges have addresses.
    pub gateways: Vec<IpNet>,
    /// The routers that send packets for services.
    pub peers: Vec<IpAddr>,
}

/// One service as far as the host is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceInUse {
    /// The link its packets leave by.
    pub link: LinkName,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// The answers come by that link, too: the host is the containers' gateway.
    pub answers_there: bool,
}

/// Looks at the network namespace of the calling thread, as far as it concerns
/// what is in use.
pub fn look(in_use: &InUse) -> BTreeSet<Finding> {
    let mut found = BTreeSet::new();
    if in_use.v4 && switches::get(FORWARDING_V4) == Some(0) {
        found.insert(Finding::ForwardingV4Off);
    }
    if in_use.v6 && switches::get(FORWARDING_V6) == Some(0) {
        found.insert(Finding::ForwardingV6Off);
    }
    if in_use.services.is_empty() {
        return found;
    }
    let gateways = path::gateways(in_use);
    if in_use.v4 {
        let strict = gateways
            .keys()
            .filter(|it| switches::is_strict(it.as_str()));
        found.extend(strict.map(|bridge| Finding::RpFilterStrict {
            bridge: bridge.to_string(),
        }));
    }
    found.extend(path::look(in_use, &gateways));
    let addresses: BTreeSet<IpAddr> = in_use
        .services
        .iter()
        .flat_map(|it| it.addresses.iter().copied())
        .collect();
    let servers = resolver::name_servers().into_iter();
    let ours = servers.filter(|(server, _)| addresses.contains(server));
    found.extend(ours.map(|(address, file)| Finding::NameServerIsService { address, file }));
    found
}
