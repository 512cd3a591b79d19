//! What an earlier run remembered, made fit for this one.

use tracing::warn;

use crate::numbers::Numbers;
use crate::options::{ServiceOptions, Site};
use crate::store::{NetworkRecord, State};

/// Numbers what an earlier version left without.
pub(super) fn number(state: &mut State, numbers: &mut Numbers) {
    for network in state.networks.values_mut() {
        let endpoints = network.endpoints.values_mut();
        for of in endpoints
            .map(|it| &mut it.number)
            .chain([&mut network.number])
        {
            if of.is_none_or(|known| !numbers.insert(known)) {
                *of = numbers.take();
            }
        }
    }
}

/// A network's options, as far as they can still be used: the settings may
/// have changed since they were checked.
pub(super) fn options(id: &str, record: &NetworkRecord, site: &Site) -> ServiceOptions {
    ServiceOptions::read(&record.options, site).unwrap_or_else(|error| {
        warn!(network = id, %error, "the network goes on without its options");
        ServiceOptions::default()
    })
}
