//! Which routes the kernel should have, in little memory.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::ops::Bound;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netplumb::{IpFamily, NextHops};

/// Prefixes with their next hops, and what is known of each in the kernel.
/// Sets of next hops are kept once, however many prefixes have them.
#[derive(Debug, Default)]
pub(super) struct Book {
    v4: BTreeMap<Ipv4Net, Entry>,
    v6: BTreeMap<Ipv6Net, Entry>,
    sets: Sets,
}

/// What is known of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// The kernel has a route of ours there, though maybe by other next hops.
    pub(super) in_kernel: bool,
    /// An earlier run left it, and no peer has confirmed it yet.
    pub(super) inherited: bool,
    /// The present look at the kernel has come upon it.
    pub(super) seen: bool,
    /// And it was as it should be.
    pub(super) right: bool,
}

/// A route's set of next hops and its marks, in one number.
#[derive(Clone, Copy, Debug)]
struct Entry(u32);

impl Book {
    /// The next hops of `prefix`, and what is known of its route.
    pub(super) fn get(&self, prefix: &IpNet) -> Option<(&NextHops, Marks)> {
        let entry = self.entry(prefix)?;
        Some((self.sets.get(entry.set())?, entry.marks()))
    }

    /// Enters the route, in place of what was there.
    pub(super) fn insert(&mut self, prefix: IpNet, next_hops: &NextHops, marks: Marks) {
        let entry = Entry::new(self.sets.take(next_hops), marks);
        let old = match prefix {
            IpNet::V4(prefix) => self.v4.insert(prefix, entry),
            IpNet::V6(prefix) => self.v6.insert(prefix, entry),
        };
        if let Some(old) = old {
            self.sets.release(old.set());
        }
    }

    /// Takes the route out, if it is there.
    pub(super) fn remove(&mut self, prefix: &IpNet) {
        let old = match prefix {
            IpNet::V4(prefix) => self.v4.remove(prefix),
            IpNet::V6(prefix) => self.v6.remove(prefix),
        };
        if let Some(old) = old {
            self.sets.release(old.set());
        }
    }

    /// Changes what is known of a route, if it is there.
    pub(super) fn mark(&mut self, prefix: &IpNet, change: impl FnOnce(&mut Marks)) {
        let entry = match prefix {
            IpNet::V4(prefix) => self.v4.get_mut(prefix),
            IpNet::V6(prefix) => self.v6.get_mut(prefix),
        };
        if let Some(entry) = entry {
            entry.change(change);
        }
    }

    /// Changes what is known of every route of a family.
    pub(super) fn mark_all(&mut self, family: IpFamily, change: impl Fn(&mut Marks)) {
        match family {
            IpFamily::V4 => self.v4.values_mut().for_each(|entry| entry.change(&change)),
            IpFamily::V6 => self.v6.values_mut().for_each(|entry| entry.change(&change)),
        }
    }

    /// Takes out the routes of a family with such marks, telling each.
    pub(super) fn remove_where(
        &mut self,
        family: IpFamily,
        which: impl Fn(Marks) -> bool,
        mut tell: impl FnMut(IpNet),
    ) {
        let sets = &mut self.sets;
        let mut keep = |prefix: IpNet, entry: &Entry| {
            let goes = which(entry.marks());
            if goes {
                tell(prefix);
                sets.release(entry.set());
            }
            !goes
        };
        match family {
            IpFamily::V4 => self
                .v4
                .retain(|prefix, entry| keep((*prefix).into(), entry)),
            IpFamily::V6 => self
                .v6
                .retain(|prefix, entry| keep((*prefix).into(), entry)),
        }
    }

    /// The next `most` routes of a family behind `after` that the look at
    /// the kernel has not found as they should be.
    pub(super) fn not_right(
        &self,
        family: IpFamily,
        after: Option<IpNet>,
        most: usize,
    ) -> Vec<(IpNet, NextHops, Marks)> {
        match (family, after) {
            (IpFamily::V4, Some(IpNet::V4(after))) => self.wrong(&self.v4, Some(after), most),
            (IpFamily::V4, _) => self.wrong(&self.v4, None, most),
            (IpFamily::V6, Some(IpNet::V6(after))) => self.wrong(&self.v6, Some(after), most),
            (IpFamily::V6, _) => self.wrong(&self.v6, None, most),
        }
    }

    fn wrong<P: Copy + Ord + Into<IpNet>>(
        &self,
        routes: &BTreeMap<P, Entry>,
        after: Option<P>,
        most: usize,
    ) -> Vec<(IpNet, NextHops, Marks)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let wrong = routes.range((from, Bound::Unbounded));
        let wrong = wrong.filter_map(|(prefix, entry)| {
            let marks = entry.marks();
            let next_hops = self.sets.get(entry.set()).filter(|_| !marks.right)?;
            Some(((*prefix).into(), next_hops.clone(), marks))
        });
        wrong.take(most).collect()
    }

    /// How many routes of a family there are.
    pub(super) fn len(&self, family: IpFamily) -> usize {
        match family {
            IpFamily::V4 => self.v4.len(),
            IpFamily::V6 => self.v6.len(),
        }
    }

    fn entry(&self, prefix: &IpNet) -> Option<Entry> {
        match prefix {
            IpNet::V4(prefix) => self.v4.get(prefix).copied(),
            IpNet::V6(prefix) => self.v6.get(prefix).copied(),
        }
    }
}

impl Entry {
    const IN_KERNEL: u32 = 1;
    const INHERITED: u32 = 2;
    const SEEN: u32 = 4;
    const RIGHT: u32 = 8;
    const BITS: u32 = 4;

    fn new(set: u32, marks: Marks) -> Self {
        let bits = [
            (marks.in_kernel, Self::IN_KERNEL),
            (marks.inherited, Self::INHERITED),
            (marks.seen, Self::SEEN),
            (marks.right, Self::RIGHT),
        ];
        let bits = bits.into_iter().filter(|(is, _)| *is);
        Self(bits.fold(set << Self::BITS, |all, (_, bit)| all | bit))
    }

    const fn set(self) -> u32 {
        self.0 >> Self::BITS
    }

    const fn marks(self) -> Marks {
        Marks {
            in_kernel: self.0 & Self::IN_KERNEL != 0,
            inherited: self.0 & Self::INHERITED != 0,
            seen: self.0 & Self::SEEN != 0,
            right: self.0 & Self::RIGHT != 0,
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Marks)) {
        let mut marks = self.marks();
        change(&mut marks);
        *self = Self::new(self.set(), marks);
    }
}

/// Sets of next hops with numbers, and how many routes have each. A number is
/// used again once its set is gone.
#[derive(Debug, Default)]
struct Sets {
    numbers: HashMap<NextHops, u32>,
    sets: Vec<(NextHops, usize)>,
    unused: Vec<u32>,
}

impl Sets {
    fn get(&self, number: u32) -> Option<&NextHops> {
        self.sets.get(number as usize).map(|(set, _)| set)
    }

    /// The number of the set, for one route more.
    fn take(&mut self, next_hops: &NextHops) -> u32 {
        let known = self.numbers.get(next_hops).copied();
        let number = known.unwrap_or_else(|| {
            let number = self.unused.pop().unwrap_or_else(|| {
                self.sets.push(Default::default());
                // Memory ends long before the numbers do.
                u32::try_from(self.sets.len() - 1).unwrap_or(u32::MAX)
            });
            self.numbers.insert(next_hops.clone(), number);
            number
        });
        if let Some((set, routes)) = self.sets.get_mut(number as usize) {
            if *routes == 0 {
                *set = next_hops.clone();
            }
            *routes += 1;
        }
        number
    }

    /// One route less has the set.
    fn release(&mut self, number: u32) {
        let Some((set, routes)) = self.sets.get_mut(number as usize) else {
            return;
        };
        *routes -= 1;
        if *routes == 0 {
            self.numbers.remove(&mem::take(set));
            self.unused.push(number);
        }
        if self.numbers.is_empty() {
            // Nothing has a number any more.
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use netplumb::NextHopSpec;

    use super::*;

    fn net(number: u8) -> IpNet {
        IpNet::new([10, 0, number, 0].into(), 24).unwrap()
    }

    fn via(number: u8) -> NextHops {
        vec![NextHopSpec::via([192, 0, 2, number].into())].into()
    }

    #[test]
    fn equal_sets_are_kept_once_and_their_numbers_are_used_again() {
        let mut book = Book::default();
        for number in 0..10 {
            book.insert(net(number), &via(number % 2), Marks::default());
        }
        assert_eq!(book.sets.numbers.len(), 2);
        for number in 0..10 {
            assert_eq!(book.get(&net(number)).unwrap().0, &via(number % 2));
            book.insert(net(number), &via(7), Marks::default());
        }
        assert_eq!(book.sets.numbers.len(), 1);
        book.insert(net(1), &via(8), Marks::default());
        assert!(book.sets.sets.len() <= 3);
        (0..10).for_each(|number| book.remove(&net(number)));
        book.remove(&net(1));
        assert!(book.sets.sets.is_empty() && book.sets.unused.is_empty());
    }

    #[test]
    fn marks_of_a_route_change_alone() {
        let mut book = Book::default();
        let inherited = Marks {
            inherited: true,
            ..Marks::default()
        };
        book.insert(net(1), &via(1), inherited);
        book.insert(net(2), &via(2), Marks::default());
        book.mark(&net(1), |marks| marks.right = true);
        book.mark(&net(2), |marks| marks.in_kernel = true);
        let (hops, marks) = book.get(&net(1)).unwrap();
        assert_eq!(hops, &via(1));
        assert!(marks.inherited && marks.right && !marks.in_kernel);
        let in_kernel = Marks {
            in_kernel: true,
            ..Marks::default()
        };
        let wrong = book.not_right(IpFamily::V4, None, 9);
        assert_eq!(wrong, [(net(2), via(2), in_kernel)]);
        assert_eq!(book.not_right(IpFamily::V4, Some(net(2)), 9), []);
        let mut gone = Vec::new();
        let of_before = |marks: Marks| marks.inherited;
        book.remove_where(IpFamily::V4, of_before, |prefix| gone.push(prefix));
        assert_eq!(gone, [net(1)]);
        assert_eq!(book.get(&net(1)), None);
        assert_eq!(book.sets.numbers.len(), 1);
    }
}
