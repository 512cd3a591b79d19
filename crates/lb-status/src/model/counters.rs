//! What was counted of a peer since it is known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counts that only grow; they begin anew with the program, and with a peer
/// whose settings were changed so that its session had to end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct PeerCounters {
    /// Messages the kernel took from us, by type.
    pub sent: BTreeMap<String, u64>,
    /// Messages that came from the peer, by type.
    pub received: BTreeMap<String, u64>,
    /// Prefixes that UPDATEs for the peer announced, by family; one that is
    /// announced again counts again.
    pub announced: BTreeMap<String, u64>,
    /// Prefixes that UPDATEs for the peer took back, by family.
    pub withdrawn: BTreeMap<String, u64>,
    /// How often a session came up.
    pub established: u64,
    /// How often a session ended, by why.
    pub resets: BTreeMap<String, u64>,
}
