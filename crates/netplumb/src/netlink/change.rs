//! Routes made, replaced and deleted.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;

use super::addr::{family, ip_octets};
use super::message::{Request, RequestWriter, UNBUILDABLE, write_attr};
use super::route::{RTA_NH_ID, RTA_VIA, RTNEXTHOP, RTNH_F_ONLINK};
use super::socket::Connection;
use crate::error::Cause;
use crate::name::LinkName;
use crate::op::RouteChange;
use crate::route::{NextHopSpec, RouteKey, RouteSpec};

impl Connection {
    /// Makes the route, or replaces one of the same key in one step.
    ///
    /// The kernel would replace a route of any protocol, so this is asked for
    /// only where the route in place is `known` to be of ours; otherwise the
    /// route must be new, and if it is not, the table is looked into.
    pub(super) fn replace_route(&mut self, spec: &RouteSpec, known: bool) -> Result<(), Cause> {
        let mut create = |flag| {
            let flags = NlmF::ACK | NlmF::CREATE | flag;
            create_request(spec, flags, |link| self.index_of(link))
        };
        if !known {
            let request = create(NlmF::EXCL)?;
            match self.change(request) {
                Err(cause) if cause.is_errno(libc::EEXIST) => return self.replace_ours(spec),
                result => return result,
            }
        }
        let request = create(NlmF::REPLACE)?;
        self.change(request)
    }

    /// Replaces the route in place, provided that it is of ours.
    fn replace_ours(&mut self, spec: &RouteSpec) -> Result<(), Cause> {
        self.check_slot(spec)?;
        self.replace_route(spec, true)
    }

    /// Deletes the route with all its next hops.
    pub(super) fn delete_route(&mut self, key: &RouteKey) -> Result<(), Cause> {
        if needs_look(key) && !self.stands(key)? {
            return Ok(());
        }
        match self.change(delete_request(key, NlmF::ACK)?) {
            Err(cause) if cause.is_errno(libc::ESRCH) => Ok(()),
            result => result,
        }
    }

    /// Whether the table has this route. If packets take it, the kernel says so
    /// without the table being read, however long that is.
    fn stands(&mut self, key: &RouteKey) -> Result<bool, Cause> {
        let taken = self.route_taken(key.dst.network())?;
        if taken.is_some_and(|route| route.is(key)) {
            return Ok(true);
        }
        Ok(self.slot(key)?.iter().any(|route| route.is(key)))
    }

    /// Carries out many changes, in order, and yields what became of each.
    pub(super) fn change_routes(&mut self, changes: &[RouteChange]) -> Vec<Result<(), Cause>> {
        let mut results = Vec::with_capacity(changes.len());
        let mut links = BTreeMap::new();
        while let Some(rest) = changes.get(results.len()..).filter(|rest| !rest.is_empty()) {
            let (run, _) = rest.split_at(distinct(rest));
            self.change_run(run, &mut links, &mut results);
        }
        results
    }

    /// Carries out changes of different routes. What cannot be done in one
    /// step is done after the others.
    fn change_run(
        &mut self,
        run: &[RouteChange],
        links: &mut BTreeMap<LinkName, u32>,
        results: &mut Vec<Result<(), Cause>>,
    ) {
        let requests = run.iter().map(|change| self.one_step(change, links));
        let requests: Vec<_> = requests.collect();
        let written: Vec<_> = requests.iter().flatten().flatten().collect();
        let mut verdicts = self.pipeline(&written).into_iter();
        for (change, request) in run.iter().zip(requests) {
            let verdict = match request {
                Ok(Some(_)) => verdicts
                    .next()
                    .unwrap_or(Err(Cause::Malformed("no answer"))),
                Ok(None) => self.delete_route(&change.key()),
                Err(cause) => Err(cause),
            };
            results.push(match (change, verdict) {
                (RouteChange::Add(spec), Err(cause)) if cause.is_errno(libc::EEXIST) => {
                    self.replace_ours(spec)
                }
                (RouteChange::Delete(_), Err(cause)) if cause.is_errno(libc::ESRCH) => Ok(()),
                (_, verdict) => verdict,
            });
        }
    }

    /// The one request that makes this change, if one is enough. Of the links
    /// each is asked for once.
    fn one_step(
        &mut self,
        change: &RouteChange,
        links: &mut BTreeMap<LinkName, u32>,
    ) -> Result<Option<Request>, Cause> {
        let index_of = |link: &LinkName| match links.get(link) {
            Some(index) => Ok(*index),
            None => {
                let index = self.index_of(link)?;
                links.insert(link.clone(), index);
                Ok(index)
            }
        };
        let (spec, flag) = match change {
            RouteChange::Delete(key) if needs_look(key) => return Ok(None),
            RouteChange::Delete(key) => return delete_request(key, NlmF::empty()).map(Some),
            RouteChange::Add(spec) => (spec, NlmF::EXCL),
            RouteChange::Replace(spec) => (spec, NlmF::REPLACE),
        };
        create_request(spec, NlmF::CREATE | flag, index_of).map(Some)
    }
}

/// How many of the first changes concern different routes.
fn distinct(changes: &[RouteChange]) -> usize {
    let mut keys = BTreeSet::new();
    let again = changes.iter().position(|it| !keys.insert(it.key()));
    again.unwrap_or(changes.len())
}

/// No metric in the message means any metric to the kernel, so for IPv4 a
/// route of metric 0 has to be there before it is deleted.
const fn needs_look(key: &RouteKey) -> bool {
    key.metric == 0
}

fn create_request(
    spec: &RouteSpec,
    flags: NlmF,
    mut index_of: impl FnMut(&LinkName) -> Result<u32, Cause>,
) -> Result<Request, Cause> {
    let scope = match spec.dst {
        IpNet::V4(_) => spec.scope.get(),
        IpNet::V6(_) => libc::RT_SCOPE_UNIVERSE,
    };
    // The flags of a single next hop stand in the route's.
    let route_flags = match &*spec.next_hops {
        [hop] if hop.onlink => u32::from(RTNH_F_ONLINK),
        _ => 0,
    };
    let key = spec.key();
    let header = header(&key, scope, route_flags);
    let mut request = RequestWriter::new(Rtm::Newroute, flags, &header);
    request.attr(libc::RTA_DST, &ip_octets(key.dst.network()))?;
    if key.metric != 0 {
        request.attr(libc::RTA_PRIORITY, &key.metric.to_ne_bytes())?;
    }
    if let Some(src) = spec.src {
        request.attr(libc::RTA_PREFSRC, &ip_octets(src))?;
    }
    if spec.next_hops.lead_nowhere() {
        return Err(Cause::Misuse("a route needs a next hop"));
    }
    match (spec.next_hops.object(), &*spec.next_hops) {
        (Some(id), _) => request.attr(RTA_NH_ID, &id.get().to_ne_bytes())?,
        (None, [hop]) => {
            if let Some((kind, octets)) = gateway(hop, &spec.dst)? {
                request.attr(kind, &octets)?;
            }
            if let Some(link) = &hop.link {
                request.attr(libc::RTA_OIF, &index_of(link)?.to_ne_bytes())?;
            }
        }
        (None, hops) => {
            let mut octets = Vec::new();
            for hop in hops {
                let index = hop.link.as_ref().map_or(Ok(0), &mut index_of)?;
                multipath_hop(&mut octets, hop, &spec.dst, index)?;
            }
            request.attr(libc::RTA_MULTIPATH, &octets)?;
        }
    }
    // The header's field is too narrow for most tables.
    request.attr(libc::RTA_TABLE, &key.table.to_ne_bytes())?;
    request.finish()
}

fn delete_request(key: &RouteKey, flags: NlmF) -> Result<Request, Cause> {
    let scope = match key.dst {
        // Any scope.
        IpNet::V4(_) => libc::RT_SCOPE_NOWHERE,
        IpNet::V6(_) => libc::RT_SCOPE_UNIVERSE,
    };
    let header = header(key, scope, 0);
    let mut request = RequestWriter::new(Rtm::Delroute, flags, &header);
    request.attr(libc::RTA_DST, &ip_octets(key.dst.network()))?;
    request.attr(libc::RTA_PRIORITY, &key.metric.to_ne_bytes())?;
    request.attr(libc::RTA_TABLE, &key.table.to_ne_bytes())?;
    request.finish()
}

/// `struct rtmsg`.
fn header(key: &RouteKey, scope: u8, flags: u32) -> [u8; 12] {
    let [a, b, c, d] = flags.to_ne_bytes();
    [
        u8::from(family(key.dst.addr())),
        key.dst.prefix_len(),
        0,
        0,
        u8::try_from(key.table).unwrap_or(libc::RT_TABLE_UNSPEC),
        key.protocol,
        scope,
        libc::RTN_UNICAST,
        a,
        b,
        c,
        d,
    ]
}

/// `struct rtnexthop` and its attributes.
fn multipath_hop(
    to: &mut Vec<u8>,
    hop: &NextHopSpec,
    dst: &IpNet,
    index: u32,
) -> Result<(), Cause> {
    let mut attrs = Vec::new();
    if let Some((kind, octets)) = gateway(hop, dst)? {
        write_attr(&mut attrs, kind, &octets)?;
    }
    let len = u16::try_from(RTNEXTHOP + attrs.len()).map_err(|_| UNBUILDABLE)?;
    to.extend(len.to_ne_bytes());
    to.push(if hop.onlink { RTNH_F_ONLINK } else { 0 });
    to.push(hop.weight.saturating_sub(1));
    to.extend(index.to_ne_bytes());
    to.extend(attrs);
    Ok(())
}

/// The router's address, as RTA_GATEWAY or, for an IPv4 route by an IPv6
/// router, as RTA_VIA.
fn gateway(hop: &NextHopSpec, dst: &IpNet) -> Result<Option<(u16, Vec<u8>)>, Cause> {
    let Some(gateway) = hop.gateway else {
        return match hop.link {
            Some(_) => Ok(None),
            None => Err(Cause::Misuse("a next hop needs a gateway or a link")),
        };
    };
    let octets = ip_octets(gateway);
    if gateway.is_ipv6() == matches!(dst, IpNet::V6(_)) {
        return Ok(Some((libc::RTA_GATEWAY, octets)));
    }
    let mut via = u16::from(u8::from(family(gateway))).to_ne_bytes().to_vec();
    via.extend(octets);
    Ok(Some((RTA_VIA, via)))
}
