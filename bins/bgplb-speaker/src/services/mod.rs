//! The services of the file: checks, what the kernel has, and what operators want
//! become announcements.
//!
//! [`Services`] belongs to the task that owns the configuration and waits for
//! nothing. It is told what has happened and keeps deadlines.

pub(crate) mod datapath;
mod rows;
mod service;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bgp_speaker::{RibVersion, SpeakerHandle};
use ipnet::IpNet;
use lb_status::EventLog;
use lb_status::model::Done;
use tracing::{info, warn};

use self::datapath::{Datapath, Found, Wanted};
use self::service::Service;
use self::standing::Announce;
use crate::announcing::{Announcing, Route};
use crate::config::{ServiceSettings, Sharing};
use crate::withholding::Waiter;

pub(crate) use self::rows::{Page, ServiceRows};

/// All services.
#[derive(Debug)]
pub(crate) struct Services {
    services: BTreeMap<String, Service>,
    /// Who holds each prefix.
    holders: BTreeMap<IpNet, BTreeSet<String>>,
    /// Removed, but what peers send to them still arrives.
    leaving: Vec<Leaving>,
    datapath: Datapath,
    wanted: Wanted,
    found: Arc<Found>,
    timers: BTreeSet<(Instant, String)>,
    speaker: SpeakerHandle,
    events: EventLog,
    /// Whether the speaker was told that everything of before is announced again.
    complete: bool,
}

/// Addresses that go once every peer has heard of the withdrawal.
#[derive(Debug)]
struct Leaving {
    addresses: BTreeMap<IpNet, crate::config::Place>,
    withdrawn: RibVersion,
    until: Instant,
}

impl Services {
    /// None yet.
    pub(crate) fn new(datapath: Datapath, speaker: SpeakerHandle, events: EventLog) -> Self {
        Self {
            services: BTreeMap::new(),
            holders: BTreeMap::new(),
            leaving: Vec::new(),
            datapath,
            wanted: Wanted::default(),
            found: Arc::default(),
            timers: BTreeSet::new(),
            speaker,
            events,
            complete: false,
        }
    }

    /// Takes over the services of the file; those that stay as they are notice
    /// nothing.
    pub(crate) fn configure(
        &mut self,
        settings: &[ServiceSettings],
        announcing: &mut Announcing,
        now: Instant,
    ) {
        let named: BTreeSet<&str> = settings.iter().map(|it| it.name.as_str()).collect();
        let gone = self
            .services
            .keys()
            .filter(|it| !named.contains(it.as_str()));
        for name in gone.cloned().collect::<Vec<_>>() {
            self.remove(&name, announcing, now);
        }
        let mut changed = Vec::new();
        for settings in settings {
            match self.services.get_mut(&settings.name) {
                Some(service) if service.settings == *settings => continue,
                Some(service) => {
                    let before = std::mem::replace(&mut service.settings, settings.clone());
                    self.let_go(&before, announcing, now);
                }
                None => {
                    let service = Service::new(settings.clone());
                    self.services.insert(settings.name.clone(), service);
                }
            }
            for prefix in &settings.prefixes {
                let holders = self.holders.entry(prefix.trunc()).or_default();
                holders.insert(settings.name.clone());
            }
            changed.push(settings.name.clone());
        }
        self.want();
        for name in changed {
            if let Some(service) = self.services.get_mut(&name) {
                service.wants = self.wanted.number;
            }
            self.settle(&name, announcing, now);
        }
        self.complete_table();
    }

    /// The kernel has something else than before.
    pub(crate) fn found(&mut self, found: Arc<Found>, announcing: &mut Announcing, now: Instant) {
        self.found = found;
        for name in self.services.keys().cloned().collect::<Vec<_>>() {
            self.settle(&name, announcing, now);
        }
    }

    /// Waits for what the kernel has. Cancel safe.
    pub(crate) async fn news(&mut self) -> Arc<Found> {
        self.datapath.news().await
    }

    /// When [`Self::expire`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let leaving = self.leaving.iter().map(|it| it.until).min();
        [timer, leaving].into_iter().flatten().min()
    }

    /// Does what was to be done by `now`.
    pub(crate) fn expire(&mut self, announcing: &mut Announcing, now: Instant) {
        let mut due = BTreeSet::new();
        while let Some((at, name)) = self.timers.first().cloned()
            && at <= now
        {
            self.timers.pop_first();
            due.insert(name);
        }
        for name in &due {
            self.settle(name, announcing, now);
        }
        self.let_leave(now);
    }

    /// Begins or ends the drain of one service, or says that there is none.
    pub(crate) fn drain(
        &mut self,
        name: &str,
        wanted: bool,
        waiter: Option<Waiter>,
        announcing: &mut Announcing,
        now: Instant,
    ) -> Option<Done> {
        let service = self.services.get_mut(name)?;
        let changed = service.drain(wanted, now);
        service.wait(waiter);
        let now_it = if wanted {
            "is drained"
        } else {
            "is no longer drained"
        };
        let already = if wanted {
            "is drained already"
        } else {
            "was not drained"
        };
        if changed {
            service.tell_drain(&self.events, wanted);
        }
        self.settle(name, announcing, now);
        let said = if changed { now_it } else { already };
        Some(Done::new(changed, format!("the service {name} {said}")))
    }

    /// Everything of `before` that its successor does not hold is withdrawn, and
    /// leaves the kernel later.
    fn let_go(&mut self, before: &ServiceSettings, announcing: &mut Announcing, now: Instant) {
        let name = &before.name;
        let kept = self
            .services
            .get(name)
            .map(|it| it.settings.prefixes.clone());
        let kept = kept.unwrap_or_default();
        let gone: Vec<_> = before.prefixes.difference(&kept).copied().collect();
        if gone.is_empty() {
            return;
        }
        for prefix in &gone {
            if let Some(holders) = self.holders.get_mut(&prefix.trunc()) {
                holders.remove(name);
                if holders.is_empty() {
                    self.holders.remove(&prefix.trunc());
                }
            }
        }
        let withdrawn = announcing.set(name, BTreeMap::new());
        let place = &before.place;
        let addresses = gone.into_iter().map(|it| (it, place.clone())).collect();
        self.leaving.push(Leaving {
            addresses,
            withdrawn,
            until: now + SETTLE_TIME,
        });
    }

    fn remove(&mut self, name: &str, announcing: &mut Announcing, now: Instant) {
        if let Some(service) = self.services.remove(name) {
            self.timers.retain(|(_, of)| of != name);
            self.let_go(&service.settings, announcing, now);
            info!(service = name, "removed");
        }
    }

    /// Takes away what peers send nothing to any more.
    fn let_leave(&mut self, now: Instant) {
        let speaker = &self.speaker;
        let before = self.leaving.len();
        self.leaving.retain_mut(|it| {
            if it.until > now {
                return true;
            }
            if speaker.is_flushed(it.withdrawn) {
                return false;
            }
            warn!("a peer has not taken the withdrawal yet; the addresses stay");
            it.until = now + RETRY_TIME;
            true
        });
        if self.leaving.len() != before {
            self.want();
        }
    }

    /// Wants of the kernel what services hold, and what still leaves.
    fn want(&mut self) {
        let leaving = self.leaving.iter().flat_map(|it| it.addresses.clone());
        let held = self.services.values().flat_map(|service| {
            let place = &service.settings.place;
            let prefixes = service.settings.prefixes.iter();
            prefixes.map(move |prefix| (*prefix, place.clone()))
        });
        let addresses: BTreeMap<_, _> = leaving.chain(held).collect();
        if addresses == self.wanted.addresses {
            return;
        }
        self.wanted = Wanted {
            number: self.wanted.number + 1,
            addresses,
        };
        self.datapath.want(self.wanted.clone());
    }

    /// Judges one service anew and announces what follows, for those who share its
    /// prefixes too.
    fn settle(&mut self, name: &str, announcing: &mut Announcing, now: Instant) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        let before = service.announce();
        service.judge(&self.found, now, SystemTime::now());
        let after = service.announce();
        if let Some(at) = service.deadline(now) {
            self.timers.insert((at, name.to_owned()));
        }
        if service.take_news() {
            service.tell(&self.events);
        }
        let shared = service.settings.sharing == Sharing::All;
        let others: BTreeSet<String> = match shared && before != after {
            true => self.sharers(name),
            false => BTreeSet::new(),
        };
        self.announce(name, announcing);
        for other in others {
            self.announce(&other, announcing);
        }
        if let Some(service) = self.services.get_mut(name) {
            service.tell_waiting();
        }
        self.complete_table();
    }

    /// The other holders of prefixes of this service.
    fn sharers(&self, name: &str) -> BTreeSet<String> {
        let Some(service) = self.services.get(name) else {
            return BTreeSet::new();
        };
        let prefixes = service.settings.prefixes.iter();
        let holders = prefixes.filter_map(|prefix| self.holders.get(&prefix.trunc()));
        holders
            .flatten()
            .filter(|it| *it != name)
            .cloned()
            .collect()
    }

    fn announce(&self, name: &str, announcing: &mut Announcing) {
        let Some(service) = self.services.get(name) else {
            return;
        };
        let how = service.announce();
        let mut wanted = BTreeMap::new();
        if how != Announce::No {
            let route = Route {
                attributes: service.attributes(how),
                audience: service.settings.audience.clone(),
            };
            let prefixes = service.settings.prefixes.iter().map(IpNet::trunc);
            let agreed = prefixes.filter(|prefix| self.agreed(*prefix, service));
            wanted = agreed.map(|prefix| (prefix, route.clone())).collect();
        }
        announcing.set(name, wanted);
    }

    /// Whether those who share a prefix let it be announced.
    fn agreed(&self, prefix: IpNet, service: &Service) -> bool {
        if service.settings.sharing == Sharing::Any {
            return true;
        }
        let holders = self.holders.get(&prefix).into_iter().flatten();
        let mut others = holders.filter_map(|name| self.services.get(name));
        others.all(|other| other.announce() != Announce::No)
    }

    /// Peers that kept our routes over a restart hear End-of-RIB when the first word
    /// on every service is spoken.
    fn complete_table(&mut self) {
        if !self.complete && self.services.values().all(Service::is_judged) {
            self.complete = true;
            self.speaker.initial_table_complete();
        }
    }
}

/// How long packets under way may take after the withdrawal.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// When a peer that has not taken a withdrawal is looked at again.
const RETRY_TIME: Duration = Duration::from_secs(1);
