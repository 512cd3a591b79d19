//! Multicast groups as a hint to look again.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use socket2::{SockFilter, SockRef};

use super::message::{Frame, Frames};
use super::{Netlink, routers};
use crate::error::{Cause, Error};

/// Tells when links, addresses or routes of this namespace changed.
///
/// What changed is not told: read the tables. Changes made through a
/// [`Netlink`] are told too, unless [`ignore`](Self::ignore) says otherwise.
pub struct Watch {
    socket: Socket,
    buffer: Vec<u8>,
    /// The port numbers of those whose changes are no news.
    ignored: Vec<u32>,
    /// Which messages are news.
    is_news: fn(&Frame<'_>) -> bool,
}

/// What became of a look into the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Received {
    /// There was nothing.
    Nothing,
    /// There was something that does not matter.
    NoNews,
    /// Something has changed.
    News,
}

/// Why [`Watch::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Something changed, or changes were lost: look again.
    LookAgain,
    /// Nothing changed within the time.
    Quiet,
}

impl Watch {
    /// Begins to watch the network namespace of the calling thread. Changes
    /// from here on are told.
    ///
    /// # Errors
    ///
    /// When no netlink socket can be had.
    pub fn open() -> Result<Self, Error> {
        Self::of(&GROUPS, |_| true)
    }

    /// The same for what [`Netlink::addresses`] shows: the addresses alone.
    /// Those of a link that goes are told too.
    ///
    /// # Errors
    ///
    /// When no netlink socket can be had.
    pub fn open_for_addresses() -> Result<Self, Error> {
        Self::of(&GROUPS_FOR_ADDRESSES, |_| true)
    }

    /// The same for what [`Netlink::router_link`] shows: links, IPv6 addresses,
    /// and neighbours as far as they are routers or do not answer.
    ///
    /// # Errors
    ///
    /// When no netlink socket can be had.
    pub fn open_for_routers() -> Result<Self, Error> {
        Self::of(&GROUPS_FOR_ROUTERS, routers::is_news)
    }

    fn of(groups: &[u32], is_news: fn(&Frame<'_>) -> bool) -> Result<Self, Error> {
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind(&SocketAddr::new(0, 0))?;
            for group in groups {
                socket.add_membership(*group)?;
            }
            Ok(Self {
                socket,
                buffer: Vec::with_capacity(BUFFER),
                ignored: Vec::new(),
                is_news,
            })
        };
        open().map_err(|error: io::Error| Error::new("watch the kernel", Cause::from(error)))
    }

    /// Changes made through `own` are no news from now on. What the kernel
    /// does on its own as a consequence still is.
    ///
    /// The kernel does not even queue them, so that however many there are,
    /// they neither wake anybody nor displace the changes of others.
    pub fn ignore(&mut self, own: &Netlink) {
        self.ignored.push(own.port());
        // Without the filter there are those that `is_ignored` passes over.
        _ = SockRef::from(&self.socket).attach_filter(&without(&self.ignored));
    }

    /// Waits for a change, at most this long. Everything that was told up to
    /// now is taken together.
    ///
    /// When changes come faster than they are taken, the kernel drops some and
    /// says so (`ENOBUFS`); that is a reason to look again like any other.
    ///
    /// # Errors
    ///
    /// When the socket is of no use any more.
    pub fn wait(&mut self, timeout: Duration) -> Result<Wake, Error> {
        self.try_wait(timeout)
            .map_err(|error| Error::new("watch the kernel", Cause::from(error)))
    }

    fn try_wait(&mut self, timeout: Duration) -> io::Result<Wake> {
        let deadline = Instant::now() + timeout;
        if self.drain()? {
            return Ok(Wake::LookAgain);
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Wake::Quiet);
            }
            // The kernel takes no time at all for no end at all.
            let left = left.max(Duration::from_millis(1));
            SockRef::from(&self.socket).set_read_timeout(Some(left))?;
            if self.receive(0)? == Received::News {
                self.drain()?;
                return Ok(Wake::LookAgain);
            }
        }
    }

    /// Takes what is there without waiting; at most a bounded number, so that
    /// a busy kernel cannot keep us here.
    fn drain(&mut self) -> io::Result<bool> {
        let mut any = false;
        for _ in 0..DRAIN {
            match self.receive(libc::MSG_DONTWAIT)? {
                Received::Nothing => break,
                Received::NoNews => {}
                Received::News => any = true,
            }
        }
        Ok(any)
    }

    fn receive(&mut self, flags: libc::c_int) -> io::Result<Received> {
        self.buffer.clear();
        match self.socket.recv_from(&mut self.buffer, flags) {
            // Only the kernel's word counts.
            Ok((_, sender)) if sender.port_number() != 0 => Ok(Received::NoNews),
            Ok(_) if !self.has_news() => Ok(Received::NoNews),
            Ok(_) => Ok(Received::News),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(Received::News),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::TimedOut
                | io::ErrorKind::Interrupted => Ok(Received::Nothing),
                _ => Err(error),
            },
        }
    }

    /// Whether anything that was received is news; the kernel names who asked
    /// for a change. What cannot be read may have been.
    fn has_news(&self) -> bool {
        Frames(&self.buffer).any(|frame| {
            let Ok(frame) = frame else { return true };
            !self.ignored.contains(&frame.pid) && (self.is_news)(&frame)
        })
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Watch {
    /// For an event loop of the caller: readable means that something changed.
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// A classic BPF program that takes every message but those that were caused
/// by these ports (`nlmsg_pid`).
fn without(ports: &[u32]) -> Vec<SockFilter> {
    let mut program = vec![SockFilter::new(LOAD_WORD, 0, 0, NLMSG_PID)];
    for port in ports {
        // The program reads in network order what stands in the host's.
        program.push(SockFilter::new(JUMP_IF_EQUAL, 0, 1, port.to_be()));
        program.push(SockFilter::new(RETURN, 0, 0, 0));
    }
    program.push(SockFilter::new(RETURN, 0, 0, u32::MAX));
    program
}

/// linux/filter.h: `BPF_LD | BPF_W | BPF_ABS`.
const LOAD_WORD: u16 = 0x20;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
const JUMP_IF_EQUAL: u16 = 0x15;
/// `BPF_RET | BPF_K`.
const RETURN: u16 = 0x06;
/// The offset of `nlmsg_pid` in `struct nlmsghdr`.
const NLMSG_PID: u32 = 12;

/// linux/rtnetlink.h: RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
/// RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE.
const GROUPS: [u32; 5] = [1, 5, 7, 9, 11];

/// RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR.
const GROUPS_FOR_ADDRESSES: [u32; 2] = [5, 9];

/// RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV6_IFADDR.
const GROUPS_FOR_ROUTERS: [u32; 3] = [1, 3, 9];

/// A message that is cut counts as a change, whoever made it.
const BUFFER: usize = 4096;

const DRAIN: usize = 10_000;
