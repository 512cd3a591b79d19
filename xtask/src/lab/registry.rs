//! A registry at a host's loopback, from which its engine upgrades the plugin as from the world's.
//!
//! Engines take a registry in 127.0.0.0/8 without TLS. The registries of all hosts show the same
//! files, so that one push serves every host.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::Lab;
use super::docker::Docker;
use super::host::{Host, PLUGIN};
use crate::cmd::{Cmd, Daemon};
use crate::packages;
use crate::wait::{secs, until};

/// Where each host's engine reaches it.
const ADDRESS: &str = "127.0.0.1:5000";

/// The releases of the plugin in the registry: the same program with another file beside it,
/// without which an engine would find nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// The first.
    One,
    /// The next.
    Two,
}

impl Release {
    const ALL: [Self; 2] = [Self::One, Self::Two];

    const fn tag(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
        }
    }

    fn reference(self) -> String {
        format!("{ADDRESS}/bgplb:{}", self.tag())
    }
}

/// The registries of a laboratory; dropping this ends them.
#[derive(Debug)]
pub(crate) struct Registries {
    _daemons: Vec<Daemon>,
}

impl Registries {
    /// Starts one at every host and gives them both releases of the plugin in `plugin`, a directory
    /// as `docker plugin create` takes it.
    ///
    /// # Errors
    ///
    /// When the package is missing and cannot be installed, or an engine refuses the push.
    pub(crate) fn start(lab: &Lab, plugin: &Path) -> Result<Self> {
        packages::ensure(&[packages::REGISTRY])?;
        let dir = lab.dir().join("registry");
        fs::create_dir_all(&dir)?;
        let config = dir.join("config.yml");
        let files = dir.join("files").display().to_string();
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    \
                 rootdirectory: {files}\nhttp:\n  addr: {ADDRESS}\n"
            ),
        )?;
        let mut daemons = Vec::new();
        for host in &lab.hosts {
            let log = dir.join(format!("{}.log", host.site.name));
            let registry = host.netns.command("docker-registry");
            daemons.push(registry.arg("serve").arg(&config).spawn(&log)?);
        }
        for (host, daemon) in lab.hosts.iter().zip(&mut daemons) {
            await_registry(host, daemon)?;
        }
        let registries = Self { _daemons: daemons };
        let first = lab.hosts.first().context("a laboratory has hosts")?;
        for release in Release::ALL {
            push(first, plugin, release)?;
        }
        Ok(registries)
    }
}

fn push(host: &Host, plugin: &Path, release: Release) -> Result<()> {
    let dir = host.dir.join(format!("release-{}", release.tag()));
    Cmd::new("cp").arg("-a").arg(plugin).arg(&dir).run()?;
    fs::write(dir.join("rootfs/release"), release.tag())?;
    let (reference, dir) = (release.reference(), dir.display().to_string());
    host.docker.run(&["plugin", "create", &reference, &dir])?;
    host.docker.run(&["plugin", "push", &reference])?;
    host.docker.run(&["plugin", "rm", &reference]).map(drop)
}

fn await_registry(host: &Host, daemon: &mut Daemon) -> Result<()> {
    let busybox = packages::busybox().display().to_string();
    let ask = host.netns.command(&busybox);
    let ask = ask.args(["wget", "-q", "-O", "-", &format!("http://{ADDRESS}/v2/")]);
    let what = format!("the registry of {}", host.site.name);
    until(&what, secs(20), || {
        if let Err(error) = daemon.check() {
            return Ok(Err(error));
        }
        ask.run().map(Ok)
    })?
}

/// Replaces the plugin by the release that it is not, as docs/upgrade.md says: disabled, upgraded,
/// enabled.
///
/// # Errors
///
/// With Docker's words when it refuses, and when the plugin is not the other release afterwards.
pub(crate) fn upgrade_plugin(docker: &Docker) -> Result<()> {
    let reference = || {
        let plugin = docker.inspect("plugin", PLUGIN)?;
        let reference = plugin["PluginReference"].as_str();
        anyhow::Ok(reference.unwrap_or_default().to_owned())
    };
    let next = match reference()? == Release::One.reference() {
        true => Release::Two.reference(),
        false => Release::One.reference(),
    };
    docker.run(&["plugin", "disable", "--force", PLUGIN])?;
    docker.run(&[
        "plugin",
        "upgrade",
        "--grant-all-permissions",
        "--skip-remote-check",
        PLUGIN,
        &next,
    ])?;
    docker.run(&["plugin", "enable", PLUGIN])?;
    let now = reference()?;
    ensure!(now == next, "the plugin is {now} instead of {next}");
    Ok(())
}
