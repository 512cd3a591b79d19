//! Two namespaces joined by one cable, for two speakers and nothing else.
//!
//! It is a laboratory as [`super::Lab`] is: the same names, removed in the same way.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::netns::Netns;
use super::{Guard, NETNS_PREFIX, claim, report_removal};

/// The two ends.
#[derive(Debug)]
pub(crate) struct Cable {
    id: String,
    dir: PathBuf,
    /// One end, whose link is called `uplink`.
    pub(crate) ours: Netns,
    /// The other one, whose link is called `uplink` too.
    pub(crate) theirs: Netns,
}

impl Cable {
    /// Makes both namespaces with these addresses.
    ///
    /// # Errors
    ///
    /// When a part cannot be made; what was built is removed again.
    pub(crate) fn lay(ours: &[IpAddr], theirs: &[IpAddr]) -> Result<Self> {
        let (id, dir) = claim()?;
        let mut guard = Guard {
            id: &id,
            armed: true,
        };
        let [left, right] = ["h1", "r"].map(|end| format!("{NETNS_PREFIX}{id}-{end}"));
        let (left, right) = (Netns::create(left)?, Netns::create(right)?);
        let peer = right.name();
        left.ip(&format!(
            "link add uplink type veth peer name uplink netns {peer}"
        ))?;
        for (netns, addresses) in [(&left, ours), (&right, theirs)] {
            for address in addresses {
                let (length, flag) = match address {
                    IpAddr::V4(_) => (24, ""),
                    IpAddr::V6(_) => (64, "nodad"),
                };
                netns.ip(&format!("address add {address}/{length} dev uplink {flag}"))?;
            }
            netns.ip("link set uplink up")?;
        }
        guard.armed = false;
        drop(guard);
        Ok(Self {
            id,
            dir,
            ours: left,
            theirs: right,
        })
    }

    /// The directory for files; it goes with the laboratory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        report_removal(&self.id);
    }
}
