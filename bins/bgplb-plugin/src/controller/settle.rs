//! Bringing one network to what its endpoints' health asks for, step by step.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bgp_speaker::{RibChange, RibVersion};
use ipnet::IpNet;
use lb_plan::{Change, EndpointFacts, Step, Withdrawal, next_step, plan_service};
use tracing::{error, info, warn};

use super::{Controller, Source, Timer};
use crate::datapath;

impl Controller {
    /// Plans one network anew and takes every step that can be taken now.
    pub(super) fn settle(&mut self, id: &str) {
        let Some(network) = self.networks.get(id) else {
            return;
        };
        let endpoints: Vec<EndpointFacts> = network
            .record
            .endpoints
            .iter()
            .map(|(endpoint, record)| EndpointFacts {
                id: endpoint.clone(),
                attached: record.attached,
                health: self.containers.health(endpoint),
                draining: record.draining,
            })
            .collect();
        loop {
            let Some(network) = self.networks.get_mut(id) else {
                return;
            };
            let plan = plan_service(&endpoints, network.actual.delivered.as_deref());
            if plan.reason != network.reason {
                network.reason = plan.reason;
                info!(network = id, reason = plan.reason.code(), "{}", plan.reason);
            }
            match next_step(&plan, &network.actual) {
                Step::Deliver(endpoint) => return self.deliver(id, endpoint),
                Step::Announce => {
                    network.actual.announced = true;
                    self.announce_delivered(id);
                }
                Step::Withdraw => self.withdraw(id),
                Step::StopDelivering => self.stop_delivering(id),
                Step::Rest => return,
            }
        }
    }

    /// Asks the kernel to deliver to `endpoint`; announcing waits for it.
    fn deliver(&mut self, id: &str, endpoint: String) {
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        if network.delivering.as_ref() == Some(&endpoint) {
            return;
        }
        let Some(record) = network.record.endpoints.get(&endpoint) else {
            return;
        };
        let ops = datapath::deliver(id, &network.record, record);
        network.delivering = Some(endpoint.clone());
        let (handle, id) = (self.handle.clone(), id.to_owned());
        self.effects.plumber.apply_then(ops, move |result| {
            handle.tell_blocking(move |controller| controller.delivered(&id, endpoint, result));
        });
    }

    /// The kernel answered.
    fn delivered(&mut self, id: &str, endpoint: String, result: Result<(), netplumb::Error>) {
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        if network.delivering.as_ref() != Some(&endpoint) {
            return;
        }
        network.delivering = None;
        if let Err(error) = result {
            error!(network = id, endpoint, %error, "the kernel refused the route to the container");
            self.timers.set(
                Timer::RetryDelivery(id.to_owned()),
                Instant::now() + self.policy.retry_time,
            );
            return;
        }
        network.actual.delivered = Some(endpoint);
        if network.actual.announced {
            self.announce_delivered(id);
        }
        self.settle(id);
    }

    /// Announces exactly the prefixes the delivered endpoint holds.
    fn announce_delivered(&mut self, id: &str) {
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        self.timers.clear(&Timer::Settled(id.to_owned()));
        network.withdrawn = None;
        network.actual.withdrawal = Withdrawal::Settled;
        let prefixes = network
            .actual
            .delivered
            .as_ref()
            .and_then(|endpoint| network.record.endpoints.get(endpoint))
            .map(|record| datapath::prefixes(&network.record, record).collect())
            .unwrap_or_default();
        self.set_announced(Source::Service(id.to_owned()), prefixes);
    }

    fn withdraw(&mut self, id: &str) {
        let version = self.set_announced(Source::Service(id.to_owned()), BTreeSet::new());
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        network.actual.announced = false;
        network.actual.withdrawal = Withdrawal::Settling;
        network.withdrawn = version;
        let draining = network.record.endpoints.values().any(|e| e.draining);
        let settle_time = if draining {
            self.policy.drain_time
        } else {
            self.policy.settle_time
        };
        self.timers
            .set(Timer::Settled(id.to_owned()), Instant::now() + settle_time);
    }

    /// Traffic under way had its time; unless a peer still has not been told.
    pub(super) fn withdrawal_settled(&mut self, id: &str, now: Instant) {
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        if let Some(version) = network.withdrawn
            && !self.effects.speaker.is_flushed(version)
        {
            warn!(
                network = id,
                "a peer has not taken the withdrawal yet; the route stays"
            );
            self.timers
                .set(Timer::Settled(id.to_owned()), now + self.policy.retry_time);
            return;
        }
        network.actual.withdrawal = Withdrawal::Settled;
        self.settle(id);
    }

    pub(super) fn stop_delivering(&mut self, id: &str) {
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        let delivered = network.actual.delivered.take();
        let from = network.delivering.take().or(delivered);
        let Some(from) = from.and_then(|endpoint| network.record.endpoints.get(&endpoint)) else {
            return;
        };
        let ops = datapath::stop_delivering(id, &network.record, from);
        let id = id.to_owned();
        self.effects.plumber.apply_then(ops, move |result| {
            if let Err(error) = result {
                warn!(network = id, %error, "the kernel kept the route to the container");
            }
        });
    }

    /// Changes what one source wants and hands the difference to the peers.
    pub(super) fn set_announced(
        &mut self,
        source: Source,
        prefixes: BTreeSet<IpNet>,
    ) -> Option<RibVersion> {
        let changes = self.announcements.set(source, prefixes);
        if changes.is_empty() {
            return None;
        }
        let changes: Vec<RibChange> = changes
            .into_iter()
            .map(|change| match change {
                Change::Announce(prefix) => {
                    info!(%prefix, "announced");
                    RibChange::announce(prefix, Arc::clone(&self.attributes))
                }
                Change::Withdraw(prefix) => {
                    info!(%prefix, "withdrawn");
                    RibChange::withdraw(prefix)
                }
            })
            .collect();
        Some(self.effects.speaker.apply(&changes))
    }
}
