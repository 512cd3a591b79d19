//! Two namespaces joined by cables, for two speakers and nothing else.
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
    /// One end.
    pub(crate) ours: Netns,
    /// The other one.
    pub(crate) theirs: Netns,
}

impl Cable {
    /// Makes both namespaces and between them a cable for each name in `links`, which is the name
    /// of the link at both ends. The addresses are those of both ends, with their link's name.
    ///
    /// # Errors
    ///
    /// When a part cannot be made; what was built is removed again.
    pub(crate) fn lay(links: &[&str], addresses: &[(&str, [IpAddr; 2])]) -> Result<Self> {
        let (id, dir) = claim()?;
        let mut guard = Guard {
            id: &id,
            armed: true,
        };
        let [left, right] = ["h1", "r"].map(|end| format!("{NETNS_PREFIX}{id}-{end}"));
        let (left, right) = (Netns::create(left)?, Netns::create(right)?);
        let ends = [&left, &right];
        let peer = right.name();
        for link in links {
            left.ip(&format!(
                "link add {link} type veth peer name {link} netns {peer}"
            ))?;
        }
        for (link, pair) in addresses {
            for (netns, address) in ends.iter().zip(pair) {
                if matches!(address, IpAddr::V6(it) if it.is_unicast_link_local()) {
                    // It shall be the only one.
                    netns.ip(&format!("link set {link} addrgenmode none"))?;
                }
                let (length, flag) = match address {
                    IpAddr::V4(_) => (24, ""),
                    IpAddr::V6(_) => (64, "nodad"),
                };
                netns.ip(&format!("address add {address}/{length} dev {link} {flag}"))?;
            }
        }
        for (netns, link) in ends
            .iter()
            .flat_map(|end| links.iter().map(move |it| (end, it)))
        {
            netns.ip(&format!("link set {link} up"))?;
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
