use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What a reader has been told, and how it reads on.
#[derive(Debug)]
struct Reader {
    known: u64,
    walk: Option<Walk>,
    told: BTreeMap<u8, SetId>,
}

impl Reader {
    fn read(&mut self, table: &RouteTable<u8>, version: u64, limit: usize) {
        let told = &mut self.told;
        let tell = |prefix, set: Option<SetId>| {
            match set {
                Some(set) => told.insert(prefix, set),
                None => told.remove(&prefix),
            };
        };
        if let Some(walk) = &mut self.walk {
            if table.walk(walk, limit, tell).is_some() {
                self.known = walk.until();
                self.walk = None;
            }
        } else {
            let more = table.read_log(self.known, limit, tell);
            self.known = more.unwrap_or(version);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Change(u8, Option<SetId>),
    Read(usize, usize),
    StartOver(usize),
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..12u8, prop::option::weighted(0.7, 0..4u32)).prop_map(|(prefix, set)| Step::Change(prefix, set)),
        3 => (0..2usize, 1..5usize).prop_map(|(reader, limit)| Step::Read(reader, limit)),
        1 => (0..2usize).prop_map(Step::StartOver),
        1 => Just(Step::Forget),
    ]
}

proptest! {
    /// Whatever changes while they read, and wherever their reading stops.
    #[test]
    fn readers_end_up_knowing_the_table(steps in vec(step(), 0..200)) {
        let mut table = RouteTable::new();
        let mut model = BTreeMap::new();
        let mut version = 0;
        let mut readers = [(); 2].map(|()| Reader {
            known: 0,
            walk: None,
            told: BTreeMap::new(),
        });
        for step in steps {
            match step {
                Step::Change(prefix, set) => {
                    let old = model.get(&prefix).copied();
                    if old == set {
                        continue;
                    }
                    version += 1;
                    table.change(version, prefix, set);
                    match set {
                        Some(set) => model.insert(prefix, set),
                        None => model.remove(&prefix),
                    };
                }
                Step::Read(reader, limit) => readers[reader].read(&table, version, limit),
                Step::StartOver(reader) => {
                    let reader = &mut readers[reader];
                    reader.walk = Some(Walk::new(reader.known, version));
                }
                Step::Forget => {
                    let known = readers.iter().map(|it| it.known).min();
                    table.forget_tombstones(known.unwrap_or(0));
                }
            }
            prop_assert_eq!(table.len(), model.len());
            for prefix in 0..12 {
                prop_assert_eq!(table.set_of(prefix), model.get(&prefix).copied());
            }
        }
        for reader in &mut readers {
            while reader.walk.is_some() || reader.known < version {
                reader.read(&table, version, 3);
            }
            prop_assert_eq!(&reader.told, &model);
        }
        table.forget_tombstones(version);
        prop_assert_eq!(table.by_prefix.len(), model.len());
        prop_assert_eq!(table.log.len(), model.len());
    }
}
