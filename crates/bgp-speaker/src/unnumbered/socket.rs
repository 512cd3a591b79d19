//! The ICMPv6 socket that hears and sends of routers: one of the few places with `unsafe`.

use std::io;
use std::net::{IpAddr, SocketAddrV6};
use std::os::fd::AsRawFd;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;

use super::message::{ADVERTISEMENT, ALL_ROUTERS, HOP_LIMIT, Message, SOLICITATION};
use crate::datagram;

/// Hears every link of the network namespace it was opened in.
#[derive(Debug)]
pub(crate) struct Icmp(AsyncFd<Socket>);

/// A message as it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) interface: u32,
    pub(crate) source: IpAddr,
    pub(crate) hop_limit: u8,
    /// How many octets of the buffer it filled.
    pub(crate) length: usize,
}

impl Icmp {
    /// Opens the socket, for which the kernel wants CAP_NET_RAW.
    ///
    /// # Errors
    ///
    /// What the kernel said, and which capability it misses.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6));
        let socket = socket.map_err(name_capability)?;
        // Before anything else: nothing but these two types is of use.
        pass_only(&socket, &[SOLICITATION, ADVERTISEMENT])?;
        socket.set_nonblocking(true)?;
        socket.set_multicast_hops_v6(HOP_LIMIT.into())?;
        socket.set_unicast_hops_v6(HOP_LIMIT.into())?;
        socket.set_multicast_loop_v6(false)?;
        datagram::tell_the_way(&socket, true)?;
        // SAFETY: the socket owns its descriptor, which nothing replaces, and
        // is dropped with what is made of it here.
        let socket = unsafe { AsyncFd::register(socket) }?;
        Ok(Self(socket))
    }

    /// Has what is sent to all routers of this link arrive here.
    ///
    /// # Errors
    ///
    /// What the kernel said.
    pub(crate) fn join(&self, interface: u32) -> io::Result<()> {
        self.0.get_ref().join_multicast_v6(&ALL_ROUTERS, interface)
    }

    /// The opposite; of no consequence if the link is gone.
    pub(crate) fn leave(&self, interface: u32) {
        let _ = self.0.get_ref().leave_multicast_v6(&ALL_ROUTERS, interface);
    }

    /// Says it to everybody on the link whom it is meant for, from our
    /// link-local address there.
    ///
    /// # Errors
    ///
    /// What the kernel said. A socket without room is none: the message is
    /// one of many.
    pub(crate) fn send(
        &self,
        message: Message,
        interface: u32,
        mac: Option<[u8; 6]>,
    ) -> io::Result<()> {
        let to = SocketAddrV6::new(message.group(), 0, 0, interface);
        let sent = self.0.get_ref().send_to(&message.encode(mac), &to.into());
        match sent {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits for the next message; cancel safe.
    ///
    /// # Errors
    ///
    /// What the kernel said.
    pub(crate) async fn receive(&self, buffer: &mut [u8]) -> io::Result<Arrived> {
        loop {
            let mut ready = self.0.readable().await?;
            if let Ok(result) = ready.try_io(|socket| datagram::receive(socket, buffer)) {
                let datagram = result?;
                return Ok(Arrived {
                    interface: datagram.interface,
                    source: datagram.source,
                    hop_limit: datagram.ttl,
                    length: datagram.length,
                });
            }
        }
    }
}

/// The kernel says only that it is not permitted.
fn name_capability(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            let text = format!("the program lacks the capability CAP_NET_RAW: {error}");
            io::Error::new(error.kind(), text)
        }
        _ => error,
    }
}

/// Has the kernel drop every other type (RFC 3542 section 3.2): a bit that is
/// set blocks the type of its number.
fn pass_only(socket: &Socket, types: &[u8]) -> io::Result<()> {
    let mut blocked = [u32::MAX; 8];
    for kind in types {
        blocked[usize::from(kind / 32)] &= !(1 << (kind % 32));
    }
    // SAFETY: the descriptor is open, and the kernel reads as many octets as
    // the array has.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_ICMPV6,
            ICMP6_FILTER,
            (&raw const blocked).cast(),
            FILTER_LEN,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// linux/icmpv6.h, with the length of its `struct icmp6_filter`.
const ICMP6_FILTER: libc::c_int = 1;
const FILTER_LEN: libc::socklen_t = 32;
