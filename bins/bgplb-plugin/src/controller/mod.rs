//! The owner of all state: networks, endpoints, containers, announcements.
//!
//! One task holds it. Requests come as questions ([`Handle::ask`]), Docker's
//! news as observations, the kernel's answers as told closures, and time as
//! [`timers`]. Nothing here waits for the kernel, a peer, Docker or the disk:
//! those answer by themselves.

mod abandoned;
pub(crate) mod addresses;
mod damper;
mod disturbed;
mod drain;
mod forgotten;
mod handle;
mod host;
mod mend;
mod network;
mod observe;
mod owners;
pub(crate) mod requests;
mod resume;
mod settle;
mod snapshot;
mod standing;
mod steer;
mod tell;
mod timers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_speaker::SpeakerHandle;
use bgp_wire::PathAttributes;
use healthwatch::Observation;
use ipnet::IpNet;
#[cfg(test)]
use lb_plan::Reason;
use lb_plan::{Announcements, Drain};
use lb_status::EventLog;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::datapath::Spread;
use crate::facts::Containers;
use crate::instance::Instance;
use crate::latency::Stopwatch;
use crate::numbers::Numbers;
use crate::options::Site;
use crate::plumber::Plumber;
use crate::settings::DrainAction;
use crate::stopper::Stopper;
use crate::store::{State, Store};
use addresses::Addresses;
pub(crate) use handle::{Handle, Stopping};
use handle::{MAILBOX, Question};
use network::{Network, Route, Source};
use owners::Owners;
pub(crate) use steer::Progress;
use timers::{Timer, Timers};

/// What the operator decides, and how long things take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// What SIGUSR2 to a container does.
    pub(crate) drain: DrainAction,
    /// How long a drained container goes on, unless its network says
    /// otherwise.
    pub(crate) drain_time: Duration,
    /// How long delivery outlives a withdrawal that is no drain: longer than
    /// routers take to change their routes.
    pub(crate) settle_time: Duration,
    /// How long the kernel is given before a refused change is tried again.
    pub(crate) retry_time: Duration,
    /// How often everything is compared with the kernel without being asked.
    pub(crate) reconcile_every: Duration,
    /// How long after something doubtful was seen there it is looked at again.
    pub(crate) second_look: Duration,
    /// How long Docker must not list what it never gave back.
    pub(crate) reclaim_after: Duration,
    /// Whether what is in the way on the host is mended, as far as is safe.
    pub(crate) mend_host: bool,
}

impl Policy {
    /// The times of docker-bgp-lb where it has one.
    pub(crate) const fn new(drain: DrainAction) -> Self {
        Self {
            drain,
            drain_time: Duration::from_secs(5),
            settle_time: Duration::from_secs(2),
            retry_time: Duration::from_secs(1),
            reconcile_every: Duration::from_secs(60),
            second_look: Duration::from_secs(10),
            reclaim_after: Duration::from_secs(60),
            mend_host: false,
        }
    }
}

/// What the controller acts through.
pub(crate) struct Effects {
    /// Whose objects in the kernel are ours.
    pub(crate) instance: Instance,
    pub(crate) speaker: SpeakerHandle,
    pub(crate) plumber: Plumber,
    pub(crate) store: Store,
    pub(crate) stopper: Stopper,
    /// What others may read of what happens.
    pub(crate) events: EventLog,
    pub(crate) stopwatch: Stopwatch,
    /// How the kernel spreads flows over several containers.
    pub(crate) spread: Spread,
    /// It spreads by addresses alone, and nobody was told yet.
    pub(crate) by_address: bool,
}

/// What is settled before the start.
pub(crate) struct Beginning {
    /// What an earlier run remembered.
    pub(crate) state: State,
    /// Numbers that are not to be given out.
    pub(crate) numbers: Numbers,
    /// Our AS and its routers.
    pub(crate) site: Site,
}

/// See the module's documentation.
pub(crate) struct Controller {
    networks: BTreeMap<String, Network>,
    /// Which of our networks an endpoint is on.
    network_of: BTreeMap<String, String>,
    owners: Owners,
    containers: Containers,
    /// Docker has listed its containers since we started.
    told_everything: bool,
    /// The operator has the whole host drained.
    drained: bool,
    /// Since when the operator has it in maintenance, in seconds since 1970.
    maintenance: Option<u64>,
    /// Networks that are announced by their label, and what of each.
    labelled: BTreeMap<String, Vec<IpNet>>,
    /// Changes whenever a network was settled.
    settled: watch::Sender<()>,
    /// Names of all networks Docker has, for messages.
    network_names: BTreeMap<String, String>,
    /// Subnets of all networks Docker has, other drivers' included.
    network_subnets: BTreeMap<String, Vec<IpNet>>,
    announcements: Announcements<Source, Route>,
    addresses: Addresses,
    /// Endpoints whose container's end is outside of the container, and since
    /// when that was seen.
    returned: BTreeMap<String, Instant>,
    /// Endpoints without links that no container of Docker's list has, and
    /// since when.
    doubtful: BTreeMap<String, Instant>,
    /// The attributes a prefix without options is originated with.
    attributes: Arc<PathAttributes>,
    numbers: Numbers,
    site: Site,
    timers: Timers,
    /// When everything was last compared with the kernel.
    compared: Option<Instant>,
    /// How often something that others took away was made again.
    restored: u64,
    /// Whether Docker can be reached.
    docker: standing::Reachable,
    /// What was seen of the host itself.
    host: host::Host,
    policy: Policy,
    effects: Effects,
    /// For news that come back from other threads.
    handle: Handle,
    questions: mpsc::Receiver<Question>,
}

impl Controller {
    /// Takes over what an earlier run remembered.
    pub(crate) fn new(
        beginning: Beginning,
        addresses: Addresses,
        policy: Policy,
        effects: Effects,
    ) -> (Self, Handle) {
        let Beginning {
            mut state,
            mut numbers,
            site,
        } = beginning;
        resume::number(&mut state, &mut numbers);
        let (drained, maintenance) = (state.drained, state.maintenance);
        if maintenance.is_some() {
            info!("this host is in maintenance, as it was before");
        }
        if drained {
            info!("this host is drained, as it was before: SIGUSR1 ends that");
        }
        let (sender, questions) = mpsc::channel(MAILBOX);
        let handle = Handle { questions: sender };
        let network_of = state
            .networks
            .iter()
            .flat_map(|(id, record)| {
                record
                    .endpoints
                    .keys()
                    .map(move |endpoint| (endpoint.clone(), id.clone()))
            })
            .collect();
        let owners = Owners::of(state.networks.iter());
        let networks = state
            .networks
            .into_iter()
            .map(|(id, record)| {
                let options = resume::options(&id, &record, &site);
                let mut network = Network::new(record, options);
                network.remembered = true;
                if drained || maintenance.is_some() || network.record.drained {
                    network.drain = Drain::Withdrawn;
                }
                (id, network)
            })
            .collect();
        let controller = Self {
            networks,
            network_of,
            owners,
            containers: Containers::default(),
            told_everything: false,
            drained,
            maintenance,
            labelled: BTreeMap::new(),
            settled: watch::Sender::new(()),
            network_names: BTreeMap::new(),
            network_subnets: BTreeMap::new(),
            announcements: Announcements::default(),
            addresses,
            returned: BTreeMap::new(),
            doubtful: BTreeMap::new(),
            attributes: Arc::new(PathAttributes::originated()),
            numbers,
            site,
            timers: Timers::default(),
            compared: None,
            restored: 0,
            docker: standing::Reachable::not_yet(),
            host: host::Host::default(),
            policy,
            effects,
            handle: handle.clone(),
            questions,
        };
        (controller, handle)
    }

    /// Works until cancelled.
    pub(crate) async fn run(
        mut self,
        mut observations: mpsc::Receiver<Observation>,
        cancel: CancellationToken,
    ) {
        self.reconcile();
        self.resume_drains(Instant::now());
        loop {
            let deadline = self.timers.next();
            let wake = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                Some(question) = self.questions.recv() => Wake::Question(question),
                Some(observation) = observations.recv() => Wake::Observation(observation),
                () = until(deadline) => Wake::Timer,
            };
            match wake {
                Wake::Question(question) => question(&mut self),
                Wake::Observation(observation) => self.observe(observation),
                Wake::Timer => self.expire(Instant::now()),
            }
        }
    }

    /// Every prefix that is announced.
    #[cfg(test)]
    pub(crate) fn announced(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.announcements.prefixes()
    }

    /// The MED of every announced prefix.
    #[cfg(test)]
    pub(crate) fn announced_meds(&self) -> Vec<Option<u32>> {
        let page = (std::ops::Bound::Unbounded, 100);
        let routes = self.effects.speaker.announced_page(page.0, page.1);
        routes.iter().map(|route| route.attributes.med).collect()
    }

    /// Why a network is, or is not, announced.
    #[cfg(test)]
    pub(crate) fn reason_of(&self, network: &str) -> Option<Reason> {
        self.networks.get(network).map(|network| network.reason)
    }

    /// How many endpoints are known.
    #[cfg(test)]
    pub(crate) fn remembered_endpoints(&self) -> usize {
        self.network_of.len()
    }

    /// What is to be remembered now.
    fn state(&self) -> State {
        let records = self
            .networks
            .iter()
            .map(|(id, network)| (id.clone(), network.record.clone()))
            .collect();
        let mut state = State::new(Some(self.effects.instance), records)
            .with_requests(self.addresses.requests());
        state.drained = self.drained;
        state.maintenance = self.maintenance;
        state
    }

    fn expire(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Settled(network) => self.withdrawal_settled(&network, now),
                Timer::Steady(network) => self.settle(&network),
                Timer::RetryDelivery(network) | Timer::Repair(network) => self.repair(&network),
                Timer::Unmark(endpoint) => self.unmark(&endpoint),
                Timer::UnmarkNetwork(network) => self.unmark_network(&network),
                Timer::StopDrained(endpoint) => self.stop_drained(&endpoint, now),
                Timer::Reconcile => self.reconcile(),
                Timer::Host => self.examine_host(),
            }
        }
    }
}

enum Wake {
    Question(Question),
    Observation(Observation),
    Timer,
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
