//! What networks and endpoints may look like, before anything is done.

use std::net::IpAddr;

use docker_plugin_api::{EndpointInterface, IpamData, PluginError};
use ipnet::IpNet;

use crate::naming;
use crate::pool::{self, ADDRESS_SPACE};
use crate::store::{EndpointRecord, NetworkRecord};

/// The service addresses of a new network.
pub(crate) fn network(ipv4: &[IpamData], ipv6: &[IpamData]) -> Result<NetworkRecord, PluginError> {
    let mut record = NetworkRecord::default();
    for prefix in pools(ipv4, ipv6)? {
        match prefix.addr() {
            IpAddr::V4(address) => record.v4 = Some(address),
            IpAddr::V6(address) => record.v6 = Some(address),
        }
    }
    if record.prefixes().next().is_none() {
        return Err(PluginError::bad_request(
            "the network has no address: give --subnet <IPv4 address>/32, --ipam-opt v6subnet=<IPv6 address>/128, or both, or --ipam-opt pool=<name>",
        ));
    }
    Ok(record)
}

/// The pools that hold a service address; at most one a family.
pub(crate) fn pools(ipv4: &[IpamData], ipv6: &[IpamData]) -> Result<Vec<IpNet>, PluginError> {
    let mut found = Vec::new();
    for (family, data) in [("IPv4", ipv4), ("IPv6", ipv6)] {
        if data.len() > 1 {
            return Err(PluginError::bad_request(format!(
                "{} {family} subnets given: a network is one service and owns one address a family",
                data.len()
            )));
        }
        for entry in data {
            let Some(prefix) = entry.pool else { continue };
            // A Swarm manager leaves the address space empty.
            if !entry.address_space.is_empty() && entry.address_space != ADDRESS_SPACE {
                return Err(PluginError::bad_request(format!(
                    "{prefix} was given out by another IPAM driver: name this plugin with --ipam-driver too"
                )));
            }
            pool::check_service_prefix(prefix)?;
            if !pool::is_placeholder(prefix) {
                found.push(prefix);
            }
        }
    }
    Ok(found)
}

/// A new endpoint, with a MAC address of ours unless the operator chose one.
pub(crate) fn endpoint(
    id: &str,
    interface: &EndpointInterface,
) -> Result<EndpointRecord, PluginError> {
    let v4 = interface
        .address
        .is_some_and(|address| !pool::is_placeholder(IpNet::V4(address)));
    Ok(EndpointRecord {
        v4,
        v6: interface.address_ipv6.is_some(),
        mac: interface
            .mac_address
            .map_or_else(|| naming::mac(id), |mac| mac.octets()),
        number: None,
        attached: false,
        draining: false,
    })
}

#[cfg(test)]
mod tests {
    use docker_plugin_api::IpamData;

    use super::network;

    fn data(space: &str, pools: &[&str]) -> Vec<IpamData> {
        pools
            .iter()
            .map(|pool| {
                serde_json::from_value(serde_json::json!({
                    "AddressSpace": space, "Pool": pool, "Gateway": pool
                }))
                .unwrap()
            })
            .collect()
    }

    #[test]
    fn both_families_one_or_the_other() {
        let v4 = data("bgplb", &["10.0.0.101/32"]);
        let v6 = data("bgplb", &["2001:db8::101/128"]);
        assert_eq!(network(&v4, &v6).unwrap().prefixes().count(), 2);
        assert_eq!(network(&v4, &[]).unwrap().prefixes().count(), 1);
        let placeholder = data("bgplb", &["0.0.0.0/32"]);
        let only_v6 = network(&placeholder, &v6).unwrap();
        assert_eq!((only_v6.v4, only_v6.v6.is_some()), (None, true));
    }

    #[test]
    fn refusals_say_what_to_do() {
        for (v4, v6, words) in [
            (data("bgplb", &["0.0.0.0/32"]), vec![], "has no address"),
            (vec![], vec![], "has no address"),
            (
                data("bgplb", &["10.0.0.1/32", "10.0.0.2/32"]),
                vec![],
                "one address a family",
            ),
            (
                data("LocalDefault", &["10.0.0.0/24"]),
                vec![],
                "--ipam-driver",
            ),
            (data("null", &["0.0.0.0/0"]), vec![], "--ipam-driver"),
            (
                vec![],
                data("bgplb", &["2001:db8::1/128", "2001:db8::2/128"]),
                "2 IPv6 subnets given",
            ),
            (data("bgplb", &["10.0.0.0/24"]), vec![], "/32"),
            (vec![], data("bgplb", &["2001:db8::/64"]), "/128"),
            (data("bgplb", &["127.0.0.1/32"]), vec![], "loopback"),
        ] {
            let error = network(&v4, &v6).unwrap_err();
            assert!(error.message().contains(words), "{}", error.message());
        }
    }
}
