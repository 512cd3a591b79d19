//! Routes, both directions.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{RtAddrFamily, RtScope, RtTable, Rta, Rtm, RtmF, Rtn, Rtprot};
use neli::rtnl::{Rtattr, RtmsgBuilder};
use neli::types::{Buffer, RtBuffer};

use super::addr::{family, ip_octets, read_ip};
use super::link::Names;
use super::message::{
    Attrs, Request, UNBUILDABLE, align, attr, attr_u32, read_u16, read_u32, to_octets,
};
use super::socket::Connection;
use crate::error::Cause;
use crate::next_hop::NextHopId;
use crate::route::{NextHopSpec, NextHops, RouteKey, RouteScope, RouteSpec};

impl Connection {
    /// Reads the unicast routes of all tables and both families.
    pub(super) fn routes(&mut self, names: &Names) -> Result<Vec<RouteSpec>, Cause> {
        let mut routes = Vec::new();
        for family in [RtAddrFamily::Inet, RtAddrFamily::Inet6] {
            let all = || dump_request(family, RtBuffer::new());
            let read = |payload: &[u8]| RawRoute::read(payload)?.resolve(names);
            routes.extend(self.dump(all, read)?);
        }
        Ok(routes)
    }

    /// Makes the route, or replaces one of the same key in one step.
    ///
    /// The kernel would replace a route of any protocol, so this is asked for
    /// only where the route in place is `known` to be of ours; otherwise the
    /// route must be new, and if it is not, the table is looked into.
    pub(super) fn replace_route(&mut self, spec: &RouteSpec, known: bool) -> Result<(), Cause> {
        let octets = self.route_attrs(spec)?;
        let create = |flag| {
            let header = spec_header(spec, &octets)?;
            Request::new(Rtm::Newroute, NlmF::ACK | NlmF::CREATE | flag, header)
        };
        if !known {
            match self.change(create(NlmF::EXCL)?) {
                Err(cause) if cause.is_errno(libc::EEXIST) => self.check_slot(spec)?,
                result => return result,
            }
        }
        self.change(create(NlmF::REPLACE)?)
    }

    /// Deletes the route with all its next hops.
    pub(super) fn delete_route(&mut self, key: &RouteKey) -> Result<(), Cause> {
        // No metric in the message means any metric to the kernel, so for
        // IPv4 a route of metric 0 has to be there before it is deleted.
        let nameless = key.metric == 0;
        if nameless && !self.slot(key)?.iter().any(|route| route.is(key)) {
            return Ok(());
        }
        let mut attrs = RtBuffer::new();
        attrs.push(attr(Rta::Dst, &ip_octets(key.dst.network()))?);
        attrs.push(attr_u32(Rta::Priority, key.metric)?);
        let scope = match key.dst {
            // Any scope.
            IpNet::V4(_) => RtScope::Nowhere,
            IpNet::V6(_) => RtScope::Universe,
        };
        let header = header(family(key.dst.addr()), key, attrs)?
            .rtm_scope(scope)
            .build()
            .map_err(|_| UNBUILDABLE)?;
        match self.change(Request::new(Rtm::Delroute, NlmF::ACK, header)?) {
            Err(cause) if cause.is_errno(libc::ESRCH) => Ok(()),
            result => result,
        }
    }

    /// Fails when what stands in the route's place is not of its protocol.
    fn check_slot(&mut self, spec: &RouteSpec) -> Result<(), Cause> {
        let key = spec.key();
        match self.slot(&key)?.iter().find(|route| !route.is(&key)) {
            None => Ok(()),
            Some(route) => Err(Cause::NotOurs(format!(
                "a route of protocol {} is in its place",
                route.key.protocol
            ))),
        }
    }

    /// The routes with the destination, table and metric of `key`.
    fn slot(&mut self, key: &RouteKey) -> Result<Vec<RawRoute>, Cause> {
        let request = || {
            let mut attrs = RtBuffer::new();
            attrs.push(attr_u32(Rta::Table, key.table)?);
            dump_request(family(key.dst.addr()), attrs)
        };
        self.dump(request, |payload| {
            RawRoute::read(payload).filter(|route| {
                route.tos == 0
                    && RouteKey {
                        protocol: key.protocol,
                        ..route.key
                    } == *key
            })
        })
    }

    fn route_attrs(&mut self, spec: &RouteSpec) -> Result<Vec<Rtattr<Rta, Buffer>>, Cause> {
        let mut attrs = vec![attr(Rta::Dst, &ip_octets(spec.dst.network()))?];
        let metric = spec.key().metric;
        if metric != 0 {
            attrs.push(attr_u32(Rta::Priority, metric)?);
        }
        if let Some(src) = spec.src {
            attrs.push(attr(Rta::Prefsrc, &ip_octets(src))?);
        }
        if let Some(id) = spec.next_hops.object() {
            attrs.push(attr_u32(Rta::from(RTA_NH_ID), id.get())?);
            return Ok(attrs);
        }
        match &*spec.next_hops {
            [] => return Err(Cause::Misuse("a route needs a next hop")),
            [hop] => {
                attrs.extend(gateway(hop, &spec.dst)?);
                if let Some(link) = &hop.link {
                    attrs.push(attr_u32(Rta::Oif, self.index_of(link)?)?);
                }
            }
            hops => {
                let mut octets = Vec::new();
                for hop in hops {
                    octets.extend(self.multipath_hop(hop, &spec.dst)?);
                }
                attrs.push(attr(Rta::Multipath, &octets)?);
            }
        }
        Ok(attrs)
    }

    /// `struct rtnexthop` and its attributes.
    fn multipath_hop(&mut self, hop: &NextHopSpec, dst: &IpNet) -> Result<Vec<u8>, Cause> {
        let index = match &hop.link {
            Some(link) => self.index_of(link)?,
            None => 0,
        };
        let attrs = match gateway(hop, dst)? {
            Some(attr) => to_octets(&attr)?,
            None => Vec::new(),
        };
        let len = u16::try_from(RTNEXTHOP + attrs.len()).map_err(|_| UNBUILDABLE)?;
        let mut octets = len.to_ne_bytes().to_vec();
        octets.push(if hop.onlink { RTNH_F_ONLINK } else { 0 });
        octets.push(hop.weight.saturating_sub(1));
        octets.extend(index.to_ne_bytes());
        octets.extend(attrs);
        Ok(octets)
    }
}

/// A route as the kernel tells of it.
#[derive(Debug)]
pub(super) struct RawRoute {
    key: RouteKey,
    scope: u8,
    tos: u8,
    unicast: bool,
    src: Option<IpAddr>,
    hops: Vec<RawHop>,
    object: Option<NextHopId>,
}

#[derive(Debug, Default)]
struct RawHop {
    gateway: Option<IpAddr>,
    index: u32,
    weight: u8,
    onlink: bool,
}

impl RawRoute {
    /// Reads a RTM_NEWROUTE payload. `None` for what is no route of a table,
    /// as a cached one.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let [family, dst_len, _, tos, table, protocol, scope, kind, ..] = *payload else {
            return None;
        };
        let flags = read_u32(payload, 8)?;
        if flags & libc::RTM_F_CLONED != 0 {
            return None;
        }
        let mut route = Self {
            key: RouteKey {
                dst: any(family)?,
                table: u32::from(table),
                metric: 0,
                protocol,
            },
            scope,
            tos,
            unicast: kind == libc::RTN_UNICAST,
            src: None,
            hops: Vec::new(),
            object: None,
        };
        let mut single = RawHop {
            weight: 1,
            onlink: flags & u32::from(RTNH_F_ONLINK) != 0,
            ..RawHop::default()
        };
        for (kind, octets) in Attrs(payload.get(12..)?) {
            match kind {
                libc::RTA_DST => {
                    route.key.dst = IpNet::new(read_ip(family, octets)?, dst_len).ok()?;
                }
                libc::RTA_TABLE => route.key.table = read_u32(octets, 0)?,
                libc::RTA_PRIORITY => route.key.metric = read_u32(octets, 0)?,
                libc::RTA_PREFSRC => route.src = read_ip(family, octets),
                libc::RTA_OIF => single.index = read_u32(octets, 0)?,
                RTA_NH_ID => route.object = read_u32(octets, 0).map(NextHopId::new),
                libc::RTA_MULTIPATH => route.hops = read_multipath(family, octets),
                _ => single.read(family, kind, octets),
            }
        }
        // A route by an object may show only that.
        let shown = route.object.is_none() || single.index != 0;
        if route.hops.is_empty() && shown {
            route.hops.push(single);
        }
        Some(route)
    }

    /// Whether this is the unicast route of that key.
    fn is(&self, key: &RouteKey) -> bool {
        self.unicast && self.key == *key
    }

    pub(super) fn resolve(self, names: &Names) -> Option<RouteSpec> {
        if !self.unicast || self.tos != 0 {
            return None;
        }
        let hops = self.hops.into_iter().map(|hop| NextHopSpec {
            gateway: hop.gateway,
            link: names.get(&hop.index).cloned(),
            weight: hop.weight,
            onlink: hop.onlink,
        });
        Some(RouteSpec {
            dst: self.key.dst,
            table: self.key.table,
            metric: self.key.metric,
            protocol: self.key.protocol,
            scope: RouteScope::new(self.scope),
            next_hops: hops.collect::<NextHops>().with_object(self.object),
            src: self.src,
        })
    }
}

impl RawHop {
    fn read(&mut self, family: u8, kind: u16, octets: &[u8]) {
        match kind {
            libc::RTA_GATEWAY => self.gateway = read_ip(family, octets),
            RTA_VIA => {
                self.gateway = read_u16(octets, 0)
                    .and_then(|family| u8::try_from(family).ok())
                    .and_then(|family| read_ip(family, octets.get(2..)?));
            }
            _ => {}
        }
    }
}

fn read_multipath(family: u8, mut rest: &[u8]) -> Vec<RawHop> {
    let mut hops = Vec::new();
    while let (Some(len), Some(index), Some([flags, weight])) =
        (read_u16(rest, 0), read_u32(rest, 4), rest.get(2..4))
    {
        let len = usize::from(len);
        let Some(attrs) = rest.get(RTNEXTHOP..len) else {
            break;
        };
        let mut hop = RawHop {
            index,
            weight: weight.saturating_add(1),
            onlink: flags & RTNH_F_ONLINK != 0,
            ..RawHop::default()
        };
        for (kind, octets) in Attrs(attrs) {
            hop.read(family, kind, octets);
        }
        hops.push(hop);
        rest = rest.get(align(len)..).unwrap_or_default();
    }
    hops
}

/// The default route of a family.
fn any(family: u8) -> Option<IpNet> {
    match i32::from(family) {
        libc::AF_INET => Some(IpNet::V4(Ipv4Net::default())),
        libc::AF_INET6 => Some(IpNet::V6(Ipv6Net::default())),
        _ => None,
    }
}

/// The router's address, as RTA_GATEWAY or, for an IPv4 route by an IPv6
/// router, as RTA_VIA.
fn gateway(hop: &NextHopSpec, dst: &IpNet) -> Result<Option<Rtattr<Rta, Buffer>>, Cause> {
    let Some(gateway) = hop.gateway else {
        return match hop.link {
            Some(_) => Ok(None),
            None => Err(Cause::Misuse("a next hop needs a gateway or a link")),
        };
    };
    let octets = ip_octets(gateway);
    if gateway.is_ipv6() == matches!(dst, IpNet::V6(_)) {
        return attr(Rta::Gateway, &octets).map(Some);
    }
    let mut via = u16::from(u8::from(family(gateway))).to_ne_bytes().to_vec();
    via.extend(octets);
    attr(Rta::from(RTA_VIA), &via).map(Some)
}

fn spec_header(
    spec: &RouteSpec,
    attrs: &[Rtattr<Rta, Buffer>],
) -> Result<neli::rtnl::Rtmsg, Cause> {
    let scope = match spec.dst {
        IpNet::V4(_) => RtScope::from(spec.scope.get()),
        IpNet::V6(_) => RtScope::Universe,
    };
    let flags = match &*spec.next_hops {
        // neli knows the flags of routes, not those of next hops, which stand in
        // the same field.
        [hop] if hop.onlink => RtmF::from_bits_retain(u32::from(RTNH_F_ONLINK)),
        _ => RtmF::empty(),
    };
    header(
        family(spec.dst.addr()),
        &spec.key(),
        attrs.iter().cloned().collect(),
    )?
    .rtm_scope(scope)
    .rtm_flags(flags)
    .build()
    .map_err(|_| UNBUILDABLE)
}

fn header(
    family: RtAddrFamily,
    key: &RouteKey,
    mut attrs: RtBuffer<Rta, Buffer>,
) -> Result<RtmsgBuilder, Cause> {
    // The header's field is too narrow for most tables.
    attrs.push(attr_u32(Rta::Table, key.table)?);
    let table = u8::try_from(key.table).map_or(RtTable::Unspec, RtTable::from);
    Ok(RtmsgBuilder::default()
        .rtm_family(family)
        .rtm_dst_len(key.dst.prefix_len())
        .rtm_src_len(0)
        .rtm_tos(0)
        .rtm_table(table)
        .rtm_protocol(Rtprot::from(key.protocol))
        .rtm_type(Rtn::Unicast)
        .rtattrs(attrs))
}

/// A dump's header must be empty but for what it filters by.
fn dump_request(family: RtAddrFamily, attrs: RtBuffer<Rta, Buffer>) -> Result<Request, Cause> {
    let header = RtmsgBuilder::default()
        .rtm_family(family)
        .rtm_dst_len(0)
        .rtm_src_len(0)
        .rtm_tos(0)
        .rtm_table(RtTable::Unspec)
        .rtm_protocol(Rtprot::Unspec)
        .rtm_scope(RtScope::Universe)
        .rtm_type(Rtn::Unspec)
        .rtattrs(attrs)
        .build()
        .map_err(|_| UNBUILDABLE)?;
    Request::new(Rtm::Getroute, NlmF::DUMP, header)
}

/// Octets of `struct rtnexthop`.
const RTNEXTHOP: usize = 8;
/// linux/rtnetlink.h.
const RTNH_F_ONLINK: u8 = 4;
/// linux/rtnetlink.h; not in libc for every C library.
const RTA_VIA: u16 = 18;
const RTA_NH_ID: u16 = 30;
