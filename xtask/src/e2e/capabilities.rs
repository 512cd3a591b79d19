//! What the unit file grants is what the plugin needs: without any one of it something fails.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::ProgramCase;
use crate::artifacts::Artifacts;
use crate::cmd::{Cmd, Daemon};
use crate::lab::service::granted_capabilities;
use crate::sys;
use crate::wait::{secs, until};

/// All of them.
pub(super) const CASES: [(&str, ProgramCase); 1] = [(
    "the_service_needs_each_capability_it_is_granted",
    each_is_needed,
)];

/// The program that starts others with chosen capabilities.
pub(super) const SETPRIV: &str = "/usr/bin/setpriv";

fn each_is_needed(artifacts: &Artifacts) -> Result<()> {
    ensure!(sys::is_root(), "capabilities are root's to give");
    let granted = granted_capabilities()?;
    let place = Place::new()?;
    let mut plugin = place.start(artifacts, &granted)?;
    let log = place.log();
    until("the plugin to be ready", secs(20), || {
        plugin.check()?;
        ensure!(fs::read_to_string(&log)?.contains("ready"), "it is not");
        Ok(())
    })?;
    plugin.stop(secs(10))?;
    for (missing, words) in [
        ("net_admin", "the capability NET_ADMIN is missing"),
        ("net_bind_service", "0.0.0.0:179"),
    ] {
        let rest = granted.iter().filter(|name| *name != missing).cloned();
        let rest: Vec<String> = rest.collect();
        ensure!(rest.len() == granted.len() - 1, "{missing} is not granted");
        fs::write(&log, "")?;
        let mut plugin = place.start(artifacts, &rest)?;
        expect_end(&mut plugin, secs(20))
            .with_context(|| format!("without {missing} it goes on"))?;
        let said = fs::read_to_string(&log)?;
        ensure!(said.contains(words), "without {missing} it says {said}");
    }
    ensure!(granted.len() == 2, "{granted:?} are granted");
    Ok(())
}

fn expect_end(plugin: &mut Daemon, limit: Duration) -> Result<()> {
    let begin = Instant::now();
    while plugin.check().is_ok() {
        if begin.elapsed() > limit {
            bail!("it runs after {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A directory of the plugin's own, gone with it.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Self> {
        let name = format!("bgplb-capabilities-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(Self(path))
    }

    fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// Starts the plugin in a network of its own, listening on port 179, with these capabilities
    /// and no others.
    fn start(&self, artifacts: &Artifacts, capabilities: &[String]) -> Result<Daemon> {
        let added = capabilities.iter().map(|name| format!(",+{name}"));
        let only = format!("-all{}", added.collect::<String>());
        let path = |name: &str| self.0.join(name).display().to_string();
        Cmd::new("unshare")
            .args(["--net", SETPRIV, "--no-new-privs"])
            .args(["--inh-caps", &only, "--ambient-caps", &only])
            .args(["--bounding-set", &only, "env", "-i"])
            .args(["ROUTER_ID=192.0.2.1", "ROUTER_PORT=0"])
            .args(["PEER_ADDRESS=192.0.2.2", "PEER_AS=65500"])
            .arg(format!("DOCKER_HOST=unix://{}", path("docker.sock")))
            .arg(artifacts.plugin.display().to_string())
            .args(["--socket", &path("plugin.sock")])
            .args(["--state-dir", &path("state")])
            .spawn(&self.log())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
