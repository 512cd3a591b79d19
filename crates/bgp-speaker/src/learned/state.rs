//! The learned routes of both families, and who reads them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tokio::sync::watch;

use super::LearnedChange;
use super::decider::{Decider, number};
use super::table::{RouteTable, Walk};
use crate::decision::{Choice, Path};
use crate::prefix::by_family;
use crate::reachability::ReachableNextHops;
use crate::rib::Table;
use crate::{Gateway, Multipath};

/// Everything behind the lock.
#[derive(Debug)]
pub(super) struct Learned {
    v4: RouteTable<Ipv4Net>,
    v6: RouteTable<Ipv6Net>,
    decider: Decider,
    /// The version at which each reader began: what was removed up to it was
    /// never shown to it.
    readers: BTreeMap<u64, u64>,
    next_reader: u64,
    /// Wakes readers; `None` once the speaker has ended.
    wake: Option<watch::Sender<()>>,
}

/// Numbers of prefixes of each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) v4: usize,
    pub(crate) v6: usize,
}

impl Learned {
    pub(super) fn new(multipath: Multipath, track_next_hops: bool, held: bool) -> Self {
        Self {
            v4: RouteTable::new(held),
            v6: RouteTable::new(held),
            decider: Decider::new(multipath, track_next_hops),
            readers: BTreeMap::new(),
            next_reader: 0,
            wake: Some(watch::Sender::new(())),
        }
    }

    /// Rises with every change of a selection.
    pub(super) const fn version(&self) -> u64 {
        self.decider.version()
    }

    pub(super) fn announce(
        &mut self,
        path: &Arc<Path>,
        prefixes: impl IntoIterator<Item = IpNet>,
        generation: impl Fn(Table) -> u32,
    ) -> Counts {
        let Self {
            v4, v6, decider, ..
        } = self;
        let generations = [generation(Table::V4), generation(Table::V6)];
        let mut more = Counts::default();
        let mut announced = decider.begin(path);
        for prefix in prefixes {
            let [of_v4, of_v6] = generations;
            match prefix {
                IpNet::V4(it) if decider.announce(v4, it, &mut announced, of_v4) => more.v4 += 1,
                IpNet::V6(it) if decider.announce(v6, it, &mut announced, of_v6) => more.v6 += 1,
                _ => {}
            }
        }
        decider.end(announced);
        more
    }

    pub(super) fn withdraw(
        &mut self,
        peer: usize,
        prefixes: impl IntoIterator<Item = IpNet>,
    ) -> Counts {
        let Self {
            v4, v6, decider, ..
        } = self;
        let peer = number(peer);
        let mut gone = Counts::default();
        for prefix in prefixes {
            match prefix {
                IpNet::V4(prefix) => {
                    if let Some((route, path)) = v4.withdraw(prefix, peer) {
                        decider.withdrawn(v4, route, path);
                        gone.v4 += 1;
                    }
                }
                IpNet::V6(prefix) => {
                    if let Some((route, path)) = v6.withdraw(prefix, peer) {
                        decider.withdrawn(v6, route, path);
                        gone.v6 += 1;
                    }
                }
            }
        }
        gone
    }

    pub(super) fn take_back(
        &mut self,
        peer: usize,
        table: Table,
        before: Option<u32>,
        most: usize,
    ) -> usize {
        let peer = number(peer);
        match table {
            Table::V4 => self.decider.take_back(&mut self.v4, peer, before, most),
            Table::V6 => self.decider.take_back(&mut self.v6, peer, before, most),
        }
    }

    pub(super) fn take_back_where(
        &mut self,
        peer: usize,
        table: Table,
        walk: &mut Walk,
        most: usize,
        goes: impl Fn(IpNet) -> bool,
    ) -> Option<usize> {
        let peer = number(peer);
        let decider = &mut self.decider;
        match table {
            Table::V4 => decider.take_back_where(&mut self.v4, peer, walk, most, goes),
            Table::V6 => decider.take_back_where(&mut self.v6, peer, walk, most, goes),
        }
    }

    pub(super) fn next_hops(&self) -> watch::Receiver<Arc<BTreeSet<IpAddr>>> {
        self.decider.next_hops()
    }

    /// Takes the news, and returns the next hops in use that they change.
    pub(super) fn set_reachable(&mut self, reachable: Arc<ReachableNextHops>) -> BTreeSet<IpAddr> {
        self.decider.set_reachable(reachable)
    }

    /// Decides again about those of the next prefixes from `from` on that have
    /// a candidate by a next hop that has changed. Returns the last prefix
    /// that was looked at; `None` behind the end.
    pub(super) fn decide_again(
        &mut self,
        from: Bound<IpNet>,
        most: usize,
        changed: &BTreeSet<IpAddr>,
    ) -> Option<IpNet> {
        let (v4, v6) = by_family(from);
        let decider = &mut self.decider;
        let last = v4.and_then(|from| decider.decide_again(&mut self.v4, from, most, changed));
        if let Some(last) = last {
            return Some(last.into());
        }
        let last = decider.decide_again(&mut self.v6, v6, most, changed);
        last.map(IpNet::from)
    }

    pub(super) fn page(
        &self,
        from: Bound<IpNet>,
        limit: usize,
        mut look: impl FnMut(IpNet, &[Arc<Path>], Option<Choice<'_>>, &[Gateway]),
    ) {
        let (v4, v6) = by_family(from);
        let mut left = limit;
        if let Some(from) = v4 {
            left -= self.decider.page(&self.v4, from, left, &mut look);
        }
        self.decider.page(&self.v6, v6, left, &mut look);
    }

    /// Readers get the routes of this table from here on.
    pub(super) fn release(&mut self, table: Table) {
        match table {
            Table::V4 => self.v4.release(),
            Table::V6 => self.v6.release(),
        }
        if let Some(wake) = &self.wake {
            wake.send_replace(());
        }
    }

    /// Nothing is learned any more.
    pub(super) fn close(&mut self) {
        self.wake = None;
    }

    /// Tells readers if something has changed since `version`.
    pub(super) fn wake_since(&mut self, version: u64) {
        if self.decider.version() == version {
            return;
        }
        forget_tombstones(&mut self.v4, &self.readers);
        forget_tombstones(&mut self.v6, &self.readers);
        if let Some(wake) = &self.wake {
            wake.send_replace(());
        }
    }

    pub(super) fn add_reader(&mut self) -> (u64, watch::Receiver<()>) {
        let reader = self.next_reader;
        self.next_reader += 1;
        self.readers.insert(reader, self.decider.version());
        self.v4.add_reader(reader);
        self.v6.add_reader(reader);
        // Without a sender the receiver ends after what is there was read.
        let wake = match &self.wake {
            Some(sender) => sender.subscribe(),
            None => watch::channel(()).1,
        };
        (reader, wake)
    }

    pub(super) fn remove_reader(&mut self, reader: u64) {
        self.readers.remove(&reader);
        self.v4.remove_reader(reader);
        self.v6.remove_reader(reader);
    }

    /// Whether nothing at all is kept.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty() && self.decider.is_empty()
    }

    /// Gives the reader up to `most` changes of each family.
    pub(super) fn read(&mut self, reader: u64, most: usize, ready: &mut VecDeque<LearnedChange>) {
        let Some(began) = self.readers.get(&reader).copied() else {
            return;
        };
        let decider = &self.decider;
        read(&mut self.v4, reader, began, decider, most, ready);
        read(&mut self.v6, reader, began, decider, most, ready);
        // What it was the last one to hear of.
        forget_tombstones(&mut self.v4, &self.readers);
        forget_tombstones(&mut self.v6, &self.readers);
    }
}

fn read<P: Copy + Ord + Into<IpNet>>(
    table: &mut RouteTable<P>,
    reader: u64,
    began: u64,
    decider: &Decider,
    most: usize,
    ready: &mut VecDeque<LearnedChange>,
) {
    let most = ready.len() + most;
    while ready.len() < most
        && let Some(told) = table.read(reader)
    {
        if told.set.is_some() || told.version > began {
            ready.push_back(LearnedChange {
                prefix: told.prefix.into(),
                next_hops: decider.gateways(told.set).to_vec(),
            });
        }
    }
}

fn forget_tombstones<P: Copy + Ord>(table: &mut RouteTable<P>, readers: &BTreeMap<u64, u64>) {
    let needs = readers.iter();
    let needs = needs.map(|(reader, began)| table.read_until(*reader).max(*began));
    let useless = needs.min().unwrap_or(u64::MAX);
    table.forget_tombstones(useless);
}
