//! Chains and rules of nf_tables over netlink (`linux/netfilter/nf_tables.h`).

use std::collections::BTreeMap;
use std::rc::Rc;

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;

use super::super::message::{Attrs, Request, RequestWriter, read_text, read_u32, write_attr};
use super::super::socket::Connection;
use crate::error::Cause;

/// What identifies a chain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChainKey {
    pub(super) family: u8,
    pub(super) table: String,
    pub(super) chain: String,
}

impl ChainKey {
    /// Another chain of the same table.
    pub(super) fn beside(&self, chain: String) -> Self {
        Self {
            chain,
            ..self.clone()
        }
    }
}

/// A chain at a hook.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub(super) key: ChainKey,
    /// Its policy is to drop.
    pub(super) drops: bool,
    hook: Option<u32>,
    of_filter: bool,
}

/// A rule as its list of expressions.
#[derive(Debug)]
pub(super) struct Rule(Vec<u8>);

impl Rule {
    #[cfg(test)]
    pub(super) const fn of(octets: Vec<u8>) -> Self {
        Self(octets)
    }

    /// Names and data of the expressions.
    pub(super) fn expressions(&self) -> impl Iterator<Item = (String, &[u8])> {
        Attrs(&self.0).filter_map(|(_, expression)| {
            let name = find(expression, NFTA_EXPR_NAME)?;
            let data = find(expression, NFTA_EXPR_DATA).unwrap_or_default();
            Some((read_text(name), data))
        })
    }
}

/// An element of a set without ranges: its key, and the verdict of a map.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) key: Vec<u8>,
    pub(super) verdict: Option<Vec<u8>>,
}

/// Reads each chain and each set once.
pub(super) struct Reader<'a> {
    connection: &'a mut Connection,
    chains: BTreeMap<ChainKey, Rc<Vec<Rc<Rule>>>>,
    /// How many more rules are read, and how many more are gone through: many
    /// jumps may lead to one chain.
    left: usize,
    steps: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(connection: &'a mut Connection) -> Self {
        Self {
            connection,
            chains: BTreeMap::new(),
            left: RULES,
            steps: RULES,
        }
    }

    /// The filters at the `forward` hook that see packets of this family.
    pub(super) fn forward_chains(&mut self, v6: bool) -> Result<Vec<Chain>, Cause> {
        let own = if v6 { NFPROTO_IPV6 } else { NFPROTO_IPV4 };
        let mut found = Vec::new();
        for family in [own, NFPROTO_INET] {
            let all = || request(NFT_MSG_GETCHAIN, NlmF::DUMP, family, &[]);
            let chains = self.connection.dump(all, read_chain);
            found.extend(none_without_the_module(chains)?);
        }
        found.retain(|chain| chain.hook == Some(NF_INET_FORWARD) && chain.of_filter);
        Ok(found)
    }

    /// The rules of a chain, in order.
    pub(super) fn rules(&mut self, key: &ChainKey) -> Result<Vec<Rc<Rule>>, Cause> {
        if let Some(rules) = self.chains.get(key) {
            return Ok(rules.to_vec());
        }
        let mut attrs = Vec::new();
        write_attr(&mut attrs, NFTA_RULE_TABLE, &text(&key.table))?;
        write_attr(&mut attrs, NFTA_RULE_CHAIN, &text(&key.chain))?;
        let all = || request(NFT_MSG_GETRULE, NlmF::DUMP, key.family, &attrs);
        let left = self.left;
        let mut rules = Vec::new();
        self.connection.walk(all, |payload| match payload {
            None => rules.clear(),
            Some(payload) if rules.len() < left => {
                // Kernels before 5.11 list those of all chains.
                let chain = payload_attr(payload, NFTA_RULE_CHAIN).map(read_text);
                if chain.as_deref() == Some(&key.chain)
                    && let Some(list) = payload_attr(payload, NFTA_RULE_EXPRESSIONS)
                {
                    rules.push(Rc::new(Rule(list.to_vec())));
                }
            }
            Some(_) => {}
        })?;
        self.left -= rules.len();
        if self.left == 0 {
            return Err(Cause::Malformed("more rules than are looked at"));
        }
        self.chains.insert(key.clone(), Rc::new(rules.clone()));
        Ok(rules)
    }

    /// Counts a step; `false` if there were too many.
    pub(super) const fn may_go_on(&mut self) -> bool {
        self.steps = self.steps.saturating_sub(1);
        self.steps > 0
    }

    /// Whether the packet's way has led through this chain beside `key`.
    pub(super) fn has_read(&self, key: &ChainKey, chain: &str) -> bool {
        self.chains.contains_key(&key.beside(chain.to_owned()))
    }

    /// The elements of a set; `None` if they are ranges or too many.
    pub(super) fn elements(
        &mut self,
        key: &ChainKey,
        set: &str,
    ) -> Result<Option<Vec<Element>>, Cause> {
        let mut attrs = Vec::new();
        write_attr(&mut attrs, NFTA_SET_ELEM_LIST_TABLE, &text(&key.table))?;
        write_attr(&mut attrs, NFTA_SET_ELEM_LIST_SET, &text(set))?;
        let all = || request(NFT_MSG_GETSETELEM, NlmF::DUMP, key.family, &attrs);
        let mut elements = Some(Vec::new());
        self.connection.walk(all, |payload| match payload {
            None => elements = Some(Vec::new()),
            Some(payload) => {
                let list = payload_attr(payload, NFTA_SET_ELEM_LIST_ELEMENTS);
                for (_, element) in Attrs(list.unwrap_or_default()) {
                    let room = elements.take().filter(|it| it.len() < ELEMENTS);
                    elements = room.and_then(|mut all| {
                        all.push(read_element(element)?);
                        Some(all)
                    });
                }
            }
        })?;
        Ok(elements)
    }
}

fn none_without_the_module<T>(result: Result<Vec<T>, Cause>) -> Result<Vec<T>, Cause> {
    match result {
        Err(cause) if cause.is_errno(libc::EINVAL) || cause.is_errno(libc::EOPNOTSUPP) => {
            Ok(Vec::new())
        }
        result => result,
    }
}

fn read_chain(payload: &[u8]) -> Option<Chain> {
    let attr = |kind| payload_attr(payload, kind);
    let hook = attr(NFTA_CHAIN_HOOK).and_then(|hook| find_be32(hook, NFTA_HOOK_HOOKNUM));
    let policy = attr(NFTA_CHAIN_POLICY).and_then(be32);
    Some(Chain {
        key: ChainKey {
            family: *payload.first()?,
            table: read_text(attr(NFTA_CHAIN_TABLE)?),
            chain: read_text(attr(NFTA_CHAIN_NAME)?),
        },
        drops: policy == Some(NF_DROP),
        hook,
        of_filter: attr(NFTA_CHAIN_TYPE).map(read_text).as_deref() == Some("filter"),
    })
}

/// An element with one key; `None` for one end of a range and the like.
fn read_element(octets: &[u8]) -> Option<Element> {
    let special = find_be32(octets, NFTA_SET_ELEM_FLAGS).is_some_and(|flags| flags != 0);
    if special || find(octets, NFTA_SET_ELEM_KEY_END).is_some() {
        return None;
    }
    let key = find(find(octets, NFTA_SET_ELEM_KEY)?, NFTA_DATA_VALUE)?;
    let verdict = find(octets, NFTA_SET_ELEM_DATA).and_then(|it| find(it, NFTA_DATA_VERDICT));
    Some(Element {
        key: key.to_vec(),
        verdict: verdict.map(<[u8]>::to_vec),
    })
}

pub(super) const fn family_name(family: u8) -> &'static str {
    match family {
        NFPROTO_IPV4 => "ip",
        NFPROTO_IPV6 => "ip6",
        _ => "inet",
    }
}

/// The first attribute of this kind.
pub(super) fn find(attrs: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut attrs = Attrs(attrs);
    attrs.find_map(|(kind, octets)| (kind == wanted).then_some(octets))
}

/// The same as a number, which nf_tables has in network order.
pub(super) fn find_be32(attrs: &[u8], wanted: u16) -> Option<u32> {
    find(attrs, wanted).and_then(be32)
}

fn be32(octets: &[u8]) -> Option<u32> {
    read_u32(octets, 0).map(u32::from_be)
}

/// The first attribute of a message with a `struct nfgenmsg`.
fn payload_attr(payload: &[u8], wanted: u16) -> Option<&[u8]> {
    find(payload.get(NFGENMSG..)?, wanted)
}

pub(super) fn text(text: &str) -> Vec<u8> {
    let mut octets = text.as_bytes().to_vec();
    octets.push(0);
    octets
}

pub(super) fn request(
    message: u16,
    flags: NlmF,
    family: u8,
    attrs: &[u8],
) -> Result<Request, Cause> {
    let kind = Rtm::from(NFNL_SUBSYS_NFTABLES << 8 | message);
    let mut header = vec![family, 0, 0, 0];
    header.extend(attrs);
    RequestWriter::new(kind, flags, &header).finish()
}

/// The begin or the end of a transaction, whose header names the subsystem.
pub(super) fn batch(message: u16) -> Result<Request, Cause> {
    let [high, low] = NFNL_SUBSYS_NFTABLES.to_be_bytes();
    RequestWriter::new(Rtm::from(message), NlmF::empty(), &[0, 0, high, low]).finish()
}

/// How many rules are looked at for one packet.
const RULES: usize = 100_000;

/// How many elements of a set.
const ELEMENTS: usize = 10_000;

// linux/netfilter.h and linux/netfilter/nfnetlink.h.
pub(super) const NFPROTO_INET: u8 = 1;
pub(super) const NFPROTO_IPV4: u8 = 2;
pub(super) const NFPROTO_IPV6: u8 = 10;
const NF_INET_FORWARD: u32 = 2;
pub(super) const NF_DROP: u32 = 0;
pub(super) const NF_ACCEPT: u32 = 1;
const NFGENMSG: usize = 4;
const NFNL_SUBSYS_NFTABLES: u16 = 10;

// linux/netfilter/nf_tables.h.
const NFT_MSG_GETCHAIN: u16 = 4;
const NFT_MSG_GETRULE: u16 = 7;
const NFT_MSG_GETSETELEM: u16 = 13;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_POLICY: u16 = 5;
const NFTA_CHAIN_TYPE: u16 = 7;
pub(super) const NFTA_RULE_TABLE: u16 = 1;
pub(super) const NFTA_RULE_CHAIN: u16 = 2;
pub(super) const NFTA_RULE_EXPRESSIONS: u16 = 4;
pub(super) const NFTA_EXPR_NAME: u16 = 1;
pub(super) const NFTA_EXPR_DATA: u16 = 2;
const NFTA_SET_ELEM_LIST_TABLE: u16 = 1;
const NFTA_SET_ELEM_LIST_SET: u16 = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_SET_ELEM_KEY: u16 = 1;
const NFTA_SET_ELEM_DATA: u16 = 2;
const NFTA_SET_ELEM_FLAGS: u16 = 3;
const NFTA_SET_ELEM_KEY_END: u16 = 10;
pub(super) const NFTA_DATA_VALUE: u16 = 1;
pub(super) const NFTA_DATA_VERDICT: u16 = 2;
pub(super) const NFTA_VERDICT_CODE: u16 = 1;
pub(super) const NFT_REG_VERDICT: u32 = 0;
pub(super) const NFT_META_OIFNAME: u32 = 7;
pub(super) const NFT_CMP_EQ: u32 = 0;
