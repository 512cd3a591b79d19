//! Links, both directions.

mod ipvlan;
mod kind;
mod mark;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use neli::consts::nl::NlmF;
use neli::consts::rtnl::{Ifla, RtAddrFamily, Rtm};
use neli::rtnl::IfinfomsgBuilder;
use neli::types::{Buffer, RtBuffer};

use self::kind::{RawKind, link_info};
use super::message::{Attrs, Request, UNBUILDABLE, attr, attr_text, attr_u32, read_text, read_u32};
use super::socket::Connection;
use crate::error::Cause;
use crate::ipvlan::IpvlanSpec;
use crate::model::{LinkKind, LinkSpec};
use crate::name::{LinkName, MacAddr};
use crate::observed::LinkState;

/// A link as the kernel tells of it: other links by number.
#[derive(Debug)]
pub(super) struct RawLink {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) alias: String,
    kind: RawKind,
    up: bool,
    /// Packets can go by it.
    pub(super) running: bool,
    pub(super) mtu: u32,
    pub(super) mac: Option<MacAddr>,
    master: Option<u32>,
    peer: Option<u32>,
    peer_is_elsewhere: bool,
}

impl RawLink {
    /// Reads a RTM_NEWLINK payload.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let flags = read_u32(payload, 8)?;
        let mut link = Self {
            index: read_u32(payload, 4)?,
            name: String::new(),
            alias: String::new(),
            kind: RawKind::Named(String::new()),
            up: flags & UP != 0,
            running: flags & (UP | RUNNING) == UP | RUNNING,
            mtu: 0,
            mac: None,
            master: None,
            peer: None,
            peer_is_elsewhere: false,
        };
        for (kind, octets) in Attrs(payload.get(16..)?) {
            match Ifla::from(kind) {
                Ifla::Ifname => link.name = read_text(octets),
                Ifla::Ifalias => link.alias = read_text(octets),
                Ifla::Mtu => link.mtu = read_u32(octets, 0)?,
                Ifla::Address => link.mac = <[u8; 6]>::try_from(octets).ok().map(MacAddr::new),
                Ifla::Master => link.master = read_u32(octets, 0),
                Ifla::Link => link.peer = read_u32(octets, 0),
                Ifla::LinkNetnsid => link.peer_is_elsewhere = true,
                Ifla::Linkinfo => link.kind = RawKind::read(octets),
                _ => {}
            }
        }
        Some(link)
    }

    /// The same with the names of other links. `None` when its own name is no
    /// [`LinkName`].
    pub(super) fn resolve(&self, names: &Names) -> Option<(LinkName, LinkState)> {
        let name = LinkName::new(&self.name).ok()?;
        let other = self.peer.filter(|_| !self.peer_is_elsewhere);
        let state = LinkState {
            index: self.index,
            kind: self.kind.resolve(other, names),
            up: self.up,
            master: self.master.and_then(|index| names.get(&index).cloned()),
            mtu: self.mtu,
            alias: self.alias.clone(),
            mac: self.mac,
        };
        Some((name, state))
    }

    /// Whether this is the link of that mark and kind.
    fn check(&self, spec: &LinkSpec) -> Result<(), Cause> {
        let kind = match self.kind.name() {
            "" => "link",
            name => name,
        };
        if self.kind.name() != spec.kind.name() {
            return Err(Cause::NotOurs(format!("a {kind} of that name exists")));
        }
        self.check_alias(&spec.alias)
    }
}

/// The names of links by their numbers.
pub(super) type Names = BTreeMap<u32, LinkName>;

pub(super) fn names(links: &[RawLink]) -> Names {
    links
        .iter()
        .filter_map(|link| Some((link.index, LinkName::new(&link.name).ok()?)))
        .collect()
}

impl Connection {
    /// Reads all links.
    pub(super) fn links(&mut self) -> Result<Vec<RawLink>, Cause> {
        self.dump(
            || by_index(Rtm::Getlink, NlmF::DUMP, 0, no_stats()?),
            RawLink::read,
        )
    }

    /// Reads the link of this name, if there is one.
    pub(super) fn link(&mut self, name: &str) -> Result<Option<RawLink>, Cause> {
        let answer = self.get(get_link(name)?)?;
        Ok(answer.and_then(|payload| RawLink::read(&payload)))
    }

    /// The number of the link of this name.
    pub(super) fn index_of(&mut self, name: &LinkName) -> Result<u32, Cause> {
        self.link(name.as_str())?
            .map(|link| link.index)
            .ok_or_else(|| Cause::NoLink(name.to_string()))
    }

    /// Makes a link, or brings ours of that name to what is wanted.
    ///
    /// The kernel ignores the alias in a message that creates a link, so a
    /// link is made under a random name and marked within one system call,
    /// and gets its name, its master and IFF_UP with a second one. Whatever
    /// ends the process between the two leaves a link that carries our mark,
    /// so that the next look takes it away.
    pub(super) fn create_link(&mut self, spec: &LinkSpec) -> Result<(), Cause> {
        if spec.alias.is_empty() {
            return Err(Cause::Misuse("a link needs an ownership mark"));
        }
        if let Some(link) = self.link(spec.name.as_str())? {
            link.check(spec)?;
            self.check_ipvlan(spec)?;
            return self.bring_to(&link, spec, None);
        }
        self.check_ipvlan(spec)?;
        let link = self.create_marked(spec)?;
        self.bring_to(&link, spec, Some(&spec.name))
            .inspect_err(|_| {
                // All or nothing. If this fails too, the mark is left for the
                // next look.
                _ = self.delete_index(link.index);
            })
    }

    /// Brings ours of that name to what is wanted.
    pub(super) fn set_link(&mut self, spec: &LinkSpec) -> Result<(), Cause> {
        match self.link(spec.name.as_str())? {
            None => Err(Cause::NoLink(spec.name.to_string())),
            Some(link) => {
                link.check(spec)?;
                self.check_ipvlan(spec)?;
                self.bring_to(&link, spec, None)
            }
        }
    }

    fn delete_index(&mut self, index: u32) -> Result<(), Cause> {
        let request = by_index(Rtm::Dellink, NlmF::ACK, index, RtBuffer::new())?;
        match self.change(request) {
            Err(cause) if cause.is_errno(libc::ENODEV) => Ok(()),
            result => result,
        }
    }

    /// Makes the link under a random name with its mark, and yields it.
    fn create_marked(&mut self, spec: &LinkSpec) -> Result<RawLink, Cause> {
        let name = random_name();
        let mut attrs = RtBuffer::new();
        attrs.push(attr_text(Ifla::Ifname, &name)?);
        attrs.push(link_info(spec)?);
        if let LinkKind::Ipvlan(ipvlan) = &spec.kind {
            attrs.push(attr_u32(Ifla::Link, self.index_of(&ipvlan.parent)?)?);
        }
        push_mtu(&mut attrs, spec)?;
        push_mac(&mut attrs, spec.mac)?;
        let create = NlmF::ACK | NlmF::CREATE | NlmF::EXCL;
        let mut mark = RtBuffer::new();
        mark.push(attr_text(Ifla::Ifname, &name)?);
        mark.push(attr(Ifla::Ifalias, spec.alias.as_bytes())?);
        let mut answers = self.batch(vec![
            by_index(Rtm::Newlink, create, 0, attrs)?,
            by_index(Rtm::Setlink, NlmF::ACK, 0, mark)?,
            get_link(&name)?,
        ]);
        answers
            .remove_first()
            .map_err(|cause| explain(cause, spec))?;
        let marked = answers.remove_first();
        let made = answers.remove_first();
        let link = made.map(|payload| payload.and_then(|payload| RawLink::read(&payload)));
        match (marked, link) {
            (Ok(_), Ok(Some(link))) => Ok(link),
            (marked, link) => {
                if let Ok(Some(link)) = &link {
                    _ = self.delete_index(link.index);
                }
                marked?;
                link?;
                Err(Cause::Malformed("a new link is not shown"))
            }
        }
    }

    /// One message that sets everything but the mark, and the name if given.
    fn bring_to(
        &mut self,
        link: &RawLink,
        spec: &LinkSpec,
        name: Option<&LinkName>,
    ) -> Result<(), Cause> {
        let master = match &spec.master {
            Some(master) => self.index_of(master)?,
            None => 0,
        };
        let mut attrs = RtBuffer::new();
        if let Some(name) = name {
            attrs.push(attr_text(Ifla::Ifname, name.as_str())?);
        }
        attrs.push(attr_u32(Ifla::Master, master)?);
        push_mtu(&mut attrs, spec)?;
        // The same one again would take the neighbours along, too.
        push_mac(&mut attrs, spec.mac.filter(|mac| Some(*mac) != link.mac))?;
        if let LinkKind::Bridge(_) = spec.kind {
            attrs.push(link_info(spec)?);
        }
        let mut header = header(link.index, attrs);
        header = if spec.up { header.up() } else { header.down() };
        let header = header.build().map_err(|_| UNBUILDABLE)?;
        // RTM_SETLINK would ignore what belongs to the type.
        self.change(Request::new(Rtm::Newlink, NlmF::ACK, header)?)
    }
}

fn header(index: u32, attrs: RtBuffer<Ifla, Buffer>) -> IfinfomsgBuilder {
    IfinfomsgBuilder::default()
        .ifi_family(RtAddrFamily::Unspecified)
        .ifi_index(index.cast_signed())
        .rtattrs(attrs)
}

fn by_index(
    kind: Rtm,
    flags: NlmF,
    index: u32,
    attrs: RtBuffer<Ifla, Buffer>,
) -> Result<Request, Cause> {
    let header = header(index, attrs).build().map_err(|_| UNBUILDABLE)?;
    Request::new(kind, flags, header)
}

fn get_link(name: &str) -> Result<Request, Cause> {
    let mut attrs = no_stats()?;
    attrs.push(attr_text(Ifla::Ifname, name)?);
    by_index(Rtm::Getlink, NlmF::ACK, 0, attrs)
}

/// Counters are most of what a link's message weighs, and nobody reads them.
fn no_stats() -> Result<RtBuffer<Ifla, Buffer>, Cause> {
    let mut attrs = RtBuffer::new();
    attrs.push(attr_u32(Ifla::ExtMask, RTEXT_FILTER_SKIP_STATS)?);
    Ok(attrs)
}

fn push_mtu(attrs: &mut RtBuffer<Ifla, Buffer>, spec: &LinkSpec) -> Result<(), Cause> {
    if let Some(mtu) = spec.mtu {
        attrs.push(attr_u32(Ifla::Mtu, mtu)?);
    }
    Ok(())
}

fn push_mac(attrs: &mut RtBuffer<Ifla, Buffer>, mac: Option<MacAddr>) -> Result<(), Cause> {
    if let Some(mac) = mac {
        attrs.push(attr(Ifla::Address, &mac.octets())?);
    }
    Ok(())
}

/// Says what the kernel's bare number means for a link that was to be made.
fn explain(cause: Cause, spec: &LinkSpec) -> Cause {
    if cause.is_errno(libc::EOPNOTSUPP) {
        return cause.with_hint(format!(
            "the kernel lacks the `{}` link type",
            spec.kind.name()
        ));
    }
    match &spec.kind {
        // The outer end has a random name, so it is not that which exists.
        LinkKind::Veth { peer, .. } if cause.is_errno(libc::EEXIST) => {
            cause.with_hint(format!("the name of the peer, `{peer}`, is taken"))
        }
        LinkKind::Ipvlan(IpvlanSpec { parent, .. }) if cause.is_errno(libc::EBUSY) => cause
            .with_hint(format!(
                "`{parent}` serves something else, as a bridge, a bond or a macvlan"
            )),
        _ => cause,
    }
}

/// A name that nobody has: 13 random hexadecimal digits.
fn random_name() -> String {
    let random = RandomState::new().hash_one(std::process::id());
    format!("np{:013x}", random >> 12)
}

const UP: u32 = libc::IFF_UP.cast_unsigned();
const RUNNING: u32 = libc::IFF_RUNNING.cast_unsigned();

// linux/rtnetlink.h.
const RTEXT_FILTER_SKIP_STATS: u32 = 8;
