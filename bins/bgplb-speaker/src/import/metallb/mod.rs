//! MetalLB: its objects of Kubernetes, and the configuration map of its early versions.

mod advertisement;
mod duration;
mod objects;
mod peer;
mod plugin;
mod pool;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use self::advertisement::Advertisement;
use self::peer::{BfdProfile, BgpPeer};
use self::pool::Pool;
use super::document::Document;
use super::node::Node;
use super::notes::{Notes, Weight};
use super::speaker::Speaker;

pub(super) use self::objects::{cluster, is_ours};

/// Everything MetalLB was told.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    peers: Vec<BgpPeer>,
    profiles: BTreeMap<String, BfdProfile>,
    advertisements: Vec<Advertisement>,
    /// What communities are called.
    aliases: BTreeMap<String, String>,
    pools: Vec<Pool>,
}

/// What of it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    /// A configuration of bgplb-speaker.
    Speaker,
    /// The pools' file of the plugin, and its settings behind comment signs.
    Plugin,
}

/// A configuration of bgplb-speaker; `None` after a fault.
pub(super) fn for_speaker(
    documents: &[Node],
    router_id: Option<Ipv4Addr>,
    notes: &Notes,
) -> Option<String> {
    let cluster = cluster(documents, notes)?;
    for pool in &cluster.pools {
        let what = "its addresses are given out by the plugin (--for plugin); here [[services]] \
                    names them";
        notes.say(Weight::LeftOut, pool.line, &pool.name, what);
    }
    let speaker = cluster.speaker(router_id, notes)?;
    let mut text = Document::default();
    speaker.write(&mut text);
    Some(text.into_text())
}

/// The pools' file of the plugin; `None` after a fault.
pub(super) fn for_plugin(
    documents: &[Node],
    router_id: Option<Ipv4Addr>,
    notes: &Notes,
) -> Option<String> {
    let cluster = cluster(documents, notes)?;
    let mut text = Document::default();
    cluster.write_settings(router_id, &mut text, notes);
    cluster.write_pools(&mut text, notes);
    Some(text.into_text())
}

impl Cluster {
    /// The AS and the identifier of all peers, which have to be the same here.
    fn identity(&self, router_id: Option<Ipv4Addr>, notes: &Notes) -> Option<(u32, Ipv4Addr)> {
        let Some(first) = self.peers.first() else {
            notes.say(
                Weight::Fault,
                None,
                "",
                "there is no BGPPeer: nobody to speak with",
            );
            return None;
        };
        let told = self.peers.iter().find_map(|it| it.router_id);
        let Some(identifier) = router_id.or(told) else {
            let what = "missing; MetalLB takes the node's address: give this host's with \
                        --router-id ADDRESS";
            notes.say(
                Weight::Fault,
                first.line,
                &format!("{} spec.routerID", first.name),
                what,
            );
            return None;
        };
        for peer in &self.peers {
            if peer.router_id.is_some_and(|it| it != identifier) {
                let what = format!("all peers hear of the same here, {identifier}");
                let field = format!("{} spec.routerID", peer.name);
                notes.say(Weight::LeftOut, peer.line, &field, &what);
            }
        }
        Some((first.my_asn, identifier))
    }

    fn speaker(&self, router_id: Option<Ipv4Addr>, notes: &Notes) -> Option<Speaker> {
        let (asn, router_id) = self.identity(router_id, notes)?;
        let mut peers = Vec::new();
        for peer in &self.peers {
            let mut written = peer.peer(asn, &self.profiles, notes);
            self.advertise_to(peer, &mut written, notes);
            peers.push(written);
        }
        Some(Speaker {
            asn,
            router_id,
            // MetalLB connects and does not listen.
            listen: Vec::new(),
            peers,
        })
    }
}
