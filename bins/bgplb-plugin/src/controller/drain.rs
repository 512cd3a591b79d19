//! Drains: announce as about to go if the network says so, withdraw, wait,
//! stop.

use std::time::Instant;

use lb_plan::Drain;
use tracing::info;

use super::{Controller, Timer};
use crate::settings::DrainAction;

impl Controller {
    /// SIGUSR2 reached a container. Draining twice is draining once.
    pub(super) fn drain_container(&mut self, container: &str) {
        if self.policy.drain == DrainAction::Off {
            return;
        }
        let now = Instant::now();
        let mut any = false;
        for endpoint in self.containers.endpoints(container) {
            let Some(network) = self.network_of.get(&endpoint).cloned() else {
                continue;
            };
            let Some(record) = self.endpoint_mut(&network, &endpoint) else {
                continue;
            };
            if record.draining {
                continue;
            }
            record.draining = true;
            any = true;
            info!(network, endpoint, container, "draining");
            self.tell_container_drain(&network, &endpoint, true);
            self.begin_drain(&network, &endpoint, now);
            self.note_heard(&network, now);
            self.settle(&network);
        }
        if any {
            // The drain goes on whether or not this reaches the disk.
            drop(self.save());
        }
    }

    /// Takes up the drains an earlier run began.
    pub(super) fn resume_drains(&mut self, now: Instant) {
        let of_network = |(id, network): (&String, &super::Network)| {
            let endpoints = network.record.endpoints.iter();
            let draining = endpoints.filter(|(_, record)| record.draining && record.attached);
            let draining = draining.map(|(endpoint, _)| (id.clone(), endpoint.clone()));
            draining.collect::<Vec<_>>()
        };
        let draining: Vec<_> = self.networks.iter().flat_map(of_network).collect();
        for (network, endpoint) in draining {
            self.begin_drain(&network, &endpoint, now);
        }
    }

    /// Drains every network on this host, without stopping anything; draining
    /// twice is draining once. Says whether it is news.
    pub(crate) fn drain_host(&mut self) -> bool {
        if std::mem::replace(&mut self.drained, true) {
            info!("this host is drained already");
            return false;
        }
        info!("draining this host: SIGUSR1 ends that");
        self.tell_host_drain(true);
        self.redrain_all();
        drop(self.save());
        true
    }

    /// Takes the drain of the host back; says whether there was one.
    pub(crate) fn undrain_host(&mut self) -> bool {
        if !std::mem::replace(&mut self.drained, false) {
            info!("this host is not drained");
            return false;
        }
        info!("this host is no longer drained");
        self.tell_host_drain(false);
        self.redrain_all();
        drop(self.save());
        true
    }

    /// The network was announced as about to go for long enough.
    pub(super) fn unmark_network(&mut self, id: &str) {
        if let Some(network) = self.networks.get_mut(id) {
            network.drain = Drain::Withdrawn;
            self.note_heard(id, Instant::now());
            self.settle(id);
        }
    }

    /// Enters the first stage and sets the times of the others.
    fn begin_drain(&mut self, network: &str, endpoint: &str, now: Instant) {
        let policy = self.policy;
        let Some(entry) = self.networks.get_mut(network) else {
            return;
        };
        let marked = entry.options.drain.is_marked();
        let drain_time = entry.options.drain_time.unwrap_or(policy.drain_time);
        let live = entry.live.entry(endpoint.to_owned()).or_default();
        live.drain = if marked {
            Drain::Marked
        } else {
            Drain::Withdrawn
        };
        let mut end = now + drain_time;
        if marked {
            self.timers.set(Timer::Unmark(endpoint.to_owned()), end);
            // Routers had the mark to go elsewhere: what comes now is little.
            end += policy.settle_time;
        }
        if policy.drain == DrainAction::Stop {
            self.timers
                .set(Timer::StopDrained(endpoint.to_owned()), end);
        }
    }

    /// The endpoint was announced as about to go for long enough.
    pub(super) fn unmark(&mut self, endpoint: &str) {
        self.enter(endpoint, Drain::Withdrawn);
    }

    fn enter(&mut self, endpoint: &str, stage: Drain) {
        let Some(network) = self.network_of.get(endpoint).cloned() else {
            return;
        };
        let entry = self.networks.get_mut(&network);
        if let Some(live) = entry.and_then(|entry| entry.live.get_mut(endpoint)) {
            live.drain = stage;
            self.note_heard(&network, Instant::now());
            self.settle(&network);
        }
    }

    /// The drained container had its time.
    pub(super) fn stop_drained(&mut self, endpoint: &str, now: Instant) {
        let Some((container, name)) = self.containers.container(endpoint) else {
            if self.network_of.contains_key(endpoint) {
                // Docker has not told whose endpoint it is, or can't be asked.
                let timer = Timer::StopDrained(endpoint.to_owned());
                self.timers.set(timer, now + self.policy.retry_time);
            }
            return;
        };
        let container = container.to_owned();
        info!(container = name, "drained; stopping it with SIGTERM");
        if let Some(network) = self.network_of.get(endpoint) {
            self.tell_container_drain(network, endpoint, false);
        }
        // Nothing new may come while it ends.
        self.enter(endpoint, Drain::Over);
        self.effects.stopper.stop(container);
    }
}
