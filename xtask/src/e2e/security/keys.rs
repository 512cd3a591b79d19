//! Keys: used, and nowhere to be seen.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::lab::Lab;
use crate::lab::host::{Host, PLUGIN};
use crate::sys;
use crate::wait::{secs, until};

/// The routers' password in the suite that has one.
pub(in crate::e2e) const KEY: &str = "laboratory";

/// The plugin's propagated mount, seen from the host.
pub(super) fn state_dir(host: &Host) -> Result<PathBuf> {
    let id = host.docker.inspect("plugin", PLUGIN)?["Id"].clone();
    let id = id.as_str().context("a plugin has an id")?;
    Ok(host
        .dir
        .join("data/plugins")
        .join(id)
        .join("propagated-mount"))
}

pub(super) fn password_file(lab: &Lab) -> Result<()> {
    let host = &lab.hosts[0];
    lab.wait_sessions(&lab.all(), secs(30))?;
    let file = state_dir(host)?.join("key");
    let result = with_file(lab, host, &file);
    // Whatever came of it, the next tests count on the setting as it was.
    let again = format!("PEER_PASSWORD={KEY}");
    let restored = set(host, &[&again, "PEER_PASSWORD_FILE=", "LOG_LEVEL=info"]);
    drop(fs::remove_file(&file));
    result?;
    restored?;
    lab.wait_sessions(&lab.all(), secs(30))
}

fn with_file(lab: &Lab, host: &Host, file: &Path) -> Result<()> {
    let mut options = fs::File::options();
    options.create_new(true).write(true).mode(0o600);
    std::io::Write::write_all(&mut options.open(file)?, format!("{KEY}\n").as_bytes())?;
    let said_before = fs::read(host.log())?.len();
    set(
        host,
        &[
            "PEER_PASSWORD=",
            "PEER_PASSWORD_FILE=/data/key",
            "LOG_LEVEL=trace",
        ],
    )?;
    lab.wait_sessions(&lab.all(), secs(30))?;
    let pid = host.plugin_pid()?;
    // It has something to remember, and to say.
    host.create_web1()?;
    host.run_web("web1", "web1")?;
    host.wait_health("web1", "healthy")?;
    lab.wait_service(&[host], secs(10))?;
    let state = state_dir(host)?;
    let mut places = vec![
        host.docker.ask(&["plugin", "inspect", PLUGIN])?,
        read(&PathBuf::from(format!("/proc/{pid}/cmdline")))?,
        read(&PathBuf::from(format!("/proc/{pid}/environ")))?,
        read(&state.join("state.json"))?,
        read(&state.join("state.json.copy"))?,
    ];
    sys::kill(pid, libc::SIGKILL)?;
    until("Docker to start the plugin again", secs(15), || {
        ensure!(host.plugin_pid()? != pid, "it is the old one");
        Ok(())
    })?;
    lab.wait_sessions(&lab.all(), secs(30))?;
    let log = fs::read(host.log())?;
    let log = String::from_utf8_lossy(&log[said_before..]).into_owned();
    ensure!(log.contains("KEEPALIVE") || log.len() > 10_000, "{log}");
    places.push(log);
    for place in &places {
        if let Some(at) = place.find(KEY) {
            let from = at.saturating_sub(200);
            let around = place.get(from..at).unwrap_or_default();
            anyhow::bail!("the key is behind {around:?}");
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    let octets = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

/// Changes settings of the plugin, which is off meanwhile.
pub(in crate::e2e) fn set(host: &Host, settings: &[&str]) -> Result<()> {
    host.docker.ask(&["plugin", "disable", "--force", PLUGIN])?;
    let mut args = vec!["plugin", "set", PLUGIN];
    args.extend(settings);
    let set = host.docker.ask(&args);
    host.docker.ask(&["plugin", "enable", PLUGIN])?;
    set.map(drop)
}
