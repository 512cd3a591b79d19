//! The faults, and what mends their consequences that are no business of the plugin's.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use super::check;
use crate::lab::Lab;
use crate::lab::host::{Host, PLUGIN};
use crate::lab::image;
use crate::scenario::WEB;
use crate::sys;
use crate::wait::{secs, until};

/// Something that goes wrong at a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL to the plugin; Docker starts it again.
    KillPlugin,
    /// The plugin is disabled by force and enabled.
    DisablePlugin,
    /// The health check of the container fails from now on.
    Sicken,
    /// SIGKILL to the container.
    KillContainer,
    /// The container is paused.
    Pause,
    /// `docker rm --force` and a new container.
    Replace,
    /// The network's bridge is deleted by hand.
    DeleteBridge,
    /// The container's outside link is deleted by hand.
    DeleteVeth,
    /// The host's routes to the service are deleted by hand.
    DeleteRoutes,
    /// The host's link to the router is down for a moment.
    CutSession,
    /// The plugin's state file is removed while it runs.
    RemoveState,
    /// The plugin's state file is damaged while it runs.
    DamageState,
}

impl Fault {
    pub(super) const ALL: [Self; 12] = [
        Self::KillPlugin,
        Self::DisablePlugin,
        Self::Sicken,
        Self::KillContainer,
        Self::Pause,
        Self::Replace,
        Self::DeleteBridge,
        Self::DeleteVeth,
        Self::DeleteRoutes,
        Self::CutSession,
        Self::RemoveState,
        Self::DamageState,
    ];

    /// Those that the plugin hears of at once.
    pub(super) const QUICK: &[Self] = &[
        Self::KillPlugin,
        Self::DisablePlugin,
        Self::Sicken,
        Self::KillContainer,
        Self::Pause,
        Self::Replace,
        Self::CutSession,
        Self::RemoveState,
        Self::DamageState,
    ];

    /// Has it happen; returns when it has.
    pub(super) fn inflict(self, lab: &Lab, host: &Host) -> Result<()> {
        let docker = &host.docker;
        match self {
            Self::KillPlugin => kill_plugin(host),
            Self::DisablePlugin => {
                docker.run(&["plugin", "disable", "--force", PLUGIN])?;
                docker.run(&["plugin", "enable", PLUGIN]).map(drop)
            }
            // A container that does not run can't be made ill, killed or paused.
            Self::Sicken => if_running(host, || host.exec(WEB, &["rm", "-f", "/www/health"])),
            Self::KillContainer => if_running(host, || docker.run(&["kill", WEB]).map(drop)),
            Self::Pause => if_running(host, || docker.run(&["pause", WEB]).map(drop)),
            Self::Replace => {
                docker.run(&["rm", "--force", WEB])?;
                host.run_web(WEB, WEB)
            }
            Self::DeleteBridge => delete_link(host, check::bridge(host)?),
            Self::DeleteVeth => delete_link(host, check::port(host)?),
            Self::DeleteRoutes => delete_routes(host),
            Self::CutSession => cut_session(lab, host),
            Self::RemoveState => fs::remove_file(state_file(host)?).context("remove the state"),
            Self::DamageState => fs::write(state_file(host)?, "{").context("damage the state"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KillPlugin => "plugin killed",
            Self::DisablePlugin => "plugin disabled and enabled",
            Self::Sicken => "container made unhealthy",
            Self::KillContainer => "container killed",
            Self::Pause => "container paused",
            Self::Replace => "container replaced",
            Self::DeleteBridge => "bridge deleted",
            Self::DeleteVeth => "link of the container deleted",
            Self::DeleteRoutes => "routes deleted",
            Self::CutSession => "session cut",
            Self::RemoveState => "state file removed",
            Self::DamageState => "state file damaged",
        })
    }
}

fn kill_plugin(host: &Host) -> Result<()> {
    let pid = until("a plugin to kill", secs(20), || host.plugin_pid())?;
    sys::kill(pid, libc::SIGKILL)?;
    until("Docker to start the plugin again", secs(20), || {
        let now = host.plugin_pid()?;
        ensure!(now != pid, "it is the old one");
        Ok(())
    })
}

fn if_running(host: &Host, then: impl FnOnce() -> Result<()>) -> Result<()> {
    let state = host.docker.inspect("container", WEB)?["State"]["Status"].clone();
    if state == "running" { then() } else { Ok(()) }
}

fn delete_link(host: &Host, link: Option<String>) -> Result<()> {
    match link {
        Some(link) => host.netns.ip(&format!("link delete {link}")).map(drop),
        None => Ok(()),
    }
}

fn delete_routes(host: &Host) -> Result<()> {
    for address in crate::lab::service_addresses()? {
        let family = if address.is_ipv6() { "-6" } else { "-4" };
        host.netns
            .ip(&format!("{family} route flush exact {address} proto bgp"))?;
    }
    Ok(())
}

/// A reset rather than silence: the laboratory has no time to wait for hold timers.
fn cut_session(lab: &Lab, host: &Host) -> Result<()> {
    let name = host.site.name;
    lab.router().restart_session(name)
}

/// Where the engine keeps the plugin's propagated mount.
fn state_file(host: &Host) -> Result<PathBuf> {
    let id = host.docker.inspect("plugin", PLUGIN)?["Id"].clone();
    let id = id.as_str().context("a plugin has an identifier")?;
    let engine = host.log().parent().context("a log has a directory")?;
    let mount = engine
        .join("data/plugins")
        .join(id)
        .join("propagated-mount");
    Ok(mount.join("state.json"))
}

/// Has the container run, healthy and with its links, as an operator would.
pub(super) fn repair(host: &Host) -> Result<()> {
    let docker = &host.docker;
    let state = docker.inspect("container", WEB)?["State"].clone();
    if state["Paused"] == true {
        docker.run(&["unpause", WEB])?;
    }
    let lost = check::bridge(host)?.is_none() || check::port(host)?.is_none();
    if state["Running"] != true || lost {
        // Every container must be removable, whatever happened to it.
        docker.run(&["rm", "--force", WEB])?;
        host.run_web(WEB, WEB)?;
    }
    host.exec(WEB, &image::HEAL)?;
    host.wait_health(WEB, "healthy")
}
