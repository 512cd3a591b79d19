//! Which way the kernel would take to one address.

use std::net::IpAddr;

use ipnet::IpNet;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{RtScope, RtTable, Rta, Rtm, RtmF, Rtn, Rtprot};
use neli::rtnl::RtmsgBuilder;
use neli::types::RtBuffer;

use super::addr::{family, ip_octets};
use super::message::{Request, UNBUILDABLE, attr, read_u32};
use super::route::RawRoute;
use super::socket::Connection;
use crate::error::Cause;

impl Connection {
    /// The route of a table that packets to `address` take; `None` if they
    /// take none, or one whose link is down.
    pub(super) fn route_to(&mut self, address: IpAddr) -> Result<Option<RawRoute>, Cause> {
        let answer = self.ask_the_way(address)?;
        Ok(answer.and_then(|payload| read(&payload)))
    }

    /// The same, whatever the state of its link.
    pub(super) fn route_taken(&mut self, address: IpAddr) -> Result<Option<RawRoute>, Cause> {
        let answer = self.ask_the_way(address)?;
        Ok(answer.and_then(|payload| RawRoute::read(&payload)))
    }

    fn ask_the_way(&mut self, address: IpAddr) -> Result<Option<Vec<u8>>, Cause> {
        let mut attrs = RtBuffer::new();
        attrs.push(attr(Rta::Dst, &ip_octets(address))?);
        let header = RtmsgBuilder::default()
            .rtm_family(family(address))
            .rtm_dst_len(IpNet::from(address).prefix_len())
            .rtm_src_len(0)
            .rtm_tos(0)
            .rtm_table(RtTable::Unspec)
            .rtm_protocol(Rtprot::Unspec)
            .rtm_scope(RtScope::Universe)
            .rtm_type(Rtn::Unspec)
            .rtm_flags(RtmF::from_bits_retain(RTM_F_FIB_MATCH))
            .rtattrs(attrs)
            .build()
            .map_err(|_| UNBUILDABLE)?;
        let request = Request::new(Rtm::Getroute, NlmF::ACK, header)?;
        let no_way = [
            libc::ENETUNREACH,
            libc::EHOSTUNREACH,
            libc::EACCES,
            libc::EINVAL,
        ];
        match self.get(request) {
            // A route may say that there is no way, each kind with its own error.
            Err(cause) if no_way.iter().any(|errno| cause.is_errno(*errno)) => Ok(None),
            answer => answer,
        }
    }
}

pub(super) fn read(payload: &[u8]) -> Option<RawRoute> {
    let unusable = u32::from(RTNH_F_DEAD | RTNH_F_LINKDOWN);
    if read_u32(payload, 8)? & unusable != 0 {
        return None;
    }
    RawRoute::read(payload)
}

/// linux/rtnetlink.h: tell of the route in the table, not of what was made of
/// it for this address.
const RTM_F_FIB_MATCH: u32 = 0x2000;
const RTNH_F_DEAD: u8 = 1;
const RTNH_F_LINKDOWN: u8 = 16;
