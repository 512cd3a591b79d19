//! The segments of an AS_PATH: what they are, and each as it was received.

use core::fmt;
use core::iter::FusedIterator;

use crate::number::Asn;
use crate::reader::Reader;
use crate::update::AsWidth;

/// What a segment's members are (RFC 4271 section 4.3, RFC 5065 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentKind {
    /// ASes passed, in any order.
    Set,
    /// ASes passed, the last one first.
    Sequence,
    /// Members of the confederation passed, the last one first.
    ConfedSequence,
    /// Members of the confederation passed, in any order.
    ConfedSet,
}

impl SegmentKind {
    const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            1 => Some(Self::Set),
            2 => Some(Self::Sequence),
            3 => Some(Self::ConfedSequence),
            4 => Some(Self::ConfedSet),
            _ => None,
        }
    }

    pub(super) const fn octet(self) -> u8 {
        match self {
            Self::Set => 1,
            Self::Sequence => 2,
            Self::ConfedSequence => 3,
            Self::ConfedSet => 4,
        }
    }

    /// Whether it names members of a confederation, which never leave it.
    #[must_use]
    pub const fn is_confederation(self) -> bool {
        matches!(self, Self::ConfedSequence | Self::ConfedSet)
    }

    pub(super) const fn is_set(self) -> bool {
        matches!(self, Self::Set | Self::ConfedSet)
    }

    /// What a segment of `members` counts in a path's length (RFC 4271
    /// section 9.1.2.2, RFC 5065 section 5.3).
    pub(super) const fn counts(self, members: usize) -> usize {
        match self {
            Self::Sequence => members,
            Self::Set => 1,
            Self::ConfedSequence | Self::ConfedSet => 0,
        }
    }
}

/// One segment of a received AS_PATH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsPathSegmentView<'a> {
    pub(super) kind: SegmentKind,
    pub(super) octets: &'a [u8],
    pub(super) width: AsWidth,
    /// Whether it goes on where a sequence of AS_PATH was cut.
    pub(super) continues: bool,
}

impl<'a> AsPathSegmentView<'a> {
    /// What the members are.
    #[must_use]
    pub const fn kind(self) -> SegmentKind {
        self.kind
    }

    /// The members in their order.
    #[must_use]
    pub const fn asns(self) -> AsnIter<'a> {
        AsnIter {
            reader: Reader::new(self.octets),
            width: self.width,
        }
    }

    pub(super) const fn count(self) -> usize {
        self.octets.len() / self.width.octets()
    }

    pub(super) fn has_zero(self) -> bool {
        match self.width {
            AsWidth::Two => has_zero_of_two(self.octets),
            AsWidth::Four => self.octets.as_chunks().0.contains(&[0; 4]),
        }
    }

    pub(super) const fn path_len(self) -> usize {
        self.kind.counts(self.count())
    }
}

/// Whether one of the numbers of two octets is 0. Four of them at once, for
/// the paths' lengths can't be foretold and every turn of a loop is a guess.
fn has_zero_of_two(octets: &[u8]) -> bool {
    let (fours, rest) = octets.as_chunks::<8>();
    let any = |octets: &[u8; 8]| {
        let numbers = u64::from_ne_bytes(*octets);
        // Only from 0 does taking 1 set a bit that was not set before, and
        // from what comes behind one that borrowed.
        numbers.wrapping_sub(0x0001_0001_0001_0001) & !numbers & 0x8000_8000_8000_8000 != 0
    };
    match octets.last_chunk() {
        Some(last) => any(last) || fours.iter().any(any),
        None => rest.as_chunks().0.contains(&[0; 2]),
    }
}

/// The segments of one attribute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segments<'a> {
    reader: Reader<'a>,
    width: AsWidth,
}

impl<'a> Segments<'a> {
    pub(super) const fn new(octets: &'a [u8], width: AsWidth) -> Self {
        Self {
            reader: Reader::new(octets),
            width,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }

    #[inline]
    pub(super) fn read(&mut self) -> Option<AsPathSegmentView<'a>> {
        let [kind, count] = self.reader.array()?;
        let octets = self.reader.take(usize::from(count) * self.width.octets())?;
        Some(AsPathSegmentView {
            kind: SegmentKind::from_octet(kind)?,
            octets,
            width: self.width,
            continues: false,
        })
    }
}

/// The members of an [`AsPathSegmentView`].
#[derive(Clone, Copy, Debug)]
pub struct AsnIter<'a> {
    reader: Reader<'a>,
    width: AsWidth,
}

impl Iterator for AsnIter<'_> {
    type Item = Asn;

    #[inline]
    fn next(&mut self) -> Option<Asn> {
        match self.width {
            AsWidth::Two => self.reader.u16().map(|asn| Asn::new(u32::from(asn))),
            AsWidth::Four => self.reader.u32().map(Asn::new),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.reader.rest().len() / self.width.octets();
        (count, Some(count))
    }

    /// Asks for the width once only.
    #[inline]
    fn fold<B, F: FnMut(B, Asn) -> B>(self, init: B, mut f: F) -> B {
        let octets = self.reader.rest();
        match self.width {
            AsWidth::Two => octets.as_chunks().0.iter().fold(init, |all, asn| {
                f(all, Asn::new(u32::from(u16::from_be_bytes(*asn))))
            }),
            AsWidth::Four => octets
                .as_chunks()
                .0
                .iter()
                .fold(init, |all, asn| f(all, Asn::new(u32::from_be_bytes(*asn)))),
        }
    }
}

impl FusedIterator for AsnIter<'_> {}

/// Writes a segment as whole paths print theirs; `position` is its place in the path.
pub(super) fn fmt_segment(
    f: &mut fmt::Formatter<'_>,
    position: usize,
    kind: SegmentKind,
    asns: impl Iterator<Item = Asn>,
) -> fmt::Result {
    let (open, separator, close) = match kind {
        SegmentKind::Sequence => ("", " ", ""),
        SegmentKind::Set => ("{", ",", "}"),
        SegmentKind::ConfedSequence => ("(", " ", ")"),
        SegmentKind::ConfedSet => ("({", ",", "})"),
    };
    if position > 0 {
        f.write_str(" ")?;
    }
    f.write_str(open)?;
    for (n, asn) in asns.enumerate() {
        if n > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{asn}")?;
    }
    f.write_str(close)
}
