//! What is known to be ours without a look.

use std::collections::{BTreeMap, BTreeSet};

use crate::next_hop::{NextHopId, NextHopObject};
use crate::observed::Observed;
use crate::route::{RouteKey, RouteSpec};

/// Routes of their protocol as far as made or observed here, which may be
/// replaced without a look; and by which next hops they may go away.
#[derive(Default)]
pub(super) struct Known {
    routes: BTreeSet<RouteKey>,
    by_object: BTreeMap<NextHopId, BTreeSet<RouteKey>>,
    groups: BTreeMap<NextHopId, BTreeSet<NextHopId>>,
}

impl Known {
    /// All that was observed, and nothing else.
    pub(super) fn observed(observed: &Observed) -> Self {
        let mut known = Self::default();
        for route in observed.routes.values() {
            known.insert_route(route);
        }
        for next_hop in observed.next_hops.values() {
            known.insert_next_hop(next_hop);
        }
        known
    }

    pub(super) fn has_route(&self, key: &RouteKey) -> bool {
        self.routes.contains(key)
    }

    pub(super) fn insert_route(&mut self, route: &RouteSpec) {
        let key = route.key();
        self.routes.insert(key);
        if let Some(object) = route.next_hops.object() {
            self.by_object.entry(object).or_default().insert(key);
        }
    }

    pub(super) fn remove_route(&mut self, key: &RouteKey) {
        self.routes.remove(key);
    }

    pub(super) fn insert_next_hop(&mut self, next_hop: &NextHopObject) {
        let members: BTreeSet<NextHopId> = next_hop.members().collect();
        if !members.is_empty() {
            self.groups.insert(next_hop.id, members);
        }
    }

    /// Routes go with their next hop, and groups with their last member.
    pub(super) fn remove_next_hop(&mut self, id: NextHopId) {
        self.groups.remove(&id);
        let mut gone = vec![id];
        self.groups.retain(|group, members| {
            members.remove(&id);
            if members.is_empty() {
                gone.push(*group);
            }
            !members.is_empty()
        });
        for route in gone
            .iter()
            .filter_map(|id| self.by_object.remove(id))
            .flatten()
        {
            // It may have other next hops by now; then it is looked at once.
            self.routes.remove(&route);
        }
    }

    /// Links went, and who knows what with them.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Known;
    use crate::next_hop::{NextHopId, NextHopKind, NextHopObject, ResilientGroup};
    use crate::route::{NextHops, RouteSpec};

    #[test]
    fn a_route_is_unknown_once_its_group_has_lost_its_last_member() {
        let id = NextHopId::new;
        let group = ResilientGroup {
            members: vec![(id(1), 1), (id(2), 1)],
            buckets: 8,
            idle_time: Duration::ZERO,
            unbalanced_time: Duration::ZERO,
        };
        let route =
            |net: &str, hop| RouteSpec::new(net.parse().unwrap(), NextHops::by_object(id(hop)));
        let (by_group, other) = (route("10.0.0.1/32", 9), route("10.0.0.2/32", 3));
        let mut known = Known::default();
        known.insert_next_hop(&NextHopObject::new(id(9), NextHopKind::Resilient(group)));
        known.insert_route(&by_group);
        known.insert_route(&other);
        known.remove_next_hop(id(1));
        assert!(known.has_route(&by_group.key()));
        known.remove_next_hop(id(2));
        assert!(!known.has_route(&by_group.key()));
        assert!(known.has_route(&other.key()), "others are no concern");
        known.remove_next_hop(id(3));
        assert!(!known.has_route(&other.key()));
    }
}
