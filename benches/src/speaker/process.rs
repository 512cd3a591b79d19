//! A child process and what the kernel says about it.

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    files: Vec<PathBuf>,
}

impl Process {
    /// Removes `files` at its end.
    pub(crate) const fn new(child: Child, files: Vec<PathBuf>) -> Self {
        Self { child, files }
    }

    /// Waits until it uses no processor any more.
    pub(crate) fn settle(&self) -> Result<()> {
        let mut before = self.cpu()?;
        loop {
            thread::sleep(Duration::from_millis(200));
            let now = self.cpu()?;
            if now - before < Duration::from_millis(1) {
                return Ok(());
            }
            before = now;
        }
    }

    /// Processor time of all its threads so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let mut sum = 0;
        let tasks = format!("/proc/{}/task", self.child.id());
        for task in fs::read_dir(&tasks).with_context(|| format!("list {tasks}"))? {
            let stat = fs::read_to_string(task?.path().join("schedstat"))?;
            let nanos = stat.split(' ').next().context("schedstat is empty")?;
            sum += nanos.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(sum))
    }

    /// The most memory it ever had, in octets.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    /// The memory it has now, in octets.
    pub(crate) fn memory(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    fn status(&self, name: &'static str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|it| it.strip_prefix(name));
        let kibibytes = line.and_then(|it| it.trim().strip_suffix(" kB"));
        Ok(kibibytes.context(name)?.parse::<u64>()? * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        for file in &self.files {
            drop(fs::remove_file(file));
        }
    }
}
