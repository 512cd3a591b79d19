//! What ends and comes back: the engine, the plugin, the whole host; and what must not be lost by
//! it, requests of clients among it. On three hosts.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, ensure};
use serde_json::Value;

use super::load::Load;
use super::suite::Case;
use crate::chaos;
use crate::lab::Lab;
use crate::lab::host::Host;
use crate::scenario::{self, WEB};
use crate::wait::{secs, until};

/// What depends on the engine.
pub(super) const CASES: [(&str, Case); 4] = [
    (
        "an_engine_that_keeps_its_containers_loses_no_request",
        live_restore,
    ),
    ("an_engine_that_ends_brings_its_containers_back", restart),
    (
        "a_host_that_has_lost_all_but_its_disk_serves_again",
        power_loss,
    ),
    ("after_rounds_of_chaos_everything_is_in_order", chaos_rounds),
];

fn chaos_rounds(lab: &Lab) -> Result<()> {
    let seen = chaos::in_lab(lab, chaos::Plan::short())?;
    println!("chaos: {seen}");
    Ok(())
}

/// The host to which it happens.
fn first(lab: &Lab) -> Result<&Host> {
    let first = lab.hosts.first();
    first.ok_or_else(|| anyhow!("a laboratory has hosts"))
}

/// The service on every host, with containers that the engine starts again.
fn serve(lab: &Lab) -> Result<()> {
    lab.wait_sessions(&lab.all(), secs(30))?;
    for host in &lab.hosts {
        host.create_web1()?;
        start(host)?;
    }
    in_order(lab)
}

/// Starts the container of one host.
fn start(host: &Host) -> Result<()> {
    host.create_web(WEB, WEB, &["--restart", "always", "--stop-timeout", "3"])?;
    host.docker.run(&["start", WEB]).map(drop)
}

/// Every host serves, and the client sees it.
fn in_order(lab: &Lab) -> Result<()> {
    in_place(lab)?;
    lab.wait_answers(&lab.all())
}

/// Every host is announced and delivers.
fn in_place(lab: &Lab) -> Result<()> {
    lab.wait_sessions(&lab.all(), secs(30))?;
    for host in &lab.hosts {
        host.wait_health(WEB, "healthy")?;
    }
    lab.wait_service(&lab.all(), secs(10))?;
    for host in &lab.hosts {
        scenario::expect_host_routes(host, true)?;
    }
    Ok(())
}

/// Removes the service of one host, of which nothing is left then.
fn leave(lab: &Lab, host: &Host, before: &[String]) -> Result<()> {
    host.docker.run(&["rm", "--force", WEB])?;
    let others: Vec<&Host> = lab
        .hosts
        .iter()
        .filter(|it| !std::ptr::eq(*it, host))
        .collect();
    lab.wait_service(&others, secs(5))?;
    host.docker.run(&["network", "rm", WEB])?;
    scenario::expect_traces(host, before)
}

/// What Docker says of the service on a host, but for what is new with every start.
fn known(host: &Host) -> Result<BTreeMap<&'static str, Value>> {
    let network = host.docker.inspect("network", WEB)?;
    let container = host.docker.inspect("container", WEB)?;
    let endpoint = &container["NetworkSettings"]["Networks"][WEB];
    Ok(BTreeMap::from([
        ("network", network["Id"].clone()),
        ("subnets", network["IPAM"].clone()),
        ("container", container["Id"].clone()),
        ("IPv4 address", endpoint["IPAddress"].clone()),
        ("IPv6 address", endpoint["GlobalIPv6Address"].clone()),
    ]))
}

fn live_restore(lab: &Lab) -> Result<()> {
    let host = first(lab)?;
    let before = scenario::traces(host)?;
    host.set_live_restore(true)?;
    let result = with_live_restore(lab, host, &before);
    host.set_live_restore(false)?;
    result
}

fn with_live_restore(lab: &Lab, host: &Host, before: &[String]) -> Result<()> {
    serve(lab)?;
    let process = || anyhow::Ok(host.docker.inspect("container", WEB)?["State"]["Pid"].clone());
    let running = (process()?, host.plugin_pid()?, known(host)?);
    let there = scenario::traces(host)?;
    for how in ["stopped", "killed"] {
        let load = Load::start(lab)?;
        if how == "stopped" {
            host.stop_engine()?;
        } else {
            host.kill_engine()?;
        }
        // While nobody answers the plugin's questions, too.
        lab.wait_service(&lab.all(), secs(0))?;
        lab.wait_answers(&lab.all())?;
        host.start_engine()?;
        in_order(lab)?;
        load.expect_no_loss(&format!("an engine with live restore was {how}"), 0)?;
        let now = (process()?, host.plugin_pid()?, known(host)?);
        ensure!(now == running, "{running:?} has become {now:?}");
        scenario::expect_traces(host, &there)?;
    }
    leave(lab, host, before)
}

fn restart(lab: &Lab) -> Result<()> {
    let host = first(lab)?;
    let before = scenario::traces(host)?;
    serve(lab)?;
    let was = known(host)?;
    for how in ["stopped", "killed"] {
        if how == "stopped" {
            // SIGUSR2 is the containers' stop signal: they serve until their time is over.
            let load = Load::start(lab)?;
            host.stop_engine()?;
            let others: Vec<&Host> = lab.hosts.iter().skip(1).collect();
            lab.wait_service(&others, secs(5))?;
            lab.wait_answers(&others)?;
            host.start_engine()?;
            in_order(lab)?;
            load.expect_no_loss("an engine without live restore was stopped", 2)?;
        } else {
            host.kill_engine()?;
            host.start_engine()?;
            in_place(lab)?;
        }
        let now = known(host)?;
        ensure!(now == was, "{was:?} has become {now:?}");
    }
    if host.has_left_a_double(WEB)? {
        println!("the killed engine has left a double of the container, which gets a new one");
        host.docker.run(&["rm", "--force", WEB])?;
        start(host)?;
    }
    in_order(lab)?;
    leave(lab, host, &before)
}

fn power_loss(lab: &Lab) -> Result<()> {
    let host = first(lab)?;
    let before = scenario::traces(host)?;
    serve(lab)?;
    let was = known(host)?;
    host.lose_power()?;
    let links = host.netns.links()?;
    ensure!(
        links.iter().eq(["lo", "uplink"]),
        "the links that are left are {links:?}"
    );
    host.start_engine()?;
    until("the service to be as it was", secs(30), || {
        let now = known(host)?;
        ensure!(now == was, "{was:?} has become {now:?}");
        Ok(())
    })?;
    in_order(lab)?;
    leave(lab, host, &before)
}
