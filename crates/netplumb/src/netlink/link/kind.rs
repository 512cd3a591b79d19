//! The types of links, and what belongs to each (`IFLA_LINKINFO`).

use std::time::Duration;

use neli::consts::rtnl::Ifla;
use neli::rtnl::{Ifinfomsg, Rtattr};
use neli::types::{Buffer, RtBuffer};

use super::{Names, header, push_mac, push_mtu};
use crate::error::Cause;
use crate::ipvlan::{IpvlanFlags, IpvlanMode, IpvlanSpec};
use crate::model::{BridgeSpec, LinkKind, LinkSpec};
use crate::name::{LinkName, MacAddr};
use crate::netlink::message::{
    Attrs, UNBUILDABLE, attr, attr_nest, attr_text, attr_u32, read_text, read_u16, read_u32,
    to_octets,
};
use crate::observed::{LinkKindState, ticks};

/// A link's type as the kernel tells of it.
#[derive(Debug)]
pub(super) enum RawKind {
    Bridge {
        ageing: u32,
        group_fwd_mask: u16,
    },
    Ipvlan(IpvlanMode, IpvlanFlags),
    Vrf {
        table: u32,
    },
    /// One of which nothing is read but its name; empty for none.
    Named(String),
}

impl RawKind {
    /// Reads the attributes of an IFLA_LINKINFO.
    pub(super) fn read(info: &[u8]) -> Self {
        let mut name = String::new();
        let mut data: &[u8] = &[];
        for (kind, octets) in Attrs(info) {
            match kind {
                IFLA_INFO_KIND => name = read_text(octets),
                IFLA_INFO_DATA => data = octets,
                _ => {}
            }
        }
        let known = match name.as_str() {
            "bridge" => Some(Self::Bridge {
                ageing: number(data, IFLA_BR_AGEING_TIME, read_u32).unwrap_or_default(),
                group_fwd_mask: number(data, IFLA_BR_GROUP_FWD_MASK, read_u16).unwrap_or_default(),
            }),
            "ipvlan" => {
                let mode = number(data, IFLA_IPVLAN_MODE, read_u16);
                // Kernels before 4.15 know no flags.
                let flags = number(data, IFLA_IPVLAN_FLAGS, read_u16).unwrap_or_default();
                let mode = mode.and_then(IpvlanMode::from_number);
                mode.zip(IpvlanFlags::from_number(flags))
                    .map(|(mode, flags)| Self::Ipvlan(mode, flags))
            }
            "vrf" => number(data, IFLA_VRF_TABLE, read_u32).map(|table| Self::Vrf { table }),
            _ => None,
        };
        known.unwrap_or(Self::Named(name))
    }

    /// The kernel's word for it; empty when it has none.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Bridge { .. } => "bridge",
            Self::Ipvlan(..) => "ipvlan",
            Self::Vrf { .. } => "vrf",
            Self::Named(name) => name,
        }
    }

    /// The same for everybody, with the link it belongs to (`IFLA_LINK`) if
    /// that is in this namespace.
    pub(super) fn resolve(&self, other: Option<u32>, names: &Names) -> LinkKindState {
        let other = || other.and_then(|index| names.get(&index).cloned());
        match self {
            Self::Bridge {
                ageing,
                group_fwd_mask,
            } => LinkKindState::Bridge {
                ageing: Duration::from_millis(u64::from(*ageing) * 10),
                group_fwd_mask: *group_fwd_mask,
            },
            Self::Ipvlan(mode, flags) => LinkKindState::Ipvlan {
                parent: other(),
                mode: *mode,
                flags: *flags,
            },
            Self::Vrf { table } => LinkKindState::Vrf { table: *table },
            Self::Named(name) => match name.as_str() {
                "veth" => LinkKindState::Veth { peer: other() },
                "dummy" => LinkKindState::Dummy,
                other => LinkKindState::Other(other.to_owned()),
            },
        }
    }
}

fn number<T>(data: &[u8], which: u16, read: impl Fn(&[u8], usize) -> Option<T>) -> Option<T> {
    let (_, octets) = Attrs(data).find(|(kind, _)| *kind == which)?;
    read(octets, 0)
}

/// The type, and what belongs to it.
pub(super) fn link_info(spec: &LinkSpec) -> Result<Rtattr<Ifla, Buffer>, Cause> {
    let mut info = vec![attr(IFLA_INFO_KIND, spec.kind.name().as_bytes())?];
    match &spec.kind {
        LinkKind::Bridge(bridge) => info.push(bridge_data(bridge)?),
        LinkKind::Veth { peer, peer_mac } => {
            let peer = to_octets(&peer_message(peer, *peer_mac, spec)?)?;
            info.push(attr_nest(IFLA_INFO_DATA, &[attr(VETH_INFO_PEER, &peer)?])?);
        }
        LinkKind::Dummy => {}
        LinkKind::Ipvlan(IpvlanSpec { mode, flags, .. }) => {
            let data = [
                attr(IFLA_IPVLAN_MODE, &mode.number().to_ne_bytes())?,
                attr(IFLA_IPVLAN_FLAGS, &flags.number().to_ne_bytes())?,
            ];
            info.push(attr_nest(IFLA_INFO_DATA, &data)?);
        }
    }
    attr_nest(Ifla::Linkinfo, &info)
}

fn bridge_data(bridge: &BridgeSpec) -> Result<Rtattr<u16, Buffer>, Cause> {
    let mut data = Vec::new();
    if let Some(ageing) = bridge.ageing {
        data.push(attr_u32(IFLA_BR_AGEING_TIME, ticks(ageing))?);
    }
    if let Some(mask) = bridge.group_fwd_mask {
        data.push(attr(IFLA_BR_GROUP_FWD_MASK, &mask.to_ne_bytes())?);
    }
    attr_nest(IFLA_INFO_DATA, &data)
}

/// The inner end of a pair is described by a link message of its own.
fn peer_message(
    peer: &LinkName,
    mac: Option<MacAddr>,
    spec: &LinkSpec,
) -> Result<Ifinfomsg, Cause> {
    let mut attrs = RtBuffer::new();
    attrs.push(attr_text(Ifla::Ifname, peer.as_str())?);
    push_mac(&mut attrs, mac)?;
    push_mtu(&mut attrs, spec)?;
    header(0, attrs).build().map_err(|_| UNBUILDABLE)
}

// linux/if_link.h.
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_BR_AGEING_TIME: u16 = 4;
const IFLA_BR_GROUP_FWD_MASK: u16 = 9;
const IFLA_IPVLAN_MODE: u16 = 1;
const IFLA_IPVLAN_FLAGS: u16 = 2;
const IFLA_VRF_TABLE: u16 = 1;
const VETH_INFO_PEER: u16 = 1;
