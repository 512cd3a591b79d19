//! A rule of our own, before all others of a chain.

use neli::consts::nl::NlmF;

use super::rules::{
    NF_ACCEPT, NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6, NFT_CMP_EQ, NFT_META_OIFNAME,
    NFT_REG_VERDICT, NFTA_DATA_VALUE, NFTA_DATA_VERDICT, NFTA_EXPR_DATA, NFTA_EXPR_NAME,
    NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS, NFTA_RULE_TABLE, NFTA_VERDICT_CODE, batch, family_name,
    request, text,
};
use super::{Accepted, Obstacle};
use crate::error::Cause;
use crate::netlink::message::write_attr;
use crate::netlink::socket::Connection;

/// An attribute: its kind and its octets.
type Attr = (u16, Vec<u8>);

/// Accepts such packets, with a counter as iptables would.
pub(super) fn insert_accept(
    connection: &mut Connection,
    obstacle: &Obstacle,
    packets: Accepted<'_>,
) -> Result<(), Cause> {
    let mut expressions = match packets {
        Accepted::By(links) => link(NFT_META_OIFNAME, links.as_bytes())?,
        Accepted::AnswersFrom(name) => {
            // With the zero at its end it is the whole name.
            let mut expressions = link(NFT_META_IIFNAME, &text(name.as_str()))?;
            if obstacle.is_of_iptables() {
                expressions.push(of_connections_for_iptables()?);
            } else {
                expressions.extend(of_connections()?);
            }
            expressions
        }
    };
    expressions.push(expression("counter", &[])?);
    let verdict = list(&[(NFTA_VERDICT_CODE, number(NF_ACCEPT))])?;
    let verdict = list(&[nested(NFTA_DATA_VERDICT, verdict)])?;
    let to = number(NFT_REG_VERDICT);
    expressions.push(expression("immediate", &[(1, to), nested(2, verdict)])?);
    let attrs = list(&[
        (NFTA_RULE_TABLE, text(&obstacle.table)),
        (NFTA_RULE_CHAIN, text(obstacle.place())),
        nested(NFTA_RULE_EXPRESSIONS, list(&expressions)?),
    ])?;
    let mut families = [NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_INET].into_iter();
    let family = families.find(|it| family_name(*it) == obstacle.family);
    let family = family.ok_or(Cause::Misuse("no such family of tables"))?;
    let rule = request(NFT_MSG_NEWRULE, NlmF::CREATE | NlmF::ACK, family, &attrs)?;
    connection.transact(
        batch(NFNL_MSG_BATCH_BEGIN)?,
        rule,
        batch(NFNL_MSG_BATCH_END)?,
    )
}

/// A link's name begins so.
fn link(which: u32, name: &[u8]) -> Result<Vec<Attr>, Cause> {
    Ok(vec![
        expression("meta", &[(1, number(NFT_REG_1)), (2, number(which))])?,
        compare(NFT_CMP_EQ, name)?,
    ])
}

/// The connection is there, or belongs to one that is.
fn of_connections() -> Result<Vec<Attr>, Cause> {
    let octets = |number: u32| list(&[(NFTA_DATA_VALUE, number.to_ne_bytes().to_vec())]);
    let register = || number(NFT_REG_1);
    let masked = [
        (1, register()),
        (2, register()),
        (3, number(4)),
        nested(4, octets(STATE_ESTABLISHED | STATE_RELATED)?),
        nested(5, octets(0)?),
    ];
    Ok(vec![
        expression("ct", &[(1, register()), (2, number(NFT_CT_STATE))])?,
        expression("bitwise", &masked)?,
        compare(NFT_CMP_NEQ, &0_u32.to_ne_bytes())?,
    ])
}

/// The same as iptables' own match: it does not understand the other, and takes
/// a table with what it does not understand for broken.
fn of_connections_for_iptables() -> Result<Attr, Cause> {
    let mut info = [0; CONNTRACK_INFO];
    let mut put = |at: usize, number: u16| {
        if let Some(field) = info.get_mut(at..at + 2) {
            field.copy_from_slice(&number.to_ne_bytes());
        }
    };
    put(CONNTRACK_FLAGS, XT_CONNTRACK_STATE);
    let [_, _, low, high] = (STATE_ESTABLISHED | STATE_RELATED).to_be_bytes();
    put(CONNTRACK_STATES, u16::from_be_bytes([low, high]));
    let attrs = [(1, text("conntrack")), (2, number(3)), (3, info.to_vec())];
    expression("match", &attrs)
}

fn compare(operation: u32, with: &[u8]) -> Result<Attr, Cause> {
    let with = list(&[(NFTA_DATA_VALUE, with.to_vec())])?;
    let attrs = [
        (1, number(NFT_REG_1)),
        (2, number(operation)),
        nested(3, with),
    ];
    expression("cmp", &attrs)
}

fn expression(name: &str, data: &[Attr]) -> Result<Attr, Cause> {
    let data = nested(NFTA_EXPR_DATA, list(data)?);
    let body = list(&[(NFTA_EXPR_NAME, text(name)), data])?;
    Ok(nested(NFTA_LIST_ELEM, body))
}

fn list(attrs: &[Attr]) -> Result<Vec<u8>, Cause> {
    let mut octets = Vec::new();
    for (kind, inner) in attrs {
        write_attr(&mut octets, *kind, inner)?;
    }
    Ok(octets)
}

const fn nested(kind: u16, inner: Vec<u8>) -> Attr {
    (kind | NLA_F_NESTED, inner)
}

/// nf_tables has numbers in network order.
fn number(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

// linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h.
const NLA_F_NESTED: u16 = 0x8000;
const NFNL_MSG_BATCH_BEGIN: u16 = 0x10;
const NFNL_MSG_BATCH_END: u16 = 0x11;
const NFT_MSG_NEWRULE: u16 = 6;
const NFTA_LIST_ELEM: u16 = 1;
const NFT_REG_1: u32 = 1;
const NFT_META_IIFNAME: u32 = 6;
const NFT_CT_STATE: u32 = 0;
const NFT_CMP_NEQ: u32 = 1;

/// linux/netfilter/nf_conntrack_common.h: `NF_CT_STATE_BIT`.
const STATE_ESTABLISHED: u32 = 1 << 1;
const STATE_RELATED: u32 = 1 << 2;

// `struct xt_conntrack_mtinfo3`, and its size rounded up as the kernel has it.
const CONNTRACK_INFO: usize = 168;
const CONNTRACK_FLAGS: usize = 146;
const CONNTRACK_STATES: usize = 150;
const XT_CONNTRACK_STATE: u16 = 1;
