//! What Docker says: the subnets of its networks, which are announced, and whether its
//! containers serve, which is what checks ask.
//!
//! [`Networks`] belongs to the task that owns the configuration. While Docker cannot be
//! reached, what is known is held.

mod containers;
mod subnets;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use healthwatch::{Network, Observation};
use ipnet::IpNet;
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

pub(crate) use self::containers::Containers;
use self::subnets::Subnets;
use crate::announcing::{Announcing, Route, Source};
use crate::config::DockerSettings;

/// What is known of an engine.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    /// `None` if no engine is followed.
    observations: Option<mpsc::Receiver<Observation>>,
    /// By their identifiers.
    networks: BTreeMap<String, Network>,
    containers: Containers,
    /// What is announced of them.
    announced: Subnets,
    /// The subnets of all of them, for who installs routes.
    own: watch::Sender<Arc<BTreeSet<IpNet>>>,
    is_awaited: bool,
    is_listed: bool,
}

/// What an observation has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) networks: bool,
    pub(crate) containers: bool,
}

impl Networks {
    /// Of an engine of which nothing is known yet, and whose networks may be
    /// `announced`.
    pub(crate) fn of(observations: mpsc::Receiver<Observation>, announced: bool) -> Self {
        Self {
            observations: Some(observations),
            is_awaited: announced,
            ..Self::default()
        }
    }

    /// Whether networks are to be announced, and Docker has not said yet which.
    pub(crate) const fn is_awaited(&self) -> bool {
        self.is_awaited && !self.is_listed
    }

    /// The subnets of all networks, announced or not.
    pub(crate) fn own(&self) -> watch::Receiver<Arc<BTreeSet<IpNet>>> {
        self.own.subscribe()
    }

    /// What Docker says next; waits for ever where none is followed. Cancel safe.
    pub(crate) async fn next(&mut self) -> Observation {
        let heard = match &mut self.observations {
            Some(observations) => observations.recv().await,
            None => None,
        };
        match heard {
            Some(observation) => observation,
            // The watch ends with the program.
            None => std::future::pending().await,
        }
    }

    /// Takes over what Docker says.
    pub(crate) fn hear(&mut self, observation: Observation) -> Changed {
        let mut changed = Changed::default();
        match observation {
            Observation::Listed {
                containers,
                networks,
            } => {
                self.is_listed = true;
                let networks = networks.into_iter();
                self.networks = networks.map(|it| (it.id.clone(), it)).collect();
                self.containers.list(containers);
                changed = Changed {
                    networks: true,
                    containers: true,
                };
            }
            Observation::Network(network) => {
                self.networks.insert(network.id.clone(), network);
                changed.networks = true;
            }
            Observation::NetworkGone(id) => changed.networks = self.networks.remove(&id).is_some(),
            Observation::Container(container) => {
                self.containers.insert(container);
                changed.containers = true;
            }
            Observation::ContainerGone(id) => {
                self.containers.remove(&id);
                changed.containers = true;
            }
            Observation::Level {
                container, level, ..
            } => {
                self.containers.change(&container, level);
                changed.containers = true;
            }
            Observation::Unreachable { error } => {
                warn!("Docker cannot be reached, what is known of it is held: {error}");
            }
            Observation::Reachable => info!("Docker can be reached"),
            _ => {}
        }
        if changed.networks {
            self.publish();
        }
        changed
    }

    /// Announces the subnets of those networks that are to be, and withdraws those
    /// that are no longer to be. Nothing is said before Docker has been.
    pub(crate) fn announce(
        &mut self,
        settings: Option<&DockerSettings>,
        announcing: &mut Announcing,
    ) {
        if !self.is_listed {
            return;
        }
        let settings = settings.and_then(|it| Some((it, it.announce.as_ref()?)));
        let Some((settings, label)) = settings else {
            self.announced = Subnets::default();
            announcing.set(Source::Networks, BTreeMap::new());
            return;
        };
        let meant = |network: &&Network| {
            let mut labels = network.labels.iter();
            labels.any(|(key, value)| label.matches(key, value))
        };
        let networks: Vec<_> = self.networks.values().filter(meant).collect();
        self.announced.replace(&networks);
        let route = Route {
            attributes: Arc::clone(&settings.attributes),
            audience: None,
        };
        let wanted = self.announced.iter().map(|it| (it, route.clone()));
        announcing.set(Source::Networks, wanted.collect());
    }

    /// The containers, as far as they are known.
    pub(crate) const fn containers(&self) -> &Containers {
        &self.containers
    }

    /// Whether Docker has said once what there is.
    pub(crate) const fn is_listed(&self) -> bool {
        self.is_listed
    }

    fn publish(&self) {
        let all = self.networks.values().flat_map(|it| &it.subnets);
        let own = all.map(IpNet::trunc).filter(|it| it.prefix_len() > 0);
        let own: BTreeSet<_> = own.collect();
        self.own.send_if_modified(|before| {
            let changed = **before != own;
            *before = Arc::new(own);
            changed
        });
    }
}

#[cfg(test)]
mod tests;
