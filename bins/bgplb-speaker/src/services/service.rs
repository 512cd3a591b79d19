//! One service: what is known of it, and where it stands.

mod told;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bgp_wire::{Community, ExtendedCommunity, PathAttributes};
use ipnet::IpNet;
use lb_plan::{FlapHistory, Proof};
use lb_status::model::{Reason, ServiceState};
use netplumb::ipvs::ServiceKey;
use tracing::warn;

use super::datapath::Found;
use super::looks::Part;
use super::standing::{Announce, CheckLevel, Drain, Facts, Verdict};
use crate::config::{CheckSettings, Look, ServiceSettings};
use crate::networks::Containers;
use crate::withholding::Waiter;

/// One service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) settings: ServiceSettings,
    /// Since which [`super::Wanted::number`] the kernel should have each prefix.
    wanted: BTreeMap<IpNet, u64>,
    /// What the kernel lacks for each prefix that it does not deliver.
    undelivered: BTreeMap<IpNet, String>,
    checks: Vec<CheckLevel>,
    /// What is shown of each of them.
    shown: Vec<Shown>,
    /// `None` until it was looked for.
    maintenance: Option<bool>,
    drain: Drain,
    marked_until: Option<Instant>,
    proof: Proof,
    history: FlapHistory,
    verdict: Verdict,
    since: SystemTime,
    reason_since: SystemTime,
    changes: u64,
    /// Who waits until a drain has withdrawn it.
    waiting: Vec<Waiter>,
    /// The verdict is another than what was told last.
    news: bool,
    /// Before that verdict it was announced.
    was_announced: bool,
}

/// What is shown of a check beside its level.
#[derive(Clone, Debug)]
struct Shown {
    target: String,
    since: SystemTime,
    /// 0 to 100.
    weight: u8,
}

impl Shown {
    fn new(check: &CheckSettings) -> Self {
        Self {
            target: check.target(),
            since: SystemTime::now(),
            weight: 100,
        }
    }
}

impl Service {
    /// One of which nothing is known.
    pub(super) fn new(settings: ServiceSettings) -> Self {
        let now = SystemTime::now();
        Self {
            wanted: BTreeMap::new(),
            undelivered: BTreeMap::new(),
            checks: vec![CheckLevel::Unknown; settings.checks.len()],
            shown: settings.checks.iter().map(Shown::new).collect(),
            maintenance: settings.maintenance.is_none().then_some(false),
            settings,
            drain: Drain::No,
            marked_until: None,
            // What is well when the program starts may have been so for long.
            proof: Proof::Believed,
            history: FlapHistory::default(),
            verdict: Verdict {
                announce: Announce::No,
                state: ServiceState::Withheld,
                reason: Reason::HealthUnknown,
                explanation: "nothing was looked at yet".to_owned(),
            },
            since: now,
            reason_since: now,
            changes: 0,
            waiting: Vec::new(),
            news: false,
            was_announced: false,
        }
    }

    /// Takes other settings over, with which these checks begin `anew`.
    pub(super) fn reconfigure(&mut self, settings: ServiceSettings, anew: &[Part]) {
        self.checks
            .resize(settings.checks.len(), CheckLevel::Unknown);
        let known = self.shown.len();
        let more = settings.checks.iter().skip(known).map(Shown::new);
        self.shown.extend(more);
        self.shown.truncate(settings.checks.len());
        for part in anew {
            match part {
                Part::Maintenance => self.maintenance = None,
                Part::Check(n) => {
                    let places = self.checks.get_mut(*n).zip(self.shown.get_mut(*n));
                    if let (Some((level, shown)), Some(check)) = (places, settings.checks.get(*n)) {
                        *level = CheckLevel::Unknown;
                        *shown = Shown::new(check);
                    }
                }
            }
        }
        if settings.maintenance.is_none() {
            self.maintenance = Some(false);
        }
        self.settings = settings;
    }

    /// The kernel is told of its prefixes by this number at the latest.
    pub(super) fn wanted_by(&mut self, number: u64) {
        let prefixes = self.settings.prefixes.iter();
        let before = std::mem::take(&mut self.wanted);
        let since = |prefix: &IpNet| before.get(prefix).copied().unwrap_or(number);
        self.wanted = prefixes.map(|prefix| (*prefix, since(prefix))).collect();
    }

    /// A check says something.
    pub(super) fn looked(&mut self, part: Part, said: &healthwatch::CheckLevel) {
        let level = level(said);
        match part {
            Part::Maintenance => {
                self.maintenance = match level {
                    CheckLevel::Unknown => None,
                    CheckLevel::Passing => Some(true),
                    CheckLevel::Failing(_) => Some(false),
                };
            }
            Part::Check(n) => {
                if let Some(shown) = self.shown.get_mut(n) {
                    shown.weight = said.weight;
                }
                self.check_says(n, level);
            }
        }
    }

    /// Takes over what its checks of containers say now; `true` if that changes anything.
    pub(super) fn contained(&mut self, containers: &Containers) -> bool {
        let mut changed = false;
        for n in 0..self.settings.checks.len() {
            let check = self.settings.checks.get(n).map(|it| &it.look);
            let Some(Look::Container(name)) = check else {
                continue;
            };
            changed |= match containers.serves(name) {
                None => false,
                Some(Ok(())) => self.check_says(n, CheckLevel::Passing),
                Some(Err(why)) => self.check_says(n, CheckLevel::Failing(why)),
            };
        }
        changed
    }

    /// Enters the level of a check; `true` if it is another than before.
    fn check_says(&mut self, n: usize, level: CheckLevel) -> bool {
        let places = self.checks.get_mut(n).zip(self.shown.get_mut(n));
        let Some((before, shown)) = places else {
            return false;
        };
        let kind = std::mem::discriminant::<CheckLevel>;
        if kind(before) != kind(&level) {
            shown.since = SystemTime::now();
        }
        let changed = *before != level;
        *before = level;
        changed
    }

    /// How its prefixes are to be announced.
    pub(super) const fn announce(&self) -> Announce {
        self.verdict.announce
    }

    /// The prefixes that the kernel delivers.
    pub(super) fn delivered(&self) -> impl Iterator<Item = &IpNet> {
        let prefixes = self.settings.prefixes.iter();
        prefixes.filter(|prefix| !self.undelivered.contains_key(*prefix))
    }

    /// Whether the kernel is to balance this for it.
    pub(super) fn balances(&self, key: &ServiceKey) -> bool {
        let mut ports = self.settings.ports.iter();
        ports.any(|port| port.spec().key == *key)
    }

    /// Whether more is known than at the start.
    pub(super) fn is_judged(&self) -> bool {
        let open = [Reason::HealthUnknown, Reason::DatapathNotReady];
        !open.contains(&self.verdict.reason)
    }

    /// Begins or ends a drain; `false` if that is the case already.
    pub(super) fn drain(&mut self, wanted: bool, now: Instant) -> bool {
        if wanted == (self.drain != Drain::No) {
            return false;
        }
        self.marked_until = None;
        self.drain = match wanted {
            false => Drain::No,
            true if self.settings.drain_time.is_zero() => Drain::Withdrawn,
            true => {
                self.marked_until = now.checked_add(self.settings.drain_time);
                Drain::Marked
            }
        };
        true
    }

    /// Has `waiter` hear when the drain has withdrawn it.
    pub(super) fn wait(&mut self, waiter: Option<Waiter>) {
        self.waiting.extend(waiter);
    }

    /// Tells those who wait for a drain what has come of it. To be called when what
    /// follows from a verdict has been announced.
    pub(super) fn tell_waiting(&mut self) {
        let came = match self.drain {
            Drain::Marked if self.announce() != Announce::No => return,
            Drain::Marked | Drain::Withdrawn => Ok(()),
            Drain::No => Err("the drain was taken back meanwhile"),
        };
        for waiter in self.waiting.drain(..) {
            // Who asked may have gone meanwhile.
            let _ = waiter.send(came);
        }
    }

    /// Decides anew.
    pub(super) fn judge(&mut self, found: &Found, now: Instant, wall: SystemTime) {
        if self.marked_until.is_some_and(|until| until <= now) {
            self.marked_until = None;
            self.drain = Drain::Withdrawn;
        }
        self.compare(found);
        let nothing = self.undelivered.len() == self.settings.prefixes.len();
        let undelivered = self.undelivered.values().next().filter(|_| nothing);
        let mut facts = Facts {
            maintenance: self.maintenance,
            drain: self.drain,
            checks: &self.checks,
            unproven: false,
            held_down: self.history.held_until(now).is_some(),
            undelivered: undelivered.map(String::as_str),
        };
        if let Some(healthy) = facts.healthy() {
            if !healthy
                && self.verdict.announce == Announce::Yes
                && let Some(rule) = &self.settings.hold_down
                && self.history.went(rule, now).is_some()
            {
                warn!(
                    service = self.settings.name,
                    "withdrawn too often; held back"
                );
                facts.held_down = true;
            }
            self.proof.observe(healthy, now);
        }
        let outstanding = self.proof.outstanding(self.settings.min_healthy_time, now);
        facts.unproven = outstanding.is_some();
        let verdict = facts.judge();
        if verdict == self.verdict {
            return;
        }
        if verdict.state != self.verdict.state {
            self.since = wall;
            self.changes += 1;
        }
        if verdict.reason != self.verdict.reason {
            self.reason_since = wall;
        }
        self.news |= (verdict.state, verdict.reason) != (self.verdict.state, self.verdict.reason);
        self.was_announced = self.verdict.announce != Announce::No;
        self.verdict = verdict;
    }

    /// When time alone changes something.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let proven = self.proof.outstanding(self.settings.min_healthy_time, now);
        let released = self.history.held_until(now);
        [self.marked_until, proven, released]
            .into_iter()
            .flatten()
            .min()
    }

    /// Finds what the kernel lacks for each prefix.
    fn compare(&mut self, found: &Found) {
        self.undelivered.clear();
        for prefix in &self.settings.prefixes {
            let wanted = self.wanted.get(prefix);
            let lacks = if wanted.is_none_or(|number| found.number < *number) {
                Some("the kernel has not got its addresses yet")
            } else {
                let ports = self.settings.ports.iter().map(|it| &it.spec().key);
                let mut ports = ports.filter(|key| key.address == prefix.addr());
                let missing = found.missing.get(prefix);
                let missing = missing.or_else(|| ports.find_map(|key| found.unbalanced.get(key)));
                missing.map(String::as_str)
            };
            if let Some(lacks) = lacks {
                self.undelivered.insert(*prefix, lacks.to_owned());
            }
        }
    }

    /// What its prefixes are announced with.
    pub(super) fn attributes(&self, how: Announce) -> Arc<PathAttributes> {
        let attributes = &self.settings.attributes;
        if how != Announce::Marked && self.settings.link_bandwidth.is_none() {
            return Arc::clone(attributes);
        }
        let mut attributes = PathAttributes::clone(attributes);
        if how == Announce::Marked {
            attributes.communities.push(Community::GRACEFUL_SHUTDOWN);
        }
        if let Some((asn, rate)) = self.settings.link_bandwidth {
            let weight = self.shown.iter().map(|it| it.weight).min().unwrap_or(100);
            let rate = rate * f32::from(weight) / 100.0;
            let community = ExtendedCommunity::link_bandwidth(asn, rate);
            attributes.extended_communities.push(community);
        }
        Arc::new(attributes)
    }
}

/// What a check means for its service: what is merely assumed counts for nothing
/// unless it is good.
fn level(said: &healthwatch::CheckLevel) -> CheckLevel {
    if said.is_serving() {
        return CheckLevel::Passing;
    }
    match &said.last_failure {
        Some(failure) if said.is_proven => CheckLevel::Failing(failure.to_string()),
        None if said.is_proven => CheckLevel::Failing("it has not passed often enough".to_owned()),
        _ => CheckLevel::Unknown,
    }
}
