//! What of the host itself is in the way of the services.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Controller, Timer};
use crate::hostcheck::{self, Finding, InUse};

/// What was looked for, and what was found.
#[derive(Debug, Default)]
pub(super) struct Host {
    looked_at: Option<Instant>,
    looked_at_v4: bool,
    looked_at_v6: bool,
    findings: BTreeSet<Finding>,
}

/// How far apart two looks are that changes ask for.
const PAUSE: Duration = Duration::from_secs(1);

impl Controller {
    /// Has the host looked at because something has changed there, unless that
    /// was done just now.
    pub(super) fn examine_host_soon(&mut self) {
        let now = Instant::now();
        let at = self
            .host
            .looked_at
            .map_or(now, |last| now.max(last + PAUSE));
        self.timers.set_by(Timer::Host, at);
    }

    /// Has the host looked at if the network is the first of a family; for the
    /// others that is done already.
    pub(super) fn examine_host_for(&mut self, network: &str) {
        let Some(network) = self.networks.get(network) else {
            return;
        };
        let record = &network.record;
        let new_v4 = record.v4.is_some() && !self.host.looked_at_v4;
        let new_v6 = record.v6.is_some() && !self.host.looked_at_v6;
        if new_v4 || new_v6 {
            self.examine_host();
        }
    }

    /// Has the host looked at, on the kernel's thread: it is in the network
    /// namespace that is meant, and files are read there without holding up
    /// anybody.
    pub(super) fn examine_host(&mut self) {
        self.host.looked_at = Some(Instant::now());
        self.timers.clear(&Timer::Host);
        let mut in_use = InUse {
            bridges: self.docker_bridges(),
            ..InUse::default()
        };
        for network in self.networks.values() {
            in_use.v4 |= network.record.v4.is_some();
            in_use.v6 |= network.record.v6.is_some();
            let addresses = network.record.prefixes().map(|prefix| prefix.addr());
            in_use.addresses.extend(addresses);
        }
        self.host.looked_at_v4 = in_use.v4;
        self.host.looked_at_v6 = in_use.v6;
        let handle = self.handle.clone();
        self.effects.plumber.apply_then(Vec::new(), move |_| {
            let found = hostcheck::look(&in_use);
            handle.tell_blocking(move |controller| {
                hostcheck::tell(&controller.host.findings, &found);
                controller.host.findings = found;
            });
        });
    }

    /// What Docker calls the bridges of networks that are not ours, as far as
    /// the operator did not name them. Networks of other drivers have none.
    fn docker_bridges(&self) -> Vec<String> {
        let others = self.network_names.keys();
        let named = others
            .filter(|id| !self.networks.contains_key(*id))
            .filter_map(|id| id.get(..12))
            .map(|id| format!("br-{id}"));
        let fixed = ["docker0", "docker_gwbridge"].map(str::to_owned);
        fixed.into_iter().chain(named).collect()
    }

    /// What the last look found, for the tests.
    #[cfg(test)]
    pub(crate) const fn findings(&self) -> &BTreeSet<Finding> {
        &self.host.findings
    }
}
