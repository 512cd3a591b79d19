//! What others do to an owner's objects, object by object.

mod filter;
mod news;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use neli::consts::rtnl::Nda;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use socket2::SockRef;

pub use self::news::{LinkNews, LinkNow, ObjectNews};
use super::Netlink;
use super::addr::{self, read_ip};
use super::link::{Names, RawLink};
use super::message::{Attrs, Frame, Frames, read_u16, read_u32};
use super::route::RawRoute;
use super::socket::Connection;
use crate::error::{Cause, Error};
use crate::model::{AddrSpec, NeighKey};
use crate::name::LinkName;
use crate::next_hop::NextHopId;

/// Tells which objects of this namespace others have touched, as far as they
/// may concern an owner of links with a mark.
///
/// [`Watch`](super::Watch) says that something has changed and costs a look at
/// all tables; this says what, so that the one object can be looked after.
/// Changes made through a [`Netlink`] are told too, unless
/// [`ignore`](Self::ignore) says otherwise.
pub struct ObjectWatch {
    socket: Socket,
    buffer: Vec<u8>,
    /// How the aliases of the owner's links begin.
    mark: String,
    /// The port numbers of those whose changes are no news.
    ignored: Vec<u32>,
    names: Names,
    links: Links,
}

/// What is remembered of links to see what a message changes.
#[derive(Debug, Default)]
struct Links {
    /// The owner's, by number.
    own: BTreeSet<u32>,
    mtus: BTreeMap<u32, u32>,
}

impl ObjectWatch {
    /// Begins to watch the network namespace of the calling thread, for the
    /// owner of links whose aliases begin with `mark`. Changes from here on are
    /// told.
    ///
    /// # Errors
    ///
    /// When no netlink socket can be had, or the links can't be listed.
    pub fn open(mark: impl Into<String>) -> Result<Self, Error> {
        let error = |cause| Error::new("watch the kernel's objects", cause);
        let socket = open().map_err(|cause| error(Cause::from(cause)))?;
        let mut watch = Self {
            socket,
            buffer: Vec::with_capacity(BUFFER),
            mark: mark.into(),
            ignored: Vec::new(),
            names: Names::new(),
            links: Links::default(),
        };
        let mut connection = Connection::open().map_err(error)?;
        for link in connection.links().map_err(error)? {
            watch.remember(&link);
        }
        watch.attach_filter();
        Ok(watch)
    }

    /// Changes made through `own` are no news from now on, those of links
    /// apart. What the kernel does on its own as a consequence still is.
    pub fn ignore(&mut self, own: &Netlink) {
        self.ignored.push(own.port());
        self.attach_filter();
    }

    /// Takes what is there without waiting; `None` if nothing was. What was
    /// there may be nothing that matters. At most a bounded number of messages
    /// is read, so that a busy kernel cannot keep the caller here; the rest is
    /// for the next time.
    ///
    /// # Errors
    ///
    /// When the socket is of no use any more.
    pub fn take(&mut self) -> Result<Option<ObjectNews>, Error> {
        self.take_from(None)
    }

    /// The same, but waits until there is something, at most this long.
    ///
    /// # Errors
    ///
    /// When the socket is of no use any more.
    pub fn wait(&mut self, timeout: Duration) -> Result<Option<ObjectNews>, Error> {
        // The kernel takes no time at all for no end at all.
        let timeout = timeout.max(Duration::from_millis(1));
        let set = SockRef::from(&self.socket).set_read_timeout(Some(timeout));
        set.map_err(|error| Error::new("watch the kernel's objects", error.into()))?;
        let first = self.receive(0);
        self.take_from(Some(first))
    }

    fn take_from(
        &mut self,
        mut first: Option<io::Result<bool>>,
    ) -> Result<Option<ObjectNews>, Error> {
        let mut news = None;
        for _ in 0..DRAIN {
            let received = first.take();
            let received = received.unwrap_or_else(|| self.receive(libc::MSG_DONTWAIT));
            if matches!(received, Ok(false)) {
                break;
            }
            let news = news.get_or_insert_with(ObjectNews::default);
            match received {
                Ok(_) => self.read(news),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => news.overflow(),
                Err(error) => {
                    return Err(Error::new("watch the kernel's objects", error.into()));
                }
            }
            if news.is_full() {
                news.overflow();
            }
        }
        Ok(news)
    }

    /// Receives one datagram of the kernel's; `false` if there is none.
    fn receive(&mut self, flags: libc::c_int) -> io::Result<bool> {
        loop {
            self.buffer.clear();
            let received = self
                .socket
                .recv_from(&mut self.buffer, flags | libc::MSG_TRUNC);
            match received {
                // Only the kernel's word counts.
                Ok((_, sender)) if sender.port_number() != 0 => {}
                // A message that is cut is one that is lost.
                Ok((len, _)) if len > self.buffer.len() => {
                    self.buffer.reserve(len);
                    return Err(io::Error::from_raw_os_error(libc::ENOBUFS));
                }
                Ok(_) => return Ok(true),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Ok(false),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }

    fn read(&mut self, news: &mut ObjectNews) {
        let buffer = std::mem::take(&mut self.buffer);
        for frame in Frames(&buffer) {
            match frame {
                // The kernel tells of links in its own name, too, when somebody
                // changes them: what they are like is what counts.
                Ok(frame) if self.ignored.contains(&frame.pid) && !is_link(&frame) => {}
                Ok(frame) => self.note(&frame, news),
                Err(_) => news.overflow(),
            }
        }
        self.buffer = buffer;
    }

    fn note(&mut self, frame: &Frame<'_>, news: &mut ObjectNews) {
        let payload = frame.payload;
        // What can't be read concerns nobody who could.
        _ = match frame.kind {
            RTM_NEWLINK => self.link_is(payload, news),
            RTM_DELLINK => self.link_gone(payload, news),
            RTM_NEWROUTE | RTM_DELROUTE => route(payload, news),
            RTM_NEWNEXTHOP | RTM_DELNEXTHOP => next_hop(payload, news),
            RTM_NEWNEIGH => self.neigh(payload, news),
            RTM_DELADDR => self.addr_gone(payload, news),
            RTM_NEWNETCONF => Self::switches(payload, news),
            _ => None,
        };
    }

    fn remember(&mut self, link: &RawLink) {
        self.links.mtus.insert(link.index, link.mtu);
        if let Ok(name) = LinkName::new(&link.name) {
            self.names.insert(link.index, name);
        }
        if !self.mark.is_empty() && link.alias.starts_with(&self.mark) {
            self.links.own.insert(link.index);
        } else {
            self.links.own.remove(&link.index);
        }
    }

    fn link_is(&mut self, payload: &[u8], news: &mut ObjectNews) -> Option<()> {
        let link = RawLink::read(payload)?;
        let mtu = self.links.mtus.get(&link.index).copied();
        news.path |= mtu.is_some_and(|mtu| mtu != link.mtu);
        self.remember(&link);
        if self.links.own.contains(&link.index) {
            let (name, state) = link.resolve(&self.names)?;
            let now = Some(LinkNow {
                state,
                running: link.running,
            });
            news.links.insert(link.alias, LinkNews { name, now });
        }
        Some(())
    }

    fn link_gone(&mut self, payload: &[u8], news: &mut ObjectNews) -> Option<()> {
        let link = RawLink::read(payload)?;
        self.names.remove(&link.index);
        self.links.mtus.remove(&link.index);
        if self.links.own.remove(&link.index) {
            let name = LinkName::new(&link.name).ok()?;
            news.links.insert(link.alias, LinkNews { name, now: None });
        }
        Some(())
    }

    /// The kernel says of a neighbour that somebody deletes that it has failed,
    /// and who did it, before it says without a name that it is gone.
    fn neigh(&self, payload: &[u8], news: &mut ObjectNews) -> Option<()> {
        let family = *payload.first()?;
        let index = read_u32(payload, 4)?;
        let state = read_u16(payload, 8)?;
        let concerns = state & (libc::NUD_PERMANENT | libc::NUD_FAILED) != 0;
        if !concerns || !self.links.own.contains(&index) {
            return None;
        }
        let mut attrs = Attrs(payload.get(12..)?);
        let (_, octets) = attrs.find(|(kind, _)| Nda::from(*kind) == Nda::Dst)?;
        let ip = read_ip(family, octets)?;
        if !ip.is_multicast() {
            let link = self.names.get(&index)?.clone();
            news.neighs.insert(NeighKey { link, ip });
        }
        Some(())
    }

    /// Reads a RTM_NEWNETCONF payload (`linux/netconf.h`). The kernel tells of
    /// each new link, too, which changes nothing.
    fn switches(payload: &[u8], news: &mut ObjectNews) -> Option<()> {
        let attrs = || Attrs(payload.get(NETCONF_HEADER..).unwrap_or_default());
        let value = |wanted: u16| {
            let attr = attrs().find(|(kind, _)| *kind == wanted);
            attr.and_then(|(_, octets)| read_u32(octets, 0))
        };
        let index = value(NETCONFA_IFINDEX)?.cast_signed();
        // With forwarding, too, it is a new link with what links begin with.
        let changed = value(NETCONFA_FORWARDING).is_none();
        news.path |= match value(NETCONFA_RP_FILTER) {
            _ if index == NETCONFA_IFINDEX_ALL => true,
            Some(filter) => index > 0 && (changed || filter == STRICT),
            None => false,
        };
        Some(())
    }

    fn addr_gone(&self, payload: &[u8], news: &mut ObjectNews) -> Option<()> {
        let (index, addr) = addr::read(payload)?;
        if self.links.own.contains(&index) {
            let link = self.names.get(&index)?.clone();
            news.addrs.insert(AddrSpec { link, addr });
        }
        Some(())
    }

    fn attach_filter(&self) {
        // Without it there is only more to read and to leave out.
        let program = filter::of_objects(&self.ignored);
        _ = SockRef::from(&self.socket).attach_filter(&program);
    }
}

fn open() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind(&SocketAddr::new(0, 0))?;
    for group in GROUPS {
        socket.add_membership(group)?;
    }
    // Kernels before 5.3 have none.
    _ = socket.add_membership(GROUP_NEXTHOP);
    // More than the kernel's usual allows for a busy moment; without the right
    // to it the usual has to do.
    _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
    Ok(socket)
}

const fn is_link(frame: &Frame<'_>) -> bool {
    matches!(frame.kind, RTM_NEWLINK | RTM_DELLINK)
}

/// A route that is not of full length only tells that the default route has
/// changed; of others the kernel's filter lets none pass.
fn route(payload: &[u8], news: &mut ObjectNews) -> Option<()> {
    let route = RawRoute::read(payload).filter(RawRoute::is_unicast)?;
    let key = *route.key();
    if key.dst.prefix_len() == key.dst.max_prefix_len() {
        news.routes.insert(key);
    } else if key.dst.prefix_len() == 0 {
        news.path = true;
    }
    Some(())
}

fn next_hop(payload: &[u8], news: &mut ObjectNews) -> Option<()> {
    let mut attrs = Attrs(payload.get(8..)?);
    let (_, octets) = attrs.find(|(kind, _)| *kind == NHA_ID)?;
    news.next_hops.insert(NextHopId::new(read_u32(octets, 0)?));
    Some(())
}

impl AsFd for ObjectWatch {
    /// Readable means that there may be news.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for ObjectWatch {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl fmt::Debug for ObjectWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectWatch").finish_non_exhaustive()
    }
}

// linux/rtnetlink.h.
const RTM_NEWLINK: u16 = libc::RTM_NEWLINK;
const RTM_DELLINK: u16 = libc::RTM_DELLINK;
const RTM_NEWADDR: u16 = libc::RTM_NEWADDR;
const RTM_DELADDR: u16 = libc::RTM_DELADDR;
const RTM_NEWROUTE: u16 = libc::RTM_NEWROUTE;
const RTM_DELROUTE: u16 = libc::RTM_DELROUTE;
const RTM_NEWNEIGH: u16 = libc::RTM_NEWNEIGH;
const RTM_DELNEIGH: u16 = libc::RTM_DELNEIGH;
const RTM_NEWNETCONF: u16 = 80;
const RTM_NEWNEXTHOP: u16 = 104;
const RTM_DELNEXTHOP: u16 = 105;

/// RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
/// RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_NETCONF,
/// RTNLGRP_IPV6_NETCONF.
const GROUPS: [u32; 8] = [1, 3, 5, 7, 9, 11, 24, 25];
const GROUP_NEXTHOP: u32 = 32;

// linux/netconf.h: `struct netconfmsg` is one octet and padded.
const NETCONF_HEADER: usize = 4;
const NETCONFA_IFINDEX: u16 = 1;
const NETCONFA_FORWARDING: u16 = 2;
const NETCONFA_RP_FILTER: u16 = 3;
const NETCONFA_IFINDEX_ALL: i32 = -1;

/// `rp_filter` as RFC 3704's strict filter.
const STRICT: u32 = 1;

/// linux/nexthop.h.
const NHA_ID: u16 = 1;

/// A link's message takes about 2 KiB.
const BUFFER: usize = 16 * 1024;

/// Octets the kernel may keep for us.
const RECEIVE_BUFFER: usize = 1024 * 1024;

/// How many messages are read at a time.
const DRAIN: usize = 1_000;
