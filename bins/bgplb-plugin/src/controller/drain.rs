//! Drains: withdraw, wait, stop.

use std::time::Instant;

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
            self.settle(&network);
            if self.policy.drain == DrainAction::Stop {
                self.timers
                    .set(Timer::StopDrained(endpoint), now + self.policy.drain_time);
            }
        }
        if any {
            // The drain goes on whether or not this reaches the disk.
            drop(self.save());
        }
    }

    /// Takes up the drains an earlier run began.
    pub(super) fn resume_drains(&mut self, now: Instant) {
        if self.policy.drain != DrainAction::Stop {
            return;
        }
        let draining: Vec<String> = self
            .networks
            .values()
            .flat_map(|network| &network.record.endpoints)
            .filter(|(_, record)| record.draining && record.attached)
            .map(|(endpoint, _)| endpoint.clone())
            .collect();
        for endpoint in draining {
            self.timers
                .set(Timer::StopDrained(endpoint), now + self.policy.drain_time);
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
        info!(container = name, "drained; stopping it with SIGTERM");
        self.effects.stopper.stop(container.to_owned());
    }
}
