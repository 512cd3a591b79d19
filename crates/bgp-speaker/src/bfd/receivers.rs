//! The sockets packets arrive at, shared by all sessions.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::Poll;

use bfd::{Arrival, Path};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::datagram;

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
        let wanted = SocketAddr::new(path.local.unwrap_or(any), port);
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

/// No control packet is longer.
const BUFFER: usize = 256;

/// More than a socket's buffer of ordinary size holds, so that nothing that
/// has arrived is left unread, and little enough that a flood of packets does
/// not keep ours from leaving.
const MOST_QUEUED: usize = 1024;
