//! The sender: a speaker that holds a table and waits for peers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use bgp_speaker::{
    Initiation, LocalAddresses, NextHops, PeerSettings, RibChange, Speaker, SpeakerConfig, Ttl,
};
use bgp_wire::{Asn, BgpIdentifier, PathAttributes};
use ipnet::{IpNet, Ipv4Net};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{PEER_AS, SENDER, SENDER_AS, peer};

/// Announces in pieces, as a program would whose table comes from elsewhere.
const PIECE: u32 = 10_000;

pub(crate) fn run(port: u16, prefixes: u32, sets: u32, peers: u32) -> Result<()> {
    // As bgplb-plugin runs it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(hold(port, prefixes, sets, peers))
}

async fn hold(port: u16, prefixes: u32, sets: u32, peers: u32) -> Result<()> {
    let identifier = BgpIdentifier::from(*SENDER.ip());
    let mut config = SpeakerConfig::new(Asn::new(SENDER_AS), identifier);
    config.listen = vec![SocketAddr::from((*SENDER.ip(), port))];
    config.peers = (0..peers).map(settings).collect();
    let (_addresses, addresses) = watch::channel(Arc::new(LocalAddresses::default()));
    let (speaker, handle) = Speaker::new(config, addresses)?;
    let sets: Vec<_> = (0..sets)
        .map(|med| {
            Arc::new(PathAttributes {
                med: Some(med),
                ..PathAttributes::originated()
            })
        })
        .collect();
    let mut changes = Vec::with_capacity(PIECE as usize);
    for (number, set) in (0..prefixes).zip(sets.iter().cycle()) {
        changes.push(RibChange::announce(prefix(number), Arc::clone(set)));
        if changes.len() == changes.capacity() {
            handle.apply(&changes);
            changes.clear();
        }
    }
    handle.apply(&changes);
    drop(changes);
    Ok(speaker.run(CancellationToken::new()).await?)
}

fn settings(number: u32) -> PeerSettings {
    let mut settings = PeerSettings::new(IpAddr::V4(peer::address(number)), Asn::new(PEER_AS));
    settings.local_address = Some(IpAddr::V4(*SENDER.ip()));
    // Loopback addresses are no next hops.
    settings.next_hops = NextHops {
        v4: Some(NEXT_HOP),
        v6: None,
    };
    settings.ttl = Ttl::Hops(2);
    settings.initiation = Initiation::Passive;
    settings
}

pub(super) const NEXT_HOP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

pub(crate) fn prefix(number: u32) -> IpNet {
    let address = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + number);
    IpNet::V4(Ipv4Net::new_assert(address, 32))
}
