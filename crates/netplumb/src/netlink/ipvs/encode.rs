//! Services and destinations as the kernel wants them.

use std::net::IpAddr;

use super::super::message::write_attr;
use crate::error::Cause;
use crate::ipvs::{DestinationKey, DestinationSpec, ServiceKey, ServiceSpec};

/// The attributes of a request about this service and all its settings.
pub(super) fn service(spec: &ServiceSpec) -> Result<Vec<u8>, Cause> {
    let mut inner = key_attrs(&spec.key)?;
    let name = [spec.scheduler.name().as_bytes(), b"\0"].concat();
    write_attr(&mut inner, SVC_SCHED_NAME, &name)?;
    let seconds = spec.persistence.map_or(0, |it| it.as_secs());
    let seconds = u32::try_from(seconds).map_err(|_| TOO_LONG)?;
    let bits = [
        (spec.persistence.is_some(), SVC_F_PERSISTENT),
        (spec.one_packet, SVC_F_ONEPACKET),
        (spec.flags.fallback, SVC_F_FALLBACK),
        (spec.flags.port, SVC_F_PORT),
    ];
    let set = bits.iter().filter(|(set, _)| *set);
    let flags = set.fold(0_u32, |flags, (_, bit)| flags | bit);
    let flags = [flags.to_ne_bytes(), SVC_F_SETTABLE.to_ne_bytes()].concat();
    write_attr(&mut inner, SVC_FLAGS, &flags)?;
    // These two the kernel insists on, whether the service persists or not.
    write_attr(&mut inner, SVC_TIMEOUT, &seconds.to_ne_bytes())?;
    write_attr(&mut inner, SVC_NETMASK, &one_client(spec.key.address))?;
    nested(CMD_SERVICE, &inner)
}

/// The attributes of a request about this service as a whole.
pub(super) fn service_key(key: &ServiceKey) -> Result<Vec<u8>, Cause> {
    nested(CMD_SERVICE, &key_attrs(key)?)
}

/// The attributes of a request about this destination and all its settings.
pub(super) fn destination(key: &ServiceKey, spec: &DestinationSpec) -> Result<Vec<u8>, Cause> {
    let mut inner = destination_attrs(&spec.key)?;
    let numbers = [
        (DEST_FWD_METHOD, spec.forward.number()),
        (DEST_WEIGHT, spec.weight),
        // No bounds, which the kernel wants to be told.
        (DEST_U_THRESH, 0),
        (DEST_L_THRESH, 0),
    ];
    for (kind, number) in numbers {
        write_attr(&mut inner, kind, &number.to_ne_bytes())?;
    }
    write_attr(&mut inner, DEST_TUN_TYPE, &[TUN_TYPE_IPIP])?;
    Ok([service_key(key)?, nested(CMD_DEST, &inner)?].concat())
}

/// The attributes of a request about this destination as a whole.
pub(super) fn destination_key(
    key: &ServiceKey,
    destination: &DestinationKey,
) -> Result<Vec<u8>, Cause> {
    let inner = destination_attrs(destination)?;
    Ok([service_key(key)?, nested(CMD_DEST, &inner)?].concat())
}

fn key_attrs(key: &ServiceKey) -> Result<Vec<u8>, Cause> {
    let mut attrs = Vec::new();
    write_attr(&mut attrs, SVC_AF, &family(key.address).to_ne_bytes())?;
    let protocol = key.protocol.number().to_ne_bytes();
    write_attr(&mut attrs, SVC_PROTOCOL, &protocol)?;
    write_attr(&mut attrs, SVC_ADDR, &octets(key.address))?;
    write_attr(&mut attrs, SVC_PORT, &key.port.to_be_bytes())?;
    Ok(attrs)
}

fn destination_attrs(key: &DestinationKey) -> Result<Vec<u8>, Cause> {
    let mut attrs = Vec::new();
    write_attr(&mut attrs, DEST_ADDR, &octets(key.address))?;
    write_attr(&mut attrs, DEST_PORT, &key.port.to_be_bytes())?;
    let family = family(key.address).to_ne_bytes();
    write_attr(&mut attrs, DEST_ADDR_FAMILY, &family)?;
    Ok(attrs)
}

fn nested(kind: u16, inner: &[u8]) -> Result<Vec<u8>, Cause> {
    let mut attrs = Vec::with_capacity(inner.len() + 4);
    write_attr(&mut attrs, kind | NLA_F_NESTED, inner)?;
    Ok(attrs)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

const fn family(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => AF_INET,
        IpAddr::V6(_) => AF_INET6,
    }
}

/// The netmask under which clients persist one by one: for IPv4 as in an
/// address, for IPv6 as a length.
pub(super) const fn one_client(address: IpAddr) -> [u8; 4] {
    match address {
        IpAddr::V4(_) => [0xff; 4],
        IpAddr::V6(_) => 128_u32.to_ne_bytes(),
    }
}

pub(super) const AF_INET: u16 = 2;
pub(super) const AF_INET6: u16 = 10;

// linux/ip_vs.h: commands.
pub(super) const NEW_SERVICE: u8 = 1;
pub(super) const SET_SERVICE: u8 = 2;
pub(super) const DEL_SERVICE: u8 = 3;
pub(super) const GET_SERVICE: u8 = 4;
pub(super) const NEW_DEST: u8 = 5;
pub(super) const SET_DEST: u8 = 6;
pub(super) const DEL_DEST: u8 = 7;
pub(super) const GET_DEST: u8 = 8;

// Its attributes: of commands, of services, of destinations.
pub(super) const CMD_SERVICE: u16 = 1;
pub(super) const CMD_DEST: u16 = 2;

pub(super) const SVC_AF: u16 = 1;
pub(super) const SVC_PROTOCOL: u16 = 2;
pub(super) const SVC_ADDR: u16 = 3;
pub(super) const SVC_PORT: u16 = 4;
pub(super) const SVC_SCHED_NAME: u16 = 6;
pub(super) const SVC_FLAGS: u16 = 7;
pub(super) const SVC_TIMEOUT: u16 = 8;
pub(super) const SVC_NETMASK: u16 = 9;

pub(super) const DEST_ADDR: u16 = 1;
pub(super) const DEST_PORT: u16 = 2;
pub(super) const DEST_FWD_METHOD: u16 = 3;
pub(super) const DEST_WEIGHT: u16 = 4;
pub(super) const DEST_U_THRESH: u16 = 5;
pub(super) const DEST_L_THRESH: u16 = 6;
pub(super) const DEST_ADDR_FAMILY: u16 = 11;
pub(super) const DEST_TUN_TYPE: u16 = 13;

// Its flags of services.
pub(super) const SVC_F_PERSISTENT: u32 = 1;
pub(super) const SVC_F_HASHED: u32 = 2;
pub(super) const SVC_F_ONEPACKET: u32 = 4;
pub(super) const SVC_F_FALLBACK: u32 = 8;
pub(super) const SVC_F_PORT: u32 = 0x10;
const SVC_F_SCHED3: u32 = 0x20;

/// All but `HASHED`, which the kernel sets itself.
const SVC_F_SETTABLE: u32 =
    SVC_F_PERSISTENT | SVC_F_ONEPACKET | SVC_F_FALLBACK | SVC_F_PORT | SVC_F_SCHED3;

pub(super) const TUN_TYPE_IPIP: u8 = 0;

// linux/netlink.h.
const NLA_F_NESTED: u16 = 1 << 15;

const TOO_LONG: Cause = Cause::Misuse("a longer persistence than the kernel counts");
