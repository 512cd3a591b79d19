//! What we announce: prefixes, their interned attribute sets, and a change log.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bgp_wire::PathAttributes;
use ipnet::IpNet;

use crate::versioned::{Change, VersionedTable};

/// One change of what we announce.
#[derive(Clone, Debug)]
pub struct RibChange {
    /// Which prefix; its host bits are ignored.
    pub prefix: IpNet,
    /// The attributes to announce it with, or `None` to withdraw it. The next
    /// hop is not among them, since each session has its own.
    pub announce: Option<Arc<PathAttributes>>,
}

impl RibChange {
    /// Announces `prefix` with `attributes`.
    pub fn announce(prefix: IpNet, attributes: Arc<PathAttributes>) -> Self {
        Self {
            prefix,
            announce: Some(attributes),
        }
    }

    /// Withdraws `prefix`.
    pub fn withdraw(prefix: IpNet) -> Self {
        Self {
            prefix,
            announce: None,
        }
    }
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

impl Table {
    pub(crate) fn of(prefix: &IpNet) -> Self {
        match prefix {
            IpNet::V4(_) => Self::V4,
            IpNet::V6(_) => Self::V6,
        }
    }
}

/// An attribute set that is in use; equal sets have equal ids.
#[derive(Clone, Debug)]
pub(crate) struct AttributeSet {
    pub(crate) id: u64,
    pub(crate) attributes: Arc<PathAttributes>,
}

/// A change as it is handed to a peer's packer.
pub(crate) type RouteChange = Change<IpNet, AttributeSet>;

/// Everything we announce, whatever peers there are.
#[derive(Debug)]
pub(crate) struct Rib {
    version: u64,
    v4: VersionedTable<IpNet, AttributeSet>,
    v6: VersionedTable<IpNet, AttributeSet>,
    interned: HashMap<Arc<PathAttributes>, InternedSet>,
    next_set_id: u64,
    /// Per reader and table: tombstones up to this version are of no use to it.
    readers: Vec<[AtomicU64; 2]>,
}

#[derive(Debug)]
struct InternedSet {
    set: AttributeSet,
    prefixes: usize,
}

impl Rib {
    /// An empty RIB for `readers` readers.
    pub(crate) fn new(readers: usize) -> Self {
        Self {
            version: 0,
            v4: VersionedTable::new(),
            v6: VersionedTable::new(),
            interned: HashMap::new(),
            next_set_id: 1,
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

    /// Applies one batch; changes that change nothing leave no trace.
    pub(crate) fn apply(&mut self, changes: &[RibChange]) -> RibVersion {
        for change in changes {
            let prefix = change.prefix.trunc();
            let current = self.table(Table::of(&prefix)).value(&prefix);
            let same = match (current, &change.announce) {
                (None, None) => true,
                (Some(old), Some(new)) => {
                    Arc::ptr_eq(&old.attributes, new) || old.attributes == *new
                }
                _ => false,
            };
            if !same {
                self.set(prefix, change.announce.as_ref());
            }
        }
        for table in [Table::V4, Table::V6] {
            let useless = self.oldest_need(table);
            self.table_mut(table).forget_tombstones(useless);
        }
        self.version()
    }

    /// Appends to `batch` what changed in `table` after `after`, at most
    /// `limit` changes, remembers that `reader` got it, and returns the version
    /// up to which it now knows everything.
    pub(crate) fn read(
        &self,
        reader: usize,
        table: Table,
        after: u64,
        limit: usize,
        batch: &mut Vec<RouteChange>,
    ) -> u64 {
        let mut until = after;
        let mut more = self.table(table).changes_after(after);
        for change in more.by_ref().take(limit) {
            until = change.version;
            batch.push(Change {
                version: change.version,
                key: change.key,
                value: change.value.cloned(),
            });
        }
        if more.next().is_none() {
            until = self.version;
        }
        // A reader that starts over still needs no tombstone that it passed before.
        self.needs_after(reader, table, until, u64::max);
        until
    }

    /// From now on `reader` needs tombstones of `table` newer than `version`.
    pub(crate) fn begin(&self, reader: usize, table: Table, version: u64) {
        self.needs_after(reader, table, version, |_, new| new);
    }

    /// `reader` needs nothing any more.
    pub(crate) fn end(&self, reader: usize) {
        for table in [Table::V4, Table::V6] {
            self.begin(reader, table, u64::MAX);
        }
    }

    fn needs_after(&self, reader: usize, table: Table, version: u64, merge: fn(u64, u64) -> u64) {
        if let Some(needs) = self.readers.get(reader) {
            // Ordering: the RIB's lock orders these accesses with those of `apply`.
            let needs = &needs[table as usize];
            let merged = merge(needs.load(Ordering::Relaxed), version);
            needs.store(merged, Ordering::Relaxed);
        }
    }

    fn oldest_need(&self, table: Table) -> u64 {
        let needs = self
            .readers
            .iter()
            .map(|r| r[table as usize].load(Ordering::Relaxed));
        needs.min().unwrap_or(u64::MAX)
    }

    fn set(&mut self, prefix: IpNet, attributes: Option<&Arc<PathAttributes>>) {
        self.version += 1;
        let version = self.version;
        let value = attributes.map(|attributes| self.intern(attributes));
        let replaced = self
            .table_mut(Table::of(&prefix))
            .set(version, prefix, value);
        if let Some(set) = replaced {
            self.release(&set.attributes);
        }
    }

    fn intern(&mut self, attributes: &Arc<PathAttributes>) -> AttributeSet {
        if let Some(interned) = self.interned.get_mut(attributes) {
            interned.prefixes += 1;
            return interned.set.clone();
        }
        let set = AttributeSet {
            id: self.next_set_id,
            attributes: Arc::clone(attributes),
        };
        self.next_set_id += 1;
        let interned = InternedSet {
            set: set.clone(),
            prefixes: 1,
        };
        self.interned.insert(Arc::clone(attributes), interned);
        set
    }

    fn release(&mut self, attributes: &Arc<PathAttributes>) {
        if let Some(interned) = self.interned.get_mut(attributes) {
            interned.prefixes -= 1;
            if interned.prefixes == 0 {
                self.interned.remove(attributes);
            }
        }
    }

    fn table(&self, table: Table) -> &VersionedTable<IpNet, AttributeSet> {
        match table {
            Table::V4 => &self.v4,
            Table::V6 => &self.v6,
        }
    }

    fn table_mut(&mut self, table: Table) -> &mut VersionedTable<IpNet, AttributeSet> {
        match table {
            Table::V4 => &mut self.v4,
            Table::V6 => &mut self.v6,
        }
    }
}

/// Of a reader that needs nothing.
fn idle() -> [AtomicU64; 2] {
    [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)]
}

#[cfg(test)]
mod tests;
