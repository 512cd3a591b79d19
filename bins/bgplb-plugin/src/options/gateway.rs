//! By whom a network's containers reach what is not on it.

use std::collections::BTreeMap;

/// The option's name.
pub(crate) const GATEWAY: &str = "bgplb.gateway";

/// Who is the default gateway of a network's containers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Gateway {
    /// That of another network; Docker adds `docker_gwbridge` to a container
    /// that has none.
    #[default]
    Docker,
    /// The host itself, by the network's own bridge.
    Host,
}

impl Gateway {
    /// What a network's options say, which were checked when it was made.
    ///
    /// Unlike the others this one is read from them again and again: it depends
    /// on no setting of the plugin's, and containers that have their routes must
    /// not lose their gateway because another option can't be used any more.
    pub(crate) fn of(options: &BTreeMap<String, String>) -> Self {
        let value = options.get(GATEWAY);
        value
            .and_then(|value| Self::read(value.trim()))
            .unwrap_or_default()
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        match text {
            "docker" => Some(Self::Docker),
            "host" => Some(Self::Host),
            _ => None,
        }
    }
}
