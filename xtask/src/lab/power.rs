//! What a loss of power takes from a host, and what it leaves: the disk.

use anyhow::{Context as _, Result};

use super::freezer;
use super::host::Host;
use crate::sys;
use crate::wait::{secs, until};

/// The command names, as the kernel cuts them, of what an engine starts in its own network
/// namespace.
const PROGRAMS: [&str; 6] = [
    "dockerd",
    "containerd",
    "containerd-shim",
    "runc",
    "docker-proxy",
    "bgplb-plugin",
];

impl Host {
    /// Ends everything that runs on the host, at once, and takes away what only the memory held:
    /// links, routes, mounts and files below `/run`. [`Self::start_engine`] is what comes next.
    ///
    /// # Errors
    ///
    /// When something does not end or go.
    pub(crate) fn lose_power(&self) -> Result<()> {
        let containers = self.container_pids()?;
        self.kill_engine()?;
        until("all programs to end", secs(20), || {
            let mut left = Vec::new();
            for program in PROGRAMS {
                left.extend(self.netns.processes_named(program)?);
            }
            left.extend(&containers);
            // Those that are there: who is not, or no more, can't be killed.
            left.retain(|pid| {
                sys::reap(*pid);
                let there = sys::kill(*pid, libc::SIGKILL).is_ok();
                freezer::thaw(*pid);
                there
            });
            anyhow::ensure!(left.is_empty(), "there are {left:?}");
            Ok(())
        })?;
        self.clear_memory()
    }

    fn container_pids(&self) -> Result<Vec<u32>> {
        let mut pids = Vec::new();
        for name in self.docker.names(&["ps"], "Names")? {
            let pid = self.docker.inspect("container", &name)?["State"]["Pid"].as_u64();
            pids.extend(pid.and_then(|pid| u32::try_from(pid).ok()));
        }
        Ok(pids)
    }

    fn clear_memory(&self) -> Result<()> {
        let data = self.dir.join("data").display().to_string();
        // The last mounted first; a lazy unmount does not wait for anybody.
        let script = format!(
            "set -e\n\
             cut -d ' ' -f 5 /proc/self/mountinfo | grep -e '^/run/docker' -e '^{data}' |\n\
                 sort -r | while read -r mount; do umount -l \"$mount\"; done\n\
             rm -rf /run/docker /run/docker.pid /run/docker.sock /run/containerd"
        );
        let shell = self.space.command("sh").args(["-c", &script]);
        shell.run().context("forget what was mounted")?;
        for link in self.netns.links()? {
            // The other end of a pair goes with the first.
            if !["lo", "uplink"].contains(&link.as_str()) && self.netns.links()?.contains(&link) {
                self.netns.ip(&format!("link delete {link}"))?;
            }
        }
        self.netns.ip("nexthop flush").map(drop)
    }
}
