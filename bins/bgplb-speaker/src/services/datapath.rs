//! What the kernel has for services, on a thread of its own: it is told what is wanted
//! and tells what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use netplumb::ipvs::{Error, Ipvs, ServiceKey};
use tokio::sync::watch;
use tracing::{info, warn};

use super::addresses::Addresses;
use super::balancer::{Balance, Balanced, Balancer, Counted};
use super::kept::Kept;
use crate::config::Place;
use crate::operation::until;
use crate::state::StateFile;

/// What the kernel should have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Counts up with every change.
    pub(crate) number: u64,
    /// Where each address belongs; services that share one agree on its place.
    pub(crate) addresses: BTreeMap<IpNet, Place>,
    /// What it balances.
    pub(crate) balanced: BTreeMap<ServiceKey, Balanced>,
}

/// What the kernel has of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// [`Wanted::number`] of what this was compared with.
    pub(crate) number: u64,
    /// The addresses that are not there, and why.
    pub(crate) missing: BTreeMap<IpNet, String>,
    /// What is not balanced, and why.
    pub(crate) unbalanced: BTreeMap<ServiceKey, String>,
}

/// The other end of the thread.
#[derive(Debug)]
pub(crate) struct Datapath {
    wanted: watch::Sender<Arc<Wanted>>,
    found: watch::Receiver<Arc<Found>>,
    counted: watch::Receiver<Arc<BTreeMap<ServiceKey, Counted>>>,
}

/// Does the work.
pub(crate) struct DatapathThread {
    addresses: Addresses,
    balancer: Balancer,
    ipvs: Option<Ipvs>,
    /// Whether `modprobe` was tried.
    loaded: bool,
    state: Option<StateFile>,
    wanted: watch::Receiver<Arc<Wanted>>,
    found: watch::Sender<Arc<Found>>,
    counted: watch::Sender<Arc<BTreeMap<ServiceKey, Counted>>>,
    changes: watch::Receiver<()>,
    /// Addresses of services that are not wanted any more and whose connections have
    /// not ended.
    lingering: BTreeSet<IpAddr>,
    /// What is remembered.
    kept: Option<Kept>,
    /// What was told of last, so that it is told once.
    told: BTreeMap<String, String>,
    again: Option<Instant>,
    wait: Duration,
}

/// Both ends; `changes` tells when addresses of the kernel have changed. What is to be
/// remembered over a restart is kept in `state`.
pub(crate) fn datapath(
    addresses: Addresses,
    changes: watch::Receiver<()>,
    state: Option<StateFile>,
) -> (Datapath, DatapathThread) {
    let (want, wanted) = watch::channel(Arc::default());
    let (find, found) = watch::channel(Arc::default());
    let (count, counted) = watch::channel(Arc::default());
    let Kept { placed, balanced } = Kept::read(state.as_ref());
    let thread = DatapathThread {
        addresses: addresses.resumed(placed),
        balancer: Balancer::resumed(balanced),
        ipvs: None,
        loaded: false,
        state,
        wanted,
        found: find,
        counted: count,
        changes,
        lingering: BTreeSet::new(),
        kept: None,
        told: BTreeMap::new(),
        again: None,
        wait: RETRY_FIRST,
    };
    let datapath = Datapath {
        wanted: want,
        found,
        counted,
    };
    (datapath, thread)
}

impl Datapath {
    /// Wants something else from now on.
    pub(super) fn want(&self, wanted: Wanted) {
        self.wanted.send_replace(Arc::new(wanted));
    }

    /// Completes when something else is there; never when the thread has ended.
    /// Cancel safe.
    pub(super) async fn news(&mut self) -> Arc<Found> {
        match self.found.changed().await {
            Ok(()) => Arc::clone(&self.found.borrow_and_update()),
            Err(_) => pending().await,
        }
    }

    /// What the kernel had counted when it was looked at last.
    pub(super) fn counted(&self) -> Arc<BTreeMap<ServiceKey, Counted>> {
        Arc::clone(&self.counted.borrow())
    }
}

impl DatapathThread {
    /// Whether an earlier run has left something behind, so that packets were delivered
    /// all the while.
    pub(crate) fn has_inherited(&mut self) -> anyhow::Result<bool> {
        let balanced = !self.balancer.owned().is_empty();
        Ok(balanced || self.addresses.has_inherited()?)
    }

    /// Runs until nobody wants anything any more, and then takes everything away, once
    /// connections have had their time.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let mut wanted = true;
        loop {
            let again = self.again;
            tokio::select! {
                changed = self.wanted.changed(), if wanted => wanted = changed.is_ok(),
                changed = self.changes.changed() => {
                    anyhow::ensure!(changed.is_ok(), "the kernel is no longer watched");
                }
                () = until(again) => {}
            }
            if wanted {
                let wanted = Arc::clone(&self.wanted.borrow_and_update());
                self.reconcile(&wanted).await;
                continue;
            }
            self.reconcile(&Wanted::default()).await;
            if self.lingering.is_empty() {
                return Ok(());
            }
        }
    }

    /// Has the kernel have what is wanted, and tells what it has.
    async fn reconcile(&mut self, wanted: &Wanted) {
        self.again = None;
        // What is ours without a mark is remembered before it is made.
        let claims = Kept {
            placed: self.addresses.claims(&wanted.addresses),
            balanced: self.claims(&wanted.balanced),
        };
        self.keep(claims).await;
        let missing = self.addresses.add(&wanted.addresses);
        let missing = missing.unwrap_or_else(|error| {
            let all = wanted.addresses.keys();
            all.map(|it| (*it, error.to_string())).collect()
        });
        let balance = self.balance(&wanted.balanced);
        self.lingering.clone_from(&balance.lingering);
        let removed = self.addresses.remove(&wanted.addresses, &balance.lingering);
        if let Err(error) = removed {
            warn!("what was made for services is not taken away: {error}");
        }
        self.keep(Kept {
            placed: self.addresses.placed().clone(),
            balanced: self.balancer.owned().clone(),
        })
        .await;
        self.counted.send_replace(Arc::new(balance.counted));
        let complete = missing.is_empty() && balance.missing.is_empty();
        self.look_again(complete, balance.draining, !wanted.balanced.is_empty());
        let found = Found {
            number: wanted.number,
            missing,
            unbalanced: balance.missing,
        };
        self.tell(&found);
        self.found.send_if_modified(|before| {
            let changed = **before != found;
            if changed {
                *before = Arc::new(found);
            }
            changed
        });
    }

    /// Has the kernel balance what is wanted.
    fn balance(&mut self, wanted: &BTreeMap<ServiceKey, Balanced>) -> Balance {
        if self.balancer.is_idle(wanted) {
            return Balance::default();
        }
        self.try_balance(wanted).unwrap_or_else(|error| {
            // Opened anew the next time.
            self.ipvs = None;
            let why = match error.is_missing() {
                true => "the kernel has no IPVS: `modprobe ip_vs` loads it".to_owned(),
                false => error.to_string(),
            };
            Balance {
                missing: wanted.keys().map(|key| (*key, why.clone())).collect(),
                ..Balance::default()
            }
        })
    }

    fn try_balance(&mut self, wanted: &BTreeMap<ServiceKey, Balanced>) -> Result<Balance, Error> {
        let ipvs = opened(&mut self.ipvs, &mut self.loaded)?;
        self.balancer.bring_about(ipvs, wanted, Instant::now())
    }

    /// What is balanced and ours, and what will be. Where the kernel can't be asked
    /// nothing is made either, and [`Self::balance`] says why.
    fn claims(&mut self, wanted: &BTreeMap<ServiceKey, Balanced>) -> BTreeSet<ServiceKey> {
        if self.balancer.is_idle(wanted) {
            return BTreeSet::new();
        }
        let claims = opened(&mut self.ipvs, &mut self.loaded)
            .and_then(|ipvs| self.balancer.claims(ipvs, wanted));
        claims.unwrap_or_else(|_| self.balancer.owned().clone())
    }

    async fn keep(&mut self, kept: Kept) {
        if self.kept.as_ref() == Some(&kept) {
            return;
        }
        match kept.write(self.state.as_ref()).await {
            Ok(()) => self.kept = Some(kept),
            Err(error) => warn!("what was made for services was not remembered: {error}"),
        }
    }

    fn look_again(&mut self, complete: bool, draining: bool, balanced: bool) {
        let wait = if !complete {
            let wait = self.wait;
            self.wait = (self.wait * 2).min(RETRY_MOST);
            Some(wait)
        } else {
            self.wait = RETRY_FIRST;
            // The kernel tells nobody of what it balances.
            balanced.then_some(REPAIR_EVERY)
        };
        let wait = match draining {
            true => Some(wait.unwrap_or(DRAIN_LOOK).min(DRAIN_LOOK)),
            false => wait,
        };
        self.again = wait.map(|wait| Instant::now() + wait);
    }

    /// Says what is missing, once.
    fn tell(&mut self, found: &Found) {
        let addresses = found.missing.iter().map(|(it, why)| (it.to_string(), why));
        let services = found.unbalanced.iter();
        let services = services.map(|(it, why)| (it.to_string(), why));
        let now: BTreeMap<_, _> = addresses
            .chain(services)
            .map(|(what, why)| (what, why.clone()))
            .collect();
        for (what, why) in &now {
            if self.told.get(what) != Some(why) {
                warn!(what, "not in the kernel: {why}");
            }
        }
        for what in self.told.keys().filter(|it| !now.contains_key(*it)) {
            info!(what, "no longer missing in the kernel");
        }
        self.told = now;
    }
}

/// IPVS as it is open already, or opened now, once with an attempt to load it.
fn opened<'a>(ipvs: &'a mut Option<Ipvs>, loaded: &mut bool) -> Result<&'a mut Ipvs, Error> {
    if let Some(ipvs) = ipvs {
        return Ok(ipvs);
    }
    let opened = match Ipvs::open() {
        Err(error) if error.is_missing() && !*loaded => {
            *loaded = true;
            load_module();
            Ipvs::open()
        }
        opened => opened,
    };
    Ok(ipvs.insert(opened?))
}

/// Has the kernel load its module, if it may.
fn load_module() {
    let mut modprobe = Command::new("modprobe");
    modprobe.arg("ip_vs").stdin(Stdio::null());
    match modprobe.output() {
        Ok(output) if output.status.success() => info!("the module ip_vs was loaded"),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            warn!("modprobe ip_vs: {}", said.trim());
        }
        Err(error) => warn!("modprobe ip_vs: {error}"),
    }
}

/// When a refused change is tried again, doubling up to the most.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(30);

/// How often it is looked whether connections have ended, while something drains.
const DRAIN_LOOK: Duration = Duration::from_millis(200);

/// How often what is balanced is looked at, and counted.
const REPAIR_EVERY: Duration = Duration::from_secs(10);
