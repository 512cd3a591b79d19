//! Links as those see them who look for the routers on them.

use std::net::{IpAddr, Ipv6Addr};

use neli::consts::nl::NlmF;
use neli::consts::rtnl::{IfaF, Nda, Ntf, Nud, RtAddrFamily, RtScope, Rtm, Rtn};
use neli::rtnl::{IfaddrmsgBuilder, NdmsgBuilder};
use neli::types::RtBuffer;

use super::Netlink;
use super::addr::read_ip;
use super::message::{Attrs, Frame, Request, UNBUILDABLE, attr_u32, read_u16, read_u32};
use super::socket::Connection;
use crate::error::{Cause, Error};
use crate::name::{LinkName, MacAddr};

/// A link, and what the kernel knows of the routers on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterLink {
    /// The kernel's number for it.
    pub index: u32,
    /// Whether packets can go by it: up, and with a carrier (`IFF_RUNNING`).
    pub running: bool,
    /// Its hardware address, when that has six octets.
    pub mac: Option<MacAddr>,
    /// Its own link-local addresses, those left out of which it is not yet
    /// known whether somebody else has them too.
    pub link_local: Vec<Ipv6Addr>,
    /// Neighbours with a link-local address that have said they are routers
    /// (`NTF_ROUTER`), and of which nothing else is known to be wrong.
    pub routers: Vec<Ipv6Addr>,
    /// Neighbours with a link-local address that do not answer any more
    /// (`NUD_FAILED`).
    pub unreachable: Vec<Ipv6Addr>,
}

impl Netlink {
    /// What the kernel knows of the routers on this link; `None` if there is
    /// no such link. Reads the link's own entries of the tables only.
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked.
    pub fn router_link(&mut self, name: &LinkName) -> Result<Option<RouterLink>, Error> {
        match self.connection.router_link(name) {
            // It went while it was looked at.
            Err(cause) if cause.is_errno(libc::ENODEV) => Ok(None),
            answer => answer
                .map_err(|cause| Error::new(format!("look for routers on link {name}"), cause)),
        }
    }
}

impl Connection {
    fn router_link(&mut self, name: &LinkName) -> Result<Option<RouterLink>, Cause> {
        let Some(link) = self.link(name.as_str())? else {
            return Ok(None);
        };
        let link_local = self.dump(|| addresses(link.index), |it| own(it, link.index))?;
        let neighbours = self.dump(|| neighbours(link.index), |it| neighbour(it, link.index))?;
        let those = |wanted: Standing| {
            let all = neighbours.iter().filter(move |(_, it)| *it == wanted);
            all.map(|(address, _)| *address).collect()
        };
        Ok(Some(RouterLink {
            index: link.index,
            running: link.running,
            mac: link.mac,
            link_local,
            routers: those(Standing::Router),
            unreachable: those(Standing::Unreachable),
        }))
    }
}

/// What matters of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Router,
    Unreachable,
}

/// Whether a change that the kernel tells of can matter to [`RouterLink`]:
/// most neighbours come and go without that.
pub(super) fn is_news(frame: &Frame<'_>) -> bool {
    let neighbours = [RTM_NEWNEIGH, RTM_DELNEIGH];
    !neighbours.contains(&frame.kind) || standing(frame.payload).is_some()
}

/// Reads state and flags of a neighbour of IPv6 (`struct ndmsg`).
fn standing(payload: &[u8]) -> Option<Standing> {
    let family = *payload.first()?;
    if i32::from(family) != libc::AF_INET6 {
        return None;
    }
    let failed = Nud::from(read_u16(payload, 8)?).contains(Nud::FAILED);
    let router = Ntf::from(*payload.get(10)?).contains(Ntf::ROUTER);
    match (failed, router) {
        (true, _) => Some(Standing::Unreachable),
        (false, true) => Some(Standing::Router),
        (false, false) => None,
    }
}

/// Reads a RTM_NEWNEIGH payload.
pub(super) fn neighbour(payload: &[u8], index: u32) -> Option<(Ipv6Addr, Standing)> {
    let standing = standing(payload)?;
    if read_u32(payload, 4)? != index {
        return None;
    }
    let mut attrs = Attrs(payload.get(12..)?);
    let (_, octets) = attrs.find(|(kind, _)| Nda::from(*kind) == Nda::Dst)?;
    Some((link_local(*payload.first()?, octets)?, standing))
}

/// Reads a RTM_NEWADDR payload, if it is a link-local address of this link
/// that can be sent from.
pub(super) fn own(payload: &[u8], index: u32) -> Option<Ipv6Addr> {
    let [family, _, flags, ..] = *payload else {
        return None;
    };
    let unusable = IfaF::TENTATIVE | IfaF::DADFAILED;
    if read_u32(payload, 4)? != index || IfaF::from(flags).intersects(unusable) {
        return None;
    }
    let mut attrs = Attrs(payload.get(8..)?);
    let (_, octets) = attrs.find(|(kind, _)| *kind == libc::IFA_ADDRESS)?;
    link_local(family, octets)
}

fn link_local(family: u8, octets: &[u8]) -> Option<Ipv6Addr> {
    match read_ip(family, octets)? {
        IpAddr::V6(address) if address.is_unicast_link_local() => Some(address),
        _ => None,
    }
}

fn addresses(index: u32) -> Result<Request, Cause> {
    let header = IfaddrmsgBuilder::default()
        .ifa_family(RtAddrFamily::Inet6)
        .ifa_prefixlen(0)
        .ifa_scope(RtScope::Universe)
        .ifa_index(index)
        .rtattrs(RtBuffer::new())
        .build()
        .map_err(|_| UNBUILDABLE)?;
    Request::new(Rtm::Getaddr, NlmF::DUMP, header)
}

fn neighbours(index: u32) -> Result<Request, Cause> {
    // A dump's header must be empty but for the family.
    let mut attrs = RtBuffer::new();
    attrs.push(attr_u32(Nda::Ifindex, index)?);
    let header = NdmsgBuilder::default()
        .ndm_family(RtAddrFamily::Inet6)
        .ndm_index(0)
        .ndm_state(Nud::empty())
        .ndm_flags(Ntf::empty())
        .ndm_type(Rtn::Unspec)
        .rtattrs(attrs)
        .build()
        .map_err(|_| UNBUILDABLE)?;
    Request::new(Rtm::Getneigh, NlmF::DUMP, header)
}

/// linux/rtnetlink.h.
const RTM_NEWNEIGH: u16 = 28;
const RTM_DELNEIGH: u16 = 29;
