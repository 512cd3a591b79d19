//! The table against a model that keeps everything as it was said and decides
//! anew each time.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use bgp_wire::{AsPath, Asn, Origin, PathAttributes, SessionKind};
use proptest::prelude::*;

use super::*;
use crate::BesideBest;

/// What the test does.
#[derive(Clone, Debug)]
enum Step {
    Announce(Arc<Path>, Vec<IpNet>),
    Withdraw(usize, Vec<IpNet>),
    /// What the peer has announced so far has to be repeated.
    Mark(usize),
    /// What it has not repeated goes.
    Sweep(usize),
    Lose(usize),
    /// Of what the peer has announced the prefixes with such numbers go.
    Refuse(usize, u8),
    Reachable(BTreeMap<IpAddr, u32>),
    /// The reader takes so many changes.
    Read(usize),
    /// A reader begins in the place of the other.
    Subscribe,
    /// Selections of this table are held back no longer.
    Release(Table),
}

const PEERS: usize = 4;

fn hop(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

fn path() -> impl Strategy<Value = Path> {
    let asns = prop_oneof![
        Just(vec![1, 9]),
        Just(vec![2, 9]),
        Just(vec![1, 8]),
        Just(vec![3]),
    ];
    let origin = prop_oneof![4 => Just(Origin::Igp), 1 => Just(Origin::Incomplete)];
    let numbers = (
        0..PEERS,
        0..3_u8,
        prop_oneof![4 => Just(100_u32), 1 => Just(200)],
    );
    (numbers, asns, origin, prop::option::of(0..2_u32), 0..4_u8).prop_map(
        |((peer, by, local_pref), asns, origin, med, inside)| {
            let address = Ipv4Addr::new(198, 51, 100, u8::try_from(peer).unwrap());
            let asns = asns.into_iter().map(Asn::new);
            Path {
                peer,
                session: match inside {
                    0 => SessionKind::Internal,
                    _ => SessionKind::External,
                },
                next_hop: hop(by),
                local_pref,
                neighbour: asns.clone().next(),
                identifier: address.into(),
                peer_address: address.into(),
                attributes: PathAttributes {
                    as_path: AsPath::sequence(asns),
                    origin,
                    med,
                    ..PathAttributes::originated()
                },
                rate: None,
                interface: None,
                epoch: 0,
            }
        },
    )
}

fn prefixes() -> impl Strategy<Value = Vec<IpNet>> {
    let prefix = (0..6_u8).prop_map(|number| match number {
        0..4 => IpNet::new([10, 0, number, 0].into(), 24).unwrap(),
        _ => format!("2001:db8:{number}::/48").parse().unwrap(),
    });
    prop::collection::vec(prefix, 0..5)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (path(), prefixes()).prop_map(|(path, prefixes)| Step::Announce(Arc::new(path), prefixes)),
        4 => (0..PEERS, prefixes()).prop_map(|(peer, prefixes)| Step::Withdraw(peer, prefixes)),
        1 => (0..PEERS).prop_map(Step::Mark),
        1 => (0..PEERS).prop_map(Step::Sweep),
        1 => (0..PEERS).prop_map(Step::Lose),
        1 => (0..PEERS, 1..3_u8).prop_map(|(peer, bit)| Step::Refuse(peer, bit)),
        1 => prop::collection::btree_map((0..3_u8).prop_map(hop), 0..2_u32, 0..4)
            .prop_map(Step::Reachable),
        4 => (0..4_usize).prop_map(Step::Read),
        1 => Just(Step::Subscribe),
        1 => prop_oneof![Just(Table::V4), Just(Table::V6)].prop_map(Step::Release),
    ]
}

/// Whether the first path is better than the second by one of the steps.
type Beats<'a> = dyn Fn(&Path, &Path) -> bool + 'a;

/// Everything that was said and holds.
#[derive(Default)]
struct Model {
    /// With the generation of each candidate, in the order of announcement.
    candidates: BTreeMap<IpNet, Vec<(Path, u32)>>,
    generations: [u32; PEERS],
    reachable: Option<BTreeMap<IpAddr, u32>>,
    multipath: Multipath,
    /// The tables that are held back.
    held: Vec<Table>,
}

impl Model {
    fn take_out(&mut self, which: impl Fn(&IpNet, &Path, u32) -> bool) -> usize {
        let before: usize = self.candidates.values().map(Vec::len).sum();
        for (prefix, paths) in &mut self.candidates {
            paths.retain(|(path, generation)| !which(prefix, path, *generation));
        }
        self.candidates.retain(|_, paths| !paths.is_empty());
        before - self.candidates.values().map(Vec::len).sum::<usize>()
    }

    fn metric(&self, path: &Path) -> Option<u32> {
        match &self.reachable {
            Some(reachable) => reachable.get(&path.next_hop).copied(),
            None => Some(0),
        }
    }

    /// The decision process, one step of RFC 4271 section 9.1.2 after the
    /// other: a path stays while no other one beats it.
    fn next_hops(&self, paths: &[(Path, u32)]) -> Vec<IpAddr> {
        let mut left: Vec<&Path> = paths.iter().map(|(path, _)| path).collect();
        left.retain(|path| self.metric(path).is_some());
        let med = |path: &Path| path.attributes.med.unwrap_or(0);
        let beats: [&Beats<'_>; 6] = [
            &|a, b| a.local_pref > b.local_pref,
            &|a, b| a.attributes.as_path.path_len() < b.attributes.as_path.path_len(),
            &|a, b| a.attributes.origin < b.attributes.origin,
            &|a, b| a.neighbour == b.neighbour && med(a) < med(b),
            &|a, b| (a.session, b.session) == (SessionKind::External, SessionKind::Internal),
            &|a, b| self.metric(a) < self.metric(b),
        ];
        for beats in beats {
            let all = left.clone();
            left.retain(|path| !all.iter().any(|other| beats(other, path)));
        }
        let Some(best) = left.iter().copied().min_by_key(|path| path.identifier) else {
            return Vec::new();
        };
        let beside = |path: &&&Path| match (best.session, self.multipath.beside_best) {
            (SessionKind::Internal, _) if !self.multipath.internal => path.peer == best.peer,
            (_, BesideBest::SameLength) => true,
            (_, BesideBest::SamePath) => path.attributes.as_path == best.attributes.as_path,
        };
        let hops: BTreeSet<_> = left
            .iter()
            .filter(beside)
            .map(|path| path.next_hop)
            .collect();
        hops.into_iter()
            .take(self.multipath.max_next_hops)
            .collect()
    }

    fn selected(&self) -> BTreeMap<IpNet, Vec<IpAddr>> {
        let all = self.candidates.iter();
        all.filter(|(prefix, _)| !self.held.contains(&table_of(prefix)))
            .map(|(prefix, paths)| (*prefix, self.next_hops(paths)))
            .filter(|(_, next_hops)| !next_hops.is_empty())
            .collect()
    }
}

fn table_of(prefix: &IpNet) -> Table {
    match prefix {
        IpNet::V4(_) => Table::V4,
        IpNet::V6(_) => Table::V6,
    }
}

/// The table, what a reader knows of it, and the model.
struct World {
    shared: Arc<LearnedShared>,
    reader: LearnedRoutes,
    known: BTreeMap<IpNet, Vec<IpAddr>>,
    model: Model,
}

impl World {
    fn new(multipath: Multipath, held: bool) -> Self {
        let shared = Arc::new(LearnedShared::new(multipath, false, held));
        Self {
            reader: shared.subscribe(),
            shared,
            known: BTreeMap::new(),
            model: Model {
                multipath,
                held: if held {
                    vec![Table::V4, Table::V6]
                } else {
                    Vec::new()
                },
                ..Model::default()
            },
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Announce(path, prefixes) => self.announce(&path, &prefixes),
            Step::Withdraw(peer, prefixes) => {
                let gone = self.shared.withdraw(peer, prefixes.iter().copied());
                let of_peer =
                    |prefix: &IpNet, path: &Path, _| path.peer == peer && prefixes.contains(prefix);
                assert_eq!(gone.v4 + gone.v6, self.model.take_out(of_peer));
            }
            Step::Mark(peer) => self.model.generations[peer] += 1,
            Step::Sweep(peer) => self.take_back(peer, Some(self.model.generations[peer])),
            Step::Lose(peer) => self.take_back(peer, None),
            Step::Refuse(peer, bit) => self.refuse(peer, bit),
            Step::Reachable(metrics) => {
                self.model.reachable = Some(metrics.clone());
                self.shared.set_reachable(Arc::new(metrics));
            }
            Step::Read(most) => self.read(most),
            Step::Subscribe => {
                self.reader = self.shared.subscribe();
                self.known.clear();
            }
            Step::Release(table) => {
                self.shared.release(table);
                self.model.held.retain(|it| *it != table);
            }
        }
    }

    fn announce(&mut self, path: &Arc<Path>, prefixes: &[IpNet]) {
        let generation = self.model.generations[path.peer];
        let mut new = 0;
        for prefix in prefixes {
            let paths = self.model.candidates.entry(*prefix).or_default();
            let before = paths.len();
            paths.retain(|(old, _)| old.peer != path.peer);
            new += usize::from(paths.len() == before);
            paths.push(((**path).clone(), generation));
        }
        let announced = prefixes.iter().copied();
        // Equal paths are the same, wherever they come from.
        let path = Arc::new((**path).clone());
        let more = self.shared.announce(&path, announced, |_| generation);
        assert_eq!(more.v4 + more.v6, new);
    }

    fn take_back(&mut self, peer: usize, before: Option<u32>) {
        // In pieces, as for a table of any size.
        let mut gone = 0;
        for table in [Table::V4, Table::V6] {
            while self.shared.take_back(peer, table, before, 1) == 1 {
                gone += 1;
            }
        }
        let stale = |_: &IpNet, path: &Path, generation| {
            path.peer == peer && before.is_none_or(|before| generation < before)
        };
        assert_eq!(gone, self.model.take_out(stale));
    }

    fn refuse(&mut self, peer: usize, bit: u8) {
        let refused = |prefix: IpNet| match prefix {
            IpNet::V4(prefix) => prefix.network().octets()[2] & bit != 0,
            IpNet::V6(prefix) => prefix.network().octets()[5] & bit != 0,
        };
        let mut gone = 0;
        for table in [Table::V4, Table::V6] {
            let mut walk = Walk::Begin;
            let shared = &self.shared;
            while let Some(more) = shared.take_back_where(peer, table, &mut walk, 2, refused) {
                gone += more;
            }
        }
        let of_peer = |prefix: &IpNet, path: &Path, _| path.peer == peer && refused(*prefix);
        assert_eq!(gone, self.model.take_out(of_peer));
    }

    fn read(&mut self, most: usize) {
        for _ in 0..most {
            let Some(change) = self.reader.try_recv() else {
                return;
            };
            let next_hops: Vec<_> = change.next_hops.iter().map(|it| it.address).collect();
            match next_hops.is_empty() {
                true => self.known.remove(&change.prefix),
                false => self.known.insert(change.prefix, next_hops),
            };
        }
    }

    /// The table has what the model has.
    fn check(&self) {
        let mut candidates = BTreeMap::new();
        let mut selected = BTreeMap::new();
        let mut from = Bound::Unbounded;
        loop {
            let mut last = None;
            self.shared.page(from, 2, |prefix, paths, choice, used| {
                last = Some(prefix);
                let paths: Vec<_> = paths.iter().map(|path| (**path).clone()).collect();
                candidates.insert(prefix, paths);
                assert_eq!(choice.is_some(), !used.is_empty());
                let used: Vec<_> = used.iter().map(|it| it.address).collect();
                if !used.is_empty() {
                    selected.insert(prefix, used);
                }
            });
            match last {
                Some(last) => from = Bound::Excluded(last),
                None => break,
            }
        }
        let paths = |paths: &Vec<(Path, _)>| paths.iter().map(|it| it.0.clone()).collect();
        let said: BTreeMap<IpNet, Vec<Path>> = self
            .model
            .candidates
            .iter()
            .map(|(prefix, all)| (*prefix, paths(all)))
            .collect();
        assert_eq!(candidates, said);
        assert_eq!(selected, self.model.selected());
        let hops: BTreeSet<_> = said.values().flatten().map(|path| path.next_hop).collect();
        assert_eq!(**self.shared.next_hops().borrow(), hops);
    }
}

proptest! {
    #[test]
    fn the_table_agrees_with_a_model_of_the_decision_process(
        steps in prop::collection::vec(step(), 1..60),
        same_path in any::<bool>(),
        max_next_hops in 1..4_usize,
        internal in any::<bool>(),
        held in any::<bool>(),
    ) {
        let beside_best = match same_path {
            true => BesideBest::SamePath,
            false => BesideBest::SameLength,
        };
        let mut world = World::new(Multipath { beside_best, max_next_hops, internal }, held);
        for step in steps {
            world.take(step);
            world.check();
        }
        world.read(usize::MAX);
        prop_assert_eq!(&world.known, &world.model.selected());
        // Nothing is kept of what is gone and was heard of, or never told.
        for peer in 0..PEERS {
            world.take(Step::Lose(peer));
        }
        world.read(usize::MAX);
        prop_assert!(world.known.is_empty());
        prop_assert!(world.shared.lock().is_empty());
    }
}
