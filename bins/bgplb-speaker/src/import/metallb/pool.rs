//! Addresses to give out.

use lb_plan::{AddressPool, AddressRange, Pools};
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
    ranges: Vec<AddressRange>,
    avoid_buggy_ips: bool,
}

impl Pool {
    /// Reads one; `None` if it is not for BGP, which was told then.
    pub(super) fn read(name: &str, shown: &str, from: &Object<'_>) -> Option<Self> {
        from.node("name");
        if from.text("protocol") == Some("layer2") {
            let why = "addresses are announced by BGP only, not by ARP and NDP";
            from.say(Weight::LeftOut, "protocol", why);
            // Nothing of it is of use.
            from.entries().for_each(drop);
            return None;
        }
        let mut ranges = Vec::new();
        for text in from.texts("addresses") {
            match text.parse::<AddressRange>() {
                Ok(range) => ranges.push(range),
                Err(error) => from.say(Weight::LeftOut, "addresses", &error.to_string()),
            }
        }
        // A network names its pool here, so none is used unasked.
        from.yes("autoAssign");
        let allocation =
            "which service gets its addresses is said by the network: --ipam-opt pool=NAME";
        from.leave_out("serviceAllocation", allocation);
        Some(Self {
            name: shown.to_owned(),
            line: from.line(),
            plain_name: name.to_owned(),
            ranges,
            avoid_buggy_ips: from.yes("avoidBuggyIPs").unwrap_or(false),
        })
    }

    fn write(&self, to: &mut Document) {
        // A dot would begin a table in the table.
        let name = match self.plain_name.contains('.') {
            true => Value::from(self.plain_name.as_str()).to_string(),
            false => self.plain_name.clone(),
        };
        to.begin(&format!("[pools.{name}]"));
        to.set_all("addresses", self.ranges.iter().map(ToString::to_string));
        if self.avoid_buggy_ips {
            to.set("avoid-buggy-ips", true);
        }
    }
}

impl Cluster {
    pub(super) fn write_pools(&self, to: &mut Document, notes: &Notes) {
        if self.pools.is_empty() {
            let what = "there is no IPAddressPool: the file has no pools";
            notes.say(Weight::Differs, None, "", what);
        }
        let mut usable = Vec::new();
        for pool in &self.pools {
            // The plugin asks the same when it reads the file.
            let (ranges, avoid) = (pool.ranges.clone(), pool.avoid_buggy_ips);
            match AddressPool::new(&pool.plain_name, ranges, avoid) {
                Ok(it) => usable.push(it),
                Err(error) => {
                    notes.say(Weight::Fault, pool.line, &pool.name, &error.to_string());
                }
            }
            pool.write(to);
        }
        if let Err(error) = Pools::new(usable) {
            notes.say(Weight::Fault, None, "", &error.to_string());
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
