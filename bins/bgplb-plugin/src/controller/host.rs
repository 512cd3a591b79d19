//! What of the host itself is in the way of the services.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use healthwatch::Network;
use host_check::{Finding, InUse, Mended, ServiceInUse};
use ipnet::IpNet;
use tracing::{info, warn};

use super::{Controller, Timer};
use crate::datapath;
use crate::naming;

/// What was looked for, and what was found.
#[derive(Debug, Default)]
pub(super) struct Host {
    looked_at: Option<Instant>,
    looked_at_v4: bool,
    looked_at_v6: bool,
    /// The subnets of Docker's bridge networks, by network: their bridges have
    /// addresses in them, whatever their names.
    gateways: BTreeMap<String, Vec<IpNet>>,
    /// Each with when it was found.
    findings: BTreeMap<Finding, SystemTime>,
    /// What we tried to mend, and when.
    tried: BTreeMap<Finding, Instant>,
}

/// How far apart two looks are that changes ask for.
const PAUSE: Duration = Duration::from_secs(1);

/// How long nothing is mended again that somebody else has undone.
const MEND_PAUSE: Duration = Duration::from_secs(60);

impl Host {
    /// What is in the way of the services, each with when it was found.
    pub(super) const fn findings(&self) -> &BTreeMap<Finding, SystemTime> {
        &self.findings
    }
}

impl Controller {
    /// Has the host looked at because something has changed there, unless that
    /// was done just now.
    pub(crate) fn examine_host_soon(&mut self) {
        let now = Instant::now();
        let last = self.host.looked_at;
        let at = last.map_or(now, |last| now.max(last + PAUSE));
        self.timers.set_by(Timer::Host, at);
    }

    /// Has the host looked at if the network is the first of a family; for the
    /// others that is done soon enough.
    pub(super) fn examine_host_for(&mut self, network: &str) {
        let Some(network) = self.networks.get(network) else {
            return;
        };
        let record = &network.record;
        let new_v4 = record.v4.is_some() && !self.host.looked_at_v4;
        let new_v6 = record.v6.is_some() && !self.host.looked_at_v6;
        if new_v4 || new_v6 {
            self.examine_host();
        } else {
            self.examine_host_soon();
        }
    }

    /// Has the host looked at, on the kernel's thread: it is in the network
    /// namespace that is meant, and files are read there without holding up
    /// anybody.
    pub(super) fn examine_host(&mut self) {
        let now = Instant::now();
        self.host.looked_at = Some(now);
        self.timers.clear(&Timer::Host);
        let in_use = self.in_use();
        self.host.looked_at_v4 = in_use.v4;
        self.host.looked_at_v6 = in_use.v6;
        self.host.tried.retain(|_, tried| now - *tried < MEND_PAUSE);
        let untried = {
            let tried: BTreeSet<Finding> = self.host.tried.keys().cloned().collect();
            let mends = self.policy.mend_host;
            move |finding: &&Finding| mends && !tried.contains(finding)
        };
        let handle = self.handle.clone();
        self.effects.plumber.apply_then(Vec::new(), move |_| {
            let mut found = host_check::look(&in_use);
            let tried: Vec<(Finding, Mended)> = found
                .iter()
                .filter(untried)
                .map(|finding| (finding.clone(), host_check::mend(finding)))
                .collect();
            let done = |(_, mended): &(_, Mended)| matches!(mended, Mended::Done(_));
            if tried.iter().any(done) {
                found = host_check::look(&in_use);
            }
            handle.tell_blocking(move |controller| {
                controller.tell_mended(tried);
                controller.tell_findings(found);
            });
        });
    }

    /// What services depend on.
    fn in_use(&self) -> InUse {
        let mut in_use = InUse {
            bridges: self.docker_bridges(),
            gateways: self.host.gateways.values().flatten().copied().collect(),
            peers: self.site.peers.iter().map(|peer| peer.address).collect(),
            ..InUse::default()
        };
        for (id, network) in &self.networks {
            in_use.v4 |= network.record.v4.is_some();
            in_use.v6 |= network.record.v6.is_some();
            in_use.services.push(ServiceInUse {
                link: naming::bridge(id),
                addresses: network.record.prefixes().map(|it| it.addr()).collect(),
                answers_there: datapath::is_gateway_host(&network.record),
            });
        }
        in_use
    }

    /// Tells what was done about findings, and remembers it.
    fn tell_mended(&mut self, tried: Vec<(Finding, Mended)>) {
        let now = Instant::now();
        for (finding, mended) in tried {
            let code = finding.code();
            match mended {
                Mended::Done(what) => info!(code, "mended, as MEND_HOST says: {what}"),
                Mended::Failed(why) => warn!(code, why, "it can't be mended from here"),
                Mended::NotDared => info!(code, "MEND_HOST leaves this to the operator"),
            }
            self.host.tried.insert(finding, now);
        }
    }

    /// Tells what has come and what has gone between two looks.
    fn tell_findings(&mut self, found: BTreeSet<Finding>) {
        let mut findings = std::mem::take(&mut self.host.findings);
        findings.retain(|finding, since| {
            let stays = found.contains(finding);
            if !stays {
                let seconds = since.elapsed().unwrap_or_default().as_secs();
                info!(
                    code = finding.code(),
                    ?finding,
                    seconds,
                    "no longer the case"
                );
                self.tell_finding(finding, false);
            }
            stays
        });
        for finding in found {
            findings.entry(finding).or_insert_with_key(|finding| {
                warn!(code = finding.code(), "{finding}");
                self.tell_finding(finding, true);
                SystemTime::now()
            });
        }
        self.host.findings = findings;
    }

    /// Docker has these networks, and no others.
    pub(super) fn list_gateways(&mut self, networks: &[Network]) {
        let before = std::mem::take(&mut self.host.gateways);
        for network in networks {
            self.insert_gateway(network);
        }
        if self.host.gateways != before {
            self.examine_host_soon();
        }
    }

    /// Docker has this network, too.
    pub(super) fn see_gateway(&mut self, network: &Network) {
        self.insert_gateway(network);
        self.examine_host_soon();
    }

    /// Docker does not have it any more.
    pub(super) fn lose_gateway(&mut self, network: &str) {
        self.host.gateways.remove(network);
    }

    fn insert_gateway(&mut self, network: &Network) {
        if network.driver == "bridge" {
            let subnets = network.subnets.clone();
            self.host.gateways.insert(network.id.clone(), subnets);
        }
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

    /// What is in the way of the services, each with when it was found.
    #[cfg(test)]
    pub(crate) const fn findings(&self) -> &BTreeMap<Finding, SystemTime> {
        self.host.findings()
    }
}
