//! What Docker says of containers, by endpoint: healthwatch's observations in
//! the words of `lb-plan`.

use std::collections::{BTreeMap, BTreeSet};

use healthwatch::{Container, Level, Reason};
use lb_plan::{Health, NotServing};

/// The containers Docker has, as far as they hold endpoints.
#[derive(Debug, Default)]
pub(crate) struct Containers {
    by_id: BTreeMap<String, Entry>,
    holder: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    health: Health,
    endpoints: BTreeSet<String>,
}

impl Containers {
    /// Replaces everything and returns the endpoints of the old and the new.
    pub(crate) fn replace(&mut self, containers: &[Container]) -> BTreeSet<String> {
        let mut touched: BTreeSet<String> = self.holder.keys().cloned().collect();
        self.by_id.clear();
        self.holder.clear();
        for container in containers {
            touched.extend(self.insert(container));
        }
        touched
    }

    /// Adds or replaces one container and returns the endpoints concerned.
    pub(crate) fn insert(&mut self, container: &Container) -> BTreeSet<String> {
        let id = container.id.to_string();
        let mut touched = self.remove(&id);
        let endpoints: BTreeSet<String> = container
            .endpoints
            .iter()
            .map(|attachment| attachment.endpoint_id.clone())
            .filter(|endpoint| !endpoint.is_empty())
            .collect();
        for endpoint in &endpoints {
            self.holder.insert(endpoint.clone(), id.clone());
        }
        touched.extend(endpoints.iter().cloned());
        self.by_id.insert(
            id,
            Entry {
                name: container.name.clone(),
                health: health(container.level),
                endpoints,
            },
        );
        touched
    }

    /// Sets one container's level and returns the endpoints concerned.
    pub(crate) fn set_level(&mut self, container: &str, level: Level) -> BTreeSet<String> {
        match self.by_id.get_mut(container) {
            Some(entry) => {
                entry.health = health(level);
                entry.endpoints.clone()
            }
            None => BTreeSet::new(),
        }
    }

    /// Forgets one container and returns the endpoints it held.
    pub(crate) fn remove(&mut self, container: &str) -> BTreeSet<String> {
        let Some(entry) = self.by_id.remove(container) else {
            return BTreeSet::new();
        };
        for endpoint in &entry.endpoints {
            if self.holder.get(endpoint).is_some_and(|h| h == container) {
                self.holder.remove(endpoint);
            }
        }
        entry.endpoints
    }

    /// The endpoints a container holds.
    pub(crate) fn endpoints(&self, container: &str) -> BTreeSet<String> {
        self.by_id
            .get(container)
            .map(|entry| entry.endpoints.clone())
            .unwrap_or_default()
    }

    /// What the endpoint's container says of itself.
    pub(crate) fn health(&self, endpoint: &str) -> Health {
        self.entry(endpoint)
            .map_or(Health::Unknown, |(_, entry)| entry.health)
    }

    /// What a container says of itself.
    pub(crate) fn health_of(&self, container: &str) -> Option<Health> {
        self.by_id.get(container).map(|entry| entry.health)
    }

    /// What every container says of itself, by its id.
    pub(crate) fn healths(&self) -> BTreeMap<String, Health> {
        let all = self.by_id.iter();
        all.map(|(id, entry)| (id.clone(), entry.health)).collect()
    }

    /// The container's name for logs, its id for Docker.
    pub(crate) fn container(&self, endpoint: &str) -> Option<(&str, &str)> {
        self.entry(endpoint)
            .map(|(id, entry)| (id, entry.name.as_str()))
    }

    fn entry(&self, endpoint: &str) -> Option<(&str, &Entry)> {
        let id = self.holder.get(endpoint)?;
        self.by_id.get(id).map(|entry| (id.as_str(), entry))
    }
}

/// Docker's level in the planner's words.
const fn health(level: Level) -> Health {
    match level {
        Level::Serving => Health::Serving,
        Level::NotServing(Reason::Starting) => Health::NotServing(NotServing::Starting),
        Level::NotServing(Reason::Unhealthy) => Health::NotServing(NotServing::Unhealthy),
        Level::NotServing(Reason::Paused) => Health::NotServing(NotServing::Paused),
        // Levels and reasons will grow; what is not known to serve does not.
        _ => Health::NotServing(NotServing::Stopped),
    }
}
