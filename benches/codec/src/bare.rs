//! How far down one can get: a loop that finds what is walked and checks nothing else.
//!
//! It knows these messages only (no ADD-PATH, no AS4_PATH), looks up AS_PATH and the prefixes and
//! steps over all other attributes. Whatever reads them properly takes longer.

use crate::stream::Message;
use crate::walk::Walk;

pub(crate) fn walk(messages: &[Message]) -> Option<Walk> {
    let mut walk = Walk::default();
    messages.iter().try_for_each(|it| message(it, &mut walk))?;
    Some(walk)
}

fn message(message: &Message, walk: &mut Walk) -> Option<()> {
    let (_header, body) = message.octets.split_at_checked(19)?;
    let (withdrawn, body) = field(body)?;
    let (mut attributes, announced) = field(body)?;
    while let [flags, code, rest @ ..] = attributes {
        let (value, rest) = if flags & 0x10 != 0 {
            field(rest)?
        } else {
            let (length, rest) = rest.split_first()?;
            rest.split_at_checked(usize::from(*length))?
        };
        attributes = rest;
        match code {
            2 => as_path(value, if message.four_octets { 4 } else { 2 }, walk)?,
            14 => {
                let [_, afi, _, length, rest @ ..] = value else {
                    return None;
                };
                prefixes(*afi, rest.get(usize::from(*length) + 1..)?, walk)?;
            }
            15 => {
                let [_, afi, _, rest @ ..] = value else {
                    return None;
                };
                prefixes(*afi, rest, walk)?;
            }
            _ => {}
        }
    }
    prefixes(1, withdrawn, walk)?;
    prefixes(1, announced, walk)
}

/// What a length of two octets is in front of, and what comes after it.
fn field(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn as_path(mut value: &[u8], width: usize, walk: &mut Walk) -> Option<()> {
    while let [_kind, count, rest @ ..] = value {
        let (members, rest) = rest.split_at_checked(usize::from(*count) * width)?;
        value = rest;
        if width == 4 {
            let asns = members.as_chunks().0.iter();
            asns.for_each(|it| walk.asn(u32::from_be_bytes(*it)));
        } else {
            let asns = members.as_chunks().0.iter();
            asns.for_each(|it| walk.asn(u16::from_be_bytes(*it).into()));
        }
    }
    Some(())
}

#[inline(always)]
fn prefixes(afi: u8, mut octets: &[u8], walk: &mut Walk) -> Option<()> {
    while let [bits, rest @ ..] = octets {
        let bits = *bits;
        if afi == 1 {
            let (address, rest) = match *rest {
                [a, b, c, ref rest @ ..] if matches!(bits, 17..=24) => ([a, b, c, 0], rest),
                [a, b, ref rest @ ..] if matches!(bits, 9..=16) => ([a, b, 0, 0], rest),
                [a, b, c, d, ref rest @ ..] if matches!(bits, 25..=32) => ([a, b, c, d], rest),
                [a, ref rest @ ..] if matches!(bits, 1..=8) => ([a, 0, 0, 0], rest),
                _ if bits == 0 => ([0; 4], rest),
                _ => return None,
            };
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            walk.v4((u32::from_be_bytes(address) & mask).into(), bits);
            octets = rest;
        } else {
            let (significant, rest) = rest.split_at_checked(usize::from(bits.div_ceil(8)))?;
            let mut address = [0; 16];
            address
                .get_mut(..significant.len())?
                .copy_from_slice(significant);
            let mask = u128::MAX
                .checked_shl(128u32.checked_sub(bits.into())?)
                .unwrap_or(0);
            walk.v6((u128::from_be_bytes(address) & mask).into(), bits);
            octets = rest;
        }
    }
    Some(())
}
