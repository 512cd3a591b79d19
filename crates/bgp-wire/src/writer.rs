//! UPDATEs of our own, filled with prefixes up to the longest message.

use bytes::{BufMut as _, BytesMut};
use ipnet::IpNet;

use crate::attr::{AttributeCode, AttributeFlags, NextHop, PathAttributes};
use crate::error::EncodeError;
use crate::frame::{HEADER_LEN, MessageType, begin_message, finish_message};
use crate::nlri::{holds_prefixes, prefix_len, put_prefix};
use crate::number::{Afi, Family, MaxMessageLen};
use crate::path_id::Nlri;
use crate::update::DecodeContext;

/// Writes one UPDATE behind what is in the caller's buffer.
///
/// Start one by [`announce`](Self::announce) or [`withdraw`](Self::withdraw),
/// [`push`](Self::push) prefixes until it is full or none are left, then
/// [`finish`](Self::finish) it. A writer that is dropped instead leaves the
/// buffer as it was.
#[derive(Debug)]
pub struct UpdateWriter<'b> {
    buf: &'b mut BytesMut,
    start: usize,
    /// Where the first prefix stands.
    prefixes: usize,
    /// The buffer's length that must not be passed by a prefix.
    limit: usize,
    family: Family,
    path_ids: bool,
    part: Part,
    finished: bool,
}

/// Which part of the UPDATE the prefixes are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The NLRI field, behind everything.
    Nlri,
    /// The Withdrawn Routes field; the attributes' length comes behind.
    Withdrawn,
    /// MP_REACH_NLRI starting at `mp`. It is written behind the `others` so
    /// that it can grow, and moved in front of them at the end, where
    /// RFC 7606 section 5.1 wants it.
    Reach { others: usize, mp: usize },
    /// MP_UNREACH_NLRI starting at `mp`, the only attribute.
    Unreach { mp: usize },
}

/// Why a prefix was not taken. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The message is as long as it may be: finish it and start another,
    /// which is sure to take at least one prefix.
    #[error("update is full")]
    Full,
    /// The prefix is of another family than the message.
    #[error("prefix is not of family {0}")]
    WrongFamily(Family),
}

impl<'b> UpdateWriter<'b> {
    /// Starts an UPDATE that announces routes with these attributes.
    ///
    /// IPv4 unicast with an IPv4 next hop goes into NEXT_HOP and NLRI,
    /// everything else into MP_REACH_NLRI (RFC 4760, RFC 8950).
    ///
    /// # Errors
    ///
    /// The attributes leave no room for a prefix or can't be written, or next
    /// hop and family do not fit. The buffer is as it was then.
    pub fn announce(
        buf: &'b mut BytesMut,
        max: MaxMessageLen,
        family: Family,
        next_hop: &NextHop,
        attributes: &PathAttributes,
        ctx: DecodeContext,
    ) -> Result<Self, EncodeError> {
        check_family(family)?;
        if family.afi == Afi::IPV6 && matches!(next_hop, NextHop::V4(_)) {
            return Err(EncodeError::NextHopFamily(family));
        }
        let field_next_hop = match next_hop {
            NextHop::V4(address) if family == Family::IPV4_UNICAST => Some(*address),
            _ => None,
        };
        let mut writer = Self::begin(buf, max, family, ctx, Part::Nlri);
        writer.buf.put_u16(0);
        writer.buf.put_u16(0);
        let others = writer.buf.len();
        attributes.put(writer.buf, field_next_hop, ctx)?;
        let mp = writer.buf.len();
        if field_next_hop.is_some() {
            writer.patch_length(others - 2, mp - others);
        } else {
            writer.part = Part::Reach { others, mp };
            put_mp_header(writer.buf, AttributeCode::MP_REACH_NLRI, family);
            next_hop.put(writer.buf);
            writer.buf.put_u8(0);
        }
        writer.prefixes = writer.buf.len();
        let largest = writer.path_id_len() + 1 + address_octets(family);
        if writer.prefixes + largest > writer.limit {
            return Err(EncodeError::AttributesTooLong(mp - others));
        }
        Ok(writer)
    }

    /// Starts an UPDATE that withdraws routes: IPv4 unicast by Withdrawn
    /// Routes, everything else by MP_UNREACH_NLRI.
    ///
    /// # Errors
    ///
    /// The family is not one of plain prefixes. The buffer is as it was then.
    pub fn withdraw(
        buf: &'b mut BytesMut,
        max: MaxMessageLen,
        family: Family,
        ctx: DecodeContext,
    ) -> Result<Self, EncodeError> {
        check_family(family)?;
        let mut writer = Self::begin(buf, max, family, ctx, Part::Withdrawn);
        writer.buf.put_u16(0);
        if family == Family::IPV4_UNICAST {
            writer.limit -= 2;
        } else {
            writer.buf.put_u16(0);
            let mp = writer.buf.len();
            writer.part = Part::Unreach { mp };
            put_mp_header(writer.buf, AttributeCode::MP_UNREACH_NLRI, family);
        }
        writer.prefixes = writer.buf.len();
        Ok(writer)
    }

    /// Adds one route. Bits behind the prefix' length are written as zero.
    /// Where the session wants path identifiers, it gets 0.
    ///
    /// # Errors
    ///
    /// The message is full, or the prefix of another family. It stays as it
    /// was then.
    pub fn push(&mut self, prefix: IpNet) -> Result<(), PushError> {
        self.push_nlri(prefix.into())
    }

    /// Adds one path of a route. The identifier is written only where the
    /// session wants one (RFC 7911 section 3).
    ///
    /// # Errors
    ///
    /// As of [`Self::push`].
    pub fn push_nlri(&mut self, route: Nlri) -> Result<(), PushError> {
        let prefix = route.prefix;
        let fits = match prefix {
            IpNet::V4(_) => self.family.afi == Afi::IPV4,
            IpNet::V6(_) => self.family.afi == Afi::IPV6,
        };
        if !fits {
            return Err(PushError::WrongFamily(self.family));
        }
        if self.buf.len() + self.path_id_len() + prefix_len(prefix) > self.limit {
            return Err(PushError::Full);
        }
        if self.path_ids {
            self.buf.put_u32(route.path_id.unwrap_or(0));
        }
        put_prefix(self.buf, prefix);
        Ok(())
    }

    /// Whether no route was added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buf.len() == self.prefixes
    }

    /// Completes the message and returns its length in octets. Without a
    /// route nothing is written and 0 returned, for an empty UPDATE would be
    /// an End-of-RIB marker.
    pub fn finish(mut self) -> usize {
        if self.is_empty() {
            return 0;
        }
        let end = self.buf.len();
        match self.part {
            Part::Nlri => {}
            Part::Withdrawn => {
                self.patch_length(self.prefixes - 2, end - self.prefixes);
                self.buf.put_u16(0);
            }
            Part::Reach { others, mp } => {
                self.patch_length(mp + MP_LENGTH_AT, end - mp - MP_HEADER_LEN);
                if let Some(attributes) = self.buf.get_mut(others..) {
                    attributes.rotate_left(mp - others);
                }
                self.patch_length(others - 2, end - others);
            }
            Part::Unreach { mp } => {
                self.patch_length(mp + MP_LENGTH_AT, end - mp - MP_HEADER_LEN);
                self.patch_length(mp - 2, end - mp);
            }
        }
        self.finished = true;
        finish_message(self.buf, self.start)
    }

    /// Octets of a path identifier, where there are any.
    const fn path_id_len(&self) -> usize {
        if self.path_ids { 4 } else { 0 }
    }

    fn begin(
        buf: &'b mut BytesMut,
        max: MaxMessageLen,
        family: Family,
        ctx: DecodeContext,
        part: Part,
    ) -> Self {
        let start = begin_message(buf, MessageType::UPDATE);
        Self {
            prefixes: start + HEADER_LEN,
            limit: start + max.get(),
            buf,
            start,
            family,
            path_ids: ctx.path_ids.contains(family),
            part,
            finished: false,
        }
    }

    fn patch_length(&mut self, at: usize, length: usize) {
        // No longer than the message, which is bounded by `limit`.
        let field = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        if let Some(place) = self.buf.get_mut(at..at + 2) {
            place.copy_from_slice(&field);
        }
    }
}

impl Drop for UpdateWriter<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.buf.truncate(self.start);
        }
    }
}

/// Appends an End-of-RIB marker (RFC 4724 section 2): an empty UPDATE for IPv4
/// unicast, an empty MP_UNREACH_NLRI for any other family.
pub fn encode_end_of_rib(buf: &mut BytesMut, family: Family) {
    let start = begin_message(buf, MessageType::UPDATE);
    buf.put_u16(0);
    if family == Family::IPV4_UNICAST {
        buf.put_u16(0);
    } else {
        // The attribute: flags, code, length, then three octets of value.
        buf.put_u16(6);
        buf.put_slice(&[
            AttributeFlags::OPTIONAL,
            AttributeCode::MP_UNREACH_NLRI.0,
            3,
        ]);
        buf.put_u16(family.afi.0);
        buf.put_u8(family.safi.0);
    }
    finish_message(buf, start);
}

/// Appends flags, code, an open length of two octets, and the family.
fn put_mp_header(buf: &mut BytesMut, code: AttributeCode, family: Family) {
    buf.put_u8(AttributeFlags::OPTIONAL | AttributeFlags::EXTENDED_LENGTH);
    buf.put_u8(code.0);
    buf.put_u16(0);
    buf.put_u16(family.afi.0);
    buf.put_u8(family.safi.0);
}

fn check_family(family: Family) -> Result<(), EncodeError> {
    if holds_prefixes(family) {
        Ok(())
    } else {
        Err(EncodeError::UnsupportedFamily(family))
    }
}

fn address_octets(family: Family) -> usize {
    if family.afi == Afi::IPV4 { 4 } else { 16 }
}

const MP_LENGTH_AT: usize = 2;
const MP_HEADER_LEN: usize = 4;

#[cfg(test)]
mod tests;
