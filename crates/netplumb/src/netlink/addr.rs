//! Addresses, both directions.

use std::net::IpAddr;

use ipnet::IpNet;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{Ifa, IfaF, RtAddrFamily, RtScope, Rtm};
use neli::rtnl::IfaddrmsgBuilder;
use neli::types::{Buffer, RtBuffer};

use super::link::Names;
use super::message::{Attrs, Request, UNBUILDABLE, attr, read_u32};
use super::socket::Connection;
use crate::error::Cause;
use crate::model::AddrSpec;

impl Connection {
    /// Reads all addresses.
    pub(super) fn addrs(&mut self, names: &Names) -> Result<Vec<AddrSpec>, Cause> {
        let all = || {
            let header = header(RtAddrFamily::Unspecified, 0, 0, RtBuffer::new());
            Request::new(
                Rtm::Getaddr,
                NlmF::DUMP,
                header.build().map_err(|_| UNBUILDABLE)?,
            )
        };
        self.dump(all, |payload| {
            let (index, addr) = read(payload)?;
            let link = names.get(&index)?.clone();
            Some(AddrSpec { link, addr })
        })
    }

    pub(super) fn add_addr(&mut self, spec: &AddrSpec) -> Result<(), Cause> {
        let index = self.index_of(&spec.link)?;
        let create = NlmF::ACK | NlmF::CREATE | NlmF::EXCL;
        match self.change(request(Rtm::Newaddr, create, index, spec.addr)?) {
            Err(cause) if cause.is_errno(libc::EEXIST) => {
                self.check_prefix(index, spec.addr, cause)
            }
            result => result,
        }
    }

    pub(super) fn delete_addr(&mut self, spec: &AddrSpec) -> Result<(), Cause> {
        let Some(link) = self.link(spec.link.as_str())? else {
            return Ok(());
        };
        match self.change(request(Rtm::Deladdr, NlmF::ACK, link.index, spec.addr)?) {
            Err(cause) if cause.is_errno(libc::EADDRNOTAVAIL) || cause.is_errno(libc::ENODEV) => {
                Ok(())
            }
            result => result,
        }
    }

    /// IPv6 knows an address on a link once, with one prefix length: what
    /// exists is equal only if that is the wanted one.
    fn check_prefix(&mut self, index: u32, addr: IpNet, exists: Cause) -> Result<(), Cause> {
        let IpNet::V6(net) = addr else {
            return Ok(());
        };
        let mut attrs = RtBuffer::new();
        attrs.push(attr(Ifa::Address, &net.addr().octets())?);
        let header = header(RtAddrFamily::Inet6, 0, index, attrs);
        let get = Request::new(
            Rtm::Getaddr,
            NlmF::ACK,
            header.build().map_err(|_| UNBUILDABLE)?,
        )?;
        match self.get(get)?.and_then(|payload| read(&payload)) {
            Some((_, have)) if have == addr => Ok(()),
            Some((_, have)) => Err(exists.with_hint(format!("the link has it as {have}"))),
            None => Err(exists),
        }
    }
}

/// Reads a RTM_NEWADDR payload: the number of the link, and the address.
pub(super) fn read(payload: &[u8]) -> Option<(u32, IpNet)> {
    let [family, prefix_len, ..] = *payload else {
        return None;
    };
    let index = read_u32(payload, 4)?;
    let mut addr = None;
    for (kind, octets) in Attrs(payload.get(8..)?) {
        match Ifa::from(kind) {
            // On a point-to-point link this is the host's own address and
            // IFA_ADDRESS that of the other side.
            Ifa::Local => addr = read_ip(family, octets),
            Ifa::Address => addr = addr.or_else(|| read_ip(family, octets)),
            _ => {}
        }
    }
    Some((index, IpNet::new(addr?, prefix_len).ok()?))
}

fn request(kind: Rtm, flags: NlmF, index: u32, addr: IpNet) -> Result<Request, Cause> {
    let mut attrs = RtBuffer::new();
    let octets = ip_octets(addr.addr());
    attrs.push(attr(Ifa::Local, &octets)?);
    attrs.push(attr(Ifa::Address, &octets)?);
    let header = header(family(addr.addr()), addr.prefix_len(), index, attrs);
    let flag = match addr {
        IpNet::V4(_) => IfaF::empty(),
        IpNet::V6(_) => IfaF::NODAD,
    };
    let header = header.ifa_flags(flag).ifa_scope(scope(addr.addr()));
    let header = header.build().map_err(|_| UNBUILDABLE)?;
    Request::new(kind, flags, header)
}

fn header(
    family: RtAddrFamily,
    prefix_len: u8,
    index: u32,
    attrs: RtBuffer<Ifa, Buffer>,
) -> IfaddrmsgBuilder {
    IfaddrmsgBuilder::default()
        .ifa_family(family)
        .ifa_prefixlen(prefix_len)
        .ifa_scope(RtScope::Universe)
        .ifa_index(index)
        .rtattrs(attrs)
}

/// How far an address means the same; for IPv6 the kernel knows by itself.
const fn scope(ip: IpAddr) -> RtScope {
    match ip {
        IpAddr::V4(ip) if ip.is_link_local() => RtScope::Link,
        _ => RtScope::Universe,
    }
}

/// The kernel's number for the family of an address.
pub(super) const fn family(ip: IpAddr) -> RtAddrFamily {
    match ip {
        IpAddr::V4(_) => RtAddrFamily::Inet,
        IpAddr::V6(_) => RtAddrFamily::Inet6,
    }
}

pub(super) fn ip_octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// An address of this family (`AF_INET`, `AF_INET6`), if the octets are one.
pub(super) fn read_ip(family: u8, octets: &[u8]) -> Option<IpAddr> {
    match i32::from(family) {
        libc::AF_INET => Some(IpAddr::from(<[u8; 4]>::try_from(octets).ok()?)),
        libc::AF_INET6 => Some(IpAddr::from(<[u8; 16]>::try_from(octets).ok()?)),
        _ => None,
    }
}
