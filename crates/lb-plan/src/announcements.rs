//! Merging what several sources want announced.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

/// A change of what the peers should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The prefix is now wanted.
    Announce(IpNet),
    /// Nobody wants the prefix any more.
    Withdraw(IpNet),
}

/// Which prefixes are wanted, and by whom.
///
/// `S` names a source: a service, a labelled network. A prefix is announced
/// while at least one source wants it. Every operation costs in proportion to
/// the prefixes of the one source it names, not to the table.
#[derive(Debug)]
pub struct Announcements<S> {
    by_source: BTreeMap<S, BTreeSet<IpNet>>,
    wanted: BTreeMap<IpNet, usize>,
}

impl<S> Default for Announcements<S> {
    fn default() -> Self {
        Self {
            by_source: BTreeMap::new(),
            wanted: BTreeMap::new(),
        }
    }
}

impl<S: Ord> Announcements<S> {
    /// Replaces what `source` wants and says what that changes for the peers.
    ///
    /// An empty `prefixes` forgets the source.
    pub fn set(&mut self, source: S, prefixes: BTreeSet<IpNet>) -> Vec<Change> {
        let mut changes = Vec::new();
        for prefix in &prefixes {
            let already = self
                .by_source
                .get(&source)
                .is_some_and(|old| old.contains(prefix));
            if !already {
                let holders = self.wanted.entry(*prefix).or_insert(0);
                *holders += 1;
                if *holders == 1 {
                    changes.push(Change::Announce(*prefix));
                }
            }
        }
        let old = if prefixes.is_empty() {
            self.by_source.remove(&source)
        } else {
            self.by_source.insert(source, prefixes.clone())
        };
        for prefix in old.unwrap_or_default().difference(&prefixes) {
            if let Some(holders) = self.wanted.get_mut(prefix) {
                *holders -= 1;
                if *holders == 0 {
                    self.wanted.remove(prefix);
                    changes.push(Change::Withdraw(*prefix));
                }
            }
        }
        changes
    }

    /// Whether `prefix` is wanted by anybody.
    #[must_use]
    pub fn is_wanted(&self, prefix: IpNet) -> bool {
        self.wanted.contains_key(&prefix)
    }

    /// The sources that want something, in order.
    pub fn sources(&self) -> impl Iterator<Item = &S> {
        self.by_source.keys()
    }

    /// Every wanted prefix, in order.
    pub fn prefixes(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.wanted.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ipnet::IpNet;
    use proptest::prelude::*;

    use super::{Announcements, Change};

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn a_prefix_wanted_twice_is_withdrawn_only_when_the_last_source_lets_go() {
        let prefix = net("10.0.0.101/32");
        let mut table = Announcements::default();
        assert_eq!(
            table.set("web", BTreeSet::from([prefix])),
            [Change::Announce(prefix)]
        );
        assert_eq!(table.set("label", BTreeSet::from([prefix])), []);
        assert_eq!(table.set("web", BTreeSet::new()), []);
        assert!(table.is_wanted(prefix));
        assert_eq!(
            table.set("label", BTreeSet::new()),
            [Change::Withdraw(prefix)]
        );
        assert!(!table.is_wanted(prefix));
        assert_eq!(table.sources().count(), 0);
    }

    #[test]
    fn setting_the_same_again_changes_nothing() {
        let set = BTreeSet::from([net("10.0.0.1/32"), net("2001:db8::1/128")]);
        let mut table = Announcements::default();
        assert_eq!(table.set(1, set.clone()).len(), 2);
        assert_eq!(table.set(1, set), []);
    }

    proptest! {
        /// Replaying the changes gives exactly the union of what is wanted.
        #[test]
        fn changes_add_up_to_the_union(
            steps in proptest::collection::vec((0u8..4, proptest::collection::btree_set(0u8..6, 0..4)), 0..40)
        ) {
            let mut table = Announcements::default();
            let mut peers: BTreeSet<IpNet> = BTreeSet::new();
            let mut model: std::collections::BTreeMap<u8, BTreeSet<IpNet>> = Default::default();
            for (source, hosts) in steps {
                let set: BTreeSet<IpNet> = hosts.iter().map(|h| net(&format!("10.0.0.{h}/32"))).collect();
                model.insert(source, set.clone());
                for change in table.set(source, set) {
                    match change {
                        Change::Announce(p) => prop_assert!(peers.insert(p)),
                        Change::Withdraw(p) => prop_assert!(peers.remove(&p)),
                    }
                }
                let union: BTreeSet<IpNet> = model.values().flatten().copied().collect();
                prop_assert_eq!(&peers, &union);
                prop_assert_eq!(table.prefixes().collect::<BTreeSet<_>>(), union);
            }
        }
    }
}
