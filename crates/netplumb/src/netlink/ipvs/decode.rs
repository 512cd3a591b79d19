//! Services and destinations as the kernel shows them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::super::message::{Attrs, read_text, read_u16, read_u32};
use super::encode::{
    AF_INET, AF_INET6, CMD_DEST, CMD_SERVICE, DEST_ADDR, DEST_ADDR_FAMILY, DEST_FWD_METHOD,
    DEST_L_THRESH, DEST_PORT, DEST_TUN_TYPE, DEST_U_THRESH, DEST_WEIGHT, SVC_ADDR, SVC_AF,
    SVC_F_FALLBACK, SVC_F_HASHED, SVC_F_ONEPACKET, SVC_F_PERSISTENT, SVC_F_PORT, SVC_FLAGS,
    SVC_NETMASK, SVC_PORT, SVC_PROTOCOL, SVC_SCHED_NAME, SVC_TIMEOUT, TUN_TYPE_IPIP, one_client,
};
use super::family::GENL_HEADER;
use crate::ipvs::{
    DestinationKey, DestinationSpec, DestinationState, Forward, Protocol, Scheduler,
    SchedulerFlags, ServiceKey, ServiceSpec, ServiceState, Statistics,
};

/// Reads the payload of an IPVS_CMD_NEW_SERVICE; destinations are not in it.
/// `None` for a service of a firewall mark, which has no address.
pub(super) fn service(payload: &[u8]) -> Option<ServiceState> {
    let attrs = object(payload, CMD_SERVICE)?;
    let (mut family, mut protocol, mut port) = (None, None, None);
    let (mut address, mut netmask) = (None, None);
    let mut scheduler = None;
    let (mut flags, mut seconds) = (0, 0);
    let mut plain = true;
    let mut counters = Counters::default();
    for (kind, octets) in Attrs(attrs) {
        match kind {
            SVC_AF => family = read_u16(octets, 0),
            SVC_PROTOCOL => protocol = read_u16(octets, 0),
            SVC_ADDR => address = Some(octets),
            SVC_PORT => port = read_port(octets),
            SVC_FWMARK => return None,
            SVC_SCHED_NAME => scheduler = Some(Scheduler::from_name(&read_text(octets))),
            SVC_FLAGS => flags = read_u32(octets, 0)?,
            SVC_TIMEOUT => seconds = read_u32(octets, 0)?,
            SVC_NETMASK => netmask = Some(octets),
            SVC_STATS => counters.narrow = Some(octets),
            SVC_STATS64 => counters.wide = Some(octets),
            SVC_PE_NAME => plain &= read_text(octets).is_empty(),
            _ => {}
        }
    }
    let address = read_address(family?, address?)?;
    let key = ServiceKey {
        protocol: Protocol::from_number(protocol?),
        address,
        port: port?,
    };
    let persists = flags & SVC_F_PERSISTENT != 0;
    plain &= flags & !KNOWN_FLAGS == 0;
    // Who does not persist has no use for a mask.
    plain &= !persists || netmask == Some(&one_client(address));
    let spec = ServiceSpec {
        key,
        scheduler: scheduler?,
        flags: SchedulerFlags {
            fallback: flags & SVC_F_FALLBACK != 0,
            port: flags & SVC_F_PORT != 0,
        },
        persistence: persists.then(|| Duration::from_secs(seconds.into())),
        one_packet: flags & SVC_F_ONEPACKET != 0,
    };
    Some(ServiceState {
        spec,
        plain,
        destinations: BTreeMap::new(),
        statistics: counters.read(),
    })
}

/// Reads the payload of an IPVS_CMD_NEW_DEST of a service of this family.
pub(super) fn destination(payload: &[u8], ipv6: bool) -> Option<DestinationState> {
    let attrs = object(payload, CMD_DEST)?;
    // Kernels before 3.18 do not tell, and have no other than the service's.
    let mut family = if ipv6 { AF_INET6 } else { AF_INET };
    let (mut address, mut port) = (None, None);
    let (mut forward, mut weight) = (None, None);
    let (mut active, mut inactive, mut persistent) = (0, 0, 0);
    let mut plain = true;
    let mut counters = Counters::default();
    for (kind, octets) in Attrs(attrs) {
        match kind {
            DEST_ADDR => address = Some(octets),
            DEST_PORT => port = read_port(octets),
            DEST_FWD_METHOD => forward = read_u32(octets, 0),
            DEST_WEIGHT => weight = read_u32(octets, 0),
            DEST_U_THRESH | DEST_L_THRESH => plain &= read_u32(octets, 0)? == 0,
            DEST_ACTIVE_CONNS => active = read_u32(octets, 0)?,
            DEST_INACT_CONNS => inactive = read_u32(octets, 0)?,
            DEST_PERSIST_CONNS => persistent = read_u32(octets, 0)?,
            DEST_ADDR_FAMILY => family = read_u16(octets, 0)?,
            DEST_TUN_TYPE => plain &= octets.first() == Some(&TUN_TYPE_IPIP),
            DEST_STATS => counters.narrow = Some(octets),
            DEST_STATS64 => counters.wide = Some(octets),
            _ => {}
        }
    }
    let key = DestinationKey {
        address: read_address(family, address?)?,
        port: port?,
    };
    let spec = DestinationSpec {
        key,
        forward: Forward::from_number(forward? & FWD_MASK),
        weight: weight?,
    };
    Some(DestinationState {
        spec,
        plain,
        active,
        inactive,
        persistent,
        statistics: counters.read(),
    })
}

/// The attributes of the object in a message.
fn object(payload: &[u8], which: u16) -> Option<&[u8]> {
    let mut attrs = Attrs(payload.get(GENL_HEADER..)?);
    let (_, octets) = attrs.find(|(kind, _)| *kind == which)?;
    Some(octets)
}

/// The counters' attributes: of 32 bits, and since Linux 4.1 of 64.
#[derive(Default)]
struct Counters<'a> {
    narrow: Option<&'a [u8]>,
    wide: Option<&'a [u8]>,
}

impl Counters<'_> {
    fn read(&self) -> Statistics {
        let mut statistics = Statistics::default();
        let attrs = self.wide.or(self.narrow).unwrap_or_default();
        for (kind, octets) in Attrs(attrs) {
            let counter = match kind {
                STATS_CONNS => &mut statistics.connections,
                STATS_INPKTS => &mut statistics.packets_in,
                STATS_OUTPKTS => &mut statistics.packets_out,
                STATS_INBYTES => &mut statistics.octets_in,
                STATS_OUTBYTES => &mut statistics.octets_out,
                _ => continue,
            };
            *counter = read_counter(octets).unwrap_or_default();
        }
        statistics
    }
}

fn read_counter(octets: &[u8]) -> Option<u64> {
    match <[u8; 8]>::try_from(octets) {
        Ok(octets) => Some(u64::from_ne_bytes(octets)),
        Err(_) => read_u32(octets, 0).map(u64::from),
    }
}

fn read_port(octets: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(octets.try_into().ok()?))
}

/// An IPv4 address comes in as many octets as one of IPv6.
fn read_address(family: u16, octets: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => {
            let octets: [u8; 4] = octets.get(..4)?.try_into().ok()?;
            Some(Ipv4Addr::from(octets).into())
        }
        AF_INET6 => {
            let octets: [u8; 16] = octets.get(..16)?.try_into().ok()?;
            Some(Ipv6Addr::from(octets).into())
        }
        _ => None,
    }
}

/// What a [`ServiceSpec`] can ask for, and what the kernel sets itself.
const KNOWN_FLAGS: u32 =
    SVC_F_PERSISTENT | SVC_F_HASHED | SVC_F_ONEPACKET | SVC_F_FALLBACK | SVC_F_PORT;

// linux/ip_vs.h: what is only shown.
const SVC_FWMARK: u16 = 5;
const SVC_STATS: u16 = 10;
const SVC_PE_NAME: u16 = 11;
const SVC_STATS64: u16 = 12;

const DEST_ACTIVE_CONNS: u16 = 7;
const DEST_INACT_CONNS: u16 = 8;
const DEST_PERSIST_CONNS: u16 = 9;
const DEST_STATS: u16 = 10;
const DEST_STATS64: u16 = 12;

const STATS_CONNS: u16 = 1;
const STATS_INPKTS: u16 = 2;
const STATS_OUTPKTS: u16 = 3;
const STATS_INBYTES: u16 = 4;
const STATS_OUTBYTES: u16 = 5;

/// The other bits are about connections.
const FWD_MASK: u32 = 7;
