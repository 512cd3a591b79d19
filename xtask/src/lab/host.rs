//! One Docker host: a network namespace, a mount namespace with a `/run` of its own, an engine.

use std::cell::{Cell, RefCell};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::docker::{self, Docker};
use super::engine::{Engine, Version};
use super::netns::Netns;
use super::space::Space;
use crate::cmd::{Cmd, Daemon};
use crate::sys;
use crate::wait::{secs, until};

/// The plugin's name at every engine of the laboratory.
pub(crate) const PLUGIN: &str = "bgplb:latest";

/// The bridge network through which containers reach the world.
pub(crate) const GATEWAY_NETWORK: &str = "bgplb_gwbridge";

/// How long an engine may take to end. It gives each container its stop timeout, 30 s for most of
/// the laboratory's, and 5 s more.
const SHUTDOWN_LIMIT: Duration = secs(60);

/// What is fixed about a host before it exists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    /// `h1`, `h2` or `h3`.
    pub(crate) name: &'static str,
    /// Its address, BGP identifier and IPv4 next hop.
    pub(crate) v4: Ipv4Addr,
    /// Its IPv6 address and next hop.
    pub(crate) v6: Ipv6Addr,
    /// The number in its gateway network's prefixes.
    pub(crate) number: u8,
}

/// A running host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) site: Site,
    pub(crate) netns: Netns,
    pub(crate) docker: Docker,
    /// The version of its engine.
    pub(crate) version: Version,
    /// Its directory, with the same path for this program and on the host.
    pub(crate) dir: PathBuf,
    log: PathBuf,
    engine: RefCell<Daemon>,
    live_restore: Cell<bool>,
    has_tree: bool,
    // Last: nothing of the host outlives its mounts.
    pub(crate) space: Space,
}

impl Site {
    /// The gateway network's subnets, IPv4 and IPv6, as the kernel prints them.
    pub(crate) fn gateway_subnets(self) -> [String; 2] {
        [
            format!("172.23.{}.0/24", self.number),
            format!("2001:db8:0:100{}::/64", self.number),
        ]
    }

    /// The addresses announced as next hops by this host.
    pub(crate) fn next_hops(self) -> [IpAddr; 2] {
        [self.v4.into(), self.v6.into()]
    }
}

impl Host {
    /// Starts the engine in a namespace that is already connected.
    ///
    /// # Errors
    ///
    /// When dockerd does not come up; the message holds the end of its log.
    pub(crate) fn start(
        site: Site,
        netns: Netns,
        dir: &Path,
        engine: &Engine,
        narrate: bool,
    ) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let space = Space::make(site.name, &netns, dir, engine)?;
        let socket = dir.join("docker.sock");
        let docker = if engine.has_tree() {
            // An older command line does not know what a newer engine can do.
            Docker::inside(site.name, socket, &space)
        } else {
            Docker::new(site.name, socket, narrate)
        };
        let log = dir.join("dockerd.log");
        let mut daemon = spawn_engine(&space, &netns, dir, &log, false)?;
        let version = await_engine(site, &docker, &mut daemon)?;
        Ok(Self {
            site,
            netns,
            docker,
            version,
            dir: dir.to_owned(),
            log,
            engine: RefCell::new(daemon),
            live_restore: Cell::new(false),
            has_tree: engine.has_tree(),
            space,
        })
    }

    /// Ends the engine as an administrator would and starts it again, with the same state.
    ///
    /// # Errors
    ///
    /// When it does not end within [`SHUTDOWN_LIMIT`] or does not come up.
    pub(crate) fn restart_engine(&self) -> Result<()> {
        self.stop_engine()?;
        self.start_engine()
    }

    /// Ends the engine as an administrator would: with its containers and plugins, unless it is to
    /// keep them.
    ///
    /// # Errors
    ///
    /// When it does not end within [`SHUTDOWN_LIMIT`].
    pub(crate) fn stop_engine(&self) -> Result<()> {
        self.engine.borrow_mut().stop(SHUTDOWN_LIMIT)
    }

    /// Ends the engine by SIGKILL; what it started goes on.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub(crate) fn kill_engine(&self) -> Result<()> {
        let file = self.space.path("/run/docker/containerd/containerd.pid");
        let containerd = fs::read_to_string(&file).ok();
        let containerd = containerd.and_then(|pid| pid.trim().parse().ok());
        self.engine.borrow_mut().kill()?;
        let Some(containerd) = containerd else {
            return Ok(());
        };
        // The next engine would take a dead one that nobody has collected for a living one.
        until("containerd to end with its engine", secs(20), || {
            sys::reap(containerd);
            ensure!(sys::kill(containerd, 0).is_err(), "{containerd} is there");
            Ok(())
        })
    }

    /// Starts an engine that has ended.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub(crate) fn start_engine(&self) -> Result<()> {
        let mut engine = self.engine.borrow_mut();
        let live = self.live_restore.get();
        *engine = spawn_engine(&self.space, &self.netns, &self.dir, &self.log, live)?;
        await_engine(self.site, &self.docker, &mut engine).map(drop)
    }

    /// Whether the engine keeps its containers and plugins when it ends (`--live-restore`); it is
    /// restarted for that if need be.
    ///
    /// # Errors
    ///
    /// As for [`Self::restart_engine`].
    pub(crate) fn set_live_restore(&self, live: bool) -> Result<()> {
        if self.live_restore.replace(live) == live {
            return Ok(());
        }
        self.restart_engine()
    }

    /// The engine's log, in which the plugin's lines are, too.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Leaves the engine running when this program ends.
    pub(crate) fn keep(&mut self) {
        self.engine.get_mut().keep();
        self.space.keep();
    }

    /// Creates the managed plugin from a directory with `config.json` and `rootfs/`, sets it and
    /// enables it.
    ///
    /// # Errors
    ///
    /// With Docker's words when it refuses.
    pub(crate) fn install_plugin(&self, plugin: &Path, settings: &[(&str, String)]) -> Result<()> {
        let mut plugin = plugin.to_owned();
        if self.has_tree {
            // Its own command line sees only the host's directory.
            let copy = self.dir.join("plugin");
            Cmd::new("cp").arg("-a").arg(&plugin).arg(&copy).run()?;
            plugin = copy;
        }
        self.docker
            .run(&["plugin", "create", PLUGIN, &plugin.display().to_string()])?;
        let pairs: Vec<String> = settings
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let mut args = vec!["plugin", "set", PLUGIN];
        args.extend(pairs.iter().map(String::as_str));
        self.docker.run(&args)?;
        self.docker.run(&["plugin", "enable", PLUGIN]).map(drop)
    }

    /// Runs a command inside a container.
    ///
    /// # Errors
    ///
    /// When it fails there.
    pub(crate) fn exec(&self, name: &str, command: &[&str]) -> Result<()> {
        let mut args = vec!["exec", name];
        args.extend(command);
        self.docker.run(&args).map(drop)
    }

    /// Waits until Docker says this about a container.
    ///
    /// # Errors
    ///
    /// When it does not come to that within 20 s.
    pub(crate) fn wait_health(&self, name: &str, wanted: &str) -> Result<()> {
        until(
            &format!("{name} on {} to be {wanted}", self.site.name),
            secs(20),
            || {
                let health = self.docker.health(name)?;
                ensure!(health == wanted, "it is {health}");
                Ok(())
            },
        )
    }

    /// The links of the plugin's own making.
    ///
    /// # Errors
    ///
    /// When `ip` fails.
    pub(crate) fn plugin_links(&self) -> Result<Vec<String>> {
        let bridge = |name: &String| name.starts_with("bgplb-") && name.len() == 15;
        Ok(self.netns.links()?.into_iter().filter(bridge).collect())
    }

    /// The link of this host's route to a service address, if there is one of the plugin's.
    ///
    /// # Errors
    ///
    /// When `ip` fails.
    pub(crate) fn service_link(&self, address: IpAddr) -> Result<Option<String>> {
        let routes = self
            .netns
            .routes(address.is_ipv6(), &format!("exact {address}"))?;
        Ok(routes
            .into_iter()
            .filter_map(|route| route.dev)
            .find(|dev| dev.starts_with("bgplb-")))
    }

    /// The one process of the plugin.
    ///
    /// # Errors
    ///
    /// When there is none or more than one.
    pub(crate) fn plugin_pid(&self) -> Result<u32> {
        match self.netns.processes_named("bgplb-plugin")?.as_slice() {
            [pid] => Ok(*pid),
            other => bail!("plugin processes on {}: {other:?}", self.site.name),
        }
    }

    /// Sends one request to the plugin's socket, see [`docker::plugin_request`].
    ///
    /// # Errors
    ///
    /// When there is no socket or no answer.
    pub(crate) fn plugin_request(&self, method: &str, body: &str) -> Result<(u16, String)> {
        let socket = docker::plugin_socket(&self.space.path("/run/docker/plugins"))?;
        docker::plugin_request(&socket, method, body)
    }

    /// Removes all containers and all networks but Docker's own and the gateway network.
    ///
    /// # Errors
    ///
    /// When Docker refuses.
    pub(crate) fn clear_services(&self) -> Result<()> {
        for name in self.docker.names(&["ps", "--all"], "Names")? {
            self.docker
                .ask(&["rm", "--force", &name])
                .context("remove containers")?;
        }
        for name in self.docker.names(&["network", "ls"], "Name")? {
            if !["bridge", "host", "none", GATEWAY_NETWORK].contains(&name.as_str()) {
                self.docker
                    .ask(&["network", "rm", &name])
                    .context("remove networks")?;
            }
        }
        Ok(())
    }
}

fn spawn_engine(
    space: &Space,
    netns: &Netns,
    dir: &Path,
    log: &Path,
    live_restore: bool,
) -> Result<Daemon> {
    let path = |name: &str| dir.join(name).display().to_string();
    space
        .command("dockerd")
        .args(["--data-root", &path("data"), "--exec-root", "/run/docker"])
        .args(["--pidfile", "/run/docker.pid", "--ip6tables=false"])
        .args(["-H", &format!("unix://{}", path("docker.sock"))])
        .args(["-H", "unix:///run/docker.sock"])
        .args(["--cgroup-parent", netns.name()])
        .arg(format!("--live-restore={live_restore}"))
        .spawn(log)
}

/// Waits until the engine answers; gives its version.
fn await_engine(site: Site, docker: &Docker, engine: &mut Daemon) -> Result<Version> {
    let format = ["version", "--format", "{{.Server.Version}}"];
    let text = until(&format!("dockerd of {}", site.name), secs(30), || {
        if let Err(error) = engine.check() {
            return Ok(Err(error));
        }
        docker.ask(&format).map(Ok)
    })??;
    text.parse()
}

/// Learns whether this machine has IPv6 and lets us make namespaces.
///
/// # Errors
///
/// With the reason why not.
pub(crate) fn probe_namespaces() -> Result<()> {
    ensure!(
        Path::new("/proc/net/if_inet6").exists(),
        "the kernel has no IPv6"
    );
    Cmd::new("unshare")
        .args(["--net", "--mount", "true"])
        .run()
        .context("network and mount namespaces cannot be made here")
}
