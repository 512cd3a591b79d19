//! One family's announced routes, in the three orders in which they are asked
//! for: by prefix, by change, and by attribute set.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::interned::Id;

/// Which attribute set a route has, among those that are in use.
pub(super) type SetId = Id;

/// A place among `routes`.
type Place = u32;

/// No place.
const NOWHERE: Place = Place::MAX;

/// Prefixes with attribute sets, and a log in which each prefix stands once,
/// at the version of its latest change.
///
/// A withdrawn prefix leaves a tombstone, so that a reader that knows the
/// prefix hears of it. [`forget_tombstones`](Self::forget_tombstones) drops
/// those that no reader needs any more.
#[derive(Debug)]
pub(super) struct RouteTable<P> {
    by_prefix: BTreeMap<P, Place>,
    log: BTreeMap<u64, Place>,
    tombstones: BTreeSet<u64>,
    routes: Vec<Route<P>>,
    /// The routes of each attribute set, in the order of their versions.
    by_set: Vec<List>,
    /// The first of the unused places, which are chained like a set's routes.
    unused: Place,
}

#[derive(Debug)]
struct Route<P> {
    version: u64,
    prefix: P,
    /// `None` for a tombstone.
    set: Option<SetId>,
    previous: Place,
    next: Place,
}

#[derive(Clone, Copy, Debug)]
struct List {
    first: Place,
    last: Place,
}

impl List {
    const EMPTY: Self = Self {
        first: NOWHERE,
        last: NOWHERE,
    };
}

/// Where a walk over everything has come to: first what was withdrawn, then
/// one attribute set after the other. What changes meanwhile is left to the
/// log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    /// Only what has not changed after this version.
    until: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Tombstones up to this version were told.
    Tombstones(u64),
    /// The sets before this one were told, and of it the routes up to the one
    /// at this place with this version.
    Sets(SetId, Option<(Place, u64)>),
}

impl Walk {
    /// A walk over what there is at version `until`, for a reader that knows
    /// everything up to `known` and so needs no older tombstones.
    pub(super) const fn new(known: u64, until: u64) -> Self {
        Self {
            until,
            stage: Stage::Tombstones(known),
        }
    }

    pub(super) const fn until(&self) -> u64 {
        self.until
    }
}

impl<P: Copy + Ord> RouteTable<P> {
    pub(super) fn new() -> Self {
        Self {
            by_prefix: BTreeMap::new(),
            log: BTreeMap::new(),
            tombstones: BTreeSet::new(),
            routes: Vec::new(),
            by_set: Vec::new(),
            unused: NOWHERE,
        }
    }

    /// How many prefixes are announced.
    pub(super) fn len(&self) -> usize {
        self.by_prefix.len() - self.tombstones.len()
    }

    /// The attribute set of `prefix`, if it is announced.
    pub(super) fn set_of(&self, prefix: P) -> Option<SetId> {
        self.route(*self.by_prefix.get(&prefix)?)?.set
    }

    /// What is announced, from `from` on, in the order of the prefixes.
    pub(super) fn range(&self, from: Bound<P>) -> impl Iterator<Item = (P, SetId)> {
        let places = self.by_prefix.range((from, Bound::Unbounded));
        places.filter_map(|(prefix, place)| Some((*prefix, self.route(*place)?.set?)))
    }

    /// Announces `prefix` with `set`, or withdraws it, at `version`, which
    /// must be higher than any used before.
    pub(super) fn change(&mut self, version: u64, prefix: P, set: Option<SetId>) {
        let place = match self.by_prefix.get(&prefix) {
            Some(place) => {
                let place = *place;
                self.unlist(place);
                place
            }
            None => {
                let place = self.allot(prefix);
                self.by_prefix.insert(prefix, place);
                place
            }
        };
        self.log.insert(version, place);
        if set.is_none() {
            self.tombstones.insert(version);
        }
        if let Some(route) = self.routes.get_mut(place as usize) {
            route.version = version;
            route.set = set;
        }
        if let Some(set) = set {
            self.append(set, place);
        }
    }

    /// Tells what changed after `version`, oldest first, at most `limit`
    /// prefixes, and returns the version after which there is more; `None` if
    /// that was all.
    pub(super) fn read_log(
        &self,
        version: u64,
        limit: usize,
        mut tell: impl FnMut(P, Option<SetId>),
    ) -> Option<u64> {
        let mut told = version;
        let mut log = self.log.range(after(version));
        for (version, place) in log.by_ref().take(limit) {
            told = *version;
            if let Some(route) = self.route(*place) {
                tell(route.prefix, route.set);
            }
        }
        log.next().map(|_| told)
    }

    /// Goes on with a walk, by at most `limit` prefixes, and returns how much of
    /// the limit is left if that was all.
    pub(super) fn walk(
        &self,
        walk: &mut Walk,
        limit: usize,
        mut tell: impl FnMut(P, Option<SetId>),
    ) -> Option<usize> {
        let mut left = limit;
        if let Stage::Tombstones(from) = walk.stage {
            let due = self.tombstones.range(after(from));
            for version in due.take_while(|it| **it <= walk.until) {
                if left == 0 {
                    return None;
                }
                left -= 1;
                walk.stage = Stage::Tombstones(*version);
                if let Some(route) = self.log.get(version).and_then(|it| self.route(*it)) {
                    tell(route.prefix, route.set);
                }
            }
            walk.stage = Stage::Sets(0, None);
        }
        while let Stage::Sets(set, last) = walk.stage {
            let Some(list) = self.by_set.get(set as usize) else {
                break;
            };
            let mut place = match last {
                None => list.first,
                Some(last) => self.after(set, *list, last),
            };
            while let Some(route) = self.route(place).filter(|it| it.version <= walk.until) {
                if left == 0 {
                    return None;
                }
                left -= 1;
                tell(route.prefix, route.set);
                walk.stage = Stage::Sets(set, Some((place, route.version)));
                place = route.next;
            }
            walk.stage = Stage::Sets(set + 1, None);
        }
        Some(left)
    }

    /// Drops tombstones up to and including `version`: every reader has
    /// passed it, or began after it.
    pub(super) fn forget_tombstones(&mut self, version: u64) {
        while let Some(oldest) = self.tombstones.first().copied().filter(|it| *it <= version) {
            self.tombstones.remove(&oldest);
            let Some(place) = self.log.remove(&oldest) else {
                continue;
            };
            if let Some(route) = self.routes.get_mut(place as usize) {
                route.next = self.unused;
                self.by_prefix.remove(&route.prefix);
                self.unused = place;
            }
        }
    }

    fn route(&self, place: Place) -> Option<&Route<P>> {
        self.routes.get(place as usize)
    }

    /// The route of `set` behind the one that was told last. Usually that is
    /// still where it was.
    fn after(&self, set: SetId, list: List, (place, version): (Place, u64)) -> Place {
        if let Some(route) = self.route(place)
            && (route.version, route.set) == (version, Some(set))
        {
            return route.next;
        }
        let mut place = list.first;
        while let Some(route) = self.route(place).filter(|it| it.version <= version) {
            place = route.next;
        }
        place
    }

    /// A place for `prefix` that is in no list yet.
    fn allot(&mut self, prefix: P) -> Place {
        let route = Route {
            version: 0,
            prefix,
            set: None,
            previous: NOWHERE,
            next: NOWHERE,
        };
        let place = self.unused;
        if let Some(unused) = self.routes.get_mut(place as usize) {
            self.unused = unused.next;
            *unused = route;
            return place;
        }
        // Memory ends long before the numbers do.
        let place = Place::try_from(self.routes.len()).unwrap_or(NOWHERE);
        self.routes.push(route);
        place
    }

    /// Takes a route, or a tombstone, out of the log and its set.
    fn unlist(&mut self, place: Place) {
        let Some(route) = self.routes.get_mut(place as usize) else {
            return;
        };
        let (previous, next) = (route.previous, route.next);
        route.previous = NOWHERE;
        route.next = NOWHERE;
        self.log.remove(&route.version);
        let Some(set) = route.set else {
            self.tombstones.remove(&route.version);
            return;
        };
        let Some(list) = self.by_set.get_mut(set as usize) else {
            return;
        };
        match self.routes.get_mut(previous as usize) {
            Some(route) => route.next = next,
            None => list.first = next,
        }
        match self.routes.get_mut(next as usize) {
            Some(route) => route.previous = previous,
            None => list.last = previous,
        }
    }

    fn append(&mut self, set: SetId, place: Place) {
        let index = set as usize;
        if index >= self.by_set.len() {
            self.by_set.resize(index + 1, List::EMPTY);
        }
        let Some(list) = self.by_set.get_mut(index) else {
            return;
        };
        let last = std::mem::replace(&mut list.last, place);
        match self.routes.get_mut(last as usize) {
            Some(route) => route.next = place,
            None => list.first = place,
        }
        if let Some(route) = self.routes.get_mut(place as usize) {
            route.previous = last;
        }
    }
}

fn after(version: u64) -> (Bound<u64>, Bound<u64>) {
    (Bound::Excluded(version), Bound::Unbounded)
}

#[cfg(test)]
mod tests;
