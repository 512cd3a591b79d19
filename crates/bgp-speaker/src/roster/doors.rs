//! The listening sockets, and the keys that guard them.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;

use ipnet::IpNet;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::socket::{self, Door};
use crate::speaker::Shared;
use crate::{DynamicPeers, PeerSettings, Secret};

/// Every address we listen on.
#[derive(Debug, Default)]
pub(super) struct Doors {
    doors: Vec<Door>,
    /// Prefixes of dynamic peers whose signatures a door does not check.
    unprotected: BTreeSet<(IpNet, usize)>,
}

impl Doors {
    /// Binds to every address; nobody is let in yet.
    pub(super) fn bind(addresses: &[SocketAddr]) -> io::Result<Self> {
        let mut doors = Vec::with_capacity(addresses.len());
        for address in addresses {
            let v4_too = addresses
                .iter()
                .any(|other| other.is_ipv4() && other.port() == address.port());
            match socket::bind(*address, v4_too) {
                Ok(door) => doors.push(door),
                Err(error) if v4_too && is_any_v6(*address) && lacks_ipv6(&error) => {
                    warn!(%address, "this machine has no IPv6: listening on IPv4 only");
                }
                Err(error) => {
                    let text = format!("listen on {address}: {error}");
                    return Err(io::Error::new(error.kind(), text));
                }
            }
        }
        Ok(Self {
            doors,
            unprotected: BTreeSet::new(),
        })
    }

    /// Lets connections in, and makes known where.
    pub(super) fn open(&self, shared: &Shared) -> io::Result<Vec<TcpListener>> {
        let listeners: io::Result<Vec<_>> = self.doors.iter().map(Door::open).collect();
        let listeners = listeners?;
        let bound: io::Result<Vec<_>> = listeners.iter().map(TcpListener::local_addr).collect();
        let bound = bound?;
        for address in &bound {
            info!(%address, "listening");
        }
        shared.listening.send_replace(bound);
        Ok(listeners)
    }

    /// Sets the peer's key, and returns the doors where that could not be
    /// done, with the reason: a connection would run without protection.
    pub(super) fn protect(&self, peer: &PeerSettings) -> Vec<(usize, String)> {
        match &peer.password {
            Some(key) => self.set_key(peer.address.to_canonical().into(), key),
            None => Vec::new(),
        }
    }

    /// Takes the peer's key back.
    pub(super) fn unprotect(&self, peer: &PeerSettings) {
        if peer.password.is_some() {
            let peers = peer.address.to_canonical().into();
            self.doors.iter().for_each(|door| door.remove_key(peers));
        }
    }

    /// Sets the key of a whole prefix.
    pub(super) fn protect_prefix(&mut self, peers: &DynamicPeers) {
        let Some(key) = &peers.template.password else {
            return;
        };
        self.unprotected
            .retain(|(prefix, _)| *prefix != peers.prefix);
        for (door, reason) in self.set_key(peers.prefix, key) {
            warn!(prefix = %peers.prefix, %reason, "connections from these peers are refused");
            self.unprotected.insert((peers.prefix, door));
        }
    }

    /// Takes the key of a whole prefix back.
    pub(super) fn unprotect_prefix(&mut self, peers: &DynamicPeers) {
        self.unprotected
            .retain(|(prefix, _)| *prefix != peers.prefix);
        if peers.template.password.is_some() {
            self.doors
                .iter()
                .for_each(|door| door.remove_key(peers.prefix));
        }
    }

    /// Whether `door` does not check the signatures of `peers`.
    pub(super) fn leaves_unprotected(&self, peers: &DynamicPeers, door: usize) -> bool {
        self.unprotected.contains(&(peers.prefix, door))
    }

    fn set_key(&self, peers: IpNet, key: &Secret) -> Vec<(usize, String)> {
        let doors = self.doors.iter().enumerate();
        doors
            .filter_map(|(door, socket)| {
                Some((door, socket.set_key(peers, key).err()?.to_string()))
            })
            .collect()
    }
}

fn is_any_v6(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

/// Whether the kernel was started without IPv6.
fn lacks_ipv6(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}
