//! Learned routes in the kernel: each change at once, repairs in passes.

mod book;
mod own;
mod repair;

use std::net::IpAddr;

use bgp_speaker::LearnedChange;
use ipnet::IpNet;
use netplumb::{IpFamily, Kernel, NextHops, RouteChange, RouteKey, RoutePlace, RouteSpec};
use tracing::{Level, enabled, info, warn};

use self::book::{Book, Marks};
use self::own::Own;
use crate::config::KernelTable;
use crate::ways::Ways;

/// The routes that should be installed, and the kernel they go to.
#[derive(Debug)]
pub(crate) struct Routes<K> {
    kernel: K,
    place: RoutePlace,
    /// What was learned, and until the sweep what an earlier run left.
    book: Book,
    /// How many routes of an earlier run no peer has confirmed yet.
    inherited: usize,
    own: Own,
    /// The address that packets of this host leave with, of each family.
    sources: Sources,
}

/// The source address of routes of each family (`RTA_PREFSRC`).
#[derive(Clone, Copy, Debug)]
struct Sources {
    v4: Option<IpAddr>,
    v6: Option<IpAddr>,
}

/// Whether the kernel has everything it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Complete,
    /// Something was refused; another pass may succeed.
    Incomplete,
}

impl<K: Kernel> Routes<K> {
    /// Takes over what an earlier run left in its place: it keeps forwarding
    /// until [`sweep`](Self::sweep).
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked.
    pub(crate) fn take_over(mut kernel: K, place: KernelTable) -> Result<Self, K::Error> {
        let sources = Sources {
            v4: place.source_v4.map(IpAddr::V4),
            v6: place.source_v6.map(IpAddr::V6),
        };
        let place = RoutePlace {
            table: place.table,
            metric: place.metric,
            protocol: place.protocol,
        };
        let marks = Marks {
            in_kernel: true,
            inherited: true,
            ..Marks::default()
        };
        let mut book = Book::default();
        let mut inherited = 0;
        for family in IpFamily::ALL {
            kernel.visit_routes(place, family, &mut |route| match route {
                None => book.remove_where(family, |_| true, |_| {}),
                // Of several with one key the kernel uses, and shows, one first.
                Some(route) if book.get(&route.dst).is_some() => {}
                Some(route) => book.insert(route.dst, &route.next_hops, marks),
            })?;
            inherited += book.len(family);
        }
        if inherited > 0 {
            info!(routes = inherited, "routes of an earlier run found");
        }
        Ok(Self {
            kernel,
            place,
            book,
            inherited,
            own: Own::default(),
            sources,
        })
    }

    /// Whether an earlier run left routes that no peer has confirmed yet.
    pub(crate) const fn has_inherited(&self) -> bool {
        self.inherited > 0
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        let of_each = IpFamily::ALL.map(|family| self.book.len(family));
        of_each.into_iter().sum()
    }

    /// Carries out changes, each of another prefix.
    pub(crate) fn apply(&mut self, changes: &[LearnedChange], ways: &Ways) -> Outcome {
        let mut concerned = Vec::with_capacity(changes.len());
        let mut wanted = Vec::with_capacity(changes.len());
        let mut next_hops = NextHops::default();
        let mut like: &[_] = &[];
        for change in changes {
            if change.next_hops != like {
                like = &change.next_hops;
                next_hops = like.iter().flat_map(|hop| ways.gateways(hop)).collect();
            }
            let prefix = change.prefix.trunc();
            if let Some(step) = self.enter(prefix, &next_hops) {
                concerned.push(change);
                wanted.push(step);
            }
        }
        let mut outcome = Outcome::Complete;
        let results = self.kernel.change_routes(&wanted);
        for ((change, step), result) in concerned.into_iter().zip(&wanted).zip(results) {
            match result {
                Ok(()) => {
                    self.note(step);
                    tell(change);
                }
                Err(error) => {
                    warn!("{error}");
                    outcome = Outcome::Incomplete;
                }
            }
        }
        outcome
    }

    /// Forgets what an earlier run left and nobody confirmed.
    pub(crate) fn sweep(&mut self) -> Outcome {
        self.inherited = 0;
        for family in IpFamily::ALL {
            let place = self.place;
            let unconfirmed = |marks: Marks| marks.inherited;
            self.book.remove_where(family, unconfirmed, |prefix| {
                info!(route = %place.key(prefix), "route of an earlier run is no longer wanted");
            });
        }
        self.repair()
    }

    /// Forgets everything, as before a stop.
    pub(crate) fn remove_all(&mut self) -> Outcome {
        self.inherited = 0;
        self.book = Book::default();
        self.repair()
    }

    /// By which next hops the route of this key should go, if it is ours.
    pub(crate) fn next_hops(&self, key: &RouteKey) -> Option<&NextHops> {
        let ours = self.book.get(&key.dst).filter(|_| self.place.holds(key));
        ours.map(|(next_hops, _)| next_hops)
    }

    /// Enters what was learned, and yields what the kernel has to do for it.
    fn enter(&mut self, prefix: IpNet, next_hops: &NextHops) -> Option<RouteChange> {
        let known = self.book.get(&prefix).map(|(_, marks)| marks);
        self.inherited -= usize::from(known.is_some_and(|marks| marks.inherited));
        if self.own.keeps(prefix, next_hops) || next_hops.is_empty() {
            self.book.remove(&prefix);
            return known.map(|_| RouteChange::Delete(self.place.key(prefix)));
        }
        let in_kernel = known.is_some_and(|marks| marks.in_kernel);
        let marks = Marks {
            in_kernel,
            ..Marks::default()
        };
        self.book.insert(prefix, next_hops, marks);
        Some(self.step(prefix, next_hops.clone(), in_kernel))
    }

    /// How a route comes into the kernel.
    fn step(&self, prefix: IpNet, next_hops: NextHops, in_kernel: bool) -> RouteChange {
        let route = spec(self.place, self.sources, prefix, next_hops);
        match in_kernel {
            true => RouteChange::Replace(route),
            false => RouteChange::Add(route),
        }
    }

    /// The kernel has done it.
    fn note(&mut self, step: &RouteChange) {
        if let RouteChange::Add(route) = step {
            let in_kernel = |marks: &mut Marks| marks.in_kernel = true;
            self.book.mark(&route.dst, in_kernel);
        }
    }
}

fn spec(place: RoutePlace, sources: Sources, prefix: IpNet, next_hops: NextHops) -> RouteSpec {
    RouteSpec {
        protocol: place.protocol,
        src: match prefix {
            IpNet::V4(_) => sources.v4,
            IpNet::V6(_) => sources.v6,
        },
        ..RouteSpec::new(prefix, next_hops)
            .with_table(place.table)
            .with_metric(place.metric)
    }
}

fn tell(change: &LearnedChange) {
    if enabled!(Level::INFO) {
        let next_hops: Vec<_> = change.next_hops.iter().map(ToString::to_string).collect();
        info!(prefix = %change.prefix, ?next_hops, "route changed");
    }
}

#[cfg(test)]
mod tests;
