//! Which subnets of networks can be announced. Pure but for what is logged.

use std::collections::{BTreeMap, BTreeSet};

use bgp_speaker::unroutable;
use healthwatch::Network;
use ipnet::IpNet;
use tracing::{info, warn};

/// The subnets that are announced, and those that are not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Subnets {
    announced: BTreeSet<IpNet>,
    /// Why not.
    left_out: BTreeMap<IpNet, String>,
}

impl Subnets {
    /// Takes the subnets of these networks in place of those of before, and logs what
    /// that changes. What is announced stays so when another comes that overlaps it.
    pub(super) fn replace(&mut self, networks: &[&Network]) {
        let mut all: Vec<(IpNet, &str)> = networks
            .iter()
            .flat_map(|it| it.subnets.iter().map(|subnet| (*subnet, it.name.as_str())))
            .map(|(subnet, network)| (subnet.trunc(), network))
            .collect();
        all.sort_by_key(|(subnet, network)| (!self.announced.contains(subnet), *network, *subnet));
        let mut now = Self::default();
        for (subnet, network) in all {
            match now.fault_of(subnet) {
                None => {
                    if now.announced.insert(subnet) && !self.announced.contains(&subnet) {
                        info!(network, %subnet, "the network's subnet is announced");
                    }
                }
                Some(why) => {
                    if self.left_out.get(&subnet) != Some(&why) {
                        warn!(network, %subnet, "the network's subnet is not announced: it {why}");
                    }
                    now.left_out.insert(subnet, why);
                }
            }
        }
        for subnet in self.announced.difference(&now.announced) {
            info!(%subnet, "the subnet is no longer announced");
        }
        *self = now;
    }

    /// Those that are announced.
    pub(super) fn iter(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.announced.iter().copied()
    }

    /// Why this one cannot be announced beside the others.
    fn fault_of(&self, subnet: IpNet) -> Option<String> {
        if subnet.prefix_len() == 0 {
            return Some("is a default route".to_owned());
        }
        if let Some(what) = unroutable(subnet) {
            return Some(format!("is {what}"));
        }
        let mut others = self.announced.iter().filter(|it| **it != subnet);
        let other = others.find(|it| it.contains(&subnet) || subnet.contains(*it));
        other.map(|other| format!("overlaps {other}, which is announced"))
    }
}
