//! Permanent neighbours, both directions.

use std::net::IpAddr;

use neli::consts::nl::NlmF;
use neli::consts::rtnl::{Nda, Ntf, Nud, RtAddrFamily, Rtm, Rtn};
use neli::rtnl::NdmsgBuilder;
use neli::types::RtBuffer;

use super::addr::{family, ip_octets, read_ip};
use super::link::Names;
use super::message::{Attrs, Request, UNBUILDABLE, attr, read_u16, read_u32};
use super::socket::Connection;
use crate::error::Cause;
use crate::model::{NeighKey, NeighSpec};
use crate::name::MacAddr;

impl Connection {
    /// Reads the permanent neighbours of both families.
    pub(super) fn neighs(&mut self, names: &Names) -> Result<Vec<NeighSpec>, Cause> {
        let mut neighs = Vec::new();
        for family in [RtAddrFamily::Inet, RtAddrFamily::Inet6] {
            let all = || request(Rtm::Getneigh, NlmF::DUMP, family, Entry::default());
            neighs.extend(self.dump(all, |payload| read(payload, names))?);
        }
        Ok(neighs)
    }

    pub(super) fn replace_neigh(&mut self, spec: &NeighSpec) -> Result<(), Cause> {
        let entry = Entry {
            index: self.index_of(&spec.link)?,
            ip: Some(spec.ip),
            mac: Some(spec.mac),
        };
        let replace = NlmF::ACK | NlmF::CREATE | NlmF::REPLACE;
        self.change(request(Rtm::Newneigh, replace, family(spec.ip), entry)?)
    }

    pub(super) fn delete_neigh(&mut self, key: &NeighKey) -> Result<(), Cause> {
        let Some(link) = self.link(key.link.as_str())? else {
            return Ok(());
        };
        let entry = Entry {
            index: link.index,
            ip: Some(key.ip),
            mac: None,
        };
        match self.change(request(Rtm::Delneigh, NlmF::ACK, family(key.ip), entry)?) {
            Err(cause) if cause.is_errno(libc::ENOENT) || cause.is_errno(libc::ENODEV) => Ok(()),
            result => result,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Entry {
    index: u32,
    ip: Option<IpAddr>,
    mac: Option<MacAddr>,
}

fn request(kind: Rtm, flags: NlmF, family: RtAddrFamily, entry: Entry) -> Result<Request, Cause> {
    let mut attrs = RtBuffer::new();
    if let Some(ip) = entry.ip {
        attrs.push(attr(Nda::Dst, &ip_octets(ip))?);
    }
    if let Some(mac) = entry.mac {
        attrs.push(attr(Nda::Lladdr, &mac.octets())?);
    }
    // A dump's header must be empty but for the family.
    let state = if entry.mac.is_some() {
        Nud::PERMANENT
    } else {
        Nud::empty()
    };
    let header = NdmsgBuilder::default()
        .ndm_family(family)
        .ndm_index(entry.index.cast_signed())
        .ndm_state(state)
        .ndm_flags(Ntf::empty())
        .ndm_type(Rtn::Unspec)
        .rtattrs(attrs)
        .build()
        .map_err(|_| UNBUILDABLE)?;
    Request::new(kind, flags, header)
}

/// Reads a RTM_NEWNEIGH payload, if it is a permanent entry.
pub(super) fn read(payload: &[u8], names: &Names) -> Option<NeighSpec> {
    let family = *payload.first()?;
    let link = names.get(&read_u32(payload, 4)?)?.clone();
    if read_u16(payload, 8)? & libc::NUD_PERMANENT == 0 {
        return None;
    }
    let (mut ip, mut mac) = (None, None);
    for (kind, octets) in Attrs(payload.get(12..)?) {
        match Nda::from(kind) {
            Nda::Dst => ip = read_ip(family, octets),
            Nda::Lladdr => mac = <[u8; 6]>::try_from(octets).ok().map(MacAddr::new),
            _ => {}
        }
    }
    Some(NeighSpec {
        link,
        ip: ip?,
        mac: mac?,
    })
}
