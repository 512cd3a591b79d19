//! What is said of one service: in the log, to whom follows events, and to who asks.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use ipnet::IpNet;
use lb_status::EventLog;
use lb_status::model::{
    self, CheckState, DrainScope, DrainStage, Event, EventKind, Network, Reason, ServiceState,
    seconds,
};
use netplumb::ipvs::ServiceKey;
use tracing::{info, warn};

use super::Service;
use crate::services::balancer::Counted;
use crate::services::datapath::Found;
use crate::services::standing::{Announce, CheckLevel, Drain, Verdict};

impl Service {
    /// Tells of a drain that begins or ends.
    pub(in crate::services) fn tell_drain(&self, events: &EventLog, wanted: bool) {
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
    pub(in crate::services) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Says where it stands, in the log and to whom follows events.
    pub(in crate::services) fn tell(&self, events: &EventLog) {
        let name = self.settings.name.as_str();
        let (state, reason) = (self.verdict.state.word(), self.verdict.reason.word());
        let explanation = &self.verdict.explanation;
        match self.verdict.announce {
            Announce::No if self.was_announced => {
                warn!(service = name, reason, "{state}: {explanation}");
            }
            Announce::No => info!(service = name, reason, "{state}: {explanation}"),
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
    pub(in crate::services) fn rows<'a>(
        &'a self,
        found: &'a Found,
        counted: &'a BTreeMap<ServiceKey, Counted>,
    ) -> impl Iterator<Item = model::Service> + 'a {
        self.settings.prefixes.iter().map(|prefix| {
            let Verdict { state, reason, .. } = self.verdict;
            let mut row = model::Service::new(prefix.trunc(), self.network(), state, reason);
            row.since = seconds(self.since);
            row.changes = self.changes;
            row.reason_since = seconds(self.reason_since);
            row.explanation.clone_from(&self.verdict.explanation);
            row.checks = Some(self.checks_shown().collect());
            row.drain = self.drain_shown();
            if let Some(why) = self.undelivered.get(prefix)
                && self.announce() != Announce::No
            {
                row.state = ServiceState::Undelivered;
                row.reason = Reason::DatapathNotReady;
                row.explanation.clone_from(why);
            }
            if matches!(row.state, ServiceState::Announced | ServiceState::Draining) {
                let attributes = self.attributes(self.announce());
                row.attributes = Some(lb_status::attributes(&attributes));
            }
            let audience = self.settings.audience.as_ref();
            row.audience = audience.map(|peers| peers.iter().map(ToString::to_string).collect());
            row.ports = self.ports_shown(prefix, found, counted).collect();
            row
        })
    }

    fn ports_shown<'a>(
        &'a self,
        prefix: &'a IpNet,
        found: &'a Found,
        counted: &'a BTreeMap<ServiceKey, Counted>,
    ) -> impl Iterator<Item = model::Port> + 'a {
        let keys = self.settings.ports.iter().map(|port| port.spec().key);
        let keys = keys.filter(|key| key.address == prefix.addr());
        keys.map(|key| {
            let mut port = model::Port::new(key.protocol.to_string(), key.port);
            port.failure = found.unbalanced.get(&key).cloned();
            if let Some(Counted { active, statistics }) = counted.get(&key) {
                port.counted.active_connections = *active;
                port.counted.connections = statistics.connections;
                port.counted.packets_in = statistics.packets_in;
                port.counted.packets_out = statistics.packets_out;
                port.counted.octets_in = statistics.octets_in;
                port.counted.octets_out = statistics.octets_out;
            }
            port
        })
    }

    fn checks_shown(&self) -> impl Iterator<Item = model::Check> + '_ {
        self.checks.iter().zip(&self.shown).map(|(level, shown)| {
            let (state, failure) = match level {
                CheckLevel::Unknown => (CheckState::Unknown, None),
                CheckLevel::Passing => (CheckState::Passing, None),
                CheckLevel::Failing(why) => (CheckState::Failing, Some(why.clone())),
            };
            let since = seconds(shown.since);
            let mut check = model::Check::new(shown.target.clone(), state, since);
            check.failure = failure;
            check
        })
    }
}
