//! Numbered next hops, both directions (`linux/nexthop.h`).

use std::time::Duration;

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;
use neli::types::Buffer;

use super::addr::{family, ip_octets, read_ip};
use super::link::Names;
use super::message::{Attrs, Request, attr, attr_nest, attr_u32, read_u16, read_u32, to_octets};
use super::socket::Connection;
use crate::error::Cause;
use crate::next_hop::{NextHopId, NextHopKind, NextHopObject, ResilientGroup};
use crate::observed::ticks;

impl Connection {
    /// Reads all numbered next hops; none of a kernel that knows none.
    pub(super) fn next_hops(&mut self, names: &Names) -> Result<Vec<NextHopObject>, Cause> {
        let all = || request(GET, NlmF::DUMP, Header::default(), &[]);
        let next_hops = self.dump(all, |payload| read(payload, names));
        match next_hops {
            Err(cause) if cause.is_errno(libc::EOPNOTSUPP) => Ok(Vec::new()),
            next_hops => next_hops,
        }
    }

    /// Makes the next hop or changes the one of that number. One that is as it
    /// should be is left in peace.
    pub(super) fn replace_next_hop(&mut self, spec: &NextHopObject) -> Result<(), Cause> {
        // Of the links there are, it can only be as it should be by its own.
        let mut names = Names::new();
        if let Some(link) = spec.link() {
            names.insert(self.index_of(link)?, link.clone());
        }
        let (header, attrs) = written(spec, &names)?;
        let make = NlmF::ACK | NlmF::CREATE | NlmF::EXCL;
        match self.change(request(NEW, make, header, &attrs)?) {
            Err(cause) if cause.is_errno(libc::EEXIST) => {}
            result => return result,
        }
        let id = to_octets(&attr_u32(NHA_ID, spec.id.get())?)?;
        let there = self.get(request(GET, NlmF::ACK, Header::default(), &id)?)?;
        if let Some(there) = there.and_then(|payload| read(&payload, &names)) {
            if there.protocol != spec.protocol {
                return Err(Cause::NotOurs(format!(
                    "a next hop of protocol {} has that number",
                    there.protocol
                )));
            }
            if spec.satisfied_by(&there) {
                return Ok(());
            }
        }
        let replace = NlmF::ACK | NlmF::CREATE | NlmF::REPLACE;
        self.change(request(NEW, replace, header, &attrs)?)
    }

    pub(super) fn delete_next_hop(&mut self, id: NextHopId) -> Result<(), Cause> {
        let attrs = to_octets(&attr_u32(NHA_ID, id.get())?)?;
        match self.change(request(DELETE, NlmF::ACK, Header::default(), &attrs)?) {
            Err(cause) if cause.is_errno(libc::ENOENT) => Ok(()),
            result => result,
        }
    }
}

/// The header's fields and the attributes of a next hop to be made by the one
/// link of `names`.
fn written(spec: &NextHopObject, names: &Names) -> Result<(Header, Vec<u8>), Cause> {
    let mut header = Header {
        protocol: spec.protocol,
        ..Header::default()
    };
    let mut attrs = to_octets(&attr_u32(NHA_ID, spec.id.get())?)?;
    match &spec.kind {
        NextHopKind::Gateway {
            gateway, onlink, ..
        } => {
            header.family = u8::from(family(*gateway));
            header.flags = if *onlink { RTNH_F_ONLINK } else { 0 };
            for index in names.keys() {
                attrs.extend(to_octets(&attr_u32(NHA_OIF, *index)?)?);
            }
            attrs.extend(to_octets(&attr(NHA_GATEWAY, &ip_octets(*gateway))?)?);
        }
        NextHopKind::Resilient(group) => {
            attrs.extend(to_octets(&attr(NHA_GROUP, &members(group))?)?);
            let kind = GROUP_RESILIENT.to_ne_bytes();
            attrs.extend(to_octets(&attr(NHA_GROUP_TYPE, &kind)?)?);
            let settings = [
                attr(RES_BUCKETS, &group.buckets.to_ne_bytes())?,
                attr_u32(RES_IDLE_TIMER, ticks(group.idle_time))?,
                attr_u32(RES_UNBALANCED_TIMER, ticks(group.unbalanced_time))?,
            ];
            let nest = attr_nest(NHA_RES_GROUP | NLA_F_NESTED, &settings)?;
            attrs.extend(to_octets(&nest)?);
        }
        NextHopKind::Other => {
            return Err(Cause::Misuse("a next hop needs a gateway or members"));
        }
    }
    Ok((header, attrs))
}

/// `struct nexthop_grp` for each member, the weights one less than they are.
fn members(group: &ResilientGroup) -> Vec<u8> {
    let mut octets = Vec::with_capacity(group.members.len() * GROUP_ENTRY);
    for (id, weight) in &group.members {
        octets.extend(id.get().to_ne_bytes());
        octets.extend([weight.saturating_sub(1), 0, 0, 0]);
    }
    octets
}

/// The fields of `struct nhmsg` that are ever other than zero.
#[derive(Clone, Copy, Default)]
struct Header {
    family: u8,
    protocol: u8,
    flags: u32,
}

fn request(kind: u16, flags: NlmF, header: Header, attrs: &[u8]) -> Result<Request, Cause> {
    let mut octets = vec![header.family, 0, header.protocol, 0];
    octets.extend(header.flags.to_ne_bytes());
    octets.extend_from_slice(attrs);
    Request::new(Rtm::from(kind), flags, Buffer::from(octets))
}

/// Reads a RTM_NEWNEXTHOP payload.
pub(super) fn read(payload: &[u8], names: &Names) -> Option<NextHopObject> {
    let [family, _, protocol, ..] = *payload else {
        return None;
    };
    let flags = read_u32(payload, 4)?;
    let (mut id, mut gateway, mut link) = (None, None, None);
    let (mut group, mut resilient, mut settings) = (None, false, None);
    for (kind, octets) in Attrs(payload.get(8..)?) {
        match kind {
            NHA_ID => id = read_u32(octets, 0),
            NHA_OIF => link = names.get(&read_u32(octets, 0)?).cloned(),
            NHA_GATEWAY => gateway = read_ip(family, octets),
            NHA_GROUP => group = Some(read_members(octets)),
            NHA_GROUP_TYPE => resilient = read_u16(octets, 0)? == GROUP_RESILIENT,
            NHA_RES_GROUP => settings = Some(octets),
            _ => {}
        }
    }
    let kind = match (group, settings, gateway, link) {
        (Some(members), Some(settings), ..) if resilient => {
            NextHopKind::Resilient(read_resilient(members, settings))
        }
        (None, None, Some(gateway), Some(link)) => NextHopKind::Gateway {
            gateway,
            link,
            onlink: flags & RTNH_F_ONLINK != 0,
        },
        _ => NextHopKind::Other,
    };
    Some(NextHopObject {
        id: NextHopId::new(id?),
        protocol,
        kind,
    })
}

fn read_members(octets: &[u8]) -> Vec<(NextHopId, u8)> {
    let (entries, _) = octets.as_chunks::<GROUP_ENTRY>();
    entries
        .iter()
        .map(|[a, b, c, d, weight, ..]| {
            let id = u32::from_ne_bytes([*a, *b, *c, *d]);
            (NextHopId::new(id), weight.saturating_add(1))
        })
        .collect()
}

fn read_resilient(members: Vec<(NextHopId, u8)>, settings: &[u8]) -> ResilientGroup {
    let mut group = ResilientGroup {
        members,
        buckets: 0,
        idle_time: Duration::ZERO,
        unbalanced_time: Duration::ZERO,
    };
    let time = |octets: &[u8]| {
        let ticks = read_u32(octets, 0).unwrap_or_default();
        Duration::from_millis(u64::from(ticks) * 10)
    };
    for (kind, octets) in Attrs(settings) {
        match kind {
            RES_BUCKETS => group.buckets = read_u16(octets, 0).unwrap_or_default(),
            RES_IDLE_TIMER => group.idle_time = time(octets),
            RES_UNBALANCED_TIMER => group.unbalanced_time = time(octets),
            _ => {}
        }
    }
    group
}

/// linux/rtnetlink.h.
const NEW: u16 = 104;
const DELETE: u16 = 105;
const GET: u16 = 106;
const RTNH_F_ONLINK: u32 = 4;

/// linux/nexthop.h.
const NHA_ID: u16 = 1;
const NHA_GROUP: u16 = 2;
const NHA_GROUP_TYPE: u16 = 3;
const NHA_OIF: u16 = 5;
const NHA_GATEWAY: u16 = 6;
const NHA_RES_GROUP: u16 = 12;
const RES_BUCKETS: u16 = 1;
const RES_IDLE_TIMER: u16 = 2;
const RES_UNBALANCED_TIMER: u16 = 3;
const GROUP_RESILIENT: u16 = 1;

/// linux/netlink.h.
const NLA_F_NESTED: u16 = 1 << 15;

/// Octets of `struct nexthop_grp`.
const GROUP_ENTRY: usize = 8;
