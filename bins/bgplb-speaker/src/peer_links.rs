//! What the kernel knows of the links on which peers are found, as the speaker wants it told.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bgp_speaker::{PeerLink, PeerLinks, SpeakerHandle};
use netplumb::{LinkName, MacAddr, Netlink};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Reads those links and tells the speaker. Its calls block, so nothing else
/// may run on its thread.
pub(crate) struct PeerLinkReader {
    netlink: Netlink,
    speaker: SpeakerHandle,
    wanted: watch::Receiver<Arc<BTreeSet<String>>>,
    kernel_changes: watch::Receiver<()>,
}

impl PeerLinkReader {
    pub(crate) fn open(
        speaker: &SpeakerHandle,
        kernel_changes: watch::Receiver<()>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            netlink: Netlink::open().context("open netlink for the links of peers")?,
            speaker: speaker.clone(),
            wanted: speaker.peer_interfaces(),
            kernel_changes,
        })
    }

    /// Runs until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            let wanted = Arc::clone(&self.wanted.borrow_and_update());
            let failed = match self.read(&wanted) {
                Ok(links) => {
                    self.speaker.set_peer_links(Arc::new(links));
                    false
                }
                Err(error) => {
                    warn!("{error:#}");
                    true
                }
            };
            let again = async {
                match failed {
                    true => sleep(RETRY).await,
                    false => pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                Ok(()) = self.wanted.changed() => {}
                changed = self.kernel_changes.changed() => {
                    changed.context("the links of peers are no longer watched")?;
                }
                () = again => {}
            }
        }
    }

    fn read(&mut self, wanted: &BTreeSet<String>) -> anyhow::Result<PeerLinks> {
        let mut links = PeerLinks::new();
        for interface in wanted {
            // What is no name of a link is no link's name.
            let Ok(name) = LinkName::new(interface) else {
                continue;
            };
            let Some(link) = self.netlink.router_link(&name)? else {
                continue;
            };
            let link = PeerLink {
                index: link.index,
                running: link.running,
                mac: link.mac.map(MacAddr::octets),
                link_local: link.link_local,
                routers: link.routers,
                unreachable: link.unreachable,
            };
            links.insert(interface.clone(), link);
        }
        Ok(links)
    }
}

/// When the kernel is asked again after it gave no answer.
const RETRY: Duration = Duration::from_secs(1);
