//! Events and lists in, observations and requests out; no I/O, no clock.

mod answer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use super::doubt::Doubt;
use super::event::{Change, Event};
use super::model::{ContainerId, Network, Observation};
use super::question::{Listing, Request, Scope};
use super::settle::Settle;
use super::squeeze::OMITTED;

/// The merge of an event stream with lists that may be older than it.
///
/// Every event that comes while a list is under way is applied at once *and*
/// kept; when the list arrives, the kept events are replayed on its entries,
/// and each container they name is looked at again. So a list never undoes an
/// event, and what an event leaves open is settled by a list that was asked
/// for after it.
///
/// Docker's lists are not always as new as its events (see [`Settle`]), so a
/// list that contradicts what an event proved is doubted for a while, and the
/// look is repeated.
#[derive(Debug, Default)]
pub(crate) struct State {
    containers: BTreeMap<ContainerId, Known>,
    networks: BTreeMap<String, Network>,
    /// Whether a whole list was taken since the start: before that there is
    /// nothing that an event could change.
    primed: bool,
    dirty: Dirty,
    settle: Settle,
    /// When to list everything again after the stream was opened.
    settle_all: Option<Instant>,
    doubts: BTreeMap<ContainerId, Doubt>,
    underway: Option<Underway>,
    last_ticket: u64,
    /// Signals to containers whose labels are not known yet.
    unproven: BTreeMap<ContainerId, Vec<u8>>,
    out: VecDeque<Observation>,
}

#[derive(Debug)]
struct Known {
    listing: Listing,
    warned: bool,
}

/// What has to be looked at.
#[derive(Debug, Default)]
struct Dirty {
    everything: bool,
    containers: BTreeSet<ContainerId>,
    networks: bool,
}

#[derive(Debug)]
struct Underway {
    request: Request,
    /// Events since the request was made, newest last, by container.
    since: BTreeMap<ContainerId, VecDeque<Change>>,
}

impl State {
    /// A new event stream was opened: whatever happened before it is only in
    /// a list asked for from now on.
    pub(crate) fn stream_opened(&mut self, now: Instant) {
        self.forget_request();
        self.doubts.clear();
        self.dirty.everything = true;
        self.settle_all = Some(now + SETTLE_ALL);
    }

    /// Docker should be asked for everything again.
    pub(crate) fn resync(&mut self) {
        self.dirty.everything = true;
    }

    /// The request under way will not be answered; its question stands.
    pub(crate) fn forget_request(&mut self) {
        let Some(Underway { request, .. }) = self.underway.take() else {
            return;
        };
        match request.scope {
            Scope::Everything => self.dirty.everything = true,
            Scope::Some {
                containers,
                networks,
            } => {
                self.dirty.containers.extend(containers);
                self.dirty.networks |= networks;
            }
        }
    }

    /// The next question, if there is one and none is under way.
    pub(crate) fn poll_request(&mut self, now: Instant) -> Option<Request> {
        if self.underway.is_some() {
            return None;
        }
        while let Some(id) = self.settle.pop(now) {
            self.dirty.containers.insert(id);
        }
        if self.settle_all.is_some_and(|at| at <= now) {
            self.settle_all = None;
            self.dirty.everything = true;
        }
        let Dirty {
            everything,
            mut containers,
            networks,
        } = std::mem::take(&mut self.dirty);
        let scope = if everything || containers.len() > MANY_LOOKS {
            Scope::Everything
        } else if let Some(rest) = containers.iter().nth(MAX_LOOKS).cloned() {
            self.dirty.containers = containers.split_off(&rest);
            Scope::Some {
                containers,
                networks,
            }
        } else if networks || !containers.is_empty() {
            Scope::Some {
                containers,
                networks,
            }
        } else {
            return None;
        };
        self.last_ticket += 1;
        let request = Request {
            ticket: self.last_ticket,
            scope,
        };
        self.underway = Some(Underway {
            request: request.clone(),
            since: BTreeMap::new(),
        });
        Some(request)
    }

    /// When [`Self::poll_request`] has something to ask although nothing came
    /// in; `None` while a request is under way.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.underway.is_some() {
            return None;
        }
        [self.settle.next(), self.settle_all]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next observation, in order.
    pub(crate) fn poll_observation(&mut self) -> Option<Observation> {
        self.out.pop_front()
    }

    /// The whole truth as far as known; `None` before the first list.
    pub(crate) fn everything(&self) -> Option<Observation> {
        self.primed.then(|| Observation::Listed {
            containers: self
                .containers
                .values()
                .map(|k| k.listing.clone().into_container())
                .collect(),
            networks: self.networks.values().cloned().collect(),
        })
    }

    /// Takes one event.
    pub(crate) fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Container { id, change, time } => self.change(now, id, change, time),
            Event::Kill { id, signal, time } => self.kill(now, id, signal, time),
            Event::Attachment { network, container } => {
                self.dirty.networks |= !self.networks.contains_key(&network);
                match container {
                    Some(id) => self.change(now, id, Change::Altered, None),
                    None => self.dirty.everything = true,
                }
            }
            Event::Network => {
                self.dirty.networks = true;
            }
        }
    }

    fn change(&mut self, now: Instant, id: ContainerId, change: Change, time: Option<SystemTime>) {
        if let Some(underway) = &mut self.underway {
            let since = underway.since.entry(id.clone()).or_default();
            if since.len() >= MAX_REPLAY {
                since.pop_front();
            }
            since.push_back(change);
            // Also what the event settles by itself: the answer to come may
            // be older than the event in everything the event does not tell.
            self.dirty.containers.insert(id.clone());
        }
        if change == Change::Removed {
            self.dirty.containers.remove(&id);
            self.remove(&id);
            return;
        }
        self.doubt(now, &id, change);
        let Some(known) = self.containers.get_mut(&id) else {
            self.dirty.containers.insert(id);
            return;
        };
        let before = known.listing.facts;
        known.listing.facts = before.after(change);
        let level = known.listing.facts.level();
        if level != before.level() {
            self.out.push_back(Observation::Level {
                container: id.clone(),
                level,
                event_time: time,
            });
        }
        if before.must_look(change) {
            self.dirty.containers.insert(id);
        }
    }

    fn doubt(&mut self, now: Instant, id: &ContainerId, change: Change) {
        if let Some(doubt) = Doubt::after(now, change) {
            self.doubts.insert(id.clone(), doubt);
        } else if matches!(change, Change::Started | Change::Resumed) {
            self.doubts.remove(id);
        }
        // A verdict of the health check is in the lists before its event.
        if !matches!(change, Change::Health(_)) {
            self.settle.schedule(now, id);
        }
    }

    fn kill(
        &mut self,
        now: Instant,
        id: ContainerId,
        signal: Option<u8>,
        time: Option<SystemTime>,
    ) {
        let Some(signal) = signal else {
            // Not a number: a label took its place, or a newer Docker.
            self.distrust(&id);
            return;
        };
        let Some(known) = self.containers.get(&id) else {
            let waiting = self.unproven.entry(id.clone()).or_default();
            if !waiting.contains(&signal) {
                waiting.push(signal);
            }
            self.change(now, id, Change::Altered, time);
            return;
        };
        if is_forgeable(&known.listing) {
            self.distrust(&id);
            return;
        }
        self.out.push_back(Observation::Signal {
            container: id.clone(),
            signal,
        });
        if signal == SIGKILL {
            self.change(now, id, Change::Killed, time);
        }
    }

    /// Says once a container that its signals cannot be told apart.
    fn distrust(&mut self, id: &ContainerId) {
        let Some(known) = self.containers.get_mut(id).filter(|known| !known.warned) else {
            return;
        };
        known.warned = true;
        tracing::warn!(
            container = %id,
            name = known.listing.name,
            "signals to this container are ignored: its label \"signal\", or that it has so many, hides their numbers in Docker's events",
        );
    }

    /// Tells the signals to a container that was unknown when they came.
    fn tell_signals(&mut self, id: &ContainerId) {
        let Some(signals) = self.unproven.remove(id) else {
            return;
        };
        if self
            .containers
            .get(id)
            .is_none_or(|known| is_forgeable(&known.listing))
        {
            self.distrust(id);
            return;
        }
        let container = id.clone();
        self.out
            .extend(signals.into_iter().map(|signal| Observation::Signal {
                container: container.clone(),
                signal,
            }));
    }

    fn remove(&mut self, id: &ContainerId) {
        self.unproven.remove(id);
        self.doubts.remove(id);
        self.settle.cancel(id);
        if self.containers.remove(id).is_some() {
            self.out.push_back(Observation::ContainerGone(id.clone()));
        }
    }
}

/// Docker copies a container's labels over the attributes of its events, so
/// one named `signal` replaces the number of every signal. It may be among
/// those that were left out.
fn is_forgeable(listing: &Listing) -> bool {
    let mut names = ["signal", OMITTED].into_iter();
    names.any(|name| listing.labels.contains_key(name))
}

/// Containers asked for by one request; 64 identifiers make a 5 kB URL.
const MAX_LOOKS: usize = 64;

/// Above this many containers to look at, one whole list is cheaper.
const MANY_LOOKS: usize = 512;

/// Events just before the stream was opened are subject to the same delay.
const SETTLE_ALL: Duration = Duration::from_secs(2);

/// Events kept a container while a list is under way. Older ones only blur
/// the moments until the look that follows, never its result.
const MAX_REPLAY: usize = 16;

const SIGKILL: u8 = 9;

#[cfg(test)]
mod tests;
