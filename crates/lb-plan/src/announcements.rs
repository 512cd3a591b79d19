//! Merging what several sources want announced.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

/// A change of what the peers should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change<A> {
    /// The prefix is now wanted, or wanted otherwise than before: like this.
    Announce(IpNet, A),
    /// Nobody wants the prefix any more.
    Withdraw(IpNet),
}

/// Which prefixes are wanted, by whom and how.
///
/// `S` names a source: a service, a labelled network; `A` is what is said of a
/// prefix. A prefix is announced while at least one source wants it, and of
/// several the first says how. Every operation costs in proportion to the
/// prefixes of the one source it names, not to the table.
#[derive(Debug)]
pub struct Announcements<S, A> {
    by_source: BTreeMap<S, BTreeSet<IpNet>>,
    wanted: BTreeMap<IpNet, BTreeMap<S, A>>,
}

impl<S, A> Default for Announcements<S, A> {
    fn default() -> Self {
        Self {
            by_source: BTreeMap::new(),
            wanted: BTreeMap::new(),
        }
    }
}

impl<S: Ord + Clone, A: Clone + PartialEq> Announcements<S, A> {
    /// Replaces what `source` wants and says what that changes for the peers.
    ///
    /// An empty `prefixes` forgets the source.
    pub fn set(&mut self, source: S, prefixes: BTreeMap<IpNet, A>) -> Vec<Change<A>> {
        let mut changes = Vec::new();
        let names: BTreeSet<IpNet> = prefixes.keys().copied().collect();
        let old = if names.is_empty() {
            self.by_source.remove(&source)
        } else {
            self.by_source.insert(source.clone(), names)
        };
        for prefix in old.unwrap_or_default() {
            if !prefixes.contains_key(&prefix) {
                changes.extend(self.change(prefix, |wishes| _ = wishes.remove(&source)));
            }
        }
        for (prefix, how) in prefixes {
            changes.extend(self.change(prefix, |wishes| _ = wishes.insert(source.clone(), how)));
        }
        changes
    }

    /// Changes the wishes for one prefix and says what the peers should hear.
    fn change(
        &mut self,
        prefix: IpNet,
        change: impl FnOnce(&mut BTreeMap<S, A>),
    ) -> Option<Change<A>> {
        let wishes = self.wanted.entry(prefix).or_default();
        let before = wishes.values().next().cloned();
        change(wishes);
        match wishes.values().next() {
            None => {
                self.wanted.remove(&prefix);
                before.map(|_| Change::Withdraw(prefix))
            }
            now if now == before.as_ref() => None,
            Some(now) => Some(Change::Announce(prefix, now.clone())),
        }
    }

    /// Whether `prefix` is wanted by anybody.
    #[must_use]
    pub fn is_wanted(&self, prefix: IpNet) -> bool {
        self.wanted.contains_key(&prefix)
    }

    /// How `prefix` is wanted, if anybody wants it.
    #[must_use]
    pub fn get(&self, prefix: IpNet) -> Option<&A> {
        self.wanted.get(&prefix)?.values().next()
    }

    /// Whether `source` wants `prefix`.
    #[must_use]
    pub fn wants(&self, source: &S, prefix: IpNet) -> bool {
        let wanted = self.by_source.get(source);
        wanted.is_some_and(|prefixes| prefixes.contains(&prefix))
    }

    /// The sources that want something, in order.
    pub fn sources(&self) -> impl Iterator<Item = &S> {
        self.by_source.keys()
    }

    /// Every wanted prefix, in order, and how it is wanted.
    pub fn iter(&self) -> impl Iterator<Item = (IpNet, &A)> + '_ {
        let wanted = self.wanted.iter();
        wanted.filter_map(|(prefix, wishes)| Some((*prefix, wishes.values().next()?)))
    }

    /// Every wanted prefix, in order.
    pub fn prefixes(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.wanted.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use ipnet::IpNet;
    use proptest::prelude::*;

    use super::{Announcements, Change};

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn a_prefix_wanted_twice_is_withdrawn_only_when_the_last_source_lets_go() {
        let prefix = net("10.0.0.101/32");
        let wish = |how| BTreeMap::from([(prefix, how)]);
        let mut table = Announcements::default();
        assert_eq!(table.set("web", wish(1)), [Change::Announce(prefix, 1)]);
        // The first source says how it is announced.
        assert_eq!(table.set("xyz", wish(2)), []);
        assert_eq!(table.set("label", wish(3)), [Change::Announce(prefix, 3)]);
        assert_eq!(
            table.set("label", BTreeMap::new()),
            [Change::Announce(prefix, 1)]
        );
        assert_eq!(table.iter().collect::<Vec<_>>(), [(prefix, &1)]);
        assert_eq!(
            table.set("web", BTreeMap::new()),
            [Change::Announce(prefix, 2)]
        );
        assert!(table.is_wanted(prefix));
        assert_eq!(
            table.set("xyz", BTreeMap::new()),
            [Change::Withdraw(prefix)]
        );
        assert!(!table.is_wanted(prefix));
        assert_eq!(table.sources().count(), 0);
    }

    #[test]
    fn setting_the_same_again_changes_nothing_and_another_value_does() {
        let wishes =
            |how| BTreeMap::from([(net("10.0.0.1/32"), how), (net("2001:db8::1/128"), how)]);
        let mut table = Announcements::default();
        assert_eq!(table.set(1, wishes(1)).len(), 2);
        assert_eq!(table.set(1, wishes(1)), []);
        assert_eq!(table.set(1, wishes(2)).len(), 2);
    }

    proptest! {
        /// Replaying the changes gives exactly the union of what is wanted,
        /// each prefix as the first source wants it.
        #[test]
        fn changes_add_up_to_the_union(
            steps in proptest::collection::vec(
                (0u8..4, proptest::collection::btree_map(0u8..6, 0u8..3, 0..4)),
                0..40,
            )
        ) {
            let mut table = Announcements::default();
            let mut peers: BTreeMap<IpNet, u8> = BTreeMap::new();
            let mut model: BTreeMap<u8, BTreeMap<IpNet, u8>> = BTreeMap::new();
            for (source, hosts) in steps {
                let wishes: BTreeMap<IpNet, u8> =
                    hosts.iter().map(|(h, how)| (net(&format!("10.0.0.{h}/32")), *how)).collect();
                model.insert(source, wishes.clone());
                for change in table.set(source, wishes) {
                    match change {
                        Change::Announce(p, how) => prop_assert_ne!(peers.insert(p, how), Some(how)),
                        Change::Withdraw(p) => prop_assert!(peers.remove(&p).is_some()),
                    }
                }
                let mut union = BTreeMap::new();
                for (prefix, how) in model.values().flatten() {
                    union.entry(*prefix).or_insert(*how);
                }
                prop_assert_eq!(table.prefixes().collect::<BTreeSet<_>>(), union.keys().copied().collect());
                prop_assert_eq!(&peers, &union);
            }
        }
    }
}
