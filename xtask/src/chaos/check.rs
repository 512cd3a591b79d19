//! What has to hold after faults: announced is what is healthy, the kernels deliver what is
//! announced, and nothing is there for nobody.

use std::collections::BTreeSet;
use std::net::IpAddr;
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

/// Within this time nothing of a removed container is left.
const REMOVAL_BOUND: Duration = secs(10);

/// Waits until all invariants hold.
///
/// # Errors
///
/// With every object that differs, when that does not happen within [`BOUND`].
pub(super) fn holds(lab: &Lab) -> Result<()> {
    until("healthy, announced and delivered to agree", BOUND, || {
        agreed(&differences(lab)?)
    })
}

/// Removes the container of a host and waits until nothing of it is left there.
///
/// # Errors
///
/// When Docker refuses, or with what is left.
pub(super) fn removable(host: &Host) -> Result<()> {
    let name = host.site.name;
    host.docker
        .run(&["rm", "--force", WEB])
        .with_context(|| format!("{name}: the container is not removable"))?;
    let what = format!("{name} without anything of the container's");
    until(&what, REMOVAL_BOUND, || agreed(&of_host(host)?.1))
}

fn agreed(differences: &[String]) -> Result<()> {
    ensure!(differences.is_empty(), "{}", differences.join("; "));
    Ok(())
}

/// Everything that is not as it should be, in words.
fn differences(lab: &Lab) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let router = lab.router();
    let sessions: BTreeSet<IpAddr> = lab.hosts.iter().map(|it| it.site.v4.into()).collect();
    let established = router.established()?;
    if established != sessions {
        found.push(format!("sessions are {established:?}, not {sessions:?}"));
    }
    let mut serving = Vec::new();
    for host in &lab.hosts {
        let (serves, more) = of_host(host)?;
        found.extend(more);
        if serves {
            serving.push(host);
        }
    }
    let names: Vec<&str> = serving.iter().map(|host| host.site.name).collect();
    for address in service_addresses()? {
        let v6 = address.is_ipv6();
        let prefix = format!("{address}/{}", if v6 { 128 } else { 32 });
        let hops = serving
            .iter()
            .map(|host| host.site.next_hops()[usize::from(v6)]);
        let wanted: BTreeSet<IpAddr> = hops.collect();
        let (table, kernel) = (
            router.next_hops(&prefix)?,
            router.kernel_next_hops(&prefix)?,
        );
        for (place, hops) in [("table", table), ("kernel", kernel)] {
            if hops != wanted {
                found.push(format!(
                    "{prefix}: {names:?} serve, the router's {place} has {hops:?}"
                ));
            }
        }
    }
    Ok(found)
}

/// Whether a host serves, and what is not as it should be there.
fn of_host(host: &Host) -> Result<(bool, Vec<String>)> {
    let (bridge, port) = (bridge(host)?, port(host)?);
    let serves = health(host)?.as_deref() == Some("healthy") && port.is_some();
    let mut found = Vec::new();
    if let Err(error) = host.plugin_pid() {
        found.push(format!("{error:#}"));
    }
    match &bridge {
        None => found.push("the network's bridge is not there".to_owned()),
        Some(bridge) => {
            let permanent = format!("neigh show dev {bridge} nud permanent");
            let neighbours = host.netns.ip(&permanent)?;
            if !serves && !neighbours.trim().is_empty() {
                found.push(format!("neighbours of nobody: {neighbours}"));
            }
        }
    }
    let wanted = bridge.clone().filter(|_| serves);
    for address in service_addresses()? {
        let link = host.service_link(address)?;
        if link != wanted {
            found.push(format!("the route to {address} is by {link:?}"));
        }
    }
    let next_hops = host.netns.ip("nexthop show")?;
    if !serves && !next_hops.trim().is_empty() {
        found.push(format!("next hops of nobody: {next_hops}"));
    }
    links(host, &bridge.into_iter().chain(port).collect(), &mut found)?;
    let name = host.site.name;
    let state = if serves { "serves" } else { "does not serve" };
    let found = found
        .iter()
        .map(|it| format!("{name}, which {state}: {it}"));
    Ok((serves, found.collect()))
}

/// Every link with the plugin's mark is the bridge or a container's, and no container's inside link
/// is outside.
fn links(host: &Host, wanted: &BTreeSet<String>, found: &mut Vec<String>) -> Result<()> {
    let links: Value = serde_json::from_str(&host.netns.ip("-j -d link show")?)?;
    let mut marked = BTreeSet::new();
    for link in links.as_array().context("a list of links")? {
        let name = link["ifname"].as_str().unwrap_or_default().to_owned();
        if name.starts_with("vlb") {
            found.push(format!("{name} is outside of its container"));
        } else if link["ifalias"]
            .as_str()
            .unwrap_or_default()
            .starts_with("bgplb:")
        {
            marked.insert(name);
        }
    }
    for link in wanted.symmetric_difference(&marked) {
        let what = if marked.contains(link) {
            "is there for nobody"
        } else {
            "is not there or has no mark"
        };
        found.push(format!("link {link} {what}"));
    }
    Ok(())
}

/// What Docker says of the container's health, if there is a container.
fn health(host: &Host) -> Result<Option<String>> {
    if has_container(host)? {
        host.docker.health(WEB).map(Some)
    } else {
        Ok(None)
    }
}

/// Whether there is a container, running or not.
pub(super) fn has_container(host: &Host) -> Result<bool> {
    let names = host.docker.names(&["ps", "--all"], "Names")?;
    Ok(names.iter().any(|name| name == WEB))
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
    if !has_container(host)? {
        return Ok(None);
    }
    let container = host.docker.inspect("container", WEB)?;
    let endpoint = &container["NetworkSettings"]["Networks"][WEB]["EndpointID"];
    let Some(head) = endpoint.as_str().and_then(|id| id.get(..8)) else {
        return Ok(None);
    };
    let name = format!("veth{head}");
    Ok(host.netns.links()?.contains(&name).then_some(name))
}
