//! The steps of the README's scenario that the demonstration, the tests and the benchmark share.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::artifacts::Artifacts;
use crate::lab::host::Host;
use crate::lab::router::RouterKind;
use crate::lab::{Lab, Options, host, service_addresses};
use crate::packages::{self, Package};
use crate::wait::{secs, until};

/// The service network's and the container's name, on every host.
pub(crate) const WEB: &str = "web1";

/// The packages a laboratory with this router needs.
pub(crate) fn packages(router: RouterKind) -> Vec<Package> {
    packages::BASE.into_iter().chain(router.package()).collect()
}

/// A laboratory with the plugin enabled and the gateway networks created on so many hosts; sessions
/// may still be on their way.
///
/// # Errors
///
/// When a part does not come up.
pub(crate) fn bring_up(
    count: usize,
    options: &Options,
    artifacts: &Artifacts,
    settings: &[(&str, String)],
) -> Result<Lab> {
    let lab = Lab::start_with(count, options, artifacts)?;
    prepare_hosts(&lab, &artifacts.plugin_dir, settings)?;
    Ok(lab)
}

fn prepare_hosts(lab: &Lab, plugin: &Path, settings: &[(&str, String)]) -> Result<()> {
    lab.install_plugins(plugin, settings)
        .with_context(|| lab.logs())?;
    create_gateway_networks(lab)
}

/// Creates the gateway network of each host.
///
/// # Errors
///
/// With Docker's words when it refuses.
pub(crate) fn create_gateway_networks(lab: &Lab) -> Result<()> {
    lab.hosts.iter().try_for_each(Host::create_gateway_network)
}

/// Waits until all sessions are up and the router knows every gateway network by its own host.
///
/// # Errors
///
/// When that does not happen in time.
pub(crate) fn await_gateways(lab: &Lab) -> Result<()> {
    lab.wait_sessions(&lab.all(), secs(30))?;
    for host in &lab.hosts {
        for subnet in host.site.gateway_subnets() {
            lab.wait_route(&subnet, &[host], secs(10))?;
        }
    }
    Ok(())
}

/// Starts the service on every host and waits until it is healthy, announced and installed, and
/// until every host answers.
///
/// The last is more than the rest: Docker's bridge, by which the answers go, begins to work with
/// its first container, and over IPv6 the kernel looks for duplicates of its address first.
///
/// # Errors
///
/// When that does not happen in time.
pub(crate) fn serve(lab: &Lab) -> Result<()> {
    lab.wait_sessions(&lab.all(), secs(30))?;
    for host in &lab.hosts {
        host.create_web1()?;
        host.run_web(WEB, WEB)?;
    }
    for host in &lab.hosts {
        host.wait_health(WEB, "healthy")?;
    }
    lab.wait_service(&lab.all(), secs(10))?;
    for host in &lab.hosts {
        expect_host_routes(host, true)?;
    }
    lab.wait_answers(&lab.all())
}

/// Waits until the host's own routes to the service are there, on the network's bridge, or gone.
///
/// # Errors
///
/// When that does not happen within 5 s.
pub(crate) fn expect_host_routes(host: &Host, there: bool) -> Result<()> {
    let id = host.docker.inspect("network", WEB)?["Id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let bridge = format!(
        "bgplb-{}",
        id.get(..9).context("a network identifier is longer")?
    );
    let wanted = there.then_some(bridge);
    let what = format!("host routes of {} by {wanted:?}", host.site.name);
    until(&what, secs(5), || {
        for address in service_addresses()? {
            let link = host.service_link(address)?;
            ensure!(link == wanted, "the route to {address} is by {link:?}");
        }
        Ok(())
    })
}

/// Everything about a host that a removed service must not leave behind: links,
/// routes and next hops.
///
/// Docker's own `docker_gwbridge` does not count. Docker makes it when a container happens to
/// join the service network before the one with a gateway, and keeps it.
///
/// # Errors
///
/// When `ip` fails.
pub(crate) fn traces(host: &Host) -> Result<Vec<String>> {
    let mut traces: Vec<String> = host
        .netns
        .links()?
        .into_iter()
        .map(|link| format!("link {link}"))
        .collect();
    for family in ["-4", "-6"] {
        let routes = host.netns.ip(&format!("{family} route show table all"))?;
        // Expiry times of what the kernel made itself count down, and a bridge loses its carrier a
        // moment after its last container.
        let stable = routes.lines().filter(|line| !line.contains("expires"));
        traces.extend(stable.map(|line| line.replace(" linkdown", "").trim_end().to_owned()));
    }
    let next_hops = host.netns.ip("nexthop show")?;
    traces.extend(next_hops.lines().map(|line| format!("nexthop {line}")));
    // What the kernel gives a bridge itself comes with its first carrier and stays as long as the
    // bridge, which is a trace by its link.
    let of_kernel = |trace: &String| {
        let made = trace.contains("fe80::") || trace.contains("ff00::");
        made && trace.contains("dev bgplb") && trace.contains("proto kernel")
    };
    // Docker tries to add this route before the bridge is up, and again when it starts anew.
    let of_docker = |trace: &String| {
        trace.contains("docker_gwbridge") || trace.contains("dev bgplb_gwbridge metric 1024")
    };
    traces.retain(|trace| !of_docker(trace) && !of_kernel(trace));
    Ok(traces)
}

/// Waits until a host's traces are what they were.
///
/// # Errors
///
/// When that does not happen within 5 s; the message names the differences.
pub(crate) fn expect_traces(host: &Host, before: &[String]) -> Result<()> {
    until(
        &format!("{} to be as it was", host.site.name),
        secs(5),
        || {
            let now = traces(host)?;
            let new: Vec<&String> = now.iter().filter(|trace| !before.contains(trace)).collect();
            let gone: Vec<&String> = before.iter().filter(|trace| !now.contains(trace)).collect();
            ensure!(
                new.is_empty() && gone.is_empty(),
                "new: {new:?}, gone: {gone:?}"
            );
            Ok(())
        },
    )
}

/// Ends all services of all hosts, keeps the gateway networks, and makes sure that a plugin which
/// a failed test left disabled runs again.
///
/// # Errors
///
/// When Docker refuses.
pub(crate) fn reset(lab: &Lab) -> Result<()> {
    for host in &lab.hosts {
        let enabled = host.docker.inspect("plugin", host::PLUGIN)?["Enabled"] == true;
        if !enabled {
            host.docker.ask(&["plugin", "enable", host::PLUGIN])?;
        }
        host.clear_services()?;
    }
    Ok(())
}
