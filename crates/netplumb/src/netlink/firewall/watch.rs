//! Tells when the packet filter changes.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use socket2::SockRef;

use crate::error::Error;

/// Tells when nf_tables of this namespace have changed: not what.
///
/// The tables of iptables' older kind (`iptables-legacy`) change without a word.
pub struct FirewallWatch {
    socket: Socket,
    buffer: Vec<u8>,
}

impl FirewallWatch {
    /// Begins to watch the network namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// When no netlink socket can be had.
    pub fn open() -> Result<Self, Error> {
        let open = || {
            let mut socket = Socket::new(NETLINK_NETFILTER)?;
            socket.bind(&SocketAddr::new(0, 0))?;
            socket.add_membership(NFNLGRP_NFTABLES)?;
            Ok(Self {
                socket,
                buffer: Vec::with_capacity(BUFFER),
            })
        };
        open().map_err(error)
    }

    /// Waits for a change, at most this long; says whether there was one, or
    /// may have been.
    ///
    /// # Errors
    ///
    /// When the socket is of no use any more.
    pub fn wait(&mut self, timeout: Duration) -> Result<bool, Error> {
        self.try_wait(timeout).map_err(error)
    }

    fn try_wait(&mut self, timeout: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + timeout;
        let left = || deadline.saturating_duration_since(Instant::now());
        loop {
            // The kernel takes no time at all for no end at all.
            let timeout = left().max(Duration::from_millis(1));
            SockRef::from(&self.socket).set_read_timeout(Some(timeout))?;
            match self.receive(0)? {
                Some(true) => {
                    for _ in 0..DRAIN {
                        if self.receive(libc::MSG_DONTWAIT)?.is_none() {
                            break;
                        }
                    }
                    return Ok(true);
                }
                _ if left().is_zero() => return Ok(false),
                _ => {}
            }
        }
    }

    /// `None` if there was nothing; else whether it was the kernel's word.
    fn receive(&mut self, flags: libc::c_int) -> io::Result<Option<bool>> {
        self.buffer.clear();
        match self.socket.recv_from(&mut self.buffer, flags) {
            Ok((_, sender)) => Ok(Some(sender.port_number() == 0)),
            // Lost is changed.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(Some(true)),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::TimedOut
                | io::ErrorKind::Interrupted => Ok(None),
                _ => Err(error),
            },
        }
    }
}

fn error(error: io::Error) -> Error {
    Error::new("watch the packet filter", error.into())
}

impl fmt::Debug for FirewallWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirewallWatch").finish_non_exhaustive()
    }
}

/// linux/netfilter/nfnetlink.h.
const NFNLGRP_NFTABLES: u32 = 7;

/// What is in a message is not looked at.
const BUFFER: usize = 256;

const DRAIN: usize = 1_000;
