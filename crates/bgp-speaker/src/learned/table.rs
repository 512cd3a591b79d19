//! One family's learned routes: candidates, the selection and its changes,
//! each kept once.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::slab::{NOWHERE, Place, Slab};
use crate::interned::Id;

/// Prefixes with their candidates and the chosen sets of next hops.
///
/// Everything is found from either end in a few steps: a prefix's candidates
/// are chained, and so are a peer's, those first that it has not announced for
/// the longest time. The routes whose selection has changed are chained too,
/// each once, at its latest change; a reader is a place in that chain. A route
/// that was told of and has lost its selection stays in it as a tombstone,
/// until every reader has passed that.
#[derive(Debug)]
pub(super) struct RouteTable<P> {
    by_prefix: BTreeMap<P, Place>,
    routes: Slab<Route<P>>,
    candidates: Slab<Candidate>,
    by_peer: BTreeMap<Peer, Chain>,
    log: Chain,
    /// Routes without a selection that stand in the log, by version.
    tombstones: BTreeMap<u64, Place>,
    /// What each reader reads next; [`NOWHERE`] if it has read all.
    readers: BTreeMap<u64, Place>,
    /// Nobody reads before the restart is over.
    held: bool,
}

/// The number of a peer.
pub(super) type Peer = u32;

#[derive(Debug)]
struct Route<P> {
    /// When the selection last changed; 0 while there is nothing to tell.
    version: u64,
    previous: Place,
    next: Place,
    /// The chosen set of next hops, or [`NO_SET`].
    set: Id,
    /// The first of its candidates.
    first: Place,
    prefix: P,
}

#[derive(Debug)]
struct Candidate {
    path: Id,
    peer: Peer,
    /// Which time around the peer has announced it.
    generation: u32,
    route: Place,
    /// The next candidate of the same route.
    beside: Place,
    previous: Place,
    next: Place,
}

#[derive(Clone, Copy, Debug)]
struct Chain {
    first: Place,
    last: Place,
}

impl Chain {
    const EMPTY: Self = Self {
        first: NOWHERE,
        last: NOWHERE,
    };
}

/// How far a walk over the candidates of a peer has come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Walk {
    Begin,
    Before(Place),
}

/// A selection as a reader gets it.
#[derive(Debug)]
pub(super) struct Told<P> {
    pub(super) prefix: P,
    pub(super) set: Option<Id>,
    pub(super) version: u64,
}

impl<P: Copy + Ord> RouteTable<P> {
    /// An empty one; `held` until [`release`](Self::release).
    pub(super) const fn new(held: bool) -> Self {
        Self {
            by_prefix: BTreeMap::new(),
            routes: Slab::new(),
            candidates: Slab::new(),
            by_peer: BTreeMap::new(),
            log: Chain::EMPTY,
            tombstones: BTreeMap::new(),
            readers: BTreeMap::new(),
            held,
        }
    }

    /// Whether readers get nothing yet.
    pub(super) const fn is_held(&self) -> bool {
        self.held
    }

    /// Readers get what there is now, and what changes.
    pub(super) const fn release(&mut self) {
        self.held = false;
    }

    /// Puts the path of `peer` behind the other candidates of the prefix.
    /// Returns where the route is, and the path in whose place it came.
    pub(super) fn announce(
        &mut self,
        prefix: P,
        peer: Peer,
        path: Id,
        generation: u32,
    ) -> (Place, Option<Id>) {
        let route = match self.by_prefix.get(&prefix) {
            Some(route) => *route,
            None => {
                let route = self.routes.insert(Route {
                    version: 0,
                    previous: NOWHERE,
                    next: NOWHERE,
                    set: NO_SET,
                    first: NOWHERE,
                    prefix,
                });
                self.by_prefix.insert(prefix, route);
                route
            }
        };
        let replaced = self.take_out(route, peer);
        let place = self.candidates.insert(Candidate {
            path,
            peer,
            generation,
            route,
            beside: NOWHERE,
            previous: NOWHERE,
            next: NOWHERE,
        });
        let mut last = self.first_of(route);
        match self.candidates.get(last) {
            None => {
                if let Some(route) = self.routes.get_mut(route) {
                    route.first = place;
                }
            }
            Some(_) => {
                while let Some(next) = self.beside(last) {
                    last = next;
                }
                if let Some(candidate) = self.candidates.get_mut(last) {
                    candidate.beside = place;
                }
            }
        }
        self.append_to_peer(peer, place);
        (route, replaced)
    }

    /// Takes the path of `peer` out, and returns it with the place of the
    /// route; `None` if there is none.
    pub(super) fn withdraw(&mut self, prefix: P, peer: Peer) -> Option<(Place, Id)> {
        let route = *self.by_prefix.get(&prefix)?;
        Some((route, self.take_out(route, peer)?))
    }

    /// Takes out the path that the peer has not announced for the longest
    /// time, if its generation is before this one.
    pub(super) fn withdraw_oldest(
        &mut self,
        peer: Peer,
        before: Option<u32>,
    ) -> Option<(Place, Id)> {
        let place = self.by_peer.get(&peer)?.first;
        let oldest = self.candidates.get(place)?;
        let route = oldest.route;
        let stale = before.is_none_or(|before| oldest.generation < before);
        let path = stale.then(|| self.take_out(route, peer))??;
        Some((route, path))
    }

    /// The next prefix in a walk over those of the peer, which may be withdrawn
    /// then.
    pub(super) fn step(&self, peer: Peer, walk: &mut Walk) -> Option<P> {
        let place = match *walk {
            Walk::Begin => self.by_peer.get(&peer)?.first,
            Walk::Before(place) => place,
        };
        let candidate = self.candidates.get(place)?;
        *walk = Walk::Before(candidate.next);
        Some(self.routes.get(candidate.route)?.prefix)
    }

    /// The paths to choose among.
    pub(super) fn paths(&self, route: Place) -> impl Iterator<Item = Id> {
        let first = self.candidates.get(self.first_of(route));
        let all = std::iter::successors(first, |it| self.candidates.get(it.beside));
        all.map(|candidate| candidate.path)
    }

    /// The chosen set of next hops.
    pub(super) fn set_of(&self, route: Place) -> Option<Id> {
        let set = self.routes.get(route)?.set;
        (set != NO_SET).then_some(set)
    }

    /// Notes a change of the selection at `version`, which must be higher than
    /// any used before.
    pub(super) fn select(&mut self, route: Place, set: Option<Id>, version: u64) {
        self.leave_log(route);
        let last = self.log.last;
        let Some(changed) = self.routes.get_mut(route) else {
            return;
        };
        changed.set = set.unwrap_or(NO_SET);
        if self.held && set.is_none() {
            // Nobody was told of it: a peer whose routes come and go before
            // anybody reads leaves nothing behind.
            return;
        }
        changed.version = version;
        changed.previous = last;
        match self.routes.get_mut(last) {
            Some(last) => last.next = route,
            None => self.log.first = route,
        }
        self.log.last = route;
        if set.is_none() {
            self.tombstones.insert(version, route);
        }
        for next in self.readers.values_mut().filter(|it| **it == NOWHERE) {
            *next = route;
        }
    }

    /// Forgets a route that nobody announces and nobody has to hear of.
    pub(super) fn forget_if_empty(&mut self, route: Place) {
        let Some(known) = self.routes.get(route) else {
            return;
        };
        if known.first == NOWHERE && known.version == 0 {
            self.by_prefix.remove(&known.prefix);
            self.routes.free(route);
        }
    }

    /// The routes of up to `most` prefixes that have candidates, from `from`
    /// on.
    pub(super) fn range(&self, from: Bound<P>, most: usize) -> impl Iterator<Item = (P, Place)> {
        let routes = self.by_prefix.range((from, Bound::Unbounded));
        let routes = routes.filter(|(_, route)| self.first_of(**route) != NOWHERE);
        routes.take(most).map(|(prefix, route)| (*prefix, *route))
    }

    /// A reader that begins with everything there is.
    pub(super) fn add_reader(&mut self, reader: u64) {
        self.readers.insert(reader, self.log.first);
    }

    pub(super) fn remove_reader(&mut self, reader: u64) {
        self.readers.remove(&reader);
    }

    /// What the reader gets next.
    pub(super) fn read(&mut self, reader: u64) -> Option<Told<P>> {
        if self.held {
            return None;
        }
        let next = self.readers.get_mut(&reader)?;
        let route = self.routes.get(*next)?;
        *next = route.next;
        Some(Told {
            prefix: route.prefix,
            set: (route.set != NO_SET).then_some(route.set),
            version: route.version,
        })
    }

    /// The version after which the reader has not read yet.
    pub(super) fn read_until(&self, reader: u64) -> u64 {
        let next = self
            .readers
            .get(&reader)
            .and_then(|it| self.routes.get(*it));
        next.map_or(u64::MAX, |route| route.version - 1)
    }

    /// Whether nothing at all is kept.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_prefix.is_empty()
            && self.by_peer.is_empty()
            && self.tombstones.is_empty()
            && self.routes.len() + self.candidates.len() == 0
    }

    /// Drops tombstones up to and including `version`: every reader has
    /// passed it, or began after it.
    pub(super) fn forget_tombstones(&mut self, version: u64) {
        while let Some(oldest) = self.tombstones.first_entry() {
            if *oldest.key() > version {
                return;
            }
            let route = *oldest.get();
            self.leave_log(route);
            self.forget_if_empty(route);
        }
    }

    fn first_of(&self, route: Place) -> Place {
        self.routes.get(route).map_or(NOWHERE, |it| it.first)
    }

    fn beside(&self, candidate: Place) -> Option<Place> {
        let beside = self.candidates.get(candidate)?.beside;
        (beside != NOWHERE).then_some(beside)
    }

    /// Takes the candidate of `peer` out of all chains, and returns its path.
    fn take_out(&mut self, route: Place, peer: Peer) -> Option<Id> {
        let mut before = NOWHERE;
        let mut place = self.first_of(route);
        let candidate = loop {
            let candidate = self.candidates.get(place)?;
            if candidate.peer == peer {
                break candidate;
            }
            before = place;
            place = candidate.beside;
        };
        let (path, beside) = (candidate.path, candidate.beside);
        let (previous, next) = (candidate.previous, candidate.next);
        if let Some(before) = self.candidates.get_mut(before) {
            before.beside = beside;
        } else if let Some(route) = self.routes.get_mut(route) {
            route.first = beside;
        }
        if let Some(previous) = self.candidates.get_mut(previous) {
            previous.next = next;
        }
        if let Some(next) = self.candidates.get_mut(next) {
            next.previous = previous;
        }
        if let Some(chain) = self.by_peer.get_mut(&peer) {
            if chain.first == place {
                chain.first = next;
            }
            if chain.last == place {
                chain.last = previous;
            }
            if chain.first == NOWHERE {
                self.by_peer.remove(&peer);
            }
        }
        self.candidates.free(place);
        Some(path)
    }

    fn append_to_peer(&mut self, peer: Peer, place: Place) {
        let chain = self.by_peer.entry(peer).or_insert(Chain::EMPTY);
        let last = std::mem::replace(&mut chain.last, place);
        if chain.first == NOWHERE {
            chain.first = place;
        }
        if let Some(last) = self.candidates.get_mut(last) {
            last.next = place;
        }
        if let Some(candidate) = self.candidates.get_mut(place) {
            candidate.previous = last;
        }
    }

    /// Takes a route out of the log, if it is there.
    fn leave_log(&mut self, place: Place) {
        let Some(route) = self.routes.get_mut(place).filter(|it| it.version != 0) else {
            return;
        };
        let (previous, next, version) = (route.previous, route.next, route.version);
        (route.previous, route.next, route.version) = (NOWHERE, NOWHERE, 0);
        if route.set == NO_SET {
            self.tombstones.remove(&version);
        }
        match self.routes.get_mut(previous) {
            Some(previous) => previous.next = next,
            None => self.log.first = next,
        }
        match self.routes.get_mut(next) {
            Some(next) => next.previous = previous,
            None => self.log.last = previous,
        }
        for reader in self.readers.values_mut().filter(|it| **it == place) {
            *reader = next;
        }
    }
}

/// No set of next hops.
const NO_SET: Id = Id::MAX;

#[cfg(test)]
mod tests;
