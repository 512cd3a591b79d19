//! What operators want of everything that is announced: that it be taken back, in an
//! orderly way, until they take that back.

use std::time::{Duration, Instant, SystemTime};

use lb_status::model::{self, Done, DrainScope, DrainStage, Event, EventKind, seconds};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tracing::info;

use crate::announcing::Announcing;
use crate::reload::Running;
use crate::state::StateFile;

/// Where that is kept over a restart ([`StateFile`]).
pub(crate) const SECTION: &str = "withholding";

/// What of it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    drained: bool,
    /// Since when the host is in maintenance, in seconds since 1970.
    maintenance: Option<u64>,
}

/// What is wanted, and how far that has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    wanted: Wanted,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Routes are announced.
    #[default]
    Announced,
    /// They are announced as about to go, until then.
    Marked(Instant, SystemTime),
    /// They are withdrawn.
    Withdrawn,
}

/// What an operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Drained(bool),
    Maintenance(bool),
}

/// Who waits until everything is withdrawn.
pub(crate) type Waiter = oneshot::Sender<Result<(), &'static str>>;

/// Carries out what is wanted. It belongs to the task that owns the configuration.
#[derive(Debug, Default)]
pub(crate) struct Withholding {
    held: Held,
    waiting: Vec<Waiter>,
}

impl Held {
    /// Whether routes are kept back, or about to be.
    const fn is_wanted(&self) -> bool {
        self.wanted.drained || self.wanted.maintenance.is_some()
    }

    /// How the whole host is drained.
    pub(crate) fn drain(&self) -> Option<model::Drain> {
        let (stage, until) = match self.stage {
            Stage::Announced => return None,
            Stage::Marked(_, until) => (DrainStage::Marked, Some(seconds(until))),
            Stage::Withdrawn => (DrainStage::Withdrawn, None),
        };
        let scope = match self.wanted.maintenance {
            Some(_) => DrainScope::Maintenance,
            None => DrainScope::Host,
        };
        Some(model::Drain::new(scope, stage, until))
    }

    /// Since when the host is in maintenance.
    pub(crate) const fn maintenance(&self) -> Option<u64> {
        self.wanted.maintenance
    }
}

impl Withholding {
    /// Goes on with what was wanted before a restart. Routers have nothing of this run yet, so
    /// nothing needs to be marked.
    pub(crate) fn resumed(state: Option<&StateFile>) -> Self {
        let wanted: Option<Wanted> = state.and_then(|it| it.section(SECTION));
        let wanted = wanted.unwrap_or_default();
        let mut held = Held {
            wanted,
            stage: Stage::Announced,
        };
        if held.is_wanted() {
            held.stage = Stage::Withdrawn;
            let what = match wanted.maintenance {
                Some(_) => "in maintenance",
                None => "drained",
            };
            info!("this host is {what}, as before the restart: nothing is announced");
        }
        Self {
            held,
            waiting: Vec::new(),
        }
    }

    /// What is so.
    pub(crate) const fn held(&self) -> Held {
        self.held
    }

    /// What is to be kept over a restart.
    pub(crate) const fn wanted(&self) -> Wanted {
        self.held.wanted
    }

    /// Whether nothing may be announced now.
    pub(crate) fn withholds(&self) -> bool {
        self.held.stage == Stage::Withdrawn
    }

    /// When to go on.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self.held.stage {
            Stage::Marked(until, _) => Some(until),
            _ => None,
        }
    }

    /// Begins or ends what is wanted; who waits is told when everything is withdrawn.
    pub(crate) fn fulfil(
        &mut self,
        wish: Wish,
        announcing: &mut Announcing,
        running: &Running,
        waiter: Option<Waiter>,
    ) -> Done {
        let before = self.held;
        match wish {
            Wish::Drained(drained) => self.held.wanted.drained = drained,
            Wish::Maintenance(on) => {
                let now = || seconds(SystemTime::now());
                let since = before.wanted.maintenance;
                self.held.wanted.maintenance = on.then(|| since.unwrap_or_else(now));
            }
        }
        let (kind, now, already) = sentences(wish);
        let changed = self.held != before;
        if changed {
            info!("this host {now}");
            let event = Event::new(kind, format!("this host {now}"));
            running.events.write(event.with_code(match wish {
                Wish::Drained(_) => DrainScope::Host.word(),
                Wish::Maintenance(_) => DrainScope::Maintenance.word(),
            }));
        }
        match (self.held.is_wanted(), self.held.stage) {
            (true, Stage::Announced) => {
                running.speaker.set_leaving(true);
                let until = SystemTime::now() + MARK_TIME;
                self.held.stage = Stage::Marked(Instant::now() + MARK_TIME, until);
            }
            (true, _) | (false, Stage::Announced) => {}
            (false, _) => {
                self.held.stage = Stage::Announced;
                running.speaker.set_leaving(false);
                announcing.give_back();
                self.tell_waiting(Err("the drain was taken back meanwhile"));
            }
        }
        self.waiting.extend(waiter);
        if self.withholds() {
            self.tell_waiting(Ok(()));
        }
        running.held.send_replace(self.held);
        let said = if changed { now } else { already };
        Done::new(changed, format!("this host {said}"))
    }

    /// Routers had the mark long enough: takes everything back.
    pub(crate) fn expire(&mut self, now: Instant, announcing: &mut Announcing, running: &Running) {
        if self.deadline().is_none_or(|until| now < until) {
            return;
        }
        let prefixes = announcing.keep_back();
        running.speaker.set_leaving(false);
        info!(prefixes, "withdrawn: this host is drained");
        self.held.stage = Stage::Withdrawn;
        running.held.send_replace(self.held);
        self.tell_waiting(Ok(()));
    }

    fn tell_waiting(&mut self, result: Result<(), &'static str>) {
        for waiter in self.waiting.drain(..) {
            // Who asked may have gone meanwhile.
            let _ = waiter.send(result);
        }
    }
}

const fn sentences(wish: Wish) -> (EventKind, &'static str, &'static str) {
    match wish {
        Wish::Drained(true) => (EventKind::DrainBegun, "is drained", "is drained already"),
        Wish::Drained(false) => (
            EventKind::DrainEnded,
            "is no longer drained",
            "was not drained",
        ),
        Wish::Maintenance(true) => (
            EventKind::MaintenanceOn,
            "is in maintenance",
            "is in maintenance already",
        ),
        Wish::Maintenance(false) => (
            EventKind::MaintenanceOff,
            "is no longer in maintenance",
            "was not in maintenance",
        ),
    }
}

/// How long routes are announced as about to go: as long as the plugin's drains last.
const MARK_TIME: Duration = Duration::from_secs(5);
