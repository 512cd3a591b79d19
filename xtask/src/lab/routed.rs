//! Two nodes with a router between them, without Docker.
//!
//! ```text
//!   r  192.0.2.1  ---- .254  c, the router  .254 ----  h1  198.51.100.2
//! ```
//!
//! Namespaces and directory are named and cleaned up like those of [`super::Lab`].

use std::path::Path;

use anyhow::Result;

use super::claim::Claim;
use super::netns::Netns;

/// The three namespaces; dropping it removes them.
#[derive(Debug)]
pub(crate) struct Routed {
    /// The namespace with [`ONE`].
    pub(crate) one: Netns,
    /// The namespace with [`TWO`].
    pub(crate) two: Netns,
    router: Netns,
    claim: Claim,
}

/// The address on one side of the router.
pub(crate) const ONE: &str = "192.0.2.1";
/// The address on the other side.
pub(crate) const TWO: &str = "198.51.100.2";

impl Routed {
    /// Builds the namespaces.
    ///
    /// # Errors
    ///
    /// When the kernel refuses; what was built is removed again.
    pub(crate) fn start() -> Result<Self> {
        let claim = Claim::new()?;
        let router = claim.netns("c")?;
        let node = |node: &str, address: &str, away: &str| -> Result<Netns> {
            let netns = claim.netns(node)?;
            let (network, _) = address.rsplit_once('.').unwrap_or_default();
            let gateway = format!("{network}.254");
            let peer = router.name();
            netns.ip(&format!(
                "link add eth0 type veth peer name to-{node} netns {peer}"
            ))?;
            router.ip(&format!("address add {gateway}/24 dev to-{node}"))?;
            router.ip(&format!("link set to-{node} up"))?;
            netns.ip(&format!("address add {address}/24 dev eth0"))?;
            netns.ip("link set eth0 up")?;
            // Not the default: FRR does not look for neighbours there.
            netns.ip(&format!("route add {away}/32 via {gateway}"))?;
            Ok(netns)
        };
        let (one, two) = (node("r", ONE, TWO)?, node("h1", TWO, ONE)?);
        Ok(Self {
            one,
            two,
            router,
            claim,
        })
    }

    /// The directory for files; it goes with the laboratory.
    pub(crate) fn dir(&self) -> &Path {
        self.claim.dir()
    }

    /// Whether the router forwards; it stops and begins in silence.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub(crate) fn forward(&self, forwards: bool) -> Result<()> {
        let value = if forwards { "1" } else { "0" };
        self.router.sysctl("net/ipv4/ip_forward", value)
    }
}
