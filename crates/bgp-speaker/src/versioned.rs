//! A table whose changes can be pulled by any number of readers, each at its own pace.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Keys with values, and a log in which each key stands once, at the version
/// of its latest change.
///
/// A removed key leaves a tombstone, so that a reader that knows the key hears
/// of the removal. [`forget_tombstones`](Self::forget_tombstones) drops those
/// that no reader needs any more.
#[derive(Debug)]
pub(crate) struct VersionedTable<K, V> {
    entries: BTreeMap<K, Entry<V>>,
    log: BTreeMap<u64, K>,
    tombstones: BTreeSet<u64>,
}

/// One line of the change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change<K, V> {
    /// When the key last changed.
    pub(crate) version: u64,
    /// The key.
    pub(crate) key: K,
    /// Its value now; `None` once it was removed.
    pub(crate) value: Option<V>,
}

impl<K: Copy + Ord, V> VersionedTable<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            log: BTreeMap::new(),
            tombstones: BTreeSet::new(),
        }
    }

    /// The value of `key`, if it has one.
    pub(crate) fn value(&self, key: &K) -> Option<&V> {
        self.entries.get(key)?.value.as_ref()
    }

    /// Sets or removes `key` at `version`, which must be higher than any used
    /// before, and returns the value it replaces.
    pub(crate) fn set(&mut self, version: u64, key: K, value: Option<V>) -> Option<V> {
        let removed = value.is_none();
        let entry = Entry { version, value };
        let replaced = self.entries.insert(key, entry);
        if let Some(old) = &replaced {
            self.log.remove(&old.version);
            self.tombstones.remove(&old.version);
        }
        self.log.insert(version, key);
        if removed {
            self.tombstones.insert(version);
        }
        replaced.and_then(|entry| entry.value)
    }

    /// Everything that changed after `version`, oldest first.
    pub(crate) fn changes_after(&self, version: u64) -> impl Iterator<Item = Change<K, &V>> {
        self.log
            .range((Bound::Excluded(version), Bound::Unbounded))
            .map(|(version, key)| Change {
                version: *version,
                key: *key,
                value: self.entries.get(key).and_then(|e| e.value.as_ref()),
            })
    }

    /// Drops tombstones up to and including `version`: every reader has
    /// passed it, or began after it.
    pub(crate) fn forget_tombstones(&mut self, version: u64) {
        while let Some(oldest) = self.tombstones.first().copied().filter(|t| *t <= version) {
            self.tombstones.remove(&oldest);
            if let Some(key) = self.log.remove(&oldest) {
                self.entries.remove(&key);
            }
        }
    }
}

#[derive(Debug)]
struct Entry<V> {
    version: u64,
    value: Option<V>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulled(table: &VersionedTable<u8, char>, after: u64) -> Vec<(u64, u8, Option<char>)> {
        table
            .changes_after(after)
            .map(|c| (c.version, c.key, c.value.copied()))
            .collect()
    }

    #[test]
    fn a_key_stands_once_in_the_log_at_its_latest_version() {
        let mut table = VersionedTable::new();
        table.set(1, 10, Some('a'));
        table.set(2, 11, Some('b'));
        table.set(3, 10, Some('c'));
        assert_eq!(pulled(&table, 0), [(2, 11, Some('b')), (3, 10, Some('c'))]);
        assert_eq!(pulled(&table, 2), [(3, 10, Some('c'))]);
        assert_eq!(pulled(&table, 3), []);
    }

    #[test]
    fn a_removal_is_heard_until_its_tombstone_is_forgotten() {
        let mut table = VersionedTable::new();
        table.set(1, 10, Some('a'));
        assert_eq!(table.set(2, 10, None), Some('a'));
        assert_eq!(pulled(&table, 1), [(2, 10, None)]);
        table.forget_tombstones(1);
        assert_eq!(pulled(&table, 0), [(2, 10, None)]);
        table.forget_tombstones(2);
        assert_eq!(pulled(&table, 0), []);
        assert!(table.entries.is_empty());
    }

    #[test]
    fn a_key_set_again_has_no_tombstone_left() {
        let mut table = VersionedTable::new();
        table.set(1, 10, Some('a'));
        table.set(2, 10, None);
        table.set(3, 10, Some('b'));
        table.forget_tombstones(5);
        assert_eq!(pulled(&table, 0), [(3, 10, Some('b'))]);
    }
}
