//! Addresses to give out.

use lb_plan::AddressRange;
use toml::Value;

use super::Cluster;
use super::advertisement::Advertisement;
use crate::import::document::Document;
use crate::import::notes::{Notes, Weight};
use crate::import::object::Object;

/// A pool.
#[derive(Debug)]
pub(super) struct Pool {
    /// With its kind, as `IPAddressPool/web`.
    pub(super) name: String,
    pub(super) line: Option<usize>,
    plain_name: String,
    ranges: Vec<String>,
    avoid_buggy_ips: bool,
}

impl Pool {
    /// Reads one; the inner `None` if it is not for BGP, which was told then.
    pub(super) fn read(name: &str, shown: &str, from: &Object<'_>) -> Option<Option<Self>> {
        from.node("name");
        if from.text("protocol") == Some("layer2") {
            let why = "addresses are announced by BGP only, not by ARP and NDP";
            from.say(Weight::LeftOut, "protocol", why);
            // Nothing of it is of use.
            from.entries().for_each(drop);
            return Some(None);
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !(1..=63).contains(&name.len()) || !name.chars().all(plain) {
            let what = "a pool's name has 1 to 63 letters, digits and any of -_.";
            from.say(Weight::Fault, "name", what);
            return None;
        }
        let mut ranges = Vec::new();
        let mut complete = true;
        for text in from.texts("addresses") {
            let compact = text.replace(' ', "");
            match compact.parse::<AddressRange>() {
                Ok(_) => ranges.push(compact),
                Err(error) => {
                    from.say(Weight::Fault, "addresses", &error.to_string());
                    complete = false;
                }
            }
        }
        // A network names its pool here, so none is used unasked.
        from.yes("autoAssign");
        let allocation =
            "which service gets its addresses is said by the network: --ipam-opt pool=NAME";
        from.leave_out("serviceAllocation", allocation);
        let avoid_buggy_ips = from.yes("avoidBuggyIPs").unwrap_or(false);
        complete.then_some(Some(Self {
            name: shown.to_owned(),
            line: from.line(),
            plain_name: name.to_owned(),
            ranges,
            avoid_buggy_ips,
        }))
    }
}

impl Cluster {
    pub(super) fn write_pools(&self, to: &mut Document, notes: &Notes) {
        if self.pools.is_empty() {
            let what = "there is no IPAddressPool: the file has no pools";
            notes.say(Weight::Differs, None, "", what);
        }
        for pool in &self.pools {
            let name = match pool.plain_name.contains('.') {
                true => Value::from(pool.plain_name.as_str()).to_string(),
                false => pool.plain_name.clone(),
            };
            to.begin(&format!("[pools.{name}]"));
            to.set("addresses", pool.ranges.clone());
            if pool.avoid_buggy_ips {
                to.set("avoid-buggy-ips", true);
            }
        }
        let said = self
            .advertisements
            .iter()
            .any(Advertisement::says_something);
        if said {
            let what = "communities, local preferences and aggregation are options of a network \
                        (docs/networks.md) or belong to the speaker";
            notes.say(Weight::LeftOut, None, "BGPAdvertisement", what);
        }
    }
}
