//! What is remembered over a restart because the kernel does not: what was put on links
//! that are not ours, and which balanced services are.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use ipnet::IpNet;
use netplumb::ipvs::{Protocol, ServiceKey};
use netplumb::{AddrSpec, LinkName};
use serde::{Deserialize, Serialize};

use crate::state::StateFile;

/// Everything that is ours without a mark in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) placed: BTreeSet<AddrSpec>,
    pub(super) balanced: BTreeSet<ServiceKey>,
}

/// The same in the file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Section {
    addresses: BTreeSet<(String, IpNet)>,
    /// The protocol by its number, address and port.
    balanced: BTreeSet<(u16, IpAddr, u16)>,
}

impl Kept {
    /// What an earlier run has left behind; nothing without a file.
    pub(super) fn read(state: Option<&StateFile>) -> Self {
        let section = state.and_then(|state| state.section::<Section>(SECTION));
        let section = section.unwrap_or_default();
        let placed = section.addresses.into_iter().filter_map(|(link, addr)| {
            let link = LinkName::new(&link).ok()?;
            Some(AddrSpec { link, addr })
        });
        let balanced = section.balanced.into_iter();
        Self {
            placed: placed.collect(),
            balanced: balanced
                .map(|(protocol, address, port)| ServiceKey {
                    protocol: Protocol::from_number(protocol),
                    address,
                    port,
                })
                .collect(),
        }
    }

    /// Keeps it, if there is a file.
    pub(super) async fn write(&self, state: Option<&StateFile>) -> io::Result<()> {
        let Some(state) = state else {
            return Ok(());
        };
        let placed = self.placed.iter();
        let balanced = self.balanced.iter();
        let section = Section {
            addresses: placed.map(|it| (it.link.to_string(), it.addr)).collect(),
            balanced: balanced
                .map(|it| (it.protocol.number(), it.address, it.port))
                .collect(),
        };
        state.keep(SECTION, &section).await
    }
}

/// The section of the file.
const SECTION: &str = "services";
