//! Routes, both directions.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{RtAddrFamily, RtScope, RtTable, Rta, Rtm, Rtn, Rtprot};
use neli::rtnl::RtmsgBuilder;
use neli::types::{Buffer, RtBuffer};

use super::addr::{family, read_ip};
use super::link::Names;
use super::message::{Attrs, Request, UNBUILDABLE, align, attr_u32, read_u16, read_u32};
use super::socket::Connection;
use crate::error::Cause;
use crate::next_hop::NextHopId;
use crate::place::{IpFamily, RoutePlace};
use crate::route::{NextHopSpec, NextHops, RouteKey, RouteScope, RouteSpec};

impl Connection {
    /// Reads the unicast routes of all tables and both families.
    pub(super) fn routes(&mut self, names: &Names) -> Result<Vec<RouteSpec>, Cause> {
        let mut routes = Vec::new();
        for family in [RtAddrFamily::Inet, RtAddrFamily::Inet6] {
            let all = || dump_request(family, Rtprot::Unspec, RtBuffer::new());
            let read = |payload: &[u8]| RawRoute::read(payload)?.resolve(names);
            routes.extend(self.dump(all, read)?);
        }
        Ok(routes)
    }

    /// Shows `visit` the routes of one place and family, and `None` before the
    /// first. When the table changed meanwhile, that is done again.
    pub(super) fn routes_of(
        &mut self,
        place: RoutePlace,
        family: IpFamily,
        names: &Names,
        visit: &mut dyn FnMut(Option<RouteSpec>),
    ) -> Result<(), Cause> {
        let request = || {
            let mut attrs = RtBuffer::new();
            attrs.push(attr_u32(Rta::Table, place.table)?);
            let family = match family {
                IpFamily::V4 => RtAddrFamily::Inet,
                IpFamily::V6 => RtAddrFamily::Inet6,
            };
            dump_request(family, Rtprot::from(place.protocol), attrs)
        };
        let done = self.walk(request, |payload| {
            let Some(payload) = payload else {
                return visit(None);
            };
            let route = RawRoute::read(payload).filter(|it| place.holds(&it.key));
            if let Some(route) = route.and_then(|route| route.resolve(names)) {
                visit(Some(route));
            }
        });
        match done {
            // The kernel makes a table with its first route.
            Err(cause) if cause.is_errno(libc::ENOENT) => Ok(()),
            done => done,
        }
    }

    /// Fails when what stands in the route's place is not of its protocol.
    pub(super) fn check_slot(&mut self, spec: &RouteSpec) -> Result<(), Cause> {
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
    pub(super) fn slot(&mut self, key: &RouteKey) -> Result<Vec<RawRoute>, Cause> {
        let request = || {
            let mut attrs = RtBuffer::new();
            attrs.push(attr_u32(Rta::Table, key.table)?);
            dump_request(family(key.dst.addr()), Rtprot::Unspec, attrs)
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

    pub(super) const fn is_unicast(&self) -> bool {
        self.unicast
    }

    pub(super) const fn key(&self) -> &RouteKey {
        &self.key
    }

    /// Whether this is the unicast route of that key.
    pub(super) fn is(&self, key: &RouteKey) -> bool {
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

/// A dump's header must be empty but for what it filters by.
fn dump_request(
    family: RtAddrFamily,
    protocol: Rtprot,
    attrs: RtBuffer<Rta, Buffer>,
) -> Result<Request, Cause> {
    let header = RtmsgBuilder::default()
        .rtm_family(family)
        .rtm_dst_len(0)
        .rtm_src_len(0)
        .rtm_tos(0)
        .rtm_table(RtTable::Unspec)
        .rtm_protocol(protocol)
        .rtm_scope(RtScope::Universe)
        .rtm_type(Rtn::Unspec)
        .rtattrs(attrs)
        .build()
        .map_err(|_| UNBUILDABLE)?;
    Request::new(Rtm::Getroute, NlmF::DUMP, header)
}

/// Octets of `struct rtnexthop`.
pub(super) const RTNEXTHOP: usize = 8;
/// linux/rtnetlink.h.
pub(super) const RTNH_F_ONLINK: u8 = 4;
/// linux/rtnetlink.h; not in libc for every C library.
pub(super) const RTA_VIA: u16 = 18;
pub(super) const RTA_NH_ID: u16 = 30;
