//! Docker's JSON, read leniently: every field may be missing or null, unknown
//! ones are ignored, and no word ends in a closed enumeration.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::Deserialize;

use super::level::Facts;
use super::model::{Attachment, ContainerId, Network};
use super::question::Listing;

/// Reads the answer to `GET /containers/json`. Entries without a usable
/// identifier are left out.
pub(crate) fn containers(json: &[u8]) -> Result<Vec<Listing>, serde_json::Error> {
    let raw: Option<Vec<RawContainer>> = serde_json::from_slice(json)?;
    Ok(raw
        .unwrap_or_default()
        .into_iter()
        .filter_map(RawContainer::into_listing)
        .collect())
}

/// Reads the answer to `GET /networks`, ordered by identifier.
pub(crate) fn networks(json: &[u8]) -> Result<Vec<Network>, serde_json::Error> {
    let raw: Option<Vec<RawNetwork>> = serde_json::from_slice(json)?;
    let mut networks: Vec<_> = raw
        .unwrap_or_default()
        .into_iter()
        .filter_map(RawNetwork::into_network)
        .collect();
    networks.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(networks)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawContainer {
    id: Option<String>,
    names: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    state: Option<String>,
    status: Option<String>,
    health: Option<RawHealth>,
    network_settings: Option<RawNetworkSettings>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawHealth {
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawNetworkSettings {
    networks: Option<BTreeMap<String, Option<RawEndpoint>>>,
}

#[derive(Default, Deserialize)]
struct RawEndpoint {
    #[serde(rename = "NetworkID")]
    network_id: Option<String>,
    #[serde(rename = "EndpointID")]
    endpoint_id: Option<String>,
    #[serde(rename = "IPAddress")]
    ip_address: Option<String>,
    #[serde(rename = "GlobalIPv6Address")]
    ipv6_address: Option<String>,
}

impl RawContainer {
    fn into_listing(self) -> Option<Listing> {
        let id = ContainerId::new(self.id.as_deref()?).ok()?;
        let health = self.health.and_then(|health| health.status);
        let facts = Facts::listed(
            self.state.as_deref().unwrap_or_default(),
            self.status.as_deref().unwrap_or_default(),
            health.as_deref(),
        );
        let networks = self
            .network_settings
            .and_then(|settings| settings.networks)
            .unwrap_or_default();
        Some(Listing {
            id,
            name: own_name(self.names.unwrap_or_default()),
            labels: self.labels.unwrap_or_default(),
            endpoints: networks
                .into_iter()
                .map(|(name, endpoint)| endpoint.unwrap_or_default().into_attachment(name))
                .collect(),
            facts,
        })
    }
}

impl RawEndpoint {
    fn into_attachment(self, network_name: String) -> Attachment {
        let ipv4: Option<Ipv4Addr> = self.ip_address.and_then(|text| text.parse().ok());
        let ipv6: Option<Ipv6Addr> = self.ipv6_address.and_then(|text| text.parse().ok());
        Attachment {
            network_id: self.network_id.unwrap_or_default(),
            endpoint_id: self.endpoint_id.unwrap_or_default(),
            network_name,
            ipv4: ipv4.filter(|address| !address.is_unspecified()),
            ipv6: ipv6.filter(|address| !address.is_unspecified()),
        }
    }
}

/// Legacy links add names of the form `/other/alias`; the container's own has
/// one slash.
fn own_name(names: Vec<String>) -> String {
    let own = names
        .iter()
        .find(|name| !name.trim_start_matches('/').contains('/'));
    own.or_else(|| names.first())
        .map(|name| name.trim_start_matches('/').to_owned())
        .unwrap_or_default()
}

#[derive(Deserialize)]
struct RawNetwork {
    #[serde(rename = "Id")]
    id: Option<String>,
    #[serde(rename = "Name")]
    name: Option<String>,
    #[serde(rename = "Driver")]
    driver: Option<String>,
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
    #[serde(rename = "IPAM")]
    ipam: Option<RawIpam>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawIpam {
    config: Option<Vec<RawPool>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawPool {
    subnet: Option<String>,
}

impl RawNetwork {
    fn into_network(self) -> Option<Network> {
        let id = self.id.filter(|id| !id.is_empty())?;
        let pools = self.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
        let subnets: Vec<IpNet> = pools
            .into_iter()
            .filter_map(|pool| pool.subnet?.parse().ok())
            .collect();
        Some(Network {
            id,
            name: self.name.unwrap_or_default(),
            driver: self.driver.unwrap_or_default(),
            labels: self.labels.unwrap_or_default(),
            subnets,
        })
    }
}

/// What `GET /containers/{id}/json` adds to a list entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inspected {
    pub(crate) running: bool,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) stop_signal: Option<String>,
    pub(crate) stop_timeout: Option<i64>,
    pub(crate) has_health_check: bool,
}

/// Reads the answer to `GET /containers/{id}/json`.
pub(crate) fn inspected(json: &[u8]) -> Result<Inspected, serde_json::Error> {
    let raw: RawInspect = serde_json::from_slice(json)?;
    let config = raw.config.unwrap_or_default();
    let state = raw.state.unwrap_or_default();
    Ok(Inspected {
        running: state.running.unwrap_or(false),
        labels: config.labels.unwrap_or_default(),
        stop_signal: config.stop_signal.filter(|signal| !signal.is_empty()),
        stop_timeout: config.stop_timeout,
        has_health_check: state
            .health
            .is_some_and(|h| h.status.is_some_and(|s| !matches!(&*s, "" | "none"))),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawInspect {
    state: Option<RawState>,
    config: Option<RawConfig>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawState {
    running: Option<bool>,
    health: Option<RawHealth>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawConfig {
    labels: Option<BTreeMap<String, String>>,
    stop_signal: Option<String>,
    stop_timeout: Option<i64>,
}

/// The `message` of an error answer, or the beginning of whatever it is.
pub(crate) fn error_message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct RawMessage {
        message: String,
    }
    match serde_json::from_slice::<RawMessage>(body) {
        Ok(raw) => raw.message,
        Err(_) => String::from_utf8_lossy(body)
            .trim()
            .chars()
            .take(200)
            .collect(),
    }
}

#[cfg(test)]
mod tests;
