//! Attributes that have no field of their own.

use core::iter::FusedIterator;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{
    AttributeCode, AttributeFlags, AttributeIter, AttributeView, has_field, put_header_flags,
};
use crate::error::EncodeError;
use crate::judge::Seen;

/// An attribute that this crate knows nothing of but its octets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherAttribute {
    code: AttributeCode,
    flags: AttributeFlags,
    value: Bytes,
}

impl OtherAttribute {
    /// `None` for a code that [`PathAttributes`](super::PathAttributes) or
    /// [`UpdateWriter`](crate::UpdateWriter) has a place of its own for, and
    /// for flags without Optional, which no unknown attribute may have. The
    /// Extended Length flag follows the value's length.
    #[must_use]
    pub fn new(
        code: AttributeCode,
        flags: AttributeFlags,
        value: impl Into<Bytes>,
    ) -> Option<Self> {
        let flags = AttributeFlags(flags.0 & !AttributeFlags::EXTENDED_LENGTH);
        (!has_field(code) && flags.is_optional()).then(|| Self {
            code,
            flags,
            value: value.into(),
        })
    }

    /// The type code.
    #[must_use]
    pub const fn code(&self) -> AttributeCode {
        self.code
    }

    /// The flags, without Extended Length.
    #[must_use]
    pub const fn flags(&self) -> AttributeFlags {
        self.flags
    }

    /// The value's octets.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// As it goes on to other peers: with the Partial flag, and not at all
    /// without Transitive (RFC 4271 section 5).
    #[must_use]
    pub fn passed_on(mut self) -> Option<Self> {
        self.flags.0 |= AttributeFlags::PARTIAL;
        self.flags.is_transitive().then_some(self)
    }

    pub(super) fn put(&self, buf: &mut BytesMut) -> Result<(), EncodeError> {
        put_header_flags(buf, self.flags, self.code, self.value.len())?;
        buf.put_slice(&self.value);
        Ok(())
    }
}

/// The attributes of an UPDATE that have no field of their own, but for
/// malformed ones.
#[derive(Clone, Copy, Debug)]
pub struct OtherAttributeIter<'a> {
    attributes: AttributeIter<'a>,
    seen: Seen,
}

impl<'a> OtherAttributeIter<'a> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self {
            attributes: AttributeIter::new(octets),
            seen: Seen::NONE,
        }
    }
}

impl<'a> Iterator for OtherAttributeIter<'a> {
    type Item = AttributeView<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let attribute = self.attributes.next()?.ok()?;
            let code = attribute.code();
            // Of several the first one counts (RFC 7606 section 3 g).
            if has_field(code) || !self.seen.insert(code) {
                continue;
            }
            let well_formed = match code {
                AttributeCode::IPV6_EXTENDED_COMMUNITIES => {
                    let length = attribute.value().len();
                    attribute.flags().is_transitive() && length > 0 && length.is_multiple_of(20)
                }
                _ => true,
            };
            if attribute.flags().is_optional() && well_formed {
                return Some(attribute);
            }
        }
    }
}

impl FusedIterator for OtherAttributeIter<'_> {}

impl AttributeView<'_> {
    /// An owned copy; `None` for codes that have a field of their own and for
    /// flags without Optional.
    #[must_use]
    pub fn to_other(self) -> Option<OtherAttribute> {
        let value = Bytes::copy_from_slice(self.value());
        OtherAttribute::new(self.code(), self.flags(), value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(code: u8, flags: u8) -> Option<OtherAttribute> {
        OtherAttribute::new(AttributeCode(code), AttributeFlags(flags), vec![1, 2])
    }

    #[test]
    fn attributes_with_a_field_are_no_others() {
        assert_eq!(other(AttributeCode::COMMUNITIES.0, 0xc0), None);
        assert_eq!(other(AttributeCode::AS4_PATH.0, 0xc0), None);
        assert_eq!(other(200, 0x40), None);
        assert!(other(AttributeCode::IPV6_EXTENDED_COMMUNITIES.0, 0xc0).is_some());
    }

    #[test]
    fn only_transitive_ones_are_passed_on_and_become_partial() {
        let passed_on = other(200, 0xd0).unwrap().passed_on().unwrap();
        assert_eq!(passed_on.flags(), AttributeFlags(0xe0));
        assert_eq!(other(200, 0x80).unwrap().passed_on(), None);
    }

    #[test]
    fn malformed_and_repeated_ones_are_left_out() {
        let octets = [
            0x40, 200, 1, 7, // well-known, but nobody knows it
            0xc0, 200, 1, 8, // a second one of that code
            0xc0, 25, 1, 0, // too short
            0xc0, 8, 4, 0, 1, 0, 1, // has a field
            0xc0, 201, 1, 9, 0x80, 202, 0, // these two stay
        ];
        let codes: Vec<_> = OtherAttributeIter::new(&octets)
            .map(|it| it.code().0)
            .collect();
        assert_eq!(codes, [201, 202]);
    }
}
