//! The attribute sets in use, each kept once.

use std::collections::HashMap;
use std::sync::Arc;

use bgp_wire::PathAttributes;

use super::table::SetId;

/// Attribute sets with numbers, and how many routes have each.
///
/// A number is used again once its set is gone.
#[derive(Debug, Default)]
pub(super) struct AttributeSets {
    ids: HashMap<Arc<PathAttributes>, SetId>,
    sets: Vec<Set>,
    unused: Vec<SetId>,
}

#[derive(Debug)]
struct Set {
    /// `None` while the number is unused.
    attributes: Option<Arc<PathAttributes>>,
    routes: usize,
}

impl AttributeSets {
    pub(super) fn get(&self, id: SetId) -> Option<&Arc<PathAttributes>> {
        self.sets.get(id as usize)?.attributes.as_ref()
    }

    /// The number of `attributes`, for one more route.
    pub(super) fn take(&mut self, attributes: &Arc<PathAttributes>) -> SetId {
        if let Some(id) = self.ids.get(attributes).copied() {
            if let Some(set) = self.sets.get_mut(id as usize) {
                set.routes += 1;
            }
            return id;
        }
        let set = Set {
            attributes: Some(Arc::clone(attributes)),
            routes: 1,
        };
        let id = match self.unused.pop() {
            Some(id) => {
                if let Some(unused) = self.sets.get_mut(id as usize) {
                    *unused = set;
                }
                id
            }
            None => {
                self.sets.push(set);
                // Memory ends long before the numbers do.
                SetId::try_from(self.sets.len() - 1).unwrap_or(SetId::MAX)
            }
        };
        self.ids.insert(Arc::clone(attributes), id);
        id
    }

    /// One route less has the set `id`.
    pub(super) fn release(&mut self, id: SetId) {
        let Some(set) = self.sets.get_mut(id as usize) else {
            return;
        };
        set.routes -= 1;
        if set.routes == 0 {
            if let Some(attributes) = set.attributes.take() {
                self.ids.remove(&attributes);
            }
            self.unused.push(id);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }
}
