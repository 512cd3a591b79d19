//! The plugin as an ordinary process on a socket of Docker's, as systemd would run it.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Lab;
use super::host::Host;
use crate::artifacts::workspace;
use crate::cmd::Daemon;

/// The name by which Docker knows the plugin: its socket's.
pub(crate) const DRIVER: &str = "bgplb";

/// Where Docker looks for it.
const SOCKET: &str = "/run/docker/plugins/bgplb.sock";

/// Any user that is not root.
const NOBODY: u32 = 65534;

/// What there is to run the plugin on one host; it keeps its state from one run to the next.
#[derive(Debug)]
pub(crate) struct PluginService<'a> {
    host: &'a Host,
    /// Program and settings, for `env`.
    words: Vec<String>,
    state: PathBuf,
    log: PathBuf,
}

impl<'a> PluginService<'a> {
    /// Puts the program and an empty state directory called `name` on the host.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub(crate) fn new(lab: &Lab, host: &'a Host, name: &str) -> Result<Self> {
        let program = host.dir.join("bgplb-plugin");
        fs::copy(&lab.plugin, &program)
            .with_context(|| format!("copy {}", lab.plugin.display()))?;
        let state = host.dir.join(format!("state-{name}"));
        fs::create_dir(&state).with_context(|| format!("make {}", state.display()))?;
        // A plugin that was killed, as those of failed tests are, leaves its socket.
        match fs::remove_file(host.space.path(SOCKET)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove {SOCKET}"));
            }
            _ => {}
        }
        let settings = lab.plugin_settings(host);
        let mut words: Vec<String> = settings
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        words.push(program.display().to_string());
        words.push(format!("--state-dir={}", state.display()));
        Ok(Self {
            host,
            words,
            state,
            log: host.dir.join(format!("plugin-{name}.log")),
        })
    }

    /// The plugin's socket, for this program.
    pub(crate) fn socket(&self) -> PathBuf {
        self.host.space.path(SOCKET)
    }

    /// Where the plugin keeps its state, with the same path on the host.
    pub(crate) fn state_dir(&self) -> &Path {
        &self.state
    }

    /// Both outputs of every run.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Listens in the plugin's place, as systemd does before it starts the service.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made.
    pub(crate) fn listen(&self) -> Result<UnixListener> {
        let socket = self.socket();
        let folder = socket.parent().context("a socket has a directory")?;
        fs::create_dir_all(folder)?;
        UnixListener::bind(&socket).with_context(|| format!("listen on {}", socket.display()))
    }

    /// Starts the plugin, which makes its socket itself.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(crate) fn start(&self) -> Result<Daemon> {
        self.host
            .space
            .command("env")
            .args(&self.words)
            .spawn(&self.log)
    }

    /// Starts the plugin with a socket that listens already, by the protocol of
    /// `sd_listen_fds(3)`, with the privileges its unit file gives it and no others.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or the unit file is not understood.
    pub(crate) fn start_on(&self, listener: &UnixListener) -> Result<Daemon> {
        // The socket comes in as the standard input; the shell puts it where it belongs, and its
        // number stays that of the plugin.
        let script = "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";
        let only = |names: &[String]| {
            let added = names.iter().map(|name| format!(",+{name}"));
            format!("-all{}", added.collect::<String>())
        };
        let granted = only(&granted_capabilities()?);
        // The other ways to start it are root's, who has given up reading what is others'.
        chown(&self.state, Some(NOBODY), Some(NOBODY))?;
        let docker = fs::metadata(self.host.space.path("/run/docker.sock"))?.gid();
        let command = self
            .host
            .space
            .command("setpriv")
            .args([
                "--reuid",
                &NOBODY.to_string(),
                "--regid",
                &NOBODY.to_string(),
            ])
            .args(["--groups", &docker.to_string(), "--no-new-privs"])
            .args(["--inh-caps", &granted, "--ambient-caps", &granted])
            .args(["--bounding-set", &granted])
            .args(["sh", "-c", script, "sh", "env"])
            .args(&self.words);
        command.spawn_with(OwnedFd::from(listener.try_clone()?), &self.log)
    }

    /// Has `systemd-socket-activate` listen and start the plugin at the first connection.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(crate) fn start_activated(&self) -> Result<Daemon> {
        let folder = self.socket();
        let folder = folder.parent().context("a socket has a directory")?;
        fs::create_dir_all(folder)?;
        // The program may not be there among the host's own: only what it starts is.
        self.host
            .netns
            .command(ACTIVATE)
            .arg("--listen")
            .arg(self.socket())
            .args(["nsenter", &self.host.space.mounts(), "--", "env"])
            .args(&self.words)
            .spawn(&self.log)
    }
}

/// The program of systemd's that stands in for it.
pub(crate) const ACTIVATE: &str = "/usr/bin/systemd-socket-activate";

/// The unit files of the plugin.
pub(crate) fn units() -> [PathBuf; 2] {
    ["bgplb-plugin.service", "bgplb-plugin.socket"]
        .map(|name| workspace().join("packaging/systemd").join(name))
}

/// The capabilities the service has, as `setpriv` calls them.
///
/// # Errors
///
/// When the unit file does not say.
pub(crate) fn granted_capabilities() -> Result<Vec<String>> {
    const KEY: &str = "AmbientCapabilities=";
    let [service, _] = units();
    let text =
        fs::read_to_string(&service).with_context(|| format!("read {}", service.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix(KEY));
    let line = line.with_context(|| format!("{} has no {KEY}", service.display()))?;
    line.split_whitespace()
        .map(|name| {
            let short = name.strip_prefix("CAP_").map(str::to_lowercase);
            short.with_context(|| format!("{name:?} in {} is no capability", service.display()))
        })
        .collect()
}
