//! The plugin's settings that say the same as MetalLB's peers.

use std::net::Ipv4Addr;

use super::Cluster;
use crate::import::document::Document;
use crate::import::notes::{Notes, Weight};

impl Cluster {
    /// Behind comment signs, since the pools' file holds pools only.
    pub(super) fn write_settings(
        &self,
        router_id: Option<Ipv4Addr>,
        to: &mut Document,
        notes: &Notes,
    ) {
        let mut addresses = Vec::new();
        let mut systems = Vec::new();
        for peer in &self.peers {
            let lost = peer.beyond_the_plugin();
            if !lost.is_empty() {
                let what = format!("the plugin has no setting for it: {}", lost.join(", "));
                notes.say(Weight::LeftOut, peer.line, &peer.name, &what);
            }
            let (Some(address), Some(number)) = (peer.address, peer.number()) else {
                let what = "the plugin's routers have an address and an AS number";
                notes.say(Weight::LeftOut, peer.line, &peer.name, what);
                continue;
            };
            addresses.push(address.to_string());
            systems.push(number.to_string());
        }
        let Some(first) = self.peers.first() else {
            return;
        };
        let told = self.peers.iter().find_map(|it| it.router_id);
        let identifier = router_id.or(told);
        let identifier =
            identifier.map_or_else(|| "ADDRESS-OF-THE-HOST".to_owned(), |it| it.to_string());
        let local = first.my_asn;
        to.comment("The plugin's settings beside this file, which is named by POOLS_FILE:");
        to.comment(&format!("ROUTER_ID={identifier}"));
        to.comment(&format!("LOCAL_AS={local}"));
        to.comment(&format!("PEER_ADDRESS={}", addresses.join(",")));
        to.comment(&format!("PEER_AS={}", systems.join(",")));
        if let Some(bfd) = first.bfd_setting(&self.profiles) {
            to.comment(&format!("PEER_BFD={bfd}"));
        }
    }
}
