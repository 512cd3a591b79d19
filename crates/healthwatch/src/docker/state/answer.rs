//! A list taken in: compared with what is known, and with the events that came since it was asked
//! for.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::{Known, State, Underway};
use crate::docker::event::Change;
use crate::docker::model::{ContainerId, Network, Observation};
use crate::docker::question::{Answer, Listing, Scope};

impl State {
    /// Takes the answer to the request with `ticket`; one to any other
    /// request is dropped.
    pub(crate) fn handle_answer(&mut self, now: Instant, ticket: u64, answer: Answer) {
        if self
            .underway
            .as_ref()
            .is_none_or(|u| u.request.ticket != ticket)
        {
            return;
        }
        let Some(Underway { request, since }) = self.underway.take() else {
            return;
        };
        self.doubts.retain(|_, doubt| now < doubt.until);
        let mut fresh = BTreeMap::new();
        for mut listing in answer.containers {
            let events = since.get(&listing.id);
            let mut removed = false;
            for &change in events.into_iter().flatten() {
                removed |= change == Change::Removed;
                listing.facts = listing.facts.after(change);
            }
            if !removed {
                self.apply_doubt(now, &mut listing);
                fresh.insert(listing.id.clone(), listing);
            }
        }
        match request.scope {
            Scope::Everything => {
                self.take_everything(fresh, answer.networks.unwrap_or_default(), &since)
            }
            Scope::Some { containers, .. } => {
                if let Some(networks) = answer.networks {
                    self.take_networks(networks);
                }
                for id in containers {
                    match fresh.remove(&id) {
                        Some(listing) => self.take_container(listing),
                        // Named by an event since: the look that follows tells.
                        None if since.contains_key(&id) => {}
                        None => self.remove(&id),
                    }
                }
            }
        }
    }

    /// Puts right a listing that does not know yet what an event proved; one
    /// that knows it passes.
    fn apply_doubt(&self, now: Instant, listing: &mut Listing) {
        let Some(doubt) = self.doubts.get(&listing.id) else {
            return;
        };
        if doubt.contradicts(now, listing.facts.phase) {
            listing.facts.phase = doubt.proven;
        }
    }

    fn take_everything(
        &mut self,
        fresh: BTreeMap<ContainerId, Listing>,
        networks: Vec<Network>,
        since: &BTreeMap<ContainerId, VecDeque<Change>>,
    ) {
        let mut old = std::mem::take(&mut self.containers);
        for (id, listing) in fresh {
            let warned = old.remove(&id).is_some_and(|known| known.warned);
            self.containers.insert(id, Known { listing, warned });
        }
        // An event that came after the question proves more than an entry
        // missing in the answer; the look that follows tells.
        old.retain(|id, _| since.contains_key(id));
        self.containers.append(&mut old);
        self.networks = networks
            .into_iter()
            .map(|network| (network.id.clone(), network))
            .collect();
        self.primed = true;
        self.out.extend(self.everything());
        let waiting: Vec<_> = self.unproven.keys().cloned().collect();
        for id in waiting {
            if self.containers.contains_key(&id) {
                self.tell_signals(&id);
            } else if !since.contains_key(&id) {
                self.unproven.remove(&id);
            }
        }
    }

    fn take_container(&mut self, listing: Listing) {
        let id = listing.id.clone();
        let known = self.containers.get(&id);
        let warned = known.is_some_and(|known| known.warned);
        match known.map(|known| &known.listing) {
            Some(old) if same_but_for_facts(old, &listing) => {
                let level = listing.facts.level();
                if level != old.facts.level() {
                    let container = id.clone();
                    self.out.push_back(Observation::Level {
                        container,
                        level,
                        event_time: None,
                    });
                }
            }
            _ => self
                .out
                .push_back(Observation::Container(listing.clone().into_container())),
        }
        self.containers
            .insert(id.clone(), Known { listing, warned });
        self.tell_signals(&id);
    }

    fn take_networks(&mut self, networks: Vec<Network>) {
        let mut old = std::mem::take(&mut self.networks);
        for network in networks {
            if old.remove(&network.id).as_ref() != Some(&network) {
                self.out.push_back(Observation::Network(network.clone()));
            }
            self.networks.insert(network.id.clone(), network);
        }
        self.out
            .extend(old.into_keys().map(Observation::NetworkGone));
    }
}

fn same_but_for_facts(old: &Listing, new: &Listing) -> bool {
    old.name == new.name && old.endpoints == new.endpoints && old.labels == new.labels
}
