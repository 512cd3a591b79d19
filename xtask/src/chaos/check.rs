//! What has to hold after faults: announced is what is healthy, the kernels deliver what is
//! announced, and nothing is there for nobody.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::thread;
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

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(300);

/// Within this time nothing of a removed container is left.
const REMOVAL_BOUND: Duration = secs(10);

/// Waits until all invariants hold.
///
/// # Errors
///
/// With every object that differs, when that does not happen within [`BOUND`].
pub(super) fn holds(lab: &Lab) -> Result<()> {
    until("healthy, announced and delivered to agree", BOUND, || {
        let looked = differences(lab).and_then(|found| agreed(&found));
        if looked.is_err() {
            // To look takes some thirty programs, which what is awaited has to wait for.
            thread::sleep(PAUSE);
        }
        looked
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
    let links = Links::of(host)?;
    let container = container(host)?;
    let bridge = Some(bridge_name(host)?).filter(|name| links.all.contains(name));
    let port = port_name(&container).filter(|name| links.all.contains(name));
    let serves = container["State"]["Status"] == "running"
        && container["State"]["Health"]["Status"] == "healthy"
        && port.is_some();
    let mut found = Vec::new();
    if let Err(error) = host.plugin_pid() {
        found.push(format!("{error:#}"));
    }
    match &bridge {
        None => found.push("the network's bridge is not there".to_owned()),
        Some(bridge) if !serves => {
            let permanent = format!("neigh show dev {bridge} nud permanent");
            let neighbours = host.netns.ip(&permanent)?;
            if !neighbours.trim().is_empty() {
                found.push(format!("neighbours of nobody: {neighbours}"));
            }
        }
        Some(_) => {}
    }
    let wanted = bridge.clone().filter(|_| serves);
    for address in service_addresses()? {
        let link = host.service_link(address)?;
        if link != wanted {
            found.push(format!("the route to {address} is by {link:?}"));
        }
    }
    if !serves {
        let next_hops = host.netns.ip("nexthop show")?;
        if !next_hops.trim().is_empty() {
            found.push(format!("next hops of nobody: {next_hops}"));
        }
    }
    links.compare(&bridge.into_iter().chain(port).collect(), &mut found);
    let name = host.site.name;
    let state = if serves { "serves" } else { "does not serve" };
    let found = found
        .iter()
        .map(|it| format!("{name}, which {state}: {it}"));
    Ok((serves, found.collect()))
}

/// The links of a host.
struct Links {
    all: BTreeSet<String>,
    /// Those with the plugin's mark.
    marked: BTreeSet<String>,
}

impl Links {
    fn of(host: &Host) -> Result<Self> {
        let links: Value = serde_json::from_str(&host.netns.ip("-j -d link show")?)?;
        let (mut all, mut marked) = (BTreeSet::new(), BTreeSet::new());
        for link in links.as_array().context("a list of links")? {
            let name = link["ifname"].as_str().unwrap_or_default();
            all.insert(name.to_owned());
            let alias = link["ifalias"].as_str().unwrap_or_default();
            if alias.starts_with("bgplb:") {
                marked.insert(name.to_owned());
            }
        }
        Ok(Self { all, marked })
    }

    /// Every link with the plugin's mark is the bridge or a container's, and no container's inside
    /// link is outside.
    fn compare(&self, wanted: &BTreeSet<String>, found: &mut Vec<String>) {
        for link in wanted.symmetric_difference(&self.marked) {
            let what = if wanted.contains(link) {
                "has not the plugin's mark"
            } else {
                "is there for nobody"
            };
            found.push(format!("link {link} {what}"));
        }
        for link in self.all.difference(&self.marked) {
            if link.starts_with("vlb") {
                found.push(format!("{link} is outside of its container"));
            }
        }
    }
}

/// What Docker says of the container; null when it has none.
pub(super) fn container(host: &Host) -> Result<Value> {
    let finished = host
        .docker
        .command(&["inspect", "--type", "container", WEB])
        .finish()?;
    if finished.code == Some(0) {
        let list: Value = serde_json::from_str(&finished.stdout).context("parse docker inspect")?;
        return Ok(list[0].clone());
    }
    let complaint = finished.complaint();
    ensure!(
        complaint.to_lowercase().contains("no such container"),
        "{}: {complaint}",
        host.site.name
    );
    Ok(Value::Null)
}

/// The bridge of the service network, if it is there.
pub(super) fn bridge(host: &Host) -> Result<Option<String>> {
    let name = bridge_name(host)?;
    Ok(host.netns.links()?.contains(&name).then_some(name))
}

/// The outside link of the container, if it is there.
pub(super) fn port(host: &Host) -> Result<Option<String>> {
    let Some(name) = port_name(&container(host)?) else {
        return Ok(None);
    };
    Ok(host.netns.links()?.contains(&name).then_some(name))
}

fn bridge_name(host: &Host) -> Result<String> {
    let id = host.docker.inspect("network", WEB)?["Id"].clone();
    let id = id.as_str().and_then(|id| id.get(..9));
    let id = id.context("a network identifier is longer")?;
    Ok(format!("bgplb-{id}"))
}

fn port_name(container: &Value) -> Option<String> {
    let endpoint = &container["NetworkSettings"]["Networks"][WEB]["EndpointID"];
    let head = endpoint.as_str().and_then(|id| id.get(..8))?;
    Some(format!("veth{head}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn compared(all: &[&str], marked: &[&str]) -> Vec<String> {
        let links = Links {
            all: set(all),
            marked: set(marked),
        };
        let mut found = Vec::new();
        links.compare(&set(&["bgplb-1", "veth1"]), &mut found);
        found
    }

    #[test]
    fn every_link_that_is_not_as_it_should_be_is_named() {
        let all = ["bgplb-1", "veth1", "veth2", "vlb3", "lo"];
        assert!(compared(&all[..2], &["bgplb-1", "veth1"]).is_empty());
        let expected = [
            "link bgplb-1 has not the plugin's mark",
            "link veth2 is there for nobody",
            "vlb3 is outside of its container",
        ];
        assert_eq!(compared(&all, &["veth1", "veth2"]), expected);
    }

    #[test]
    fn only_a_container_with_an_endpoint_has_a_link() {
        assert_eq!(port_name(&Value::Null), None);
        let endpoint = serde_json::json!({"EndpointID": "0123456789"});
        let container = serde_json::json!({"NetworkSettings": {"Networks": {WEB: endpoint}}});
        assert_eq!(port_name(&container).as_deref(), Some("veth01234567"));
        // Docker keeps an empty one for a container that has ended.
        let container =
            serde_json::json!({"NetworkSettings": {"Networks": {WEB: {"EndpointID": ""}}}});
        assert_eq!(port_name(&container), None);
    }
}
