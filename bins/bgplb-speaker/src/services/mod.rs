//! The services of the file: checks, what the kernel has, and what operators want
//! become announcements.
//!
//! [`Services`] belongs to the task that owns the configuration. It is told what has
//! happened, and keeps deadlines.

pub(crate) mod addresses;
mod adoption;
mod balancer;
mod configure;
pub(crate) mod datapath;
mod kept;
mod looks;
mod rows;
mod service;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bgp_speaker::SpeakerHandle;
use healthwatch::{CheckId, CheckLevel, ChecksHandle};
use ipnet::IpNet;
use lb_status::EventLog;
use lb_status::model::Done;
use tracing::info;

use self::configure::Leaving;
use self::datapath::{Datapath, Found, Wanted};
use self::looks::Looks;
pub(crate) use self::rows::{Page, ServiceRows};
use self::service::Service;
use self::standing::Announce;
use crate::announcing::{Announcing, Route, Source};
use crate::config::Sharing;
use crate::networks::{Containers, Networks};
use crate::withholding::Waiter;

/// All services.
#[derive(Debug)]
pub(crate) struct Services {
    services: BTreeMap<String, Service>,
    /// Who holds each prefix.
    holders: BTreeMap<IpNet, BTreeSet<String>>,
    /// Removed, but what peers send to them still arrives.
    leaving: Vec<Leaving>,
    looks: Looks,
    datapath: Datapath,
    wanted: Wanted,
    found: Arc<Found>,
    timers: BTreeSet<(Instant, String)>,
    speaker: SpeakerHandle,
    events: EventLog,
    /// Whether the speaker was told that everything of before is announced again.
    complete: bool,
    /// Announcements and withdrawals are told in bgp-lb's words as well.
    bgp_lb_words: bool,
    /// Whether more than services is announced, and not known yet.
    networks_open: bool,
}

impl Services {
    /// None yet.
    pub(crate) fn new(
        datapath: Datapath,
        checks: ChecksHandle,
        speaker: SpeakerHandle,
        events: EventLog,
    ) -> Self {
        Self {
            services: BTreeMap::new(),
            holders: BTreeMap::new(),
            leaving: Vec::new(),
            looks: Looks::new(checks),
            datapath,
            wanted: Wanted::default(),
            found: Arc::default(),
            timers: BTreeSet::new(),
            speaker,
            events,
            complete: false,
            bgp_lb_words: false,
            networks_open: false,
        }
    }

    /// The same, which tells announcements and withdrawals in bgp-lb's words as well.
    pub(crate) fn with_bgp_lb_words(self, bgp_lb_words: bool) -> Self {
        Self {
            bgp_lb_words,
            ..self
        }
    }

    /// The kernel has something else than before.
    pub(crate) fn found(&mut self, found: Arc<Found>, announcing: &mut Announcing, now: Instant) {
        self.found = found;
        for name in self.services.keys().cloned().collect::<Vec<_>>() {
            self.settle(&name, announcing, now);
        }
    }

    /// A check has something to say.
    pub(crate) fn looked(
        &mut self,
        check: CheckId,
        level: &CheckLevel,
        announcing: &mut Announcing,
        now: Instant,
    ) {
        let Some((name, part)) = self.looks.whose(check) else {
            return;
        };
        let name = name.to_owned();
        if let Some(service) = self.services.get_mut(&name) {
            service.looked(part, level);
            self.settle(&name, announcing, now);
        }
    }

    /// Docker has something to say of containers.
    pub(crate) fn contained(
        &mut self,
        containers: &Containers,
        announcing: &mut Announcing,
        now: Instant,
    ) {
        let services = self.services.iter_mut();
        let changed = services.filter_map(|(name, it)| it.contained(containers).then_some(name));
        for name in changed.cloned().collect::<Vec<_>>() {
            self.settle(&name, announcing, now);
        }
    }

    /// The table is not complete before these are announced, if they are to be.
    pub(crate) const fn await_networks(&mut self, networks: &Networks) {
        self.networks_open = networks.is_awaited();
    }

    /// The networks of Docker are announced as they are now.
    pub(crate) fn networks_announced(&mut self) {
        self.networks_open = false;
        self.complete_table();
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

    /// Begins or ends the drain of one service; `None` if there is no such service.
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
        if changed {
            service.tell_drain(&self.events, wanted);
        }
        self.settle(name, announcing, now);
        let said = match (changed, wanted) {
            (true, true) => "is drained",
            (true, false) => "is no longer drained",
            (false, true) => "is drained already",
            (false, false) => "was not drained",
        };
        Some(Done::new(changed, format!("the service {name} {said}")))
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
        let others = match shared && before != after {
            true => self.sharers(name),
            false => BTreeSet::new(),
        };
        if self.bgp_lb_words && (before == Announce::No) != (after == Announce::No) {
            match after {
                Announce::No => info!(service = name, "Service off"),
                _ => info!(service = name, "Service on"),
            }
        }
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
        let others = holders.flatten().filter(|it| *it != name);
        others.cloned().collect()
    }

    fn announce(&self, name: &str, announcing: &mut Announcing) {
        let Some(service) = self.services.get(name) else {
            return;
        };
        let routes = self.routes(service, service.delivered());
        announcing.set(Source::Service(name.to_owned()), routes);
    }

    /// What a service has announced of these prefixes.
    fn routes<'a>(
        &self,
        service: &Service,
        prefixes: impl Iterator<Item = &'a IpNet>,
    ) -> BTreeMap<IpNet, Route> {
        let how = service.announce();
        if how == Announce::No {
            return BTreeMap::new();
        }
        let route = Route {
            attributes: service.attributes(how),
            audience: service.settings.audience.clone(),
        };
        let prefixes = prefixes.map(IpNet::trunc);
        let agreed = prefixes.filter(|prefix| self.agreed(*prefix, service));
        agreed.map(|prefix| (prefix, route.clone())).collect()
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
    /// on every service and on the networks of Docker is spoken.
    fn complete_table(&mut self) {
        if !self.complete && !self.networks_open && self.services.values().all(Service::is_judged) {
            self.complete = true;
            self.speaker.initial_table_complete();
        }
    }
}

#[cfg(test)]
mod tests;
