//! What others do to our objects in the kernel, and mending it at once.
//!
//! A route, a next hop or a neighbour that is gone is made again before a
//! withdrawal could even leave. Where a link is gone, or the kernel refuses, the
//! path is broken: its addresses are withdrawn, the links repaired, and
//! delivery and announcement follow as for a container that has just come.
//!
//! Docker takes links away, too, and is not fought: a container's link that is
//! gone has gone with the container. What cost is caused by one change is in
//! proportion to the network it concerns.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lb_plan::Delivery;
use netplumb::{Desired, Error, LinkNews, NextHopId, ObjectNews, RouteKey, RouteSpec};
use tracing::{info, warn};

use super::network::Network;
use super::{Controller, Timer};
use crate::datapath;
use crate::instance::Marked;
use crate::naming;

/// How far apart comparisons of everything are that were not planned.
const COMPARE_PAUSE: Duration = Duration::from_secs(5);

impl Controller {
    /// Somebody has changed something.
    pub(crate) fn kernel_changed(&mut self, news: &ObjectNews) {
        if news.lost {
            self.doubt_carriers();
            self.compare_soon();
        }
        if news.path {
            self.examine_host_soon();
        }
        for (alias, link) in &news.links {
            match self.effects.instance.owner(alias) {
                Some(Marked::Network(id)) => self.bridge_changed(id, link),
                Some(Marked::Endpoint(id)) => self.veth_changed(id, link),
                None => {}
            }
        }
        for id in self.disturbed_by(news) {
            self.restore(&id);
        }
    }

    /// Has everything compared with the kernel, unless that was done just now.
    fn compare_soon(&mut self) {
        let now = Instant::now();
        let last = self.compared;
        let at = last.map_or(now, |last| now.max(last + COMPARE_PAUSE));
        self.timers.set_by(Timer::Reconcile, at);
    }

    /// Who has a carrier may have changed unheard: the kernel knows.
    fn doubt_carriers(&mut self) {
        for network in self.networks.values_mut() {
            for live in network.live.values_mut() {
                live.carrier = None;
            }
        }
    }

    fn bridge_changed(&mut self, id: &str, link: &LinkNews) {
        let Some(network) = self.networks.get(id).filter(|it| it.has_attached()) else {
            // It is made with the first container.
            return;
        };
        if network.broken {
            return;
        }
        let Some(now) = &link.now else {
            self.break_path(id, "its bridge was deleted");
            return;
        };
        let mac = now.state.mac.map(|mac| mac.octets());
        if link.name != naming::bridge(id) {
            // Under its new name it is nobody's.
            self.break_path(id, "its bridge was renamed");
            self.compare_soon();
        } else if !now.state.up || mac != Some(naming::mac(id)) {
            self.restore(id);
        }
    }

    fn veth_changed(&mut self, endpoint: &str, link: &LinkNews) {
        let Some(id) = self.network_of.get(endpoint).cloned() else {
            return;
        };
        let Some(network) = self.networks.get_mut(&id) else {
            return;
        };
        let attached = network
            .record
            .endpoints
            .get(endpoint)
            .is_some_and(|record| record.attached);
        match &link.now {
            None if attached => {
                warn!(
                    network = id,
                    endpoint, "the container's link was deleted: restart it, should it still run"
                );
                self.lose_endpoint(&id, endpoint);
                drop(self.save());
            }
            None => {}
            Some(now) => {
                let carrier = Some(now.running && now.state.up);
                let live = network.live.entry(endpoint.to_owned()).or_default();
                let changed = live.carrier != carrier;
                live.carrier = carrier;
                let whole = now.state.up && now.state.master == Some(naming::bridge(&id));
                if attached && changed {
                    self.settle(&id);
                }
                if attached && !whole {
                    self.restore(&id);
                }
            }
        }
    }

    /// The networks that miss something the kernel should have for them.
    fn disturbed_by(&self, news: &ObjectNews) -> BTreeSet<String> {
        let routes = news.routes.iter().filter_map(|key| {
            let id = self.owners.of_prefix(&key.dst)?;
            let ours = RouteKey {
                protocol: RouteSpec::PROTOCOL_BGP,
                ..*key
            };
            self.wants(id, |it| it.routes.contains_key(&ours))
        });
        let neighs = news.neighs.iter().filter_map(|key| {
            let id = self.owners.of_bridge(&key.link)?;
            self.wants(id, |it| it.neighs.contains_key(key))
        });
        let next_hops = news.next_hops.iter().filter_map(|next_hop: &NextHopId| {
            let id = self.owners.of_next_hop(*next_hop)?;
            self.wants(id, |it| it.next_hops.contains_key(next_hop))
        });
        let addrs = news.addrs.iter().filter_map(|addr| {
            let id = self.owners.of_bridge(&addr.link)?;
            let network = self.networks.get(id).filter(|it| !it.broken)?;
            let mut wanted = datapath::gateway_addresses(id, &network.record);
            (network.has_attached() && wanted.any(|it| it == *addr)).then_some(id)
        });
        let objects = routes.chain(neighs).chain(next_hops).chain(addrs);
        objects.cloned().collect()
    }

    /// The network if what it should have is so.
    fn wants<'a>(&self, id: &'a String, check: impl Fn(&Desired) -> bool) -> Option<&'a String> {
        let network = self.networks.get(id).filter(|it| !it.broken)?;
        let mut desired = Desired::default();
        let spread = self.effects.spread;
        datapath::desire_delivery(
            &mut desired,
            spread,
            id,
            &network.record,
            network.delivery(),
        );
        check(&desired).then_some(id)
    }

    /// Has the kernel have again all that a network should have there.
    pub(super) fn restore(&mut self, id: &str) {
        let now = Instant::now();
        let Some(network) = self.networks.get_mut(id).filter(|it| !it.broken) else {
            return;
        };
        if network.restoring {
            network.disturbed_again = true;
            return;
        }
        let pause = network.damper.strike(now);
        if !pause.is_zero() {
            self.break_for(id, pause);
            return;
        }
        network.restoring = true;
        let to = network.delivery().clone();
        let (instance, spread) = (self.effects.instance, self.effects.spread);
        let mut ops = datapath::links(instance, id, &network.record);
        ops.extend(datapath::deliver(
            spread,
            id,
            &network.record,
            &Delivery::new(),
            &to,
        ));
        self.restored += 1;
        let (handle, id) = (self.handle.clone(), id.to_owned());
        self.effects.plumber.apply_then(ops, move |result| {
            handle.tell_blocking(move |controller| controller.restored(&id, &to, result));
        });
    }

    /// The kernel has answered.
    fn restored(&mut self, id: &str, to: &Delivery, result: Result<(), Error>) {
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        network.restoring = false;
        let again = std::mem::take(&mut network.disturbed_again);
        match result {
            Ok(()) => info!(
                network = id,
                "somebody changed the network's links or routes; they are as they should be again"
            ),
            // What was asked for may not be wanted any more.
            Err(_) if network.delivery() != to => {}
            Err(error) => {
                self.break_path(id, &error.to_string());
                return;
            }
        }
        if again {
            self.restore(id);
        }
    }

    /// Withdraws a network whose path is broken, and has it repaired.
    fn break_path(&mut self, id: &str, why: &str) {
        let now = Instant::now();
        let Some(network) = self.networks.get_mut(id).filter(|it| !it.broken) else {
            return;
        };
        let pause = network.damper.strike(now);
        if pause.is_zero() {
            warn!(network = id, why, "the way to the containers is broken");
        }
        self.break_for(id, pause);
    }

    fn break_for(&mut self, id: &str, pause: Duration) {
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        if network.damper.begins_to_wait() {
            warn!(
                network = id,
                "somebody changes the network's links or routes again and again; it stays withdrawn for longer and longer until that ends"
            );
        }
        network.broken = true;
        network.delivering = None;
        network.actual.delivered.clear();
        self.settle(id);
        if pause.is_zero() {
            self.repair(id);
        } else {
            self.timers
                .set(Timer::Repair(id.to_owned()), Instant::now() + pause);
        }
    }

    /// Has a network's links as they should be; delivery follows.
    pub(super) fn repair(&mut self, id: &str) {
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        network.damper.mended(Instant::now());
        let ops = datapath::links(self.effects.instance, id, &network.record);
        self.restored += 1;
        let (handle, id) = (self.handle.clone(), id.to_owned());
        self.effects.plumber.apply_then(ops, move |result| {
            handle.tell_blocking(move |controller| controller.repaired(&id, result));
        });
    }

    fn repaired(&mut self, id: &str, result: Result<(), Error>) {
        let Some(network) = self.networks.get_mut(id) else {
            return;
        };
        network.broken = false;
        if let Err(error) = result {
            // A link that is not there any more is told of by itself.
            warn!(network = id, %error, "the network's links can't be repaired");
        }
        self.settle(id);
    }

    /// How often something was mended.
    #[cfg(test)]
    pub(crate) const fn times_restored(&self) -> u64 {
        self.restored
    }
}

impl Network {
    /// To whom the kernel delivers, or was asked to.
    pub(super) fn delivery(&self) -> &Delivery {
        self.delivering.as_ref().unwrap_or(&self.actual.delivered)
    }

    fn has_attached(&self) -> bool {
        self.record.endpoints.values().any(|it| it.attached)
    }
}
