//! The socket one session sends from.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use bfd::{PACKET_LEN, Path, SENT_TTL, SOURCE_PORTS};
use socket2::{Domain, Protocol, Socket, Type};

use super::socket_address;

/// A socket with a source port of its own (RFC 5881 section 4).
#[derive(Debug)]
pub(super) struct Sender {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Sender {
    /// Opens the socket for a session.
    ///
    /// # Errors
    ///
    /// What the kernel said, or that all ports tried are in use.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for port in ports() {
            match open_at(path, port) {
                Ok(socket) => {
                    let to = socket_address(path.remote, path.hops.port(), path.interface);
                    return Ok(Self { socket, to });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Sends without waiting.
    ///
    /// # Errors
    ///
    /// What the kernel said; the next packet may well get through.
    pub(super) fn send(&self, octets: &[u8; PACKET_LEN]) -> io::Result<()> {
        self.socket.send_to(octets, self.to).map(drop)
    }
}

fn open_at(path: &Path, port: u16) -> io::Result<UdpSocket> {
    let (domain, any): (_, IpAddr) = if path.remote.is_ipv4() {
        (Domain::IPV4, Ipv4Addr::UNSPECIFIED.into())
    } else {
        (Domain::IPV6, Ipv6Addr::UNSPECIFIED.into())
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // An address that appears later, as on a machine that is booting, works then.
    if path.remote.is_ipv4() {
        socket.set_freebind_v4(true)?;
        socket.set_ttl_v4(SENT_TTL.into())?;
        socket.set_tos_v4(NETWORK_CONTROL)?;
    } else {
        socket.set_only_v6(true)?;
        socket.set_freebind_v6(true)?;
        socket.set_unicast_hops_v6(SENT_TTL.into())?;
        socket.set_tclass_v6(NETWORK_CONTROL)?;
    }
    let local = path.local.unwrap_or(any);
    socket.bind(&socket_address(local, port, path.interface).into())?;
    Ok(socket.into())
}

/// Some of the ports a session may send from, each once, from a random one on.
fn ports() -> impl Iterator<Item = u16> {
    let random = RandomState::new().build_hasher().finish();
    let (first, last) = SOURCE_PORTS.into_inner();
    let span = u64::from(last - first) + 1;
    (0..TRIES).filter_map(move |step| {
        let offset = u16::try_from((random % span + step) % span).ok()?;
        first.checked_add(offset)
    })
}

/// Class of service 6, for what keeps the network together.
const NETWORK_CONTROL: u32 = 0xc0;

/// Ports in use that are passed over.
const TRIES: u64 = 1024;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_are_distinct_and_within_the_range_of_the_standard() {
        for _ in 0..100 {
            let ports: BTreeSet<_> = ports().collect();
            assert_eq!(ports.len(), 1024);
            assert!(ports.iter().all(|port| SOURCE_PORTS.contains(port)));
        }
    }
}
