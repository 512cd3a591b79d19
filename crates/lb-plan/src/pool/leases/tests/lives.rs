//! The lives of many networks: created, removed, half made, forgotten, with the
//! program ended and begun again at any time.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What may happen.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Docker makes a network; it may end half made, its requests not given back.
    Create {
        families: Families,
        chosen: Option<u8>,
        ends: Ends,
    },
    /// Docker removes a network; the words of it may be lost.
    Remove {
        which: prop::sample::Index,
        heard: bool,
    },
    /// Docker's list comes, this many seconds after the event before.
    List { after: u64 },
    /// The program is ended and begins with what it wrote down.
    Restart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Families {
    V4,
    V6,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Made,
    /// On this host it is only managed.
    Elsewhere,
    GivenBack,
    Leaked,
}

fn event() -> impl Strategy<Value = Event> {
    let families = prop_oneof![Just(Families::V4), Just(Families::V6), Just(Families::Both)];
    let ends = prop_oneof![6 => Just(Ends::Made), 1 => Just(Ends::Elsewhere), 1 => Just(Ends::GivenBack), 1 => Just(Ends::Leaked)];
    let chosen = prop::option::weighted(0.2, 30..34_u8);
    let create = (families, chosen, ends).prop_map(|(families, chosen, ends)| Event::Create {
        families,
        chosen,
        ends,
    });
    let remove = (any::<prop::sample::Index>(), prop::bool::weighted(0.8))
        .prop_map(|(which, heard)| Event::Remove { which, heard });
    prop_oneof![
        5 => create,
        4 => remove,
        2 => (0..90_u64).prop_map(|after| Event::List { after }),
        1 => Just(Event::Restart),
    ]
}

/// Docker and the plugin around the leases.
struct World {
    leases: Leases,
    scope: PoolScope,
    now: Instant,
    /// Docker's networks.
    docker: BTreeMap<u32, BTreeSet<IpAddr>>,
    /// The plugin's; those Docker has no more are forgotten at the next list.
    plugin: BTreeMap<u32, BTreeSet<IpAddr>>,
    next: u32,
}

impl World {
    fn new(scope: PoolScope) -> Self {
        Self {
            leases: leases(scope),
            scope,
            now: Instant::now_for_tests(),
            docker: BTreeMap::new(),
            plugin: BTreeMap::new(),
            next: 0,
        }
    }

    fn ask(&mut self, ask: Ask<'_>) -> Option<IpAddr> {
        match self.leases.ask(&ask, self.now) {
            Ok(Lease::Address(address)) => Some(address),
            Ok(Lease::Later(at)) => {
                self.now = at;
                self.ask(ask)
            }
            Ok(Lease::NoIpv4) | Err(_) => None,
        }
    }

    /// Nobody has what is given out automatically.
    fn assert_free(&self, address: IpAddr) {
        for (id, addresses) in self.docker.iter().chain(&self.plugin) {
            assert!(!addresses.contains(&address), "{address} is network {id}'s");
        }
    }

    fn create(&mut self, families: Families, chosen: Option<u8>, ends: Ends) {
        let chosen = chosen.map(|last| ip(&format!("192.168.0.{last}")));
        let mut got = BTreeSet::new();
        let mut complete = true;
        if families != Families::V6 {
            match self.ask(Ask {
                given: chosen,
                ..v4("web")
            }) {
                Some(address) => _ = got.insert(address),
                None => complete = false,
            }
        }
        if complete && families != Families::V4 {
            match self.ask(v6("web")) {
                Some(address) => _ = got.insert(address),
                None => complete = false,
            }
        }
        // What a network has, another that chose its address is refused.
        let shared = self.plugin.values().any(|others| !others.is_disjoint(&got));
        if shared {
            assert!(chosen.is_some(), "{got:?} were given out twice");
        } else {
            got.iter().for_each(|address| {
                if chosen.is_none() {
                    self.assert_free(*address);
                }
            });
        }
        if ends == Ends::Leaked {
            return;
        }
        if !complete || shared || ends == Ends::GivenBack || got.is_empty() {
            got.iter().for_each(|address| self.leases.release(*address));
            return;
        }
        if let [IpAddr::V4(v4), IpAddr::V6(v6)] = got.iter().collect::<Vec<_>>()[..] {
            assert_eq!(self.leases.check_pair(*v4, *v6), Ok(()));
        }
        self.docker.insert(self.next, got.clone());
        if ends == Ends::Elsewhere {
            got.iter().for_each(|address| self.leases.settled(*address));
        } else {
            got.iter().for_each(|address| self.leases.hold(*address));
            self.plugin.insert(self.next, got);
        }
        self.next += 1;
    }

    fn remove(&mut self, which: prop::sample::Index, heard: bool) {
        if self.docker.is_empty() {
            return;
        }
        let id = *self
            .docker
            .keys()
            .nth(which.index(self.docker.len()))
            .unwrap();
        let addresses = self.docker.remove(&id).unwrap();
        if heard {
            // Docker gives the addresses back before the network is gone.
            for address in &addresses {
                self.leases.release(*address);
            }
            if self.plugin.contains_key(&id)
                && let Some(other) = self.ask(v4("web"))
            {
                self.assert_free(other);
                self.leases.release(other);
            }
            self.forget(id);
        }
    }

    fn forget(&mut self, id: u32) {
        if let Some(addresses) = self.plugin.remove(&id) {
            addresses
                .iter()
                .for_each(|address| self.leases.let_go(*address));
        }
    }

    fn list(&mut self, after: u64) {
        self.now += Duration::from_secs(after);
        let gone: Vec<u32> = self
            .plugin
            .keys()
            .filter(|id| !self.docker.contains_key(id))
            .copied()
            .collect();
        gone.into_iter().for_each(|id| self.forget(id));
        let listed = self.docker.values().flatten().copied().collect();
        self.leases.compare(&listed, self.now, GRACE);
    }

    fn restart(&mut self) {
        let requests = self.leases.requests();
        self.leases = leases(self.scope);
        self.leases.restore(&requests);
        let held: Vec<IpAddr> = self.plugin.values().flatten().copied().collect();
        held.into_iter()
            .for_each(|address| self.leases.hold(address));
    }
}

proptest! {
    #[test]
    fn no_address_is_two_networks_and_none_is_lost(
        swarm in any::<bool>(),
        events in prop::collection::vec(event(), 0..60),
    ) {
        let scope = if swarm { PoolScope::Swarm } else { PoolScope::Host };
        let mut world = World::new(scope);
        for event in events {
            match event {
                // The hosts of a Swarm need the IPv4 address.
                Event::Create { families: Families::V6, .. } if swarm => {}
                Event::Create { families, chosen, ends } => world.create(families, chosen, ends),
                Event::Remove { which, heard } => world.remove(which, heard),
                Event::List { after } => world.list(after),
                Event::Restart => world.restart(),
            }
        }
        // With all networks gone and that seen twice, everything is free again.
        world.docker.clear();
        world.list(0);
        world.list(GRACE.as_secs());
        prop_assert_eq!(world.leases.requests(), BTreeMap::new());
        let fresh: Vec<_> = (0..4).map(|_| world.ask(v4("web"))).collect();
        let all: Vec<_> = (30..34).map(|last| Some(ip(&format!("192.168.0.{last}")))).collect();
        prop_assert_eq!(fresh, all);
    }
}
