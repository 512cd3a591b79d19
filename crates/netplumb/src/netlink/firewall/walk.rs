//! The way of a packet through chains, when not all about it is known.

use super::Passage;
use super::expression::judge;
use super::rules::{ChainKey, Reader};
use crate::error::Cause;

/// Whether a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applies {
    Yes,
    No,
    /// It depends on what is not known.
    Perhaps,
}

/// What a rule does with a packet it applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on with the next rule.
    Next,
    Accept,
    Drop,
    Return,
    Jump(String),
    Goto(String),
    /// Who knows.
    Anything,
}

/// How a chain ends for the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is, or may be, accepted.
    MayPass,
    /// It is dropped for certain.
    Dropped,
    /// Nothing has been said, or only perhaps; who called goes on.
    Open,
}

/// The kernel's limit of jumps (`NFT_JUMP_STACK_SIZE`).
const DEPTH: usize = 16;

/// How a chain at a hook ends, its policy left aside.
pub(super) fn walk(
    reader: &mut Reader<'_>,
    chain: &ChainKey,
    passage: &Passage,
) -> Result<End, Cause> {
    walk_chain(reader, chain, passage, DEPTH)
}

fn walk_chain(
    reader: &mut Reader<'_>,
    chain: &ChainKey,
    passage: &Passage,
    depth: usize,
) -> Result<End, Cause> {
    let Some(deeper) = depth.checked_sub(1) else {
        return Ok(End::MayPass);
    };
    // After a rule that perhaps returns, nothing is certain in this chain.
    let mut certain = true;
    for rule in reader.rules(chain)? {
        if !reader.may_go_on() {
            return Ok(End::MayPass);
        }
        let (applies, verdict) = judge(reader, chain, &rule, passage)?;
        if applies == Applies::No {
            continue;
        }
        let certainly = applies == Applies::Yes && certain;
        match verdict {
            Verdict::Next => {}
            Verdict::Accept | Verdict::Anything => return Ok(End::MayPass),
            Verdict::Drop if certainly => return Ok(End::Dropped),
            Verdict::Drop => {}
            Verdict::Return if certainly => return Ok(End::Open),
            Verdict::Return => certain = false,
            Verdict::Jump(to) | Verdict::Goto(to) if !certainly => {
                // What it drops it drops perhaps.
                let end = walk_chain(reader, &chain.beside(to), passage, deeper)?;
                if end == End::MayPass {
                    return Ok(End::MayPass);
                }
            }
            Verdict::Jump(to) => match walk_chain(reader, &chain.beside(to), passage, deeper)? {
                End::Open => {}
                end => return Ok(end),
            },
            Verdict::Goto(to) => return walk_chain(reader, &chain.beside(to), passage, deeper),
        }
    }
    Ok(End::Open)
}
