//! Bringing one network to what its endpoints' health asks for, step by step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bgp_speaker::{RibChange, RibVersion};
use ipnet::IpNet;
use lb_plan::{
    Announcement, Change, Delivery, Drain, EndpointFacts, Health, Proof, ServiceFacts, Share, Step,
    Withdrawal, next_step, plan_service,
};
use tracing::{error, info, warn};

use super::{Controller, Route, Source, Timer};
use crate::datapath;
use crate::facts::Containers;

impl Controller {
    /// Plans one network anew and takes every step that can be taken now.
    pub(super) fn settle(&mut self, id: &str) {
        self.take_steps(id);
        self.note_standing(id);
        self.settled.send_replace(());
    }

    fn take_steps(&mut self, id: &str) {
        let Some(facts) = self.facts(id, Instant::now()) else {
            return;
        };
        loop {
            let Some(network) = self.networks.get_mut(id) else {
                return;
            };
            let plan = plan_service(&facts, &network.actual.delivered);
            if plan.reason != network.reason {
                network.reason = plan.reason;
                info!(network = id, reason = plan.reason.code(), "{}", plan.reason);
            }
            match next_step(&plan, &network.actual) {
                Step::Deliver(to) => return self.deliver(id, to),
                Step::Announce(how) => {
                    network.actual.announced = Some(how);
                    self.announce_delivered(id, how);
                }
                Step::Withdraw => self.withdraw(id),
                // It stays until Docker has told everything.
                Step::StopDelivering if network.taken_over && !self.told_everything => return,
                Step::StopDelivering => self.stop_delivering(id),
                Step::Rest => {
                    network.heard = None;
                    return;
                }
            }
        }
    }

    /// What is known of one network at `now`; wakes up when that changes by
    /// time alone.
    fn facts(&mut self, id: &str, now: Instant) -> Option<ServiceFacts> {
        let network = self.networks.get_mut(id)?;
        let held_until = network.history.held_until(now);
        let mut wake = held_until;
        let mut endpoints = Vec::new();
        for (endpoint, record) in &network.record.endpoints {
            let live = network.live.entry(endpoint.clone()).or_default();
            let mut health = self.containers.health(endpoint);
            live.proof.observe(health == Health::Serving, now);
            if health == Health::Serving && !self.told_everything {
                // An earlier run may have announced it.
                live.proof = Proof::Believed;
            }
            let proving = network.options.min_healthy_time;
            if let Some(at) = live.proof.outstanding(proving, now) {
                health = Health::Unproven;
                wake = Some(wake.map_or(at, |wake| wake.min(at)));
            }
            endpoints.push(EndpointFacts {
                id: endpoint.clone(),
                attached: record.attached && !network.broken && live.carrier != Some(false),
                health,
                drain: live.drain.max(network.drain),
            });
        }
        match wake {
            Some(at) => self.timers.set(Timer::Steady(id.to_owned()), at),
            None => self.timers.clear(&Timer::Steady(id.to_owned())),
        }
        Some(ServiceFacts {
            endpoints,
            held_down: held_until.is_some(),
        })
    }

    /// Asks the kernel to deliver so; announcing waits for it.
    pub(super) fn deliver(&mut self, id: &str, to: Delivery) {
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        if network.delivering.as_ref() == Some(&to) {
            return;
        }
        let mut from = network.actual.delivered.clone();
        from.extend(network.delivering.take().unwrap_or_default());
        let ops = datapath::deliver(self.effects.spread, id, &network.record, &from, &to);
        network.delivering = Some(to.clone());
        let (handle, id) = (self.handle.clone(), id.to_owned());
        self.effects.plumber.apply_then(ops, move |result| {
            handle.tell_blocking(move |controller| controller.delivered(&id, to, result));
        });
    }

    /// The kernel answered.
    fn delivered(&mut self, id: &str, to: Delivery, result: Result<(), netplumb::Error>) {
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        if network.delivering.as_ref() != Some(&to) {
            return;
        }
        network.delivering = None;
        if let Err(error) = result {
            error!(network = id, %error, "the kernel refused the routes to the containers");
            self.timers.set(
                Timer::RetryDelivery(id.to_owned()),
                Instant::now() + self.policy.retry_time,
            );
            return;
        }
        let names: Vec<_> = to.iter().map(|it| name(&self.containers, it)).collect();
        info!(network = id, to = names.join(", "), "delivered");
        if names.len() > 1 && std::mem::take(&mut self.effects.by_address) {
            info!("all connections of one client go to one container: {BY_PORT}");
        }
        network.actual.delivered = to;
        if let Some(how) = network.actual.announced {
            self.announce_delivered(id, how);
        }
        self.settle(id);
    }

    /// Announces exactly the prefixes that somebody holds who is delivered to.
    fn announce_delivered(&mut self, id: &str, how: Announcement) {
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        self.timers.clear(&Timer::Settled(id.to_owned()));
        network.withdrawn = None;
        network.actual.withdrawal = Withdrawal::Settled;
        let attributes = network.options.attributes(self.site.local_as, how);
        let route = Route {
            attributes: Arc::new(attributes),
            audience: network.options.audience(),
        };
        let record = &network.record;
        let full = network.actual.delivered.iter();
        let full = full.filter(|(_, share)| **share == Share::Full);
        let full = full.filter_map(|(endpoint, _)| record.endpoints.get(endpoint));
        let prefixes = full.flat_map(|endpoint| datapath::prefixes(record, endpoint));
        let routes = prefixes.map(|prefix| (prefix, route.clone())).collect();
        let version = self.set_announced(Source::Service(id.to_owned()), routes);
        self.measure(id, version, false);
    }

    /// Something was heard, or has had its time, that may change what is announced of
    /// a network.
    pub(super) fn note_heard(&mut self, id: &str, now: Instant) {
        if let Some(network) = self.networks.get_mut(id) {
            network.heard.get_or_insert(now);
        }
    }

    /// Has measured how long what was heard takes to the wire as this version.
    fn measure(&mut self, id: &str, version: Option<RibVersion>, withdrawal: bool) {
        let network = self.networks.get_mut(id);
        let heard = network.and_then(|network| network.heard.take());
        if let (Some(heard), Some(version)) = (heard, version) {
            self.effects.stopwatch.note(heard, version, withdrawal);
        }
    }

    fn withdraw(&mut self, id: &str) {
        let version = self.set_announced(Source::Service(id.to_owned()), BTreeMap::new());
        self.measure(id, version, true);
        let now = Instant::now();
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        network.actual.announced = None;
        network.actual.withdrawal = Withdrawal::Settling;
        network.withdrawn = version;
        let mut endpoints = network.record.endpoints.values();
        let draining = network.drain != Drain::No || endpoints.any(|e| e.draining);
        let settle_time = if draining && !network.options.drain.is_marked() {
            network.options.drain_time.unwrap_or(self.policy.drain_time)
        } else {
            self.policy.settle_time
        };
        // A drain is no flap.
        let rule = network.options.hold_down.filter(|_| !draining);
        let held = rule.and_then(|rule| network.history.went(&rule, now));
        self.timers
            .set(Timer::Settled(id.to_owned()), now + settle_time);
        if let Some(until) = held {
            warn!(
                network = id,
                seconds = (until - now).as_secs(),
                "withdrawn too often; held back"
            );
            self.timers.set(Timer::Steady(id.to_owned()), until);
        }
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
        network.actual.delivered.clear();
        network.delivering = None;
        let ops = datapath::stop_delivering(self.effects.spread, id, &network.record);
        let id = id.to_owned();
        self.effects.plumber.apply_then(ops, move |result| {
            if let Err(error) = result {
                warn!(network = id, %error, "the kernel kept the routes to the containers");
            }
        });
    }

    /// Changes what one source wants and hands the difference to the peers.
    pub(super) fn set_announced(
        &mut self,
        source: Source,
        prefixes: BTreeMap<IpNet, Route>,
    ) -> Option<RibVersion> {
        let changes = self.announcements.set(source.clone(), prefixes);
        if changes.is_empty() {
            return None;
        }
        let changes: Vec<RibChange> = changes
            .into_iter()
            .map(|change| match change {
                Change::Announce(prefix, route) => {
                    info!(%prefix, "announced");
                    self.tell_announced(&source, prefix, true);
                    RibChange {
                        audience: route.audience,
                        ..RibChange::announce(prefix, route.attributes)
                    }
                }
                Change::Withdraw(prefix) => {
                    info!(%prefix, "withdrawn");
                    self.tell_announced(&source, prefix, false);
                    RibChange::withdraw(prefix)
                }
            })
            .collect();
        Some(self.effects.speaker.apply(&changes))
    }
}

/// What tells connections apart by their ports.
const BY_PORT: &str = "set net.ipv4.fib_multipath_hash_policy and \
    net.ipv6.fib_multipath_hash_policy to 1 to spread them by ports too";

/// An endpoint's container and its share, for the log.
fn name(containers: &Containers, (endpoint, share): (&String, &Share)) -> String {
    let container = containers.container(endpoint);
    let name = container.map_or(endpoint.as_str(), |(_, name)| name);
    match share {
        Share::Full => name.to_owned(),
        Share::Leaving => format!("{name} (leaving)"),
    }
}
