//! What the kernel has for services, on a thread of its own: it is told what is
//! wanted and tells what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use netplumb::{AddrSpec, Kernel, LinkKind, LinkName, LinkSpec, Netlink, Op};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use crate::config::Place;

/// What the kernel should have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Counts up with every change.
    pub(crate) number: u64,
    /// Where each address belongs; services that share one agree on its place.
    pub(crate) addresses: BTreeMap<IpNet, Place>,
}

/// What the kernel has of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// [`Wanted::number`] of what this was compared with.
    pub(crate) number: u64,
    /// The addresses that are not there, and why.
    pub(crate) missing: BTreeMap<IpNet, String>,
}

/// The other end of the thread.
#[derive(Debug)]
pub(crate) struct Datapath {
    wanted: watch::Sender<Arc<Wanted>>,
    found: watch::Receiver<Arc<Found>>,
}

/// Does the work.
#[derive(Debug)]
pub(crate) struct DatapathThread {
    kernel: Netlink,
    /// How the aliases of our links are.
    mark: String,
    wanted: watch::Receiver<Arc<Wanted>>,
    found: watch::Sender<Arc<Found>>,
    changes: watch::Receiver<()>,
    /// What was put on links that are not ours.
    placed: BTreeSet<AddrSpec>,
    /// What was told of last, so that it is told once.
    told: BTreeMap<IpNet, String>,
    again: Option<Instant>,
    wait: Duration,
}

/// Both ends; `changes` tells when addresses of the kernel have changed.
pub(crate) fn datapath(
    kernel: Netlink,
    mark: String,
    changes: watch::Receiver<()>,
) -> (Datapath, DatapathThread) {
    let (want, wanted) = watch::channel(Arc::default());
    let (find, found) = watch::channel(Arc::default());
    let thread = DatapathThread {
        kernel,
        mark,
        wanted,
        found: find,
        changes,
        placed: BTreeSet::new(),
        told: BTreeMap::new(),
        again: None,
        wait: RETRY_FIRST,
    };
    let datapath = Datapath {
        wanted: want,
        found,
    };
    (datapath, thread)
}

impl Datapath {
    /// Wants something else from now on.
    pub(crate) fn want(&self, wanted: Wanted) {
        self.wanted.send_replace(Arc::new(wanted));
    }

    /// Completes when something else is there; never when the thread has ended.
    /// Cancel safe.
    pub(crate) async fn news(&mut self) -> Arc<Found> {
        match self.found.changed().await {
            Ok(()) => Arc::clone(&self.found.borrow_and_update()),
            Err(_) => pending().await,
        }
    }
}

impl DatapathThread {
    /// Whether an earlier run has left a link behind.
    pub(crate) fn has_inherited(&mut self) -> anyhow::Result<bool> {
        let links = self.kernel.link_states()?;
        Ok(links.iter().any(|(_, state)| state.alias == self.mark))
    }

    /// Runs until nobody wants anything any more, and then takes everything away.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        loop {
            let again = self.again;
            tokio::select! {
                changed = self.wanted.changed() => if changed.is_err() {
                    self.take_away();
                    return Ok(());
                },
                changed = self.changes.changed() => {
                    anyhow::ensure!(changed.is_ok(), "the kernel is no longer watched");
                }
                () = until(again) => {}
            }
            self.again = None;
            self.reconcile();
        }
    }

    /// Has the kernel have what is wanted, and tells what it has.
    fn reconcile(&mut self) {
        let wanted = Arc::clone(&self.wanted.borrow_and_update());
        let mut missing = BTreeMap::new();
        if let Err(error) = self.bring_about(&wanted, &mut missing) {
            let failed = wanted.addresses.keys();
            missing.extend(failed.map(|address| (*address, error.to_string())));
        }
        if missing.is_empty() {
            self.wait = RETRY_FIRST;
        } else {
            self.again = Some(Instant::now() + self.wait);
            self.wait = (self.wait * 2).min(RETRY_MOST);
        }
        self.tell(&missing);
        let found = Found {
            number: wanted.number,
            missing,
        };
        self.found.send_if_modified(|before| {
            let changed = **before != found;
            if changed {
                *before = Arc::new(found);
            }
            changed
        });
    }

    fn bring_about(
        &mut self,
        wanted: &Wanted,
        missing: &mut BTreeMap<IpNet, String>,
    ) -> Result<(), netplumb::Error> {
        let refused = self.make_links(wanted)?;
        let there: BTreeSet<AddrSpec> = self
            .kernel
            .addresses()?
            .into_iter()
            .flat_map(|(link, addrs)| {
                let spec = move |addr| AddrSpec {
                    link: link.clone(),
                    addr,
                };
                addrs.into_iter().map(spec)
            })
            .collect();
        let mut kept = BTreeSet::new();
        for (address, place) in &wanted.addresses {
            let addr = AddrSpec {
                link: place.link().clone(),
                addr: *address,
            };
            kept.insert(addr.clone());
            if let Some(why) = refused.get(place.link()) {
                missing.insert(*address, why.clone());
                continue;
            }
            if there.contains(&addr) {
                continue;
            }
            match self.apply(&Op::AddAddr(addr.clone())) {
                Ok(()) if matches!(place, Place::Existing(_)) => _ = self.placed.insert(addr),
                Ok(()) => {}
                Err(error) => _ = missing.insert(*address, error.to_string()),
            }
        }
        self.remove_addresses(&there, &kept)?;
        self.remove_links(wanted)
    }

    /// Makes the links that are wanted; those that could not be had, and why.
    fn make_links(
        &mut self,
        wanted: &Wanted,
    ) -> Result<BTreeMap<LinkName, String>, netplumb::Error> {
        let mut refused = BTreeMap::new();
        let there: BTreeMap<_, _> = self.kernel.link_states()?.into_iter().collect();
        let places: BTreeSet<&Place> = wanted.addresses.values().collect();
        for place in places {
            match place {
                Place::Dummy(name) => {
                    let spec = LinkSpec::new(name.clone(), LinkKind::Dummy, &*self.mark);
                    let ready = there
                        .get(name)
                        .is_some_and(|link| link.alias == self.mark && link.up);
                    if ready {
                        continue;
                    }
                    if let Err(error) = self.apply(&Op::CreateLink(spec)) {
                        refused.insert(name.clone(), error.to_string());
                    }
                }
                Place::Existing(name) if !there.contains_key(name) => {
                    refused.insert(name.clone(), format!("there is no link {name}"));
                }
                Place::Existing(_) => {}
            }
        }
        Ok(refused)
    }

    /// Takes away what is ours and not wanted, of the addresses that are `there`.
    fn remove_addresses(
        &mut self,
        there: &BTreeSet<AddrSpec>,
        kept: &BTreeSet<AddrSpec>,
    ) -> Result<(), netplumb::Error> {
        let links = self.kernel.link_states()?;
        let ours: BTreeSet<_> = links
            .into_iter()
            .filter(|(_, state)| state.alias == self.mark)
            .map(|(name, _)| name)
            .collect();
        let link_local = |addr: &IpNet| match addr {
            IpNet::V6(net) => net.addr().is_unicast_link_local(),
            IpNet::V4(_) => false,
        };
        let on_ours = there
            .iter()
            .filter(|it| ours.contains(&it.link) && !link_local(&it.addr));
        let gone: BTreeSet<AddrSpec> = on_ours
            .chain(&self.placed)
            .filter(|it| !kept.contains(it))
            .cloned()
            .collect();
        for addr in gone {
            match self.apply(&Op::DeleteAddr(addr.clone())) {
                Ok(()) => _ = self.placed.remove(&addr),
                // Looked for again with the next change.
                Err(error) => warn!("{error}"),
            }
        }
        Ok(())
    }

    fn remove_links(&mut self, wanted: &Wanted) -> Result<(), netplumb::Error> {
        let kept: BTreeSet<_> = wanted.addresses.values().map(Place::link).collect();
        for (name, state) in self.kernel.link_states()? {
            if state.alias != self.mark || kept.contains(&name) {
                continue;
            }
            let alias = self.mark.clone();
            self.apply(&Op::DeleteLink { name, alias })?;
        }
        Ok(())
    }

    fn apply(&mut self, op: &Op) -> Result<(), netplumb::Error> {
        debug!(%op, "kernel");
        self.kernel.apply(op)
    }

    /// Says what is missing, once.
    fn tell(&mut self, missing: &BTreeMap<IpNet, String>) {
        for (address, why) in missing {
            if self.told.get(address) != Some(why) {
                warn!(%address, "not there: {why}");
            }
        }
        for address in self.told.keys().filter(|it| !missing.contains_key(it)) {
            info!(%address, "there again");
        }
        self.told.clone_from(missing);
    }

    fn take_away(&mut self) {
        let mut missing = BTreeMap::new();
        if let Err(error) = self.bring_about(&Wanted::default(), &mut missing) {
            warn!("what was made for services stays: {error}");
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

/// When a refused change is tried again, doubling up to the most.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(30);
