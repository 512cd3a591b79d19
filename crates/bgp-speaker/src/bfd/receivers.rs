//! The sockets packets arrive at, shared by all sessions.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::Poll;

use bfd::{Arrival, Path, SENT_TTL, SINGLE_HOP_PORT};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tracing::debug;

use super::socket_address;
use crate::datagram;

/// One socket a port and family, or one a port and address as long as every
/// session says which address is its own.
#[derive(Debug, Default)]
pub(super) struct Receivers {
    receivers: Vec<Receiver>,
}

#[derive(Debug)]
struct Receiver {
    at: SocketAddr,
    socket: UdpSocket,
}

impl Receivers {
    /// Sees to it that packets by this path are received.
    ///
    /// # Errors
    ///
    /// What the kernel said: most often that another program is there.
    pub(super) fn cover(&mut self, path: &Path) -> io::Result<()> {
        let any: IpAddr = if path.remote.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let port = path.hops.port();
        let wanted = socket_address(path.local.unwrap_or(any), port, path.interface);
        let everywhere = SocketAddr::new(any, port);
        let covered = |receiver: &Receiver| receiver.at == wanted || receiver.at == everywhere;
        if self.receivers.iter().any(covered) {
            return Ok(());
        }
        if wanted == everywhere {
            // The kernel lets only one of both be there.
            let same = |at: SocketAddr| at.port() == port && at.is_ipv4() == any.is_ipv4();
            self.receivers.retain(|receiver| !same(receiver.at));
        }
        let receiver = Receiver::open(wanted).map_err(|error| {
            let text = format!("receive BFD packets at {wanted}: {error}");
            io::Error::new(error.kind(), text)
        })?;
        self.receivers.push(receiver);
        Ok(())
    }

    /// Receives no more at addresses of the link that had this number.
    pub(super) fn forget_link(&mut self, interface: u32) {
        let on_it = |at: SocketAddr| matches!(at, SocketAddr::V6(v6) if v6.scope_id() == interface);
        self.receivers.retain(|receiver| !on_it(receiver.at));
    }

    /// Completes when there is something to read. Cancel safe.
    pub(super) async fn readable(&self) {
        poll_fn(|context| {
            let mut receivers = self.receivers.iter();
            let ready = receivers.any(|r| r.socket.poll_recv_ready(context).is_ready());
            if ready {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Reads everything that has arrived, and asks the kernel itself: what
    /// the runtime knows may be older than the clock.
    pub(super) fn drain(&self, mut take: impl FnMut(&Arrival, &[u8])) {
        for receiver in &self.receivers {
            let mut buffer = [0; BUFFER];
            for _ in 0..MOST_QUEUED {
                if !receiver.read(&mut buffer, &mut take) {
                    break;
                }
            }
        }
    }
}

impl Receiver {
    fn open(at: SocketAddr) -> io::Result<Self> {
        let domain = Domain::for_address(at);
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // An address that appears later, as on a machine that is booting, works then.
        if at.is_ipv4() {
            socket.set_freebind_v4(true)?;
        } else {
            socket.set_only_v6(true)?;
            socket.set_freebind_v6(true)?;
        }
        datagram::tell_the_way(&socket, at.is_ipv6())?;
        // The default may have been made larger than can be read in one go.
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        if at.port() == SINGLE_HOP_PORT
            && let Err(error) = socket.attach_filter(&only_unforwarded(at.is_ipv6()))
        {
            debug!(%error, "no filter: forwarded BFD packets are refused one by one");
        }
        socket.bind(&at.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self { at, socket })
    }

    /// Reads one packet; `false` if there is none.
    fn read(&self, buffer: &mut [u8], take: &mut impl FnMut(&Arrival, &[u8])) -> bool {
        let datagram = match datagram::receive(&self.socket, buffer) {
            // Lets the runtime know that there is nothing left, unless
            // something has arrived just now.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let again = || datagram::receive(&self.socket, buffer);
                self.socket.try_io(Interest::READABLE, again)
            }
            other => other,
        };
        match datagram {
            Ok(datagram) => {
                let arrival = Arrival {
                    source: datagram.source,
                    destination: datagram.destination,
                    interface: datagram.interface,
                    port: self.at.port(),
                    ttl: datagram.ttl,
                };
                take(&arrival, buffer.get(..datagram.length).unwrap_or_default());
                true
            }
            // An error of an earlier packet's, which this has cleared.
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}

/// Has the kernel drop packets that were forwarded (RFC 5881 section 5), so
/// that nobody afar can fill the buffer, and with it drown the peers.
fn only_unforwarded(v6: bool) -> [SockFilter; 4] {
    // BPF_LD | BPF_B | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_RET | BPF_K of
    // `linux/bpf_common.h`.
    let (load_octet, jump_if_equal, give_back) = (0x30, 0x15, 0x06);
    // Where the IP header has its TTL, or Hop Limit.
    let offset = if v6 { 7 } else { 8 };
    [
        SockFilter::new(load_octet, 0, 0, NETWORK_HEADER + offset),
        SockFilter::new(jump_if_equal, 1, 0, SENT_TTL.into()),
        SockFilter::new(give_back, 0, 0, 0),
        SockFilter::new(give_back, 0, 0, u32::MAX),
    ]
}

/// `SKF_NET_OFF` of `linux/filter.h`, as the instruction has it.
const NETWORK_HEADER: u32 = 0xfff0_0000;

/// No control packet is longer.
const BUFFER: usize = 256;

/// The kernel doubles this, and counts at least 512 octets a packet.
const RECEIVE_BUFFER: usize = 256 * 1024;

/// As many packets as a buffer holds, so that nothing that has arrived is left
/// unread, and few enough that a flood does not keep ours from leaving.
const MOST_QUEUED: usize = 1024;

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::UdpSocket as Plain;

    use super::*;

    #[test]
    fn the_kernel_drops_what_was_forwarded() {
        for address in ["127.0.0.1", "::1"] {
            let address: IpAddr = address.parse().unwrap();
            let v6 = address.is_ipv6();
            let Ok(receiver) = Plain::bind((address, 0)) else {
                assert!(v6, "no IPv4");
                println!("no IPv6 here: not tried with {address}");
                continue;
            };
            receiver.set_nonblocking(true).unwrap();
            let options = socket2::SockRef::from(&receiver);
            options.attach_filter(&only_unforwarded(v6)).unwrap();
            let sender = Plain::bind((address, 0)).unwrap();
            let to = receiver.local_addr().unwrap();
            let options = socket2::SockRef::from(&sender);
            for (ttl, arrives) in [(254, false), (255, true), (64, false)] {
                if v6 {
                    options.set_unicast_hops_v6(ttl).unwrap();
                } else {
                    options.set_ttl_v4(ttl).unwrap();
                }
                sender.send_to(b"hello", to).unwrap();
                let received = receiver.recv(&mut [0; 8]);
                assert_eq!(received.is_ok(), arrives, "TTL {ttl}");
                let kind = received.err().map(|error| error.kind());
                assert!(kind.is_none_or(|kind| kind == ErrorKind::WouldBlock));
            }
        }
    }
}
