//! A speaker that runs in a test, and what tests ask of it.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bgp_fsm::State;
use bgp_speaker::{
    Import, LearnedRoutes, LocalAddresses, NextHops, PeerSettings, PeerStatus, PeerStatuses,
    RibChange, RibVersion, Speaker, SpeakerConfig, SpeakerHandle,
};
use bgp_wire::{Asn, BgpIdentifier, PathAttributes};
use ipnet::IpNet;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Every speaker of the tests listens here, each on an address of its own.
pub const PORT: u16 = 17_900;

/// An address of 127.0.0.0/8 that no other test uses, nor another run.
pub fn address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(127, high | 0x80, low, next).into()
}

pub fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub fn originated() -> Arc<PathAttributes> {
    Arc::new(PathAttributes::originated())
}

/// Whatever a test waits for happens at once or never.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .expect("this should have happened long ago")
}

/// A speaker's configuration in the making.
pub struct Plan {
    pub address: IpAddr,
    pub config: SpeakerConfig,
    pub addresses: LocalAddresses,
}

impl Plan {
    /// A speaker of `asn` that listens on an address of its own.
    pub fn new(asn: u32) -> Self {
        let address = address();
        let IpAddr::V4(v4) = address else {
            unreachable!()
        };
        let mut config = SpeakerConfig::new(Asn::new(asn), BgpIdentifier::from(v4));
        config.listen = vec![SocketAddr::new(address, PORT)];
        Self {
            address,
            config,
            addresses: LocalAddresses::default(),
        }
    }

    pub fn asn(&self) -> Asn {
        self.config.local_as
    }

    /// The peer `other` seen from here: it is connected to from our own
    /// address, quickly again, and announced next hops a router could have.
    pub fn peer(&self, other: &Self) -> PeerSettings {
        self.peer_at(other.address, other.asn())
    }

    pub fn peer_at(&self, address: IpAddr, asn: Asn) -> PeerSettings {
        PeerSettings {
            port: PORT,
            local_address: Some(self.address),
            connect_retry: Some(Duration::from_millis(200)),
            next_hops: self.next_hops(),
            import: Import::Accept,
            ..PeerSettings::new(address, asn)
        }
    }

    /// Next hops that tell whose they are.
    pub fn next_hops(&self) -> NextHops {
        let IpAddr::V4(v4) = self.address else {
            unreachable!()
        };
        let [.., last] = v4.octets();
        NextHops {
            v4: Some(Ipv4Addr::new(192, 0, 2, last)),
            v6: Some(format!("2001:db8::{last:x}").parse().unwrap()),
        }
    }

    pub fn add_peer(&mut self, settings: PeerSettings) {
        self.config.peers.push(settings);
    }

    /// Starts the speaker and waits until it listens.
    pub async fn start(self) -> Node {
        let node = self.start_now();
        let mut listening = node.handle.listening();
        soon(listening.wait_for(|addresses| !addresses.is_empty()))
            .await
            .unwrap();
        node
    }

    /// Starts the speaker, which may have nothing to listen on.
    pub fn start_now(self) -> Node {
        let (addresses, local_addresses) = watch::channel(Arc::new(self.addresses));
        let (speaker, handle) = Speaker::new(self.config, local_addresses).unwrap();
        let cancel = CancellationToken::new();
        let learned = handle.learned();
        let running = tokio::spawn(speaker.run(cancel.clone()));
        Node {
            address: self.address,
            handle,
            learned,
            addresses,
            cancel,
            running,
        }
    }
}

/// Makes two plans peers of each other.
pub fn introduce(one: &mut Plan, other: &mut Plan) {
    let (a, b) = (one.peer(other), other.peer(one));
    one.add_peer(a);
    other.add_peer(b);
}

/// A speaker that runs.
pub struct Node {
    pub address: IpAddr,
    pub handle: SpeakerHandle,
    pub learned: LearnedRoutes,
    pub addresses: watch::Sender<Arc<LocalAddresses>>,
    cancel: CancellationToken,
    running: JoinHandle<io::Result<()>>,
}

impl Node {
    /// Where the speaker listens.
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, PORT)
    }

    pub fn announce(&self, prefixes: &[&str]) -> RibVersion {
        let changes: Vec<_> = prefixes
            .iter()
            .map(|prefix| RibChange::announce(net(prefix), originated()))
            .collect();
        self.handle.apply(&changes)
    }

    pub fn withdraw(&self, prefix: &str) -> RibVersion {
        self.handle.apply(&[RibChange::withdraw(net(prefix))])
    }

    /// Waits until the status of the first peer satisfies `condition`.
    pub async fn peer(&self, condition: impl Fn(&PeerStatus) -> bool) -> PeerStatus {
        let mut peers = self.handle.peers();
        let peers = soon(peers.wait_for(|peers| condition(&peers[0]))).await;
        peers.unwrap()[0].clone()
    }

    /// Waits until there are so many peers.
    pub async fn peer_count(&self, wanted: usize) {
        let so = |peers: &PeerStatuses| peers.len() == wanted;
        soon(self.handle.peers().wait_for(so)).await.unwrap();
    }

    pub async fn established(&self) {
        let all = |peers: &PeerStatuses| peers.iter().all(|p| p.state == State::Established);
        soon(self.handle.peers().wait_for(all)).await.unwrap();
    }

    /// The next change of learned routes, as text.
    pub async fn learns(&mut self) -> String {
        let change = soon(self.learned.recv()).await.expect("the speaker runs");
        let next_hops: Vec<_> = change.next_hops.iter().map(ToString::to_string).collect();
        format!("{} via [{}]", change.prefix, next_hops.join(" "))
    }

    /// Waits until the learned route is this; others may come before.
    pub async fn comes_to_learn(&mut self, route: &str) {
        while self.learns().await != route {}
    }

    pub async fn stop(self) {
        self.cancel.cancel();
        soon(self.running).await.unwrap().unwrap();
    }
}
