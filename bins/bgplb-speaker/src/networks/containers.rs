//! Which containers there are, and whether they serve.

use std::collections::BTreeMap;

use healthwatch::{Container, ContainerId, Level};

/// Containers by their names.
#[derive(Debug, Default)]
pub(crate) struct Containers {
    by_id: BTreeMap<ContainerId, (String, Level)>,
    by_name: BTreeMap<String, ContainerId>,
    is_listed: bool,
}

impl Containers {
    /// Whether the container of this name serves, and if not, why; `None` while it is
    /// not known which ones there are.
    pub(crate) fn serves(&self, name: &str) -> Option<Result<(), String>> {
        if !self.is_listed {
            return None;
        }
        let id = self.by_name.get(name);
        Some(match id.and_then(|id| self.by_id.get(id)) {
            Some((_, Level::Serving)) => Ok(()),
            Some((_, level)) => Err(format!("the container {name} is {level}")),
            None => Err(format!("there is no container {name}")),
        })
    }

    /// These are all.
    pub(super) fn list(&mut self, containers: Vec<Container>) {
        *self = Self {
            is_listed: true,
            ..Self::default()
        };
        for container in containers {
            self.insert(container);
        }
    }

    /// One that appeared, or was renamed.
    pub(super) fn insert(&mut self, container: Container) {
        let Container {
            id, name, level, ..
        } = container;
        self.remove(&id);
        self.by_name.insert(name.clone(), id.clone());
        self.by_id.insert(id, (name, level));
    }

    /// One that is gone. Another may have its name already.
    pub(super) fn remove(&mut self, id: &ContainerId) {
        let Some((name, _)) = self.by_id.remove(id) else {
            return;
        };
        if self.by_name.get(&name) == Some(id) {
            self.by_name.remove(&name);
        }
    }

    /// One serves, or does not any more.
    pub(super) fn change(&mut self, id: &ContainerId, now: Level) {
        if let Some((_, level)) = self.by_id.get_mut(id) {
            *level = now;
        }
    }
}
