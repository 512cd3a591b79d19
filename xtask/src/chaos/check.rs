//! What has to hold after faults: announced is what is healthy, the kernel delivers what is
//! announced, and nothing is there for nobody.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::lab::host::Host;
use crate::lab::{Lab, service_addresses};
use crate::scenario::WEB;
use crate::wait::{secs, until};

/// Within this time everything has to hold: longer than the plugin's comparison with the kernel
/// takes to come again.
pub(super) const BOUND: Duration = secs(75);

/// Waits until all invariants hold.
///
/// # Errors
///
/// With what does not hold, when that does not happen within [`BOUND`].
pub(super) fn holds(lab: &Lab) -> Result<()> {
    lab.wait_sessions(&lab.all(), BOUND)?;
    until(
        "announced, delivered and healthy to be the same",
        BOUND,
        || {
            let mut serving = BTreeSet::new();
            for host in &lab.hosts {
                if serves(host)? {
                    serving.insert(host.site.name);
                }
                delivery(host)?;
                orphans(host)?;
            }
            for address in service_addresses()? {
                let prefix = if address.is_ipv6() {
                    format!("{address}/128")
                } else {
                    format!("{address}/32")
                };
                let hosts = lab.hosts.iter();
                let wanted: BTreeSet<_> = hosts
                    .filter(|host| serving.contains(host.site.name))
                    .map(|host| host.site.next_hops()[usize::from(address.is_ipv6())])
                    .collect();
                let table = lab.router().next_hops(&prefix)?;
                ensure!(
                    table == wanted,
                    "{prefix}: {serving:?} serve, the router has {table:?}"
                );
            }
            Ok(())
        },
    )
}

/// Whether packets can be answered by the host's container: it is healthy, and its link is there.
fn serves(host: &Host) -> Result<bool> {
    Ok(host.docker.health(WEB)? == "healthy" && port(host)?.is_some())
}

/// The bridge of the service network, if it is there.
pub(super) fn bridge(host: &Host) -> Result<Option<String>> {
    let id = host.docker.inspect("network", WEB)?["Id"].clone();
    let id = id.as_str().and_then(|id| id.get(..9));
    let name = format!("bgplb-{}", id.context("a network identifier is longer")?);
    Ok(host.netns.links()?.contains(&name).then_some(name))
}

/// The outside link of the container, if it is there.
pub(super) fn port(host: &Host) -> Result<Option<String>> {
    let container = host.docker.inspect("container", WEB)?;
    let endpoint = &container["NetworkSettings"]["Networks"][WEB]["EndpointID"];
    let Some(head) = endpoint.as_str().and_then(|id| id.get(..8)) else {
        return Ok(None);
    };
    let name = format!("veth{head}");
    Ok(host.netns.links()?.contains(&name).then_some(name))
}

/// The host delivers exactly while its container serves.
fn delivery(host: &Host) -> Result<()> {
    let wanted = if serves(host)? { bridge(host)? } else { None };
    for address in service_addresses()? {
        let link = host.service_link(address)?;
        ensure!(
            link == wanted,
            "{}: the route to {address} is by {link:?} instead of {wanted:?}",
            host.site.name
        );
    }
    Ok(())
}

/// Every link, neighbour and namespace belongs to a container that is there.
fn orphans(host: &Host) -> Result<()> {
    let name = host.site.name;
    let links: Value = serde_json::from_str(&host.netns.ip("-j -d link show")?)?;
    let links = links.as_array().context("a list of links")?;
    let alias = |link: &Value| link["ifalias"].as_str().unwrap_or_default().to_owned();
    let marked = links
        .iter()
        .filter(|link| alias(link).starts_with("bgplb:"))
        .filter_map(|link| link["ifname"].as_str())
        .collect::<BTreeSet<_>>();
    let (bridge, port) = (bridge(host)?, port(host)?);
    ensure!(bridge.is_some(), "{name}: the bridge is not there");
    let wanted: BTreeSet<&str> = bridge.iter().chain(&port).map(String::as_str).collect();
    ensure!(
        marked == wanted,
        "{name}: links of the plugin's are {marked:?} instead of {wanted:?}"
    );
    for link in links {
        let inside = link["ifname"].as_str().unwrap_or_default();
        ensure!(
            !inside.starts_with("vlb"),
            "{name}: {inside} is outside of its container"
        );
    }
    if let (Some(bridge), false) = (&bridge, serves(host)?) {
        let neighbours = host
            .netns
            .ip(&format!("neigh show dev {bridge} nud permanent"))?;
        ensure!(
            neighbours.is_empty(),
            "{name}: neighbours without a container that serves: {neighbours}"
        );
    }
    Ok(())
}
