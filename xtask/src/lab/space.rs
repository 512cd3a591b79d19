//! A host's mount namespace, and the one of its name, with a `/run` of its own and the programs of its engine.
//!
//! It is held by a process that does nothing else, so that an engine can be stopped and started
//! in it, and a plugin can run beside the engine.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Child;

use anyhow::{Context as _, Result, ensure};

use super::engine::Engine;
use super::netns::Netns;
use crate::cmd::Cmd;

/// The line the holder prints when everything is mounted.
const READY: &str = "ready";

/// One host's network, mounts and name.
#[derive(Debug)]
pub(crate) struct Space {
    holder: Child,
    netns: Netns,
    keep: bool,
}

impl Space {
    /// Makes the mount namespace for `engine` inside a network namespace. `dir` keeps its path;
    /// `name` becomes the host's name.
    ///
    /// # Errors
    ///
    /// When something cannot be mounted; what refused has said so on standard error.
    pub(crate) fn make(name: &str, netns: &Netns, dir: &Path, engine: &Engine) -> Result<Self> {
        Self::with_mounts(name, netns, &engine.mounts(dir))
    }

    /// The same with the mounts that a script for `sh` makes.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn with_mounts(name: &str, netns: &Netns, mounts: &str) -> Result<Self> {
        let script = format!(
            "set -e\necho {name} > /proc/sys/kernel/hostname\n{mounts}echo {READY}\n\
             exec sleep infinity >/dev/null 2>&1"
        );
        let mut holder = netns
            .command("unshare")
            .args(["--uts", "--mount", "--propagation", "private"])
            .args(["sh", "-c", &script])
            .piped()?;
        let output = holder.stdout.take().context("a holder has an output")?;
        let space = Self {
            holder,
            netns: netns.clone(),
            keep: false,
        };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        ensure!(
            line.trim_end() == READY,
            "the mounts of {} cannot be made, see above",
            netns.name()
        );
        Ok(space)
    }

    /// A command to be run inside, with the host's network, files and programs.
    pub(crate) fn command(&self, program: &str) -> Cmd {
        Cmd::new("nsenter")
            .arg(format!("--net={}", self.netns.path().display()))
            .arg(format!("--uts=/proc/{}/ns/uts", self.holder.id()))
            .arg(self.mounts())
            .arg("--")
            .arg(program)
    }

    /// The argument that gives `nsenter` the mounts.
    pub(crate) fn mounts(&self) -> String {
        format!("--mount=/proc/{}/ns/mnt", self.holder.id())
    }

    /// Where a file of the host is for this program.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.holder.id()))
    }

    /// Leaves the namespace when this value is dropped.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        if !self.keep {
            drop(self.holder.kill());
            drop(self.holder.wait());
        }
    }
}
