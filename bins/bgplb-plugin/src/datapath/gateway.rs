//! The host as the gateway of a network's containers.
//!
//! The network's bridge has an address of each of its families that is of use on
//! this link alone: containers take it as their default gateway, and no address
//! of any pool is spent. It is another one for each network, because a container
//! on several networks would have two routes to the same address.

use std::net::IpAddr;

use ipnet::IpNet;
use netplumb::{AddrSpec, Op};

use crate::naming;
use crate::options::Gateway;
use crate::store::{EndpointRecord, NetworkRecord};

/// Whether the host is the gateway of a network's containers.
pub(crate) fn is_host(record: &NetworkRecord) -> bool {
    Gateway::of(&record.options) == Gateway::Host
}

/// The gateways of an endpoint, one of each family that it has.
pub(crate) fn gateways(record: &NetworkRecord, endpoint: &EndpointRecord) -> Vec<IpAddr> {
    let held = super::prefixes(record, endpoint);
    of_families(record, held).collect()
}

/// What a network's bridge has because the host is the gateway there.
pub(crate) fn addresses(network: &str, record: &NetworkRecord) -> impl Iterator<Item = AddrSpec> {
    let link = naming::bridge(network);
    of_families(record, record.prefixes()).map(move |address| AddrSpec {
        link: link.clone(),
        addr: address.into(),
    })
}

/// Gives a network's bridge what it lacks of [`addresses`].
pub(super) fn add(network: &str, record: &NetworkRecord) -> impl Iterator<Item = Op> {
    addresses(network, record).map(Op::AddAddr)
}

fn of_families(
    record: &NetworkRecord,
    prefixes: impl Iterator<Item = IpNet>,
) -> impl Iterator<Item = IpAddr> {
    let number = record.number.filter(|_| is_host(record));
    prefixes.filter_map(move |prefix| Some(number?.host(prefix.addr().is_ipv6())))
}
