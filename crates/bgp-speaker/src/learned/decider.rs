//! Candidates in, selections out, for one prefix after the other.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use ipnet::IpNet;
use tokio::sync::watch;

use super::slab::Place;
use super::table::{Peer, RouteTable, Walk};
use crate::decision::{Choice, Path, choose, select};
use crate::interned::{Id, Interned};
use crate::reachability::{NextHopTable, ReachableNextHops};
use crate::{Gateway, Multipath};

/// What the tables' numbers stand for, and how is chosen among them.
#[derive(Debug)]
pub(super) struct Decider {
    multipath: Multipath,
    next_hops: NextHopTable,
    version: u64,
    paths: Interned<Path>,
    sets: Interned<[Gateway]>,
}

/// A path while it is announced for one prefix after the other.
#[derive(Debug)]
pub(super) struct Announced {
    peer: Peer,
    id: Id,
    /// What is chosen where there is no other path, once somebody asked.
    alone: Option<Option<Id>>,
}

impl Decider {
    pub(super) fn new(multipath: Multipath, track_next_hops: bool) -> Self {
        Self {
            multipath,
            next_hops: NextHopTable::new(track_next_hops),
            version: 0,
            paths: Interned::default(),
            sets: Interned::default(),
        }
    }

    /// Rises with every change of a selection.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn next_hops(&self) -> watch::Receiver<Arc<BTreeSet<IpAddr>>> {
        self.next_hops.subscribe()
    }

    /// Takes the news, and returns the next hops in use that they change.
    pub(super) fn set_reachable(&mut self, reachable: Arc<ReachableNextHops>) -> BTreeSet<IpAddr> {
        self.next_hops.set_reachable(reachable)
    }

    /// What a set consists of.
    pub(super) fn gateways(&self, set: Option<Id>) -> &[Gateway] {
        let set = set.and_then(|set| self.sets.get(set));
        set.map_or(&[], |set| set)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.paths.len() + self.sets.len() == 0
    }

    /// Begins to announce a path; [`end`](Self::end) has to follow.
    pub(super) fn begin(&mut self, path: &Arc<Path>) -> Announced {
        if self.paths.id_of(path).is_none() {
            self.next_hops.take(path.next_hop);
        }
        Announced {
            peer: number(path.peer),
            id: self.paths.take(path),
            alone: None,
        }
    }

    pub(super) fn end(&mut self, announced: Announced) {
        if let Some(set) = announced.alone.flatten() {
            self.sets.release(set);
        }
        self.let_go(announced.id);
    }

    /// Says whether the peer has had no path to the prefix.
    pub(super) fn announce<P: Copy + Ord>(
        &mut self,
        table: &mut RouteTable<P>,
        prefix: P,
        path: &mut Announced,
        generation: u32,
    ) -> bool {
        self.paths.take_again(path.id);
        let (route, replaced) = table.announce(prefix, path.peer, path.id, generation);
        if let Some(replaced) = replaced {
            self.let_go(replaced);
        }
        if table.paths(route).nth(1).is_some() {
            self.decide(table, route);
        } else {
            let set = *path.alone.get_or_insert_with(|| self.chosen(table, route));
            if let Some(set) = set {
                self.sets.take_again(set);
            }
            self.select(table, route, set);
        }
        replaced.is_none()
    }

    /// Decides without a path that was taken out.
    pub(super) fn withdrawn<P: Copy + Ord>(
        &mut self,
        table: &mut RouteTable<P>,
        route: Place,
        path: Id,
    ) {
        self.let_go(path);
        self.decide(table, route);
        table.forget_if_empty(route);
    }

    pub(super) fn take_back<P: Copy + Ord>(
        &mut self,
        table: &mut RouteTable<P>,
        peer: Peer,
        before: Option<u32>,
        most: usize,
    ) -> usize {
        for gone in 0..most {
            let Some((route, path)) = table.withdraw_oldest(peer, before) else {
                return gone;
            };
            self.withdrawn(table, route, path);
        }
        most
    }

    /// Returns how many went; `None` behind the end of the walk.
    pub(super) fn take_back_where<P: Copy + Ord + Into<IpNet>>(
        &mut self,
        table: &mut RouteTable<P>,
        peer: Peer,
        walk: &mut Walk,
        most: usize,
        goes: impl Fn(IpNet) -> bool,
    ) -> Option<usize> {
        let mut gone = 0;
        for looked in 0..most {
            let Some(prefix) = table.step(peer, walk) else {
                return (looked > 0).then_some(gone);
            };
            if goes(prefix.into())
                && let Some((route, path)) = table.withdraw(prefix, peer)
            {
                self.withdrawn(table, route, path);
                gone += 1;
            }
        }
        Some(gone)
    }

    pub(super) fn decide_again<P: Copy + Ord>(
        &mut self,
        table: &mut RouteTable<P>,
        from: Bound<P>,
        most: usize,
        changed: &BTreeSet<IpAddr>,
    ) -> Option<P> {
        let routes: Vec<_> = table.range(from, most).collect();
        for (_, route) in &routes {
            let concerned = |path: &Arc<Path>| changed.contains(&path.next_hop);
            if self.paths_of(table, *route).any(concerned) {
                self.decide(table, *route);
            }
        }
        routes.last().map(|(prefix, _)| *prefix)
    }

    /// Returns how many prefixes were looked at.
    pub(super) fn page<P: Copy + Ord + Into<IpNet>>(
        &self,
        table: &RouteTable<P>,
        from: Bound<P>,
        limit: usize,
        look: &mut impl FnMut(IpNet, &[Arc<Path>], Option<Choice<'_>>, &[Gateway]),
    ) -> usize {
        let mut looked = 0;
        for (prefix, route) in table.range(from, limit) {
            looked += 1;
            let paths: Vec<_> = self.paths_of(table, route).cloned().collect();
            let candidates = paths.iter().map(AsRef::as_ref);
            let choice = choose(candidates, self.multipath, &self.next_hops);
            let (choice, used) = match table.is_held() {
                true => (None, &[][..]),
                false => (choice, self.gateways(table.set_of(route))),
            };
            look(prefix.into(), &paths, choice, used);
        }
        looked
    }

    fn paths_of<'a, P: Copy + Ord>(
        &'a self,
        table: &'a RouteTable<P>,
        route: Place,
    ) -> impl Iterator<Item = &'a Arc<Path>> {
        table.paths(route).filter_map(|path| self.paths.get(path))
    }

    /// Chooses among the candidates of one route. The set has a user more.
    fn chosen<P: Copy + Ord>(&mut self, table: &RouteTable<P>, route: Place) -> Option<Id> {
        let paths = self.paths_of(table, route).map(AsRef::as_ref);
        let next_hops = select(paths, self.multipath, &self.next_hops);
        (!next_hops.is_empty()).then(|| self.sets.take(&next_hops))
    }

    fn decide<P: Copy + Ord>(&mut self, table: &mut RouteTable<P>, route: Place) {
        let set = self.chosen(table, route);
        self.select(table, route, set);
    }

    /// Makes `set` the selection; its new user is the route.
    fn select<P: Copy + Ord>(&mut self, table: &mut RouteTable<P>, route: Place, set: Option<Id>) {
        let before = table.set_of(route);
        if before != set {
            self.version += 1;
            table.select(route, set, self.version);
        }
        // Either the old set has lost its user, or the same one has one too many.
        if let Some(before) = before {
            self.sets.release(before);
        }
    }

    /// One user less has the path.
    fn let_go(&mut self, path: Id) {
        if let Some(path) = self.paths.release(path) {
            self.next_hops.release(path.next_hop);
        }
    }
}

/// A peer's number as the tables keep it. There are never so many.
pub(super) fn number(peer: usize) -> Peer {
    Peer::try_from(peer).unwrap_or(Peer::MAX)
}
