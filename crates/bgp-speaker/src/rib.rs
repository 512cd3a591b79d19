//! What we announce: prefixes, their interned attribute sets, and a change log.

mod table;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bgp_wire::PathAttributes;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use self::table::{RouteTable, SetId, Walk};
use crate::PeerKey;
use crate::interned::Interned;
use crate::prefix::by_family;

/// One change of what we announce.
#[derive(Clone, Debug, PartialEq)]
pub struct RibChange {
    /// Which prefix; its host bits are ignored.
    pub prefix: IpNet,
    /// The attributes to announce it with, or `None` to withdraw it. The next
    /// hop is not among them, since each session has its own.
    pub announce: Option<Arc<PathAttributes>>,
    /// The peers it is announced to; `None` for all. The others are told that
    /// there is no such route.
    pub audience: Option<Arc<BTreeSet<PeerKey>>>,
}

impl RibChange {
    /// Announces `prefix` with `attributes`.
    pub fn announce(prefix: IpNet, attributes: Arc<PathAttributes>) -> Self {
        Self {
            prefix,
            announce: Some(attributes),
            audience: None,
        }
    }

    /// The same for these peers alone.
    #[must_use]
    pub fn only_to(mut self, audience: Arc<BTreeSet<PeerKey>>) -> Self {
        self.audience = Some(audience);
        self
    }

    /// Withdraws `prefix`.
    pub fn withdraw(prefix: IpNet) -> Self {
        Self {
            prefix,
            announce: None,
            audience: None,
        }
    }

    fn announced(&self) -> Option<Arc<Announced>> {
        let attributes = Arc::clone(self.announce.as_ref()?);
        Some(Arc::new(Announced {
            attributes,
            audience: self.audience.clone(),
        }))
    }
}

/// What a route says, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Announced {
    pub(crate) attributes: Arc<PathAttributes>,
    pub(crate) audience: Option<Arc<BTreeSet<PeerKey>>>,
}

/// A state of what we announce; later states compare greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RibVersion(pub(crate) u64);

impl fmt::Display for RibVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// IPv4 or IPv6 unicast, the two tables there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    V4,
    V6,
}

/// An attribute set that is in use.
#[derive(Clone, Debug)]
pub(crate) struct AttributeSet {
    /// Equal for equal sets that were read together; later it may be another's.
    pub(crate) id: SetId,
    pub(crate) attributes: Arc<PathAttributes>,
    audience: Option<Arc<BTreeSet<PeerKey>>>,
}

impl AttributeSet {
    /// Whether `peer` is told.
    pub(crate) fn is_for(&self, peer: &PeerKey) -> bool {
        let audience = self.audience.as_ref();
        audience.is_none_or(|audience| audience.contains(peer))
    }
}

/// A change as it is handed to a peer's packer.
#[derive(Clone, Debug)]
pub(crate) struct RouteChange {
    pub(crate) prefix: IpNet,
    /// The attributes it has now; `None` once it was withdrawn.
    pub(crate) set: Option<AttributeSet>,
}

/// How far a reader has come in one table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// Everything up to this version was read.
    known: u64,
    walk: Option<Progress>,
}

/// How far a reader has come that reads everything.
#[derive(Clone, Copy, Debug)]
enum Progress {
    Wanted,
    Walking(Walk),
}

impl Position {
    /// Of one who knows nothing and has heard of nothing.
    pub(crate) const START: Self = Self {
        known: 0,
        walk: None,
    };

    /// Of one who wants everything that is there after `version`, and to hear
    /// of nothing that was withdrawn before.
    pub(crate) const fn joining(version: RibVersion) -> Self {
        Self {
            known: version.0,
            walk: Some(Progress::Wanted),
        }
    }

    /// Of one who is up to date with `version`.
    pub(crate) const fn after(version: RibVersion) -> Self {
        Self {
            known: version.0,
            walk: None,
        }
    }

    /// Everything is read again, whatever was read already.
    pub(crate) const fn start_over(&mut self) {
        self.walk = Some(Progress::Wanted);
    }

    /// The version up to which everything was read; `None` while reading
    /// everything.
    pub(crate) const fn read_until(&self) -> Option<u64> {
        match self.walk {
            None => Some(self.known),
            Some(_) => None,
        }
    }
}

/// Everything we announce, whatever peers there are.
#[derive(Debug)]
pub(crate) struct Rib {
    version: u64,
    v4: RouteTable<Ipv4Net>,
    v6: RouteTable<Ipv6Net>,
    sets: Interned<Announced>,
    /// Per reader and table: tombstones up to this version are of no use to it.
    readers: Vec<[AtomicU64; 2]>,
}

impl Rib {
    /// An empty RIB for `readers` readers.
    pub(crate) fn new(readers: usize) -> Self {
        Self {
            version: 0,
            v4: RouteTable::new(),
            v6: RouteTable::new(),
            sets: Interned::default(),
            readers: (0..readers).map(|_| idle()).collect(),
        }
    }

    /// From now on there are at least `readers` readers.
    pub(crate) fn make_room(&mut self, readers: usize) {
        let more = readers.saturating_sub(self.readers.len());
        self.readers.extend((0..more).map(|_| idle()));
    }

    pub(crate) fn version(&self) -> RibVersion {
        RibVersion(self.version)
    }

    /// How many prefixes are announced.
    pub(crate) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// What is announced from `from` on, IPv4 before IPv6.
    pub(crate) fn range(&self, from: Bound<IpNet>) -> impl Iterator<Item = (IpNet, &Announced)> {
        let (v4, v6) = by_family(from);
        let v4 = v4.into_iter().flat_map(|from| self.v4.range(from));
        let v4 = v4.map(|(net, set)| (IpNet::V4(net), set));
        let v6 = self.v6.range(v6);
        v4.chain(v6.map(|(net, set)| (IpNet::V6(net), set)))
            .filter_map(|(net, set)| Some((net, &**self.sets.get(set)?)))
    }

    /// Applies one batch; changes that change nothing leave no trace.
    pub(crate) fn apply(&mut self, changes: &[RibChange]) -> RibVersion {
        for change in changes {
            let prefix = change.prefix.trunc();
            let current = self.set_of(prefix);
            let announced = change.announced();
            let same = match (current, &announced) {
                (None, None) => true,
                // Shared parts are compared by their place first.
                (Some(old), Some(new)) => self.sets.get(old).is_some_and(|old| old == new),
                _ => false,
            };
            if same {
                continue;
            }
            self.version += 1;
            let set = announced.map(|it| self.sets.take(&it));
            match prefix {
                IpNet::V4(prefix) => self.v4.change(self.version, prefix, set),
                IpNet::V6(prefix) => self.v6.change(self.version, prefix, set),
            }
            if let Some(old) = current {
                self.sets.release(old);
            }
        }
        let useless = self.oldest_need(Table::V4);
        self.v4.forget_tombstones(useless);
        let useless = self.oldest_need(Table::V6);
        self.v6.forget_tombstones(useless);
        self.version()
    }

    /// Appends to `batch` what comes next in `table` for `reader` at
    /// `position`, at most `limit` changes, and moves the position.
    pub(crate) fn read(
        &self,
        reader: usize,
        table: Table,
        position: &mut Position,
        limit: usize,
        batch: &mut Vec<RouteChange>,
    ) {
        match table {
            Table::V4 => self.read_from(&self.v4, position, limit, batch),
            Table::V6 => self.read_from(&self.v6, position, limit, batch),
        }
        self.needs_after(reader, table, position.known);
    }

    fn read_from<P: Copy + Ord + Into<IpNet>>(
        &self,
        table: &RouteTable<P>,
        position: &mut Position,
        mut limit: usize,
        batch: &mut Vec<RouteChange>,
    ) {
        let mut tell = |prefix: P, set: Option<SetId>| {
            let set = set.and_then(|id| {
                let Announced {
                    attributes,
                    audience,
                } = Announced::clone(self.sets.get(id)?);
                Some(AttributeSet {
                    id,
                    attributes,
                    audience,
                })
            });
            let prefix = prefix.into();
            batch.push(RouteChange { prefix, set });
        };
        if let Some(progress) = &mut position.walk {
            let mut walk = match *progress {
                Progress::Wanted => Walk::new(position.known, self.version),
                Progress::Walking(walk) => walk,
            };
            let Some(left) = table.walk(&mut walk, limit, &mut tell) else {
                *progress = Progress::Walking(walk);
                return;
            };
            limit = left;
            *position = Position::after(RibVersion(walk.until()));
        }
        let more = table.read_log(position.known, limit, tell);
        position.known = more.unwrap_or(self.version);
    }

    /// From now on `reader` needs tombstones of `table` newer than `version`.
    pub(crate) fn begin(&self, reader: usize, table: Table, version: RibVersion) {
        self.needs_after(reader, table, version.0);
    }

    /// `reader` needs nothing of `table` any more.
    pub(crate) fn pause(&self, reader: usize, table: Table) {
        self.needs_after(reader, table, u64::MAX);
    }

    /// `reader` needs nothing any more.
    pub(crate) fn end(&self, reader: usize) {
        self.pause(reader, Table::V4);
        self.pause(reader, Table::V6);
    }

    fn needs_after(&self, reader: usize, table: Table, version: u64) {
        if let Some(needs) = self.readers.get(reader) {
            // Ordering: the RIB's lock orders these accesses with those of `apply`.
            needs[table as usize].store(version, Ordering::Relaxed);
        }
    }

    fn oldest_need(&self, table: Table) -> u64 {
        let needs = self
            .readers
            .iter()
            .map(|r| r[table as usize].load(Ordering::Relaxed));
        needs.min().unwrap_or(u64::MAX)
    }

    fn set_of(&self, prefix: IpNet) -> Option<SetId> {
        match prefix {
            IpNet::V4(prefix) => self.v4.set_of(prefix),
            IpNet::V6(prefix) => self.v6.set_of(prefix),
        }
    }
}

/// Of a reader that needs nothing.
fn idle() -> [AtomicU64; 2] {
    [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)]
}

#[cfg(test)]
mod tests;
