//! Which addresses are given out: Docker's pool requests, and what becomes of
//! them.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use docker_plugin_api::PluginError;
use healthwatch::Network;
use ipnet::IpNet;
use lb_plan::{AddressFamily, Ask, Lease, LeaseError, Leases, PoolScope, Pools};
use lb_status::PoolUse;
use tokio::sync::oneshot;
use tracing::warn;

use super::{Controller, Handle, Stopping};
use crate::pool;
use crate::settings::Scope;
use crate::store::{NetworkRecord, State};

/// Requests for a pool of Docker's choice that may come in a row.
const REPEATS: u32 = 64;

/// How far apart they may be to count as a row.
const ROW: Duration = Duration::from_secs(2);

/// The addresses that are given out, and who waits for one.
pub(crate) struct Addresses {
    leases: Leases,
    rows: Rows,
    waiting: Vec<oneshot::Sender<()>>,
}

/// An address of a named pool, or when to ask for it again.
pub(crate) enum Leased {
    /// This one.
    Address(IpAddr),
    /// The network has no IPv4 address.
    NoIpv4,
    /// When the receiver has news, and at this time at the latest.
    Later(oneshot::Receiver<()>, Instant),
}

impl Addresses {
    /// What `state` says is in use.
    pub(crate) fn new(pools: Pools, scope: Scope, state: &State) -> Self {
        let scope = match scope {
            Scope::Local => PoolScope::Host,
            Scope::Global => PoolScope::Swarm,
        };
        let mut leases = Leases::new(pools, scope);
        leases.restore(&state.requests);
        for prefix in state.networks.values().flat_map(NetworkRecord::prefixes) {
            leases.hold(prefix.addr());
        }
        Self {
            leases,
            rows: Rows::default(),
            waiting: Vec::new(),
        }
    }

    /// What is to be remembered beside the networks.
    pub(super) fn requests(&self) -> BTreeMap<IpAddr, u32> {
        self.leases.requests()
    }

    /// How full the pools are, by family.
    pub(super) fn pools_in_use(&self) -> impl Iterator<Item = PoolUse> {
        // Whatever has 2^53 addresses or more is never nearly full.
        self.leases.usage().map(|usage| PoolUse {
            pool: usage.pool.to_owned(),
            family: match usage.family {
                AddressFamily::V4 => "ipv4",
                AddressFamily::V6 => "ipv6",
            },
            total: usage.size as f64,
            used: usage.used as f64,
        })
    }

    /// A network has these addresses now.
    pub(super) fn hold(&mut self, network: &NetworkRecord) {
        for prefix in network.prefixes() {
            self.leases.hold(prefix.addr());
        }
        self.changed();
    }

    /// A network that had these addresses is gone.
    pub(super) fn let_go(&mut self, network: &NetworkRecord) {
        for prefix in network.prefixes() {
            self.leases.let_go(prefix.addr());
        }
    }

    /// Whether a network may have these addresses together.
    pub(super) fn check(&self, network: &NetworkRecord) -> Result<(), PluginError> {
        match (network.v4, network.v6) {
            (Some(v4), Some(v6)) => self.leases.check_pair(v4, v6),
            _ => Ok(()),
        }
        .map_err(|error| refusal(&error, 0))
    }

    /// Something came of a request: whoever waits for that may ask again.
    fn changed(&mut self) {
        self.rows.clear();
        // A waiter that is gone needs no waking.
        self.waiting
            .drain(..)
            .for_each(|waiter| _ = waiter.send(()));
    }
}

impl Controller {
    /// Addresses come from these pools from now on; networks keep those they have.
    pub(crate) fn replace_pools(&mut self, pools: Pools) {
        self.addresses.leases.replace_pools(pools);
        self.addresses.changed();
    }

    /// Notes a request that leaves the choice of the pool to us. Docker turns
    /// down what a name server or a route of the host covers, and asks again
    /// without end.
    pub(crate) fn note_request(
        &mut self,
        options: &BTreeMap<String, String>,
        v6: bool,
    ) -> Result<(), PluginError> {
        let count = self.addresses.rows.note((options, v6), Instant::now());
        if count > REPEATS {
            let sentence = format!("{}", TurnedDown { count });
            return Err(PluginError::conflict(sentence));
        }
        Ok(())
    }

    /// Gives out an address of a pool.
    pub(crate) fn lease(
        &mut self,
        name: &str,
        v6: bool,
        given: Option<IpAddr>,
    ) -> Result<Leased, PluginError> {
        let family = if v6 {
            AddressFamily::V6
        } else {
            AddressFamily::V4
        };
        let ask = Ask {
            pool: name,
            family,
            given,
        };
        let addresses = &mut self.addresses;
        match addresses.leases.ask(&ask, Instant::now()) {
            Ok(Lease::Address(address)) => {
                if v6 {
                    // Both addresses of a network are there: the next may come.
                    addresses
                        .waiting
                        .drain(..)
                        .for_each(|waiter| _ = waiter.send(()));
                }
                Ok(Leased::Address(address))
            }
            Ok(Lease::NoIpv4) => Ok(Leased::NoIpv4),
            Ok(Lease::Later(at)) => {
                let (waiter, news) = oneshot::channel();
                addresses.waiting.retain(|waiter| !waiter.is_closed());
                addresses.waiting.push(waiter);
                Ok(Leased::Later(news, at))
            }
            Err(error) => Err(refusal(&error, addresses.rows.longest())),
        }
    }

    /// Counts a request for an address that was chosen by somebody else.
    pub(crate) fn take_address(&mut self, address: IpAddr) {
        self.addresses.leases.take(address);
    }

    /// Docker gave an address back.
    pub(crate) fn release_address(&mut self, address: IpAddr) {
        self.addresses.leases.release(address);
        self.addresses.changed();
    }

    /// A Swarm's manager has a network with these addresses. Its workers make
    /// it, so none is made here.
    pub(crate) fn allocated(&mut self, prefixes: &[IpNet]) {
        for prefix in prefixes {
            self.addresses.leases.settled(prefix.addr());
        }
        self.addresses.changed();
    }

    /// Compares with what Docker has. Requests that no network came of are found
    /// here and nowhere else.
    pub(super) fn compare_addresses(&mut self, networks: &[Network]) {
        let now = Instant::now();
        let subnets = networks.iter().flat_map(|network| &network.subnets);
        let single = |subnet: &&IpNet| {
            subnet.prefix_len() == subnet.max_prefix_len() && !pool::is_placeholder(**subnet)
        };
        let listed = subnets.filter(single).map(IpNet::addr).collect();
        let grace = self.policy.reclaim_after;
        let reclaimed = self.addresses.leases.compare(&listed, now, grace);
        for address in &reclaimed {
            warn!(%address, "no network of Docker's came of this address; it is free again");
        }
        if !reclaimed.is_empty() {
            drop(self.save());
        }
    }
}

impl Handle {
    /// Writes down what must outlive the process, and waits until it is safe.
    pub(crate) async fn save(&self) -> Result<(), PluginError> {
        match self.ask(|controller| controller.save()).await?.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(PluginError::internal(format!(
                "the plugin's state can't be written: {error}"
            ))),
            Err(_) => Err(Stopping.into()),
        }
    }
}

fn refusal(error: &LeaseError, row: u32) -> PluginError {
    let sentence = match error {
        // Three in a row is Docker's doing, not the user's.
        LeaseError::Exhausted { .. } if row > 2 => {
            format!("{error}; {}", TurnedDown { count: row })
        }
        _ => error.to_string(),
    };
    match error {
        LeaseError::Exhausted { .. } | LeaseError::Apart { .. } => PluginError::conflict(sentence),
        _ => PluginError::bad_request(sentence),
    }
}

/// Why Docker asks again and again, and the way out.
#[derive(Debug, thiserror::Error)]
#[error(
    "Docker asked {count} times in a row: it turns down addresses that are a name server of this host (/etc/resolv.conf) or in one of its routes; give the address with --subnet, which it takes as it is"
)]
struct TurnedDown {
    count: u32,
}

/// Requests that came in a row, by what they ask for.
#[derive(Debug, Default)]
struct Rows {
    rows: BTreeMap<u64, (u32, Instant)>,
}

impl Rows {
    /// Counts a request; how many are in its row now.
    fn note(&mut self, request: (&BTreeMap<String, String>, bool), now: Instant) -> u32 {
        let mut hasher = DefaultHasher::new();
        request.hash(&mut hasher);
        self.rows.retain(|_, (_, last)| now < *last + ROW);
        let (count, last) = self.rows.entry(hasher.finish()).or_insert((0, now));
        *count = count.saturating_add(1);
        *last = now;
        *count
    }

    fn longest(&self) -> u32 {
        self.rows
            .values()
            .map(|(count, _)| *count)
            .max()
            .unwrap_or(0)
    }

    fn clear(&mut self) {
        self.rows.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::{Duration, Instant};

    use super::{ROW, Rows};

    #[test]
    fn a_row_is_what_comes_close_together_and_is_alike() {
        let (mut rows, start) = (Rows::default(), Instant::now());
        let one = BTreeMap::from([("v6subnet".to_owned(), "2001:db8::1/128".to_owned())]);
        let other = BTreeMap::new();
        assert_eq!(rows.note((&one, true), start), 1);
        assert_eq!(rows.note((&other, true), start), 1);
        assert_eq!(rows.note((&one, false), start), 1);
        let close = start + ROW - Duration::from_millis(1);
        assert_eq!(rows.note((&one, true), close), 2);
        assert_eq!(rows.longest(), 2);
        assert_eq!(rows.note((&one, true), close + ROW), 1);
        rows.clear();
        assert_eq!(rows.longest(), 0);
    }
}
