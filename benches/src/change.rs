//! How long one change takes from [`SpeakerHandle::apply`] to a peer, with few
//! and with many prefixes announced beside it.
//!
//! Two speakers in one process talk over loopback, so the figure holds
//! everything but a network: the table, the packing, two sockets, the decoding
//! and the receiver's decision.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bgp_speaker::{
    Import, Initiation, LearnedRoutes, LocalAddresses, NextHops, PeerSettings, RibChange, Speaker,
    SpeakerConfig, SpeakerHandle, Ttl,
};
use bgp_wire::{Asn, BgpIdentifier, PathAttributes};
use ipnet::{IpNet, Ipv4Net};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Prefixes announced beside the one that changes.
const TABLES: [u32; 4] = [10, 1_000, 100_000, 1_000_000];
const TURNS: usize = 200;
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    println!("from apply() to the peer's decision, {TURNS} changes each:");
    println!(
        "{:>10}  {:>10}  {:>10}  {:>10}",
        "prefixes", "median", "max", "transfer"
    );
    for size in TABLES {
        let line = runtime.block_on(measure(size))?;
        println!("{line}");
    }
    Ok(())
}

async fn measure(size: u32) -> Result<String> {
    let stop = CancellationToken::new();
    let sender = Ipv4Addr::new(127, 0, 0, 2);
    let receiver = Ipv4Addr::new(127, 0, 0, 3);

    let mut config = SpeakerConfig::new(Asn::new(65001), BgpIdentifier::from(receiver));
    config.listen = vec![SocketAddr::from((receiver, 0))];
    let mut peer = settings(sender, 65002, receiver);
    peer.initiation = Initiation::Passive;
    peer.import = Import::Accept;
    config.peers = vec![peer];
    let receiving = start(config, &stop)?;
    let mut listening = receiving.listening();
    let bound = listening.wait_for(|bound| !bound.is_empty()).await?;
    let port = bound.first().context("the receiver listens")?.port();
    drop(bound);

    let mut config = SpeakerConfig::new(Asn::new(65002), BgpIdentifier::from(sender));
    let mut peer = settings(receiver, 65001, sender);
    peer.port = port;
    config.peers = vec![peer];
    let sending = start(config, &stop)?;

    let attributes = Arc::new(PathAttributes::originated());
    let table: Vec<RibChange> = (0..size)
        .map(|n| RibChange::announce(host(n), Arc::clone(&attributes)))
        .collect();
    let mut learned = receiving.learned();
    let begin = Instant::now();
    sending.apply(&table);
    for _ in 0..size {
        next(&mut learned).await?;
    }
    let transfer = begin.elapsed();

    let changing = host(size);
    let mut times = Vec::with_capacity(TURNS);
    for turn in 0..TURNS {
        let change = if turn % 2 == 0 {
            RibChange::announce(changing, Arc::clone(&attributes))
        } else {
            RibChange::withdraw(changing)
        };
        let begin = Instant::now();
        sending.apply(&[change]);
        next(&mut learned).await?;
        times.push(begin.elapsed());
    }
    stop.cancel();
    times.sort();
    let median = times[times.len() / 2];
    let max = times[times.len() - 1];
    Ok(format!(
        "{size:>10}  {:>7.1} µs  {:>7.1} µs  {:>7.1} ms",
        median.as_secs_f64() * 1e6,
        max.as_secs_f64() * 1e6,
        transfer.as_secs_f64() * 1e3
    ))
}

fn settings(address: Ipv4Addr, remote_as: u32, local: Ipv4Addr) -> PeerSettings {
    let mut settings = PeerSettings::new(IpAddr::V4(address), Asn::new(remote_as));
    settings.local_address = Some(IpAddr::V4(local));
    // Loopback addresses are no next hops; what is measured needs none that
    // leads anywhere.
    settings.next_hops = NextHops {
        v4: Some(Ipv4Addr::new(192, 0, 2, 1)),
        v6: None,
    };
    settings.ttl = Ttl::Hops(2);
    settings.max_prefixes = u32::MAX;
    settings
}

fn start(config: SpeakerConfig, stop: &CancellationToken) -> Result<SpeakerHandle> {
    let (_, addresses) = watch::channel(Arc::new(LocalAddresses::default()));
    let (speaker, handle) = Speaker::new(config, addresses)?;
    tokio::spawn(speaker.run(stop.clone()));
    Ok(handle)
}

fn host(number: u32) -> IpNet {
    let address = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + number);
    IpNet::V4(Ipv4Net::new_assert(address, 32))
}

async fn next(learned: &mut LearnedRoutes) -> Result<()> {
    timeout(LIMIT, learned.recv())
        .await
        .context("the peer did not learn of a change in time")?
        .context("the receiving speaker ended")?;
    Ok(())
}
