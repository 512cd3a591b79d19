//! What a kernel says of its routes, so that one that was away for a moment is noticed too.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::cmd::Daemon;
use crate::lab::netns::Netns;
use crate::wait::{secs, until};

/// A listener to the changes of one namespace's routes.
pub(super) struct RouteLog {
    netns: Netns,
    log: PathBuf,
    // What it has heard is in the file.
    _monitor: Daemon,
}

impl RouteLog {
    /// Listens from here on.
    pub(super) fn start(netns: &Netns, dir: &Path) -> Result<Self> {
        let log = dir.join("routes.log");
        // It may be there from an earlier case.
        fs::write(&log, "").context("begin the list of route changes")?;
        let monitor = netns.command("ip").args(["-o", "monitor", "route"]);
        let route_log = Self {
            netns: netns.clone(),
            _monitor: monitor.spawn(&log)?,
            log,
        };
        route_log.heard_all("198.18.0.1")?;
        Ok(route_log)
    }

    /// An error if one of these routes was away since the start.
    pub(super) fn stayed(&self, prefixes: &[&str]) -> Result<()> {
        self.heard_all("198.18.0.2")?;
        let text = self.read()?;
        for prefix in prefixes {
            let deleted = format!("Deleted {prefix} ");
            let line = text.lines().find(|line| line.contains(&deleted));
            ensure!(line.is_none(), "the kernel says {line:?}");
        }
        Ok(())
    }

    /// An error unless each word of the kernel of this prefix was of a route by all of these.
    pub(super) fn always_by(&self, prefix: &str, gateways: &[IpAddr]) -> Result<()> {
        self.stayed(&[prefix])?;
        let text = self.read()?;
        let of_it = format!("{prefix} ");
        for line in text.lines().filter(|line| line.contains(&of_it)) {
            for gateway in gateways {
                let by = format!("via {gateway} ");
                ensure!(line.contains(&by), "the kernel says {line:?}");
            }
        }
        Ok(())
    }

    /// Waits until it has heard of a route that is made now.
    fn heard_all(&self, marker: &str) -> Result<()> {
        until("the kernel's word of a route", secs(5), || {
            self.netns
                .ip(&format!("route replace blackhole {marker}"))?;
            self.netns.ip(&format!("route delete blackhole {marker}"))?;
            ensure!(self.read()?.contains(marker), "it is not there");
            Ok(())
        })
    }

    fn read(&self) -> Result<String> {
        fs::read_to_string(&self.log).context("read the list of route changes")
    }
}
