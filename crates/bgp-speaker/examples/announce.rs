//! Announces one prefix to one peer until interrupted:
//! `cargo run --example announce -- LOCAL_AS ROUTER_ID PEER PEER_AS PREFIX [PORT]`.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bgp_speaker::{LocalAddresses, PeerSettings, RibChange, Speaker, SpeakerConfig};
use bgp_wire::{Asn, BgpIdentifier, PathAttributes};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout)]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (required, port) = match arguments.as_slice() {
        [required @ .., port] if required.len() == 5 => (required, port.parse()?),
        required => (required, bgp_speaker::BGP_PORT),
    };
    let [local_as, identifier, peer, peer_as, prefix] = required else {
        return Err("arguments: LOCAL_AS ROUTER_ID PEER PEER_AS PREFIX [PORT]".into());
    };
    let identifier = BgpIdentifier::from(identifier.parse::<Ipv4Addr>()?);
    let mut config = SpeakerConfig::new(local_as.parse()?, identifier);
    config.peers.push(PeerSettings {
        port,
        ..PeerSettings::new(peer.parse()?, peer_as.parse::<Asn>()?)
    });

    let (_addresses, local_addresses) = watch::channel(Arc::new(LocalAddresses::default()));
    let (speaker, handle) = Speaker::new(config, local_addresses)?;
    let attributes = Arc::new(PathAttributes::originated());
    handle.apply(&[RibChange::announce(prefix.parse()?, attributes)]);

    let cancel = CancellationToken::new();
    let mut running = tokio::spawn(speaker.run(cancel.clone()));
    let mut peers = handle.peers();
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            ended = &mut running => return Ok(ended??),
            Ok(()) = peers.changed() => {
                for peer in peers.borrow_and_update().iter() {
                    let trouble = peer.last_error.as_ref().map(|error| error.text.as_str());
                    println!("{}: {} {}", peer.address, peer.state, trouble.unwrap_or_default());
                }
            }
        }
    }
    cancel.cancel();
    Ok(running.await??)
}
