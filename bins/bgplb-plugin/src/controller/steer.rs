//! What operators want of services and of the host until they take it back: drains and
//! maintenance.

use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use ipnet::IpNet;
use lb_plan::{Drain, Withdrawal};
use lb_status::Refused;
use lb_status::model::{DrainScope, Event, EventKind, seconds};
use tokio::sync::watch;
use tracing::info;

use super::{Controller, Network, Timer};

/// How far a drain has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something is still announced, or what is under way still has time.
    GoesOn,
    /// Nothing is.
    Over,
    /// Nobody wants it any more.
    TakenBack,
}

impl Controller {
    /// The network that an operator calls so: by its name, the beginning of its number,
    /// or an address.
    ///
    /// # Errors
    ///
    /// When that is none of ours, or may be several.
    pub(crate) fn service_called(&self, name: &str) -> Result<String, Refused> {
        let address = name.parse::<IpNet>().map(|prefix| prefix.addr());
        let address = name.parse::<IpAddr>().or(address).ok();
        let called = |id: &str, network: &Network| match address {
            Some(address) => network.record.prefixes().any(|it| it.addr() == address),
            None => self.network_names.get(id).is_some_and(|it| it == name),
        };
        let all = || self.networks.iter();
        let mut found: Vec<&str> = all()
            .filter(|(id, network)| called(id, network))
            .map(|(id, _)| id.as_str())
            .collect();
        if found.is_empty() && name.len() >= SHORTEST_NUMBER {
            found.extend(
                all()
                    .map(|(id, _)| id.as_str())
                    .filter(|id| id.starts_with(name)),
            );
        }
        match found[..] {
            [id] => Ok(id.to_owned()),
            [] => Err(Refused::not_found(self.no_service(name))),
            _ => {
                let count = found.len();
                let why = format!("{name} may be {count} services: give the number of its network");
                Err(Refused::conflict(why))
            }
        }
    }

    fn no_service(&self, name: &str) -> String {
        let mut known: Vec<String> = self.networks.keys().map(|id| self.called(id)).collect();
        known.sort();
        let beyond = known.len().saturating_sub(MOST_NAMES);
        known.truncate(MOST_NAMES);
        match (&known[..], beyond) {
            ([], _) => format!("there is no service {name}: this host has none"),
            (known, 0) => format!(
                "there is no service {name}, there are: {}",
                known.join(", ")
            ),
            (known, beyond) => format!(
                "there is no service {name}, there are: {} and {beyond} more",
                known.join(", ")
            ),
        }
    }

    /// What operators call a network.
    pub(crate) fn called(&self, id: &str) -> String {
        let name = self.network_names.get(id).cloned();
        name.unwrap_or_else(|| id.chars().take(12).collect())
    }

    /// Drains one service until that is taken back, without stopping a container; says
    /// whether that is news.
    pub(crate) fn drain_service(&mut self, id: &str) -> bool {
        self.set_drained(id, true)
    }

    /// Takes the drain of a service back.
    pub(crate) fn undrain_service(&mut self, id: &str) -> bool {
        self.set_drained(id, false)
    }

    fn set_drained(&mut self, id: &str, drained: bool) -> bool {
        let Some(network) = self.networks.get_mut(id) else {
            return false;
        };
        if std::mem::replace(&mut network.record.drained, drained) == drained {
            return false;
        }
        let name = self.called(id);
        let (kind, message) = if drained {
            (EventKind::DrainBegun, format!("{name} is drained"))
        } else {
            (
                EventKind::DrainEnded,
                format!("{name} is no longer drained"),
            )
        };
        info!(network = id, "{message}");
        let event = Event::new(kind, message).of_network(self.told_network(id));
        self.tell(event.with_code(DrainScope::Service.word()));
        self.redrain(id);
        drop(self.save());
        true
    }

    /// Takes the host into maintenance, or out of it; says whether that is news.
    pub(crate) fn set_maintenance(&mut self, on: bool) -> bool {
        if self.maintenance.is_some() == on {
            return false;
        }
        self.maintenance = on.then(|| seconds(SystemTime::now()));
        let (kind, message) = if on {
            (EventKind::MaintenanceOn, "this host is in maintenance")
        } else {
            (
                EventKind::MaintenanceOff,
                "this host is no longer in maintenance",
            )
        };
        info!("{message}");
        self.tell(Event::new(kind, message));
        self.redrain_all();
        for id in self.labelled.keys().cloned().collect::<Vec<_>>() {
            self.announce_labelled(&id);
        }
        drop(self.save());
        true
    }

    /// Whether everything on this host is wanted drained.
    pub(super) const fn host_is_drained(&self) -> bool {
        self.drained || self.maintenance.is_some()
    }

    /// What still keeps everything on this host back, in words.
    pub(crate) const fn still_kept_back(&self) -> Option<&'static str> {
        match (self.maintenance, self.drained) {
            (Some(_), _) => Some("this host is in maintenance"),
            (None, true) => Some("this host is drained"),
            (None, false) => None,
        }
    }

    /// Why a network is drained as a whole, if it is.
    pub(super) fn drain_scope(&self, network: &Network) -> Option<DrainScope> {
        match network.drain {
            Drain::No => None,
            _ if self.maintenance.is_some() => Some(DrainScope::Maintenance),
            _ if self.drained => Some(DrainScope::Host),
            _ => Some(DrainScope::Service),
        }
    }

    /// Begins or ends the drains that follow from what operators want of the host.
    pub(super) fn redrain_all(&mut self) {
        for id in self.networks.keys().cloned().collect::<Vec<_>>() {
            self.redrain(&id);
        }
    }

    /// The same for one network.
    fn redrain(&mut self, id: &str) {
        let host_is_drained = self.host_is_drained();
        let default_time = self.policy.drain_time;
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        let wanted = host_is_drained || network.record.drained;
        match (wanted, network.drain) {
            (true, Drain::No) if network.options.drain.is_marked() => {
                network.drain = Drain::Marked;
                let end = Instant::now() + network.options.drain_time.unwrap_or(default_time);
                self.timers.set(Timer::UnmarkNetwork(id.to_owned()), end);
            }
            (true, Drain::No) => network.drain = Drain::Withdrawn,
            // It goes on, perhaps for another reason.
            (true, _) => {}
            (false, _) => {
                network.drain = Drain::No;
                self.timers.clear(&Timer::UnmarkNetwork(id.to_owned()));
            }
        }
        self.note_heard(id, Instant::now());
        self.settle(id);
    }

    /// Changes whenever a network was settled.
    pub(crate) fn settled(&self) -> watch::Receiver<()> {
        self.settled.subscribe()
    }

    /// How far the drain of one network has come, or of all.
    pub(crate) fn progress(&self, id: Option<&str>) -> Progress {
        let of = |network: &Network| match network.drain {
            Drain::No => Progress::TakenBack,
            _ if network.is_left() => Progress::Over,
            _ => Progress::GoesOn,
        };
        match id {
            Some(id) => self.networks.get(id).map_or(Progress::Over, of),
            None if !self.host_is_drained() => Progress::TakenBack,
            None if self.networks.values().all(Network::is_left) => Progress::Over,
            None => Progress::GoesOn,
        }
    }
}

impl Network {
    /// Nothing of it is announced, and what was under way had its time.
    fn is_left(&self) -> bool {
        self.actual.announced.is_none()
            && self.actual.withdrawal == Withdrawal::Settled
            && self.actual.delivered.is_empty()
            && self.delivering.is_none()
    }
}

/// What begins with less is no number of a network, but a name that is wrong.
const SHORTEST_NUMBER: usize = 4;

/// How many services a refusal names.
const MOST_NAMES: usize = 20;
