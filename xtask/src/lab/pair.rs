//! A router and a namespace beside it for neighbours made by hand, without any Docker.
//!
//! It is a laboratory as [`super::Lab`] is: the same names, the same segment, removed in the
//! same way.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::netns::Netns;
use super::router::{Neighbour, Router};
use super::{Guard, NETNS_PREFIX, ROUTER_V4, build_segment, claim, report_removal};

/// The running pair.
#[derive(Debug)]
pub(crate) struct Pair {
    id: String,
    /// The namespace of the neighbours, which has all their addresses.
    pub(crate) netns: Netns,
    router: Option<Box<dyn Router>>,
}

/// A neighbour's IPv6 address: the last octets are as in its IPv4 address' decimal digits.
pub(crate) fn v6_of(address: Ipv4Addr) -> Ipv6Addr {
    let last = address.octets()[3];
    let digits = u16::from(last / 10 % 10 * 16 + last % 10);
    Ipv6Addr::new(0x2001, 0xdb8, 8, 0, 0, 0, 0, digits)
}

impl Pair {
    /// Makes both namespaces and starts the router with `start` in one of them.
    ///
    /// # Errors
    ///
    /// When a part does not come up; what was built is removed again.
    pub(crate) fn start(
        neighbours: &[Neighbour],
        start: impl FnOnce(super::router::Place) -> Result<Box<dyn Router>>,
    ) -> Result<Self> {
        let (id, dir) = claim()?;
        let mut guard = Guard {
            id: &id,
            armed: true,
        };
        let routers = Netns::create(format!("{NETNS_PREFIX}{id}-r"))?;
        build_segment(&routers)?;
        let netns = Netns::create(format!("{NETNS_PREFIX}{id}-h1"))?;
        let peer = routers.name();
        netns.ip(&format!(
            "link add uplink type veth peer name h1 netns {peer}"
        ))?;
        routers.ip("link set h1 master lan up")?;
        for Neighbour { address, .. } in neighbours {
            netns.ip(&format!("address add {address}/24 dev uplink"))?;
            let v6 = v6_of(*address);
            netns.ip(&format!("address add {v6}/64 dev uplink nodad"))?;
        }
        netns.ip("link set uplink up")?;
        let dir: PathBuf = dir.join("router");
        fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
        let place = super::router::Place {
            netns: routers,
            dir,
            password: None,
            neighbours: neighbours.to_vec(),
            link_locals: BTreeMap::new(),
        };
        let router = Some(start(place)?);
        guard.armed = false;
        drop(guard);
        Ok(Self { id, netns, router })
    }

    /// The router.
    ///
    /// # Panics
    ///
    /// Never: it is there until the pair is dropped.
    pub(crate) fn router(&self) -> &dyn Router {
        self.router.as_deref().expect("it is there until the end")
    }

    /// Where neighbours connect to.
    pub(crate) const fn address() -> IpAddr {
        IpAddr::V4(ROUTER_V4)
    }

    /// The end of every log, for a failed test.
    pub(crate) fn logs(&self) -> String {
        let logs = self.router().logs();
        logs.iter()
            .map(|log| format!("--- {}\n{}\n", log.display(), crate::cmd::tail(log, 25)))
            .collect()
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // First the programs we are the parent of, so that no zombie of theirs stays.
        self.router = None;
        report_removal(&self.id);
    }
}
