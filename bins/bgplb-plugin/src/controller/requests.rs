//! What Docker's requests change, one short turn each. The order of turns of
//! one request is in `driver/steps.rs`.

use std::net::IpAddr;
use std::time::Duration;

use bgp_speaker::RibVersion;
use docker_plugin_api::PluginError;
use ipnet::IpNet;
use lb_plan::{Drain, Withdrawal};
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::{Controller, Network, Source, Timer};
use crate::datapath;
use crate::numbers::Number;
use crate::options::ServiceOptions;
use crate::plumber::Plumbed;
use crate::store::{EndpointRecord, NetworkRecord};

/// An answer that comes when the state is on disk.
pub(crate) type Saved = oneshot::Receiver<std::io::Result<()>>;

impl Controller {
    /// Takes a network in and has its bridge made.
    pub(crate) fn begin_network(
        &mut self,
        id: &str,
        mut record: NetworkRecord,
        options: ServiceOptions,
    ) -> Result<Plumbed, PluginError> {
        if self.networks.contains_key(id) {
            return Err(PluginError::conflict(format!("network {id} exists")));
        }
        if let Some((prefix, other)) = self.holder_of_any(&record) {
            return Err(PluginError::conflict(format!(
                "{prefix} belongs to network {} already: remove that network or choose another address",
                self.name_of(&other)
            )));
        }
        if let Some((prefix, other)) = self.holder_elsewhere(id, &record) {
            return Err(PluginError::conflict(format!(
                "{prefix} belongs to network {} of another driver: a host delivers an address once, so remove that network or choose another address",
                self.name_of(&other)
            )));
        }
        self.addresses.check(&record)?;
        record.number = Some(self.take_number()?);
        self.addresses.hold(&record);
        self.owners.insert(id, &record);
        let plumbed =
            self.effects
                .plumber
                .apply(datapath::network(self.effects.instance, id, &record));
        let mut network = Network::new(record, options);
        if self.host_is_drained() {
            network.drain = Drain::Withdrawn;
        }
        self.networks.insert(id.to_owned(), network);
        info!(network = id, "network created");
        self.examine_host_for(id);
        Ok(plumbed)
    }

    /// Forgets a network and everything on it; says what still has to leave.
    pub(crate) fn drop_network(&mut self, id: &str) -> Option<Leaving> {
        let endpoints: Vec<String> = self
            .networks
            .get(id)?
            .record
            .endpoints
            .keys()
            .cloned()
            .collect();
        for endpoint in &endpoints {
            warn!(
                network = id,
                endpoint, "endpoint left behind is removed with its network"
            );
            self.network_of.remove(endpoint);
        }
        let version = self.set_announced(Source::Service(id.to_owned()), [].into());
        let record = self.networks.remove(id)?.record;
        self.addresses.let_go(&record);
        self.owners.remove(id, &record);
        self.network_subnets.remove(id);
        let numbers = record.endpoints.values().map(|it| it.number);
        for number in numbers.chain([record.number]) {
            self.numbers.release(number);
        }
        for timer in [
            Timer::Settled,
            Timer::RetryDelivery,
            Timer::Steady,
            Timer::UnmarkNetwork,
            Timer::Repair,
        ] {
            self.timers.clear(&timer(id.to_owned()));
        }
        info!(network = id, "network deleted");
        self.examine_host_soon();
        let mut ops = datapath::stop_delivering(self.effects.spread, id, &record);
        ops.extend(datapath::remove_network(
            self.effects.instance,
            id,
            endpoints.iter().map(String::as_str),
        ));
        Some(Leaving { version, ops })
    }

    /// Takes an endpoint in; its links come with Join.
    pub(crate) fn begin_endpoint(
        &mut self,
        network: &str,
        endpoint: &str,
        mut record: EndpointRecord,
    ) -> Result<(), PluginError> {
        let name = self.name_of(network);
        let Some(entry) = self.networks.get(network) else {
            return Err(unknown_network(network));
        };
        if (record.v4 && entry.record.v4.is_none()) || (record.v6 && entry.record.v6.is_none()) {
            return Err(PluginError::bad_request(format!(
                "network {name} has no address of that family"
            )));
        }
        if self.network_of.contains_key(endpoint) {
            return Err(PluginError::conflict(format!("endpoint {endpoint} exists")));
        }
        record.number = Some(self.take_number()?);
        self.owners.insert_number(network, record.number);
        if let Some(entry) = self.networks.get_mut(network) {
            entry.remembered = false;
            entry.record.endpoints.insert(endpoint.to_owned(), record);
        }
        self.network_of
            .insert(endpoint.to_owned(), network.to_owned());
        Ok(())
    }

    /// Has the links of an endpoint made.
    pub(crate) fn begin_join(
        &mut self,
        network: &str,
        endpoint: &str,
    ) -> Result<Plumbed, PluginError> {
        let (on, its) = (self.network(network)?, self.endpoint(network, endpoint)?);
        let instance = self.effects.instance;
        let ops = datapath::attach(instance, (network, on), (endpoint, its));
        if let Some(entry) = self.networks.get_mut(network) {
            entry.joining.insert(endpoint.to_owned());
        }
        Ok(self.effects.plumber.apply(ops))
    }

    /// The links are there and Docker may have them, with these gateways.
    pub(crate) fn commit_join(
        &mut self,
        network: &str,
        endpoint: &str,
    ) -> Result<Vec<IpAddr>, PluginError> {
        let (on, its) = (self.network(network)?, self.endpoint(network, endpoint)?);
        let gateways = datapath::gateways(on, its);
        if let Some(entry) = self.networks.get_mut(network) {
            entry.joining.remove(endpoint);
        }
        if let Some(record) = self.endpoint_mut(network, endpoint) {
            record.attached = true;
        }
        info!(network, endpoint, "container attached");
        self.settle(network);
        Ok(gateways)
    }

    /// Stops counting on an endpoint; the answer is the withdrawal that has to
    /// leave before its links may go.
    pub(crate) fn begin_leave(&mut self, network: &str, endpoint: &str) -> Option<RibVersion> {
        let record = self.endpoint_mut(network, endpoint)?;
        record.attached = false;
        self.timers.clear(&Timer::StopDrained(endpoint.to_owned()));
        self.timers.clear(&Timer::Unmark(endpoint.to_owned()));
        self.settle(network);
        let network = self.networks.get(network)?;
        network
            .actual
            .announced
            .is_none()
            .then_some(network.withdrawn)
            .flatten()
    }

    /// Takes the links of an endpoint away. Links may be there even when the
    /// endpoint is not known, so this is asked of the kernel in any case.
    pub(crate) fn finish_leave(&mut self, network: &str, endpoint: &str) -> Plumbed {
        let Some(entry) = self.networks.get_mut(network) else {
            return self
                .effects
                .plumber
                .apply(datapath::detach(self.effects.instance, endpoint));
        };
        entry.joining.remove(endpoint);
        let current = entry.delivering.as_ref().unwrap_or(&entry.actual.delivered);
        if current.contains_key(endpoint) {
            let mut others = current.clone();
            others.remove(endpoint);
            if others.is_empty() {
                // The container is gone: nothing under way could still end
                // well.
                entry.actual.withdrawal = Withdrawal::Settled;
                self.timers.clear(&Timer::Settled(network.to_owned()));
                self.stop_delivering(network);
                self.settle(network);
            } else {
                self.deliver(network, others);
            }
        }
        let entry = self.networks.get(network);
        let record = entry.and_then(|entry| entry.record.endpoints.get(endpoint));
        let mut ops = record.map_or_else(Vec::new, |it| datapath::forget(network, it));
        ops.extend(datapath::detach(self.effects.instance, endpoint));
        self.effects.plumber.apply(ops)
    }

    /// Forgets an endpoint.
    pub(crate) fn drop_endpoint(&mut self, network: &str, endpoint: &str) {
        self.network_of.remove(endpoint);
        let removed = self
            .networks
            .get_mut(network)
            .and_then(|entry| entry.record.endpoints.remove(endpoint));
        if let Some(removed) = removed {
            self.numbers.release(removed.number);
            self.owners.remove_number(removed.number);
            if let Some(entry) = self.networks.get_mut(network) {
                entry.live.remove(endpoint);
            }
            info!(network, endpoint, "container detached");
            self.settle(network);
        }
    }

    /// Writes down what must outlive the process.
    pub(crate) fn save(&self) -> Saved {
        self.effects.store.save(self.state())
    }

    /// Applies what was planned earlier.
    pub(crate) fn plumb(&self, ops: Vec<netplumb::Op>) -> Plumbed {
        self.effects.plumber.apply(ops)
    }

    /// Withdraws everything; the plugin is about to stop.
    pub(crate) fn withdraw_all(&mut self) -> Option<RibVersion> {
        let sources: Vec<Source> = self.announcements.sources().cloned().collect();
        sources
            .into_iter()
            .filter_map(|source| self.set_announced(source, [].into()))
            .last()
    }

    /// A network that must be known.
    fn network(&self, network: &str) -> Result<&NetworkRecord, PluginError> {
        let entry = self.networks.get(network);
        let record = entry.map(|entry| &entry.record);
        record.ok_or_else(|| unknown_network(network))
    }

    /// An endpoint that must be known.
    pub(crate) fn endpoint(
        &self,
        network: &str,
        endpoint: &str,
    ) -> Result<&EndpointRecord, PluginError> {
        self.network(network)?
            .endpoints
            .get(endpoint)
            .ok_or_else(|| PluginError::not_found(format!("{endpoint} endpoint does not exist")))
    }

    pub(super) fn endpoint_mut(
        &mut self,
        network: &str,
        endpoint: &str,
    ) -> Option<&mut EndpointRecord> {
        self.networks
            .get_mut(network)?
            .record
            .endpoints
            .get_mut(endpoint)
    }

    fn take_number(&mut self) -> Result<Number, PluginError> {
        self.numbers.take().ok_or_else(|| {
            PluginError::conflict("this host has no room for more networks and containers")
        })
    }

    fn holder_of_any(&self, record: &NetworkRecord) -> Option<(IpNet, String)> {
        let wanted: Vec<IpNet> = record.prefixes().collect();
        self.networks.iter().find_map(|(id, network)| {
            let shared = network
                .record
                .prefixes()
                .find(|prefix| wanted.contains(prefix))?;
            Some((shared, id.clone()))
        })
    }

    /// A network that Docker has and we have not with one of the addresses:
    /// another plugin's, most likely.
    fn holder_elsewhere(&self, id: &str, record: &NetworkRecord) -> Option<(IpNet, String)> {
        let wanted: Vec<IpNet> = record.prefixes().collect();
        let mut foreign = self
            .network_subnets
            .iter()
            .filter(|(other, _)| *other != id && !self.networks.contains_key(*other));
        foreign.find_map(|(other, subnets)| {
            let shared = subnets.iter().find(|subnet| wanted.contains(subnet))?;
            Some((*shared, other.clone()))
        })
    }

    fn name_of(&self, network: &str) -> String {
        self.network_names
            .get(network)
            .cloned()
            .unwrap_or_else(|| network.to_owned())
    }
}

/// What has to leave before a network's objects may go.
#[derive(Debug)]
pub(crate) struct Leaving {
    pub(crate) version: Option<RibVersion>,
    pub(crate) ops: Vec<netplumb::Op>,
}

fn unknown_network(network: &str) -> PluginError {
    PluginError::not_found(format!("{network} network does not exist"))
}

/// How long a request waits for a withdrawal to leave: a peer that does not
/// read must not keep Docker from stopping a container.
pub(crate) const FLUSH_LIMIT: Duration = Duration::from_secs(2);
