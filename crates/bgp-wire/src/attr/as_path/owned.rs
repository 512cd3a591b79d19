//! AS_PATH, owned.

use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut as _, BytesMut};

use super::{SegmentKind, fmt_segment};
use crate::error::EncodeError;
use crate::number::Asn;
use crate::update::AsWidth;

/// An AS_PATH that can be announced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AsPath {
    /// The segments in their order. Empty ones are not written.
    pub segments: Vec<AsPathSegment>,
}

/// One segment of an [`AsPath`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AsPathSegment {
    /// What the members are.
    pub kind: SegmentKind,
    /// The members.
    pub asns: Vec<Asn>,
}

impl AsPath {
    /// Of a route of one's own AS.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            segments: Vec::new(),
        }
    }

    /// One sequence, the last AS passed first.
    pub fn sequence(asns: impl IntoIterator<Item = Asn>) -> Self {
        let asns: Vec<_> = asns.into_iter().collect();
        let mut path = Self::empty();
        if !asns.is_empty() {
            path.segments.push(AsPathSegment {
                kind: SegmentKind::Sequence,
                asns,
            });
        }
        path
    }

    /// Puts `asn` in front `times` times (RFC 4271 section 5.1.2).
    pub fn prepend(&mut self, asn: Asn, times: usize) {
        let front = core::iter::repeat_n(asn, times);
        match self.segments.first_mut() {
            Some(first) if first.kind == SegmentKind::Sequence => {
                first.asns.splice(..0, front);
            }
            _ => {
                self.segments.splice(..0, Self::sequence(front).segments);
            }
        }
    }

    /// The length that route selection compares: sets count one,
    /// confederation segments nothing (RFC 4271 section 9.1.2.2).
    #[must_use]
    pub fn path_len(&self) -> usize {
        let segments = self.segments.iter();
        segments.map(|it| it.kind.counts(it.asns.len())).sum()
    }

    /// Whether a number needs four octets.
    pub(crate) fn needs_four_octets(&self) -> bool {
        let mut asns = self.segments.iter().flat_map(|it| &it.asns);
        asns.any(|asn| asn.get() > u32::from(u16::MAX))
    }

    /// Without confederation segments, as AS4_PATH has it (RFC 6793 section
    /// 4.2.2).
    pub(crate) fn without_confederation(&self) -> Self {
        let segments = self.segments.iter();
        Self {
            segments: segments
                .filter(|it| !it.kind.is_confederation())
                .cloned()
                .collect(),
        }
    }

    /// Octets [`Self::put`] appends.
    pub(crate) fn encoded_len(&self, width: AsWidth) -> Result<usize, EncodeError> {
        let mut total = 0;
        for segment in &self.segments {
            let members = segment.asns.len();
            if segment.kind.is_set() && members > SEGMENT_LIMIT {
                return Err(EncodeError::AsSetTooLarge(members));
            }
            total += members.div_ceil(SEGMENT_LIMIT) * 2 + members * width.octets();
        }
        Ok(total)
    }

    /// Appends the segments; a sequence of more than 255 becomes several.
    pub(crate) fn put(&self, buf: &mut BytesMut, width: AsWidth) {
        for segment in &self.segments {
            for chunk in segment.asns.chunks(SEGMENT_LIMIT) {
                buf.put_u8(segment.kind.octet());
                // Chunks are no longer than that.
                buf.put_u8(u8::try_from(chunk.len()).unwrap_or(u8::MAX));
                for asn in chunk {
                    match width {
                        AsWidth::Two => buf.put_u16(asn.two_octets()),
                        AsWidth::Four => buf.put_u32(asn.get()),
                    }
                }
            }
        }
    }
}

/// `64500 64501 {64502,64503} (65001 65002)`: sets in braces, confederation
/// segments in parentheses, a confederation set in both.
impl fmt::Display for AsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut segments = self.segments.iter().enumerate();
        segments.try_for_each(|(n, it)| fmt_segment(f, n, it.kind, it.asns.iter().copied()))
    }
}

/// The most members a segment's count can say.
pub(super) const SEGMENT_LIMIT: usize = 255;
