//! One service: what is known of it, and where it stands.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bgp_wire::{Community, PathAttributes};
use lb_plan::{FlapHistory, Proof};
use lb_status::EventLog;
use lb_status::model::{
    self, DrainScope, DrainStage, Event, EventKind, Network, Reason, ServiceState, seconds,
};
use tracing::{info, warn};

use super::datapath::Found;
use super::standing::{Announce, CheckLevel, Drain, Facts, Verdict};
use crate::config::ServiceSettings;
use crate::withholding::Waiter;

/// One service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) settings: ServiceSettings,
    /// [`super::Wanted::number`] of what it needs.
    pub(super) wants: u64,
    checks: Vec<CheckLevel>,
    maintenance: bool,
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
}

impl Service {
    /// One of which nothing is known.
    pub(super) fn new(settings: ServiceSettings) -> Self {
        let now = SystemTime::now();
        Self {
            settings,
            wants: 0,
            checks: Vec::new(),
            maintenance: false,
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
        }
    }

    /// How its prefixes are to be announced.
    pub(super) const fn announce(&self) -> Announce {
        self.verdict.announce
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
        let undelivered = self.undelivered(found);
        let mut facts = Facts {
            maintenance: self.maintenance,
            drain: self.drain,
            checks: &self.checks,
            unproven: false,
            held_down: self.history.held_until(now).is_some(),
            undelivered: undelivered.as_deref(),
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

    /// What the kernel lacks for it.
    fn undelivered(&self, found: &Found) -> Option<String> {
        if found.number < self.wants {
            return Some("the kernel has not got its addresses yet".to_owned());
        }
        let mut prefixes = self.settings.prefixes.iter();
        prefixes.find_map(|prefix| found.missing.get(prefix).cloned())
    }

    /// What its prefixes are announced with.
    pub(super) fn attributes(&self, how: Announce) -> Arc<PathAttributes> {
        let attributes = &self.settings.attributes;
        if how != Announce::Marked {
            return Arc::clone(attributes);
        }
        let mut marked = PathAttributes::clone(attributes);
        marked.communities.push(Community::GRACEFUL_SHUTDOWN);
        Arc::new(marked)
    }

    /// Tells of a drain that begins or ends.
    pub(super) fn tell_drain(&self, events: &EventLog, wanted: bool) {
        let name = &self.settings.name;
        let (kind, what) = match wanted {
            true => (EventKind::DrainBegun, "is drained"),
            false => (EventKind::DrainEnded, "is no longer drained"),
        };
        info!(service = name, "the service {what}");
        let event = Event::new(kind, format!("the service {name} {what}"));
        let event = event.of_network(self.network());
        events.write(event.with_code(DrainScope::Service.word()));
    }

    /// Whether there is something to tell, once.
    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Says where it stands, in the log and to whom follows events.
    pub(super) fn tell(&self, events: &EventLog) {
        let name = self.settings.name.as_str();
        let (state, reason) = (self.verdict.state.word(), self.verdict.reason.word());
        let explanation = &self.verdict.explanation;
        match self.verdict.announce {
            Announce::No => warn!(service = name, reason, "{state}: {explanation}"),
            _ => info!(service = name, reason, "{state}"),
        }
        for prefix in &self.settings.prefixes {
            let message = format!("{prefix} of {name} is {state}: {explanation}");
            let event = Event::new(EventKind::ServiceState, message);
            let event = event.of_network(self.network()).of_prefix(prefix.trunc());
            events.write(event.with_code(reason));
        }
    }

    fn drain_shown(&self) -> Option<model::Drain> {
        let stage = match self.drain {
            Drain::No => return None,
            Drain::Marked => DrainStage::Marked,
            Drain::Withdrawn => DrainStage::Withdrawn,
        };
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        let until = self
            .marked_until
            .map(|it| seconds(SystemTime::now() + left(it)));
        Some(model::Drain::new(DrainScope::Service, stage, until))
    }

    /// What stands in the place of a container's network.
    fn network(&self) -> Network {
        let name = self.settings.name.clone();
        Network::new(name.clone(), Some(name))
    }

    /// What is said of it to who asks, a row for each prefix.
    pub(super) fn rows(&self) -> impl Iterator<Item = model::Service> + '_ {
        self.settings.prefixes.iter().map(|prefix| {
            let Verdict { state, reason, .. } = self.verdict;
            let mut row = model::Service::new(prefix.trunc(), self.network(), state, reason);
            row.since = seconds(self.since);
            row.changes = self.changes;
            row.reason_since = seconds(self.reason_since);
            row.explanation.clone_from(&self.verdict.explanation);
            row.checks = Some(Vec::new());
            row.drain = self.drain_shown();
            row
        })
    }
}
