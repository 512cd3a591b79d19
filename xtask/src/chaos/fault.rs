//! The faults, and what mends their consequences that are no business of the plugin's.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs, io, thread};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::check;
use crate::lab::Lab;
use crate::lab::host::{Host, PLUGIN};
use crate::lab::router::End;
use crate::lab::{image, registry};
use crate::scenario::WEB;
use crate::sys;
use crate::wait::{secs, until};

/// Something that goes wrong at a host, or at the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL to the plugin; Docker starts it again.
    KillPlugin,
    /// The plugin is disabled by force and enabled.
    DisablePlugin,
    /// The plugin is replaced by another release from a registry.
    UpgradePlugin,
    /// SIGKILL to dockerd, which is then started again.
    KillEngine,
    /// SIGTERM to dockerd, which is then started again.
    RestartEngine,
    /// The host loses what its memory holds, and starts again.
    LosePower,
    /// The health check of the container fails from now on.
    Sicken,
    /// SIGKILL to the container.
    KillContainer,
    /// The container is paused.
    Pause,
    /// `docker rm --force` and a new container.
    Replace,
    /// SIGKILL to the plugin in the midst of that.
    InterruptReplace,
    /// SIGUSR2 to the container: the plugin withdraws it and stops it 5 s later.
    Drain,
    /// The network's bridge is deleted by hand.
    DeleteBridge,
    /// The container's outside link is deleted by hand.
    DeleteVeth,
    /// The host's routes to the service are deleted by hand.
    DeleteRoutes,
    /// The router ends the session and takes it up again.
    CutSession,
    /// The host hears nothing of the router for a moment, nor the router of it.
    LoseLink,
    /// SIGTERM to the router's program, which is then started again.
    RestartRouter,
    /// SIGKILL to the router's program, which is then started again.
    KillRouter,
    /// The plugin's state file is removed while it runs.
    RemoveState,
    /// The plugin's state file is damaged while it runs.
    DamageState,
    /// The plugin's state file is cut short while it does not run.
    TruncateState,
}

impl Fault {
    pub(super) const ALL: [Self; 22] = [
        Self::KillPlugin,
        Self::DisablePlugin,
        Self::UpgradePlugin,
        Self::KillEngine,
        Self::RestartEngine,
        Self::LosePower,
        Self::Sicken,
        Self::KillContainer,
        Self::Pause,
        Self::Replace,
        Self::InterruptReplace,
        Self::Drain,
        Self::DeleteBridge,
        Self::DeleteVeth,
        Self::DeleteRoutes,
        Self::CutSession,
        Self::LoseLink,
        Self::RestartRouter,
        Self::KillRouter,
        Self::RemoveState,
        Self::DamageState,
        Self::TruncateState,
    ];

    /// Those that the plugin hears of at once and that take no more than a moment.
    pub(super) const QUICK: &[Self] = &[
        Self::KillPlugin,
        Self::DisablePlugin,
        Self::KillEngine,
        Self::Sicken,
        Self::KillContainer,
        Self::Pause,
        Self::Replace,
        Self::InterruptReplace,
        Self::Drain,
        Self::CutSession,
        Self::KillRouter,
        Self::RemoveState,
        Self::DamageState,
        Self::TruncateState,
    ];

    /// Whether it happens at the router, and so at no host of its own.
    pub(super) const fn is_of_router(self) -> bool {
        matches!(self, Self::RestartRouter | Self::KillRouter)
    }

    /// Whether it breaks into something that takes its time.
    pub(super) const fn breaks_in(self) -> bool {
        matches!(self, Self::InterruptReplace)
    }

    /// Has it happen; returns when it has. `delay` is the time after which it breaks into something.
    pub(super) fn inflict(self, lab: &Lab, host: &Host, delay: Duration) -> Result<()> {
        let docker = &host.docker;
        match self {
            Self::KillPlugin => kill_plugin(host),
            Self::DisablePlugin => while_disabled(host, || Ok(())),
            Self::UpgradePlugin => registry::upgrade_plugin(docker),
            Self::KillEngine => {
                host.kill_engine()?;
                host.start_engine()
            }
            Self::RestartEngine => host.restart_engine(),
            Self::LosePower => {
                host.lose_power()?;
                host.start_engine()
            }
            // A container that does not run can't be made ill, killed or paused.
            Self::Sicken => if_running(host, || host.exec(WEB, &["rm", "-f", "/www/health"])),
            Self::KillContainer => if_running(host, || docker.run(&["kill", WEB]).map(drop)),
            Self::Pause => if_running(host, || docker.run(&["pause", WEB]).map(drop)),
            Self::Replace => renew(host),
            Self::InterruptReplace => interrupt(host, delay, renew),
            Self::Drain => if_running(host, || {
                docker.run(&["kill", "--signal", "SIGUSR2", WEB]).map(drop)
            }),
            Self::DeleteBridge => delete_link(host, check::bridge(host)?),
            Self::DeleteVeth => delete_link(host, check::port(host)?),
            Self::DeleteRoutes => delete_routes(host),
            // A reset rather than silence: the laboratory has no time to wait for hold timers.
            Self::CutSession => lab.router().restart_session(host.site.name),
            Self::LoseLink => lose_link(lab, host),
            Self::RestartRouter => lab.router().restart(End::Stopped),
            Self::KillRouter => lab.router().restart(End::Killed),
            Self::RemoveState => remove(&state_file(host)?),
            Self::DamageState => damage(&state_file(host)?),
            Self::TruncateState => {
                let file = state_file(host)?;
                while_disabled(host, || truncate(&file))
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KillPlugin => "plugin killed",
            Self::DisablePlugin => "plugin disabled and enabled",
            Self::UpgradePlugin => "plugin upgraded",
            Self::KillEngine => "dockerd killed and started",
            Self::RestartEngine => "dockerd restarted",
            Self::LosePower => "power lost",
            Self::Sicken => "container made unhealthy",
            Self::KillContainer => "container killed",
            Self::Pause => "container paused",
            Self::Replace => "container replaced",
            Self::InterruptReplace => "container replaced, and the plugin killed",
            Self::Drain => "container drained",
            Self::DeleteBridge => "bridge deleted",
            Self::DeleteVeth => "link of the container deleted",
            Self::DeleteRoutes => "routes deleted",
            Self::CutSession => "session cut",
            Self::LoseLink => "link to the router lost for a moment",
            Self::RestartRouter => "router restarted",
            Self::KillRouter => "router killed and started",
            Self::RemoveState => "state file removed",
            Self::DamageState => "state file damaged",
            Self::TruncateState => "state file cut short while the plugin is disabled",
        })
    }
}

fn while_disabled(host: &Host, then: impl FnOnce() -> Result<()>) -> Result<()> {
    host.docker.run(&["plugin", "disable", "--force", PLUGIN])?;
    let done = then();
    host.docker.run(&["plugin", "enable", PLUGIN])?;
    done
}

fn kill_plugin(host: &Host) -> Result<()> {
    let pid = until("a plugin to kill", secs(20), || host.plugin_pid())?;
    sys::kill(pid, libc::SIGKILL)?;
    await_another_plugin(host, pid)
}

fn await_another_plugin(host: &Host, pid: u32) -> Result<()> {
    until("Docker to start the plugin again", secs(20), || {
        let now = host.plugin_pid()?;
        ensure!(now != pid, "it is the old one");
        Ok(())
    })
}

/// Kills the plugin after a while of `work`, which may fail by it.
fn interrupt(host: &Host, delay: Duration, work: impl FnOnce(&Host) -> Result<()>) -> Result<()> {
    let pid = until("a plugin to kill", secs(20), || host.plugin_pid())?;
    let kill = thread::spawn(move || {
        thread::sleep(delay);
        sys::kill(pid, libc::SIGKILL)
    });
    if let Err(error) = work(host) {
        println!("  {}: {error:#}", host.site.name);
    }
    kill.join().map_err(|_| anyhow!("the thread panicked"))??;
    await_another_plugin(host, pid)
}

/// A new container in the place of the one that is there, if any.
fn renew(host: &Host) -> Result<()> {
    if !check::container(host)?.is_null() {
        host.docker.run(&["rm", "--force", WEB])?;
    }
    run_web(host)
}

fn if_running(host: &Host, then: impl FnOnce() -> Result<()>) -> Result<()> {
    let state = check::container(host)?["State"]["Status"].clone();
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
        if host.service_link(address)?.is_some() {
            let family = if address.is_ipv6() { "-6" } else { "-4" };
            // Not `flush`, which sends back all that a route has, next hop and its number, of
            // which the kernel takes one.
            host.netns
                .ip(&format!("{family} route delete {address} proto bgp"))?;
        }
    }
    Ok(())
}

/// Shorter than the hold time: what is told to have been lost comes again.
fn lose_link(lab: &Lab, host: &Host) -> Result<()> {
    let port = host.site.name;
    lab.router_netns.ip(&format!("link set {port} down"))?;
    thread::sleep(secs(2));
    lab.router_netns
        .ip(&format!("link set {port} up"))
        .map(drop)
}

/// A file that the plugin has set aside may be gone.
fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
    .context("remove the state")
}

fn damage(file: &Path) -> Result<()> {
    fs::write(file, "{").context("damage the state")
}

/// What was removed a moment ago and not written since has nothing to be cut.
fn truncate(file: &Path) -> Result<()> {
    let state = match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        state => state.context("read the state")?,
    };
    fs::write(file, &state[..state.len() / 2]).context("cut the state short")
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

/// Starts the service's container. An engine that ends waits for its containers, and one with
/// SIGUSR2 as its stop signal ends only with its time.
pub(super) fn run_web(host: &Host) -> Result<()> {
    host.create_web(WEB, WEB, &["--stop-timeout", "3"])?;
    host.docker.run(&["start", WEB]).map(drop)
}

/// Has the container run, healthy and with its links, as an operator would.
pub(super) fn repair(host: &Host) -> Result<()> {
    let docker = &host.docker;
    let state = check::container(host)?["State"].clone();
    if state["Paused"] == true {
        docker.run(&["unpause", WEB])?;
    }
    let lost = check::bridge(host)?.is_none() || check::port(host)?.is_none();
    if state["Running"] != true || lost {
        replace(host)?;
    }
    host.exec(WEB, &image::HEAL)?;
    if let Err(error) = host.wait_health(WEB, "healthy") {
        if host.probes(WEB)? {
            return Err(error);
        }
        println!(
            "  {}: the engine has ceased to run the health check",
            host.site.name
        );
        replace(host)?;
        host.wait_health(WEB, "healthy")?;
    }
    if host.has_left_a_double(WEB)? {
        println!(
            "  {}: the engine has left a double of the container",
            host.site.name
        );
        replace(host)?;
        host.wait_health(WEB, "healthy")?;
    }
    Ok(())
}

/// A new container in the place of the one that is there, of which nothing must be left.
pub(super) fn replace(host: &Host) -> Result<()> {
    if !check::container(host)?.is_null() {
        check::removable(host)?;
    }
    run_web(host)
}
