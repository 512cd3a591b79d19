//! What one rule makes of a packet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::rules::{
    ChainKey, NF_ACCEPT, NF_DROP, NFPROTO_IPV4, NFPROTO_IPV6, NFT_CMP_EQ, NFT_META_OIFNAME,
    NFT_REG_VERDICT, NFTA_DATA_VALUE, NFTA_DATA_VERDICT, NFTA_VERDICT_CODE, Reader, Rule, find,
    find_be32,
};
use super::walk::{Applies, Verdict};
use super::{Passage, Way};
use crate::error::Cause;
use crate::netlink::message::{read_text, read_u16, read_u32};

/// What the registers hold, as far as it is known.
type Registers = BTreeMap<u32, Vec<u8>>;

/// Whether a rule applies to the packet, and what it does with it then.
pub(super) fn judge(
    reader: &mut Reader<'_>,
    chain: &ChainKey,
    rule: &Rule,
    passage: &Passage,
) -> Result<(Applies, Verdict), Cause> {
    let mut registers = Registers::new();
    let mut applies = Applies::Yes;
    let mut verdict = Verdict::Next;
    for (name, data) in rule.expressions() {
        let holds = match name.as_str() {
            "meta" => load(&mut registers, data, 1, meta(data, passage)),
            "payload" => load(&mut registers, data, 1, payload(data, passage)),
            "ct" => load(&mut registers, data, 1, conntrack(data, passage)),
            "bitwise" => {
                let result = bitwise(&registers, data);
                load(&mut registers, data, 2, result)
            }
            "cmp" => compare(&registers, data),
            "match" => extension(data, passage),
            "immediate" => {
                if find_be32(data, 1) == Some(NFT_REG_VERDICT) {
                    let spoken = find(data, 2).and_then(|it| find(it, NFTA_DATA_VERDICT));
                    verdict = spoken.map_or(Verdict::Anything, read_verdict);
                    Applies::Yes
                } else {
                    let value = find(data, 2).and_then(|it| find(it, NFTA_DATA_VALUE));
                    load(&mut registers, data, 1, value.map(<[u8]>::to_vec))
                }
            }
            "lookup" => {
                let (holds, spoken) = lookup(reader, chain, &registers, data)?;
                verdict = spoken.unwrap_or(verdict);
                holds
            }
            "reject" => {
                verdict = Verdict::Drop;
                Applies::Yes
            }
            "target" => {
                verdict = target(data);
                Applies::Yes
            }
            "queue" => {
                verdict = Verdict::Anything;
                Applies::Yes
            }
            "counter" | "log" | "notrack" | "objref" | "last" | "flow_offload" => Applies::Yes,
            _ => Applies::Perhaps,
        };
        match holds {
            Applies::No => return Ok((Applies::No, Verdict::Next)),
            Applies::Perhaps => applies = Applies::Perhaps,
            Applies::Yes => {}
        }
    }
    Ok((applies, verdict))
}

/// Puts a value, or that it is not known, into the register an attribute names.
fn load(registers: &mut Registers, data: &[u8], attr: u16, value: Option<Vec<u8>>) -> Applies {
    if let Some(register) = find_be32(data, attr) {
        match value {
            Some(value) => registers.insert(register, value),
            None => registers.remove(&register),
        };
    }
    Applies::Yes
}

fn meta(data: &[u8], passage: &Passage) -> Option<Vec<u8>> {
    let name = |name: &str| {
        let mut octets = name.as_bytes().to_vec();
        octets.resize(IFNAMSIZ, 0);
        octets
    };
    let v6 = passage.service.is_ipv6();
    Some(match find_be32(data, 2)? {
        NFT_META_PROTOCOL if v6 => 0x86dd_u16.to_be_bytes().to_vec(),
        NFT_META_PROTOCOL => 0x0800_u16.to_be_bytes().to_vec(),
        NFT_META_IIF => passage.from_index.to_ne_bytes().to_vec(),
        NFT_META_OIF => passage.by_index.to_ne_bytes().to_vec(),
        NFT_META_IIFNAME => name(passage.from.as_str()),
        NFT_META_OIFNAME => name(passage.by.as_str()),
        NFT_META_NFPROTO if v6 => vec![NFPROTO_IPV6],
        NFT_META_NFPROTO => vec![NFPROTO_IPV4],
        _ => return None,
    })
}

/// The service's address, or the part of it that is asked for: the destination
/// of a request and the source of an answer.
fn payload(data: &[u8], passage: &Passage) -> Option<Vec<u8>> {
    let at = |attr| find_be32(data, attr).and_then(|it| usize::try_from(it).ok());
    if find_be32(data, 2)? != NFT_PAYLOAD_NETWORK_HEADER {
        return None;
    }
    let (octets, begin) = match (passage.service, passage.way) {
        (IpAddr::V4(it), Way::Answer) => (it.octets().to_vec(), 12),
        (IpAddr::V4(it), Way::Request) => (it.octets().to_vec(), 16),
        (IpAddr::V6(it), Way::Answer) => (it.octets().to_vec(), 8),
        (IpAddr::V6(it), Way::Request) => (it.octets().to_vec(), 24),
    };
    let from = at(3)?.checked_sub(begin)?;
    let to = from.checked_add(at(4)?)?;
    octets.get(from..to).map(<[u8]>::to_vec)
}

fn conntrack(data: &[u8], passage: &Passage) -> Option<Vec<u8>> {
    let is_state = find_be32(data, 2)? == NFT_CT_STATE;
    is_state.then(|| u32::from(state(passage)).to_ne_bytes().to_vec())
}

/// What connection tracking calls the packet, the same bit for nf_tables
/// (`NF_CT_STATE_BIT`) and iptables (`XT_CONNTRACK_STATE_BIT`).
const fn state(passage: &Passage) -> u16 {
    match passage.way {
        Way::Request => STATE_NEW,
        Way::Answer => STATE_ESTABLISHED,
    }
}

fn bitwise(registers: &Registers, data: &[u8]) -> Option<Vec<u8>> {
    if find_be32(data, 6).is_some_and(|operation| operation != 0) {
        return None;
    }
    let value = registers.get(&find_be32(data, 1)?)?;
    let mask = find(find(data, 4)?, NFTA_DATA_VALUE)?;
    let flip = find(find(data, 5)?, NFTA_DATA_VALUE)?;
    let octets = value.iter().zip(mask).zip(flip);
    Some(
        octets
            .map(|((value, mask), flip)| value & mask ^ flip)
            .collect(),
    )
}

fn compare(registers: &Registers, data: &[u8]) -> Applies {
    let same = || {
        let value = registers.get(&find_be32(data, 1)?)?;
        let wanted = find(find(data, 3)?, NFTA_DATA_VALUE)?;
        Some(value.get(..wanted.len())? == wanted)
    };
    match (find_be32(data, 2), same()) {
        (Some(NFT_CMP_EQ), Some(same)) => certainly(same),
        (Some(NFT_CMP_NEQ), Some(same)) => certainly(!same),
        _ => Applies::Perhaps,
    }
}

const fn certainly(holds: bool) -> Applies {
    if holds { Applies::Yes } else { Applies::No }
}

/// A set, or a map to verdicts.
fn lookup(
    reader: &mut Reader<'_>,
    chain: &ChainKey,
    registers: &Registers,
    data: &[u8],
) -> Result<(Applies, Option<Verdict>), Cause> {
    let is_map = find_be32(data, 3) == Some(NFT_REG_VERDICT);
    let unknown = || (Applies::Perhaps, is_map.then_some(Verdict::Anything));
    let value = find_be32(data, 2).and_then(|register| registers.get(&register));
    let (Some(value), Some(set)) = (value, find(data, 1)) else {
        return Ok(unknown());
    };
    let Some(elements) = reader.elements(chain, &read_text(set))? else {
        return Ok(unknown());
    };
    let mut elements = elements.iter();
    let found = elements.find(|it| value.get(..it.key.len()) == Some(&it.key));
    if is_map {
        let spoken = found.and_then(|it| it.verdict.as_deref()).map(read_verdict);
        return Ok((certainly(spoken.is_some()), spoken));
    }
    let inverted = find_be32(data, 5).is_some_and(|flags| flags & NFT_LOOKUP_F_INV != 0);
    Ok((certainly(found.is_some() != inverted), None))
}

fn read_verdict(octets: &[u8]) -> Verdict {
    let chain = || find(octets, 2).map(read_text);
    match find_be32(octets, NFTA_VERDICT_CODE) {
        Some(NF_DROP) => Verdict::Drop,
        Some(NF_ACCEPT) => Verdict::Accept,
        Some(code) => match (code.cast_signed(), chain()) {
            (NFT_CONTINUE | NFT_BREAK, _) => Verdict::Next,
            (NFT_RETURN, _) => Verdict::Return,
            (NFT_JUMP, Some(chain)) => Verdict::Jump(chain),
            (NFT_GOTO, Some(chain)) => Verdict::Goto(chain),
            _ => Verdict::Anything,
        },
        None => Verdict::Anything,
    }
}

/// A match of iptables' (`linux/netfilter/xt_*.h`).
fn extension(data: &[u8], passage: &Passage) -> Applies {
    let name = find(data, 1).map(read_text).unwrap_or_default();
    let info = find(data, 3).unwrap_or_default();
    match name.as_str() {
        "comment" => Applies::Yes,
        "conntrack" => conntrack_match(info, find_be32(data, 2), state(passage)),
        "state" => {
            let mask = read_u32(info, 0);
            mask.map_or(Applies::Perhaps, |mask| {
                certainly(mask & u32::from(state(passage)) != 0)
            })
        }
        _ => Applies::Perhaps,
    }
}

/// `struct xt_conntrack_mtinfo2` and `3`, as far as the state goes.
fn conntrack_match(info: &[u8], revision: Option<u32>, state: u16) -> Applies {
    let (flags, inverted, states) = (
        read_u16(info, 146),
        read_u16(info, 148),
        read_u16(info, 150),
    );
    let (Some(flags), Some(inverted), Some(states), Some(2 | 3)) =
        (flags, inverted, states, revision)
    else {
        return Applies::Perhaps;
    };
    if flags & XT_CONNTRACK_STATE == 0 {
        return Applies::Perhaps;
    }
    let by_state = (states & state != 0) != (inverted & XT_CONNTRACK_STATE != 0);
    match (by_state, flags & !XT_CONNTRACK_STATE) {
        (false, _) => Applies::No,
        (true, 0) => Applies::Yes,
        (true, _) => Applies::Perhaps,
    }
}

/// A target of iptables' that is no verdict.
fn target(data: &[u8]) -> Verdict {
    match find(data, 1).map(read_text).as_deref() {
        Some("REJECT" | "DROP") => Verdict::Drop,
        Some("ACCEPT" | "NFQUEUE" | "SYNPROXY") | None => Verdict::Anything,
        Some(_) => Verdict::Next,
    }
}

/// linux/if.h.
const IFNAMSIZ: usize = 16;

// linux/netfilter/nf_tables.h.
const NFT_META_PROTOCOL: u32 = 1;
const NFT_META_IIF: u32 = 4;
const NFT_META_OIF: u32 = 5;
const NFT_META_IIFNAME: u32 = 6;
const NFT_META_NFPROTO: u32 = 15;
const NFT_PAYLOAD_NETWORK_HEADER: u32 = 1;
const NFT_CT_STATE: u32 = 0;
const NFT_CMP_NEQ: u32 = 1;
const NFT_LOOKUP_F_INV: u32 = 1;
const NFT_CONTINUE: i32 = -1;
const NFT_BREAK: i32 = -2;
const NFT_JUMP: i32 = -3;
const NFT_GOTO: i32 = -4;
const NFT_RETURN: i32 = -5;

/// linux/netfilter/nf_conntrack_common.h.
const STATE_NEW: u16 = 1 << 3;
const STATE_ESTABLISHED: u16 = 1 << 1;
/// linux/netfilter/xt_conntrack.h.
const XT_CONNTRACK_STATE: u16 = 1;
