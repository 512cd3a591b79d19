//! How long one change takes from [`SpeakerHandle::apply`] to a peer, with few
//! and with many prefixes announced beside it.
//!
//! Two speakers in one process talk over loopback, so the figure holds
//! everything but a network: the table, the packing, two sockets, the decoding
//! and the receiver's decision. A pair of speakers for each size runs at once and
//! the changes go round them, so that what the machine does besides, its clock
//! and what its caches hold are the same for all.

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
/// Changes of each table.
const TURNS: usize = 4_000;
/// Changes of each table before those that count.
const WARM_UP: usize = 200;
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<()> {
    let stop = CancellationToken::new();
    let mut pairs = Vec::new();
    for (number, size) in (0..).zip(TABLES) {
        pairs.push(Pair::start(number, size, &stop).await?);
    }
    for turn in 0..WARM_UP + TURNS {
        for pair in &mut pairs {
            let took = pair.change().await?;
            if turn >= WARM_UP {
                pair.times.push(took);
            }
        }
    }
    stop.cancel();
    println!("from apply() to the peer's decision, {TURNS} changes of each table in turn:");
    println!(
        "{:>10}  {:>10}  {:>10}  {:>10}  {:>10}",
        "prefixes", "10%", "median", "90%", "99%"
    );
    for pair in &mut pairs {
        pair.times.sort();
        let at = |percent: usize| pair.times[pair.times.len() * percent / 100].as_secs_f64() * 1e6;
        println!(
            "{:>10}  {:>7.1} µs  {:>7.1} µs  {:>7.1} µs  {:>7.1} µs",
            pair.size,
            at(10),
            at(50),
            at(90),
            at(99)
        );
    }
    Ok(())
}

/// A speaker that announces so many prefixes, and one that learns them.
struct Pair {
    size: u32,
    sending: SpeakerHandle,
    learned: LearnedRoutes,
    /// Not used, and kept so that the receiving speaker has somebody to speak for.
    _receiving: SpeakerHandle,
    attributes: Arc<PathAttributes>,
    announced: bool,
    times: Vec<Duration>,
}

impl Pair {
    async fn start(number: u8, size: u32, stop: &CancellationToken) -> Result<Self> {
        let sender = Ipv4Addr::new(127, 0, number, 2);
        let receiver = Ipv4Addr::new(127, 0, number, 3);

        let mut config = SpeakerConfig::new(Asn::new(65001), BgpIdentifier::from(receiver));
        config.listen = vec![SocketAddr::from((receiver, 0))];
        let mut peer = settings(sender, 65002, receiver);
        peer.initiation = Initiation::Passive;
        peer.import = Import::Accept;
        config.peers = vec![peer];
        let receiving = start(config, stop)?;
        let mut listening = receiving.listening();
        let bound = listening.wait_for(|bound| !bound.is_empty()).await?;
        let port = bound.first().context("the receiver listens")?.port();
        drop(bound);

        let mut config = SpeakerConfig::new(Asn::new(65002), BgpIdentifier::from(sender));
        let mut peer = settings(receiver, 65001, sender);
        peer.port = port;
        config.peers = vec![peer];
        let sending = start(config, stop)?;

        let attributes = Arc::new(PathAttributes::originated());
        let table: Vec<RibChange> = (0..size)
            .map(|n| RibChange::announce(host(n), Arc::clone(&attributes)))
            .collect();
        let mut learned = receiving.learned();
        sending.apply(&table);
        for _ in 0..size {
            next(&mut learned).await?;
        }
        Ok(Self {
            size,
            sending,
            learned,
            _receiving: receiving,
            attributes,
            announced: false,
            times: Vec::with_capacity(TURNS),
        })
    }

    /// Announces one prefix more, or withdraws it, and waits until the peer knows.
    async fn change(&mut self) -> Result<Duration> {
        let prefix = host(self.size);
        let change = if self.announced {
            RibChange::withdraw(prefix)
        } else {
            RibChange::announce(prefix, Arc::clone(&self.attributes))
        };
        self.announced = !self.announced;
        let begin = Instant::now();
        self.sending.apply(&[change]);
        next(&mut self.learned).await?;
        Ok(begin.elapsed())
    }
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
