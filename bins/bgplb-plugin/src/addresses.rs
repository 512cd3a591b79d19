//! Follows the host's own addresses, from which next hops are chosen.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bgp_speaker::LocalAddresses;
use netplumb::{Netlink, Wake, Watch};
use tokio::sync::watch;
use tracing::warn;

/// How long one wait for the kernel's news lasts; what would be missed is seen
/// after it at the latest.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Reads the addresses and starts a thread that reads them again whenever the
/// kernel says that one has changed; links and routes come and go with every
/// container. The thread ends with its readers.
pub(crate) fn follow() -> Result<watch::Receiver<Arc<LocalAddresses>>> {
    // First the watch, so that no change falls between the two.
    let mut news = Watch::open_for_addresses().context("the kernel's news can't be followed")?;
    let mut kernel = Netlink::open().context("the kernel can't be reached")?;
    let now = read(&mut kernel).context("the host's addresses can't be read")?;
    let (publish, addresses) = watch::channel(Arc::new(now));
    thread::Builder::new()
        .name("addresses".to_owned())
        .spawn(move || {
            while !publish.is_closed() {
                match news.wait(LOOK_EVERY) {
                    Ok(Wake::LookAgain | Wake::Quiet) => look(&mut kernel, &publish),
                    Err(error) => {
                        warn!(%error, "the kernel's news can't be followed any more");
                        return;
                    }
                }
            }
        })
        .context("can't start the addresses' thread")?;
    Ok(addresses)
}

fn look(kernel: &mut Netlink, publish: &watch::Sender<Arc<LocalAddresses>>) {
    match read(kernel) {
        Ok(found) => {
            publish.send_if_modified(|current| {
                let changed = **current != found;
                if changed {
                    *current = Arc::new(found);
                }
                changed
            });
        }
        Err(error) => warn!(%error, "the host's addresses can't be read"),
    }
}

fn read(kernel: &mut Netlink) -> Result<LocalAddresses, netplumb::Error> {
    let links = kernel.addresses()?;
    Ok(LocalAddresses {
        links: links.into_iter().map(|(_, addresses)| addresses).collect(),
    })
}
