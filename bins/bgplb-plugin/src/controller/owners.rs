//! Which network an object of the kernel belongs to, without a search.

use std::collections::BTreeMap;

use ipnet::IpNet;
use netplumb::{LinkName, NextHopId};

use crate::naming;
use crate::numbers::Number;
use crate::store::NetworkRecord;

/// The networks by what is theirs alone.
#[derive(Debug, Default)]
pub(super) struct Owners {
    by_prefix: BTreeMap<IpNet, String>,
    by_bridge: BTreeMap<LinkName, String>,
    by_number: BTreeMap<Number, String>,
}

impl Owners {
    /// Those of networks that are there already.
    pub(super) fn of<'a>(networks: impl Iterator<Item = (&'a String, &'a NetworkRecord)>) -> Self {
        let mut owners = Self::default();
        for (id, record) in networks {
            owners.insert(id, record);
        }
        owners
    }

    /// A network with its endpoints is there.
    pub(super) fn insert(&mut self, id: &str, record: &NetworkRecord) {
        for prefix in record.prefixes() {
            self.by_prefix.insert(prefix, id.to_owned());
        }
        self.by_bridge.insert(naming::bridge(id), id.to_owned());
        self.insert_number(id, record.number);
        for endpoint in record.endpoints.values() {
            self.insert_number(id, endpoint.number);
        }
    }

    /// An endpoint of a network has this number.
    pub(super) fn insert_number(&mut self, id: &str, number: Option<Number>) {
        if let Some(number) = number {
            self.by_number.insert(number, id.to_owned());
        }
    }

    /// A network with the endpoints that are left is gone.
    pub(super) fn remove(&mut self, id: &str, record: &NetworkRecord) {
        for prefix in record.prefixes() {
            self.by_prefix.remove(&prefix);
        }
        self.by_bridge.remove(&naming::bridge(id));
        self.remove_number(record.number);
        for endpoint in record.endpoints.values() {
            self.remove_number(endpoint.number);
        }
    }

    /// An endpoint with this number is gone.
    pub(super) fn remove_number(&mut self, number: Option<Number>) {
        if let Some(number) = number {
            self.by_number.remove(&number);
        }
    }

    pub(super) fn of_prefix(&self, prefix: &IpNet) -> Option<&String> {
        self.by_prefix.get(prefix)
    }

    pub(super) fn of_bridge(&self, link: &LinkName) -> Option<&String> {
        self.by_bridge.get(link)
    }

    pub(super) fn of_next_hop(&self, id: NextHopId) -> Option<&String> {
        self.by_number.get(&Number::of(id)?)
    }
}
