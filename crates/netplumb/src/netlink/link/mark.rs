//! What is done to a link only if it carries the owner's mark.

use neli::consts::nl::NlmF;
use neli::consts::rtnl::{Ifla, Rtm};
use neli::types::RtBuffer;

use super::{RawLink, by_index};
use crate::error::Cause;
use crate::name::LinkName;
use crate::netlink::message::attr;
use crate::netlink::socket::Connection;

impl RawLink {
    pub(in crate::netlink) fn check_alias(&self, alias: &str) -> Result<(), Cause> {
        if self.alias == alias && !alias.is_empty() {
            return Ok(());
        }
        let mark = if self.alias.is_empty() {
            "without a mark".to_owned()
        } else {
            format!("with the mark `{}`", self.alias)
        };
        Err(Cause::NotOurs(format!("a link of that name exists {mark}")))
    }
}

impl Connection {
    /// Deletes the link if it carries this mark.
    pub(in crate::netlink) fn delete_link(
        &mut self,
        name: &LinkName,
        alias: &str,
    ) -> Result<(), Cause> {
        let Some(link) = self.link(name.as_str())? else {
            return Ok(());
        };
        link.check_alias(alias)?;
        self.delete_index(link.index)
    }

    /// Gives the link another mark if it carries the first.
    pub(in crate::netlink) fn set_alias(
        &mut self,
        name: &LinkName,
        from: &str,
        to: &str,
    ) -> Result<(), Cause> {
        if to.is_empty() {
            return Err(Cause::Misuse("a link needs an ownership mark"));
        }
        let link = self.link(name.as_str())?;
        let link = link.ok_or_else(|| Cause::NoLink(name.to_string()))?;
        if link.alias == to {
            return Ok(());
        }
        if link.alias != from {
            link.check_alias(from)?;
        }
        let mut mark = RtBuffer::new();
        mark.push(attr(Ifla::Ifalias, to.as_bytes())?);
        self.change(by_index(Rtm::Setlink, NlmF::ACK, link.index, mark)?)
    }
}
