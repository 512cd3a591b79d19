//! No request is lost by what an administrator does, or by what befalls the plugin: each counted
//! by the client, on three hosts.

use std::thread;

use anyhow::{Result, anyhow, ensure};

use super::load::Load;
use super::suite::Case;
use crate::lab::host::{Host, PLUGIN};
use crate::lab::registry::{self, Registries};
use crate::lab::{Lab, image};
use crate::scenario::{self, WEB};
use crate::sys;
use crate::wait::{secs, until};

/// What depends on the engine.
pub(super) const CASES: [(&str, Case); 4] = [
    ("a_drain_by_sigusr2_loses_no_request", drain),
    (
        "a_restart_of_one_host_after_another_loses_no_request",
        rolling,
    ),
    ("a_crash_of_the_plugin_loses_no_request", crash),
    (
        "an_upgrade_of_the_plugin_loses_no_request_and_no_state",
        upgrade,
    ),
];

fn others<'a>(lab: &'a Lab, host: &Host) -> Vec<&'a Host> {
    let hosts = lab.hosts.iter();
    hosts
        .filter(|other| other.site.name != host.site.name)
        .collect()
}

fn drain(lab: &Lab) -> Result<()> {
    scenario::serve(lab)?;
    let load = Load::start(lab)?;
    let host = &lab.hosts[0];
    host.docker.run(&["kill", "--signal", "SIGUSR2", WEB])?;
    lab.wait_service(&others(lab, host), secs(3))?;
    until("the drained container to end", secs(15), || {
        let state = host.docker.inspect("container", WEB)?["State"].clone();
        ensure!(state["Running"] == false, "{state}");
        Ok(())
    })?;
    lab.wait_answers(&others(lab, host))?;
    load.expect_no_loss("a drain by SIGUSR2", 1)
}

/// As an administrator brings a new image to one host after another: SIGUSR2 is the containers'
/// stop signal.
fn rolling(lab: &Lab) -> Result<()> {
    lab.wait_sessions(&lab.all(), secs(30))?;
    for host in &lab.hosts {
        // Healthy is sooner than able to answer over IPv6: for up to two seconds after its start a
        // container looks whether anybody has its link-local address, and can't ask for its gateway.
        host.create_web1_with(&["bgplb.min-healthy-time=3s"])?;
        host.run_web(WEB, WEB)?;
    }
    lab.wait_service(&lab.all(), secs(20))?;
    lab.wait_answers(&lab.all())?;
    let load = Load::start(lab)?;
    for host in &lab.hosts {
        host.docker.run(&["stop", WEB])?;
        lab.wait_service(&others(lab, host), secs(3))?;
        host.docker.run(&["rm", WEB])?;
        host.run_web(WEB, WEB)?;
        lab.wait_service(&lab.all(), secs(20))?;
    }
    lab.wait_answers(&lab.all())?;
    let changes = u32::try_from(2 * lab.hosts.len())?;
    load.expect_no_loss("a restart of one host after another", changes)
}

fn crash(lab: &Lab) -> Result<()> {
    scenario::serve(lab)?;
    let load = Load::start(lab)?;
    for host in &lab.hosts {
        let pid = host.plugin_pid()?;
        sys::kill(pid, libc::SIGKILL)?;
        until("Docker to start the plugin again", secs(20), || {
            ensure!(host.plugin_pid()? != pid, "it is the old one");
            // The router keeps the routes meanwhile.
            Ok(())
        })?;
        lab.wait_service(&lab.all(), secs(0))?;
    }
    lab.wait_sessions(&lab.all(), secs(30))?;
    lab.wait_service(&lab.all(), secs(5))?;
    lab.wait_answers(&lab.all())?;
    load.expect_no_loss("a crash of every host's plugin", 0)
}

fn upgrade(lab: &Lab) -> Result<()> {
    let host = &lab.hosts[0];
    let _registries = Registries::start(lab, &super::plugin_dir()?)?;
    set(host, "STOP_ACTION=restart")?;
    let result = with_restarting_stop(lab, host);
    let set = set(host, "STOP_ACTION=withdraw");
    result.and(set)
}

fn set(host: &Host, setting: &str) -> Result<()> {
    // One that a failed upgrade left disabled is not disabled again.
    if host.docker.inspect("plugin", PLUGIN)?["Enabled"] == true {
        host.docker.run(&["plugin", "disable", "--force", PLUGIN])?;
    }
    host.docker.run(&["plugin", "set", PLUGIN, setting])?;
    host.docker.run(&["plugin", "enable", PLUGIN]).map(drop)
}

fn with_restarting_stop(lab: &Lab, host: &Host) -> Result<()> {
    scenario::await_gateways(lab)?;
    let before = scenario::traces(host)?;
    scenario::serve(lab)?;
    let there = scenario::traces(host)?;
    let load = Load::start(lab)?;
    let docker = host.docker.clone();
    let upgrade = thread::spawn(move || registry::upgrade_plugin(&docker));
    // The router keeps the routes all the time.
    while !upgrade.is_finished() {
        lab.wait_service(&lab.all(), secs(0))?;
    }
    upgrade
        .join()
        .map_err(|_| anyhow!("the upgrade panicked"))??;
    lab.wait_sessions(&lab.all(), secs(30))?;
    lab.wait_service(&lab.all(), secs(5))?;
    lab.wait_answers(&lab.all())?;
    load.expect_no_loss("an upgrade of the plugin", 0)?;
    scenario::expect_traces(host, &there)?;
    // What it knows of its network and its container outlived the root file system.
    host.exec(WEB, &image::SICKEN)?;
    lab.wait_service(&others(lab, host), secs(5))?;
    host.docker.run(&["rm", "--force", WEB])?;
    host.docker.run(&["network", "rm", WEB])?;
    scenario::expect_traces(host, &before)
}
