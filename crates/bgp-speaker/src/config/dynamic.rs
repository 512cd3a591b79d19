//! Peers that are not known one by one.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Initiation, PeerSettings};

/// A prefix whose addresses may connect and become peers while they stay.
///
/// Such a peer is passive, and forgotten when its session ends. A peer that is
/// configured by its own address is none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamicPeers {
    /// Who may come.
    pub prefix: IpNet,
    /// How many may be there at once. When one more comes, who has been there
    /// for the longest time without a session is sent away with Cease /
    /// Connection Rejected (RFC 4486 section 4); if all have one, the newcomer
    /// is. An address takes one place, however often it connects.
    pub limit: usize,
    /// What each of them is told and allowed. Address, port and who connects
    /// are not looked at; a password holds for the whole prefix.
    pub template: PeerSettings,
}

impl DynamicPeers {
    /// Up to `limit` peers of `prefix`, each with the settings of `template`.
    pub fn new(prefix: IpNet, limit: usize, template: PeerSettings) -> Self {
        Self {
            prefix: prefix.trunc(),
            limit,
            template,
        }
    }

    /// The settings of the one at `address`.
    pub(crate) fn settings(&self, address: IpAddr) -> PeerSettings {
        PeerSettings {
            address,
            initiation: Initiation::Passive,
            ..self.template.clone()
        }
    }
}
