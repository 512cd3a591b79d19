//! The plugin as an ordinary process, with Docker's API played to it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::bench::sink;
use crate::cmd::{Cmd, Daemon};
use crate::lab::Lab;
use crate::lab::docker::plugin_request;
use crate::lab::host::Host;
use crate::wait::{secs, until};

/// The plugin's socket.
pub(super) struct Socket(PathBuf);

/// The plugin on one host; it keeps its state from one run to the next.
pub(super) struct Plugin<'a> {
    host: &'a Host,
    /// Program and settings, for `env`.
    words: Vec<String>,
    socket: Socket,
    log: PathBuf,
    process: Option<Daemon>,
}

impl<'a> Plugin<'a> {
    /// Starts it for the first time and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub(super) fn start(lab: &Lab, host: &'a Host, docker: &Path) -> Result<Self> {
        let state = host.dir.join("state-many");
        fs::create_dir(&state).with_context(|| format!("make {}", state.display()))?;
        let socket = host.dir.join("many.sock");
        let settings = lab.plugin_settings(host);
        let mut words: Vec<String> = settings
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        words.push(format!("DOCKER_HOST=unix://{}", docker.display()));
        words.push(lab.plugin.display().to_string());
        words.push(format!("--socket={}", socket.display()));
        words.push(format!("--state-dir={}", state.display()));
        let mut plugin = Self {
            host,
            words,
            socket: Socket(socket),
            log: host.dir.join("plugin-many.log"),
            process: None,
        };
        plugin.begin()?;
        until("the plugin to answer", secs(10), || {
            plugin
                .socket
                .ask("NetworkDriver.GetCapabilities", &Value::Null)
        })?;
        Ok(plugin)
    }

    /// Starts it; when that was, in nanoseconds since 1970.
    ///
    /// # Errors
    ///
    /// When the program is not there.
    pub(super) fn begin(&mut self) -> Result<u128> {
        let command: Cmd = self.host.space.command("env").args(&self.words);
        let begin = sink::now();
        self.process = Some(command.spawn(&self.log)?);
        Ok(begin)
    }

    /// Ends it as a crash would.
    pub(super) fn kill(&mut self) {
        self.process = None;
    }

    /// Both outputs of every run.
    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// Its process identifier: what starts it becomes it.
    pub(super) fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Daemon::pid)
    }

    /// Where Docker sends its requests.
    pub(super) const fn socket(&self) -> &Socket {
        &self.socket
    }
}

impl Socket {
    /// Asks it as Docker would; gives the answer.
    ///
    /// # Errors
    ///
    /// When it refuses.
    pub(super) fn ask(&self, method: &str, body: &Value) -> Result<Value> {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let (status, answer) = plugin_request(&self.0, method, &body)?;
        ensure!(status == 200, "{method} is answered with {answer}");
        serde_json::from_str(&answer).with_context(|| format!("{method}: {answer:?}"))
    }
}
