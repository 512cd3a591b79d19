//! AS_PATH, borrowed and owned.

mod owned;
mod segment;

use core::fmt;

use self::owned::SEGMENT_LIMIT;
pub use self::owned::{AsPath, AsPathSegment};
pub use self::segment::{AsPathSegmentView, AsnIter, SegmentKind};
use self::segment::{Segments, fmt_segment};
use crate::error::DecodeErrorKind;
use crate::number::Asn;
use crate::update::{AsWidth, SessionKind};

/// A received AS_PATH. Its segments were checked when it was made.
///
/// ```text
/// { kind (1) | count (1) | count × AS (2 or 4) } …
/// ```
///
/// From a speaker of two octets it may be merged with AS4_PATH (RFC 6793
/// section 4.2.3): then it reads as the front of the one followed by all of
/// the other, without a copy of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsPathView<'a> {
    octets: &'a [u8],
    width: AsWidth,
    merged: Option<Merged<'a>>,
}

/// What AS4_PATH does to an AS_PATH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Merged<'a> {
    /// How much of AS_PATH comes first, counted as [`AsPathView::path_len`]
    /// does.
    front: usize,
    /// The segments of AS4_PATH.
    octets: &'a [u8],
}

impl<'a> AsPathView<'a> {
    /// A path whose octets [`Self::check`] has let pass.
    pub(crate) const fn checked(octets: &'a [u8], width: AsWidth) -> Self {
        Self {
            octets,
            width,
            merged: None,
        }
    }

    /// Checks the segments (RFC 7606 section 7.2), that no AS is 0 (RFC 7607),
    /// and that a path of another AS has no segments of our confederation, for
    /// this crate knows of none (RFC 5065 section 5).
    // It yields no path, for the whole of one would have to be copied.
    #[inline]
    pub(crate) fn check(
        octets: &[u8],
        width: AsWidth,
        session: SessionKind,
    ) -> Result<(), DecodeErrorKind> {
        let mut segments = Segments::new(octets, width);
        while !segments.is_empty() {
            let Some(segment) = segments.read().filter(|it| it.count() > 0) else {
                return Err(DecodeErrorKind::MalformedAsPath);
            };
            if segment.has_zero() {
                return Err(DecodeErrorKind::ZeroAsn(crate::AttributeCode::AS_PATH));
            }
            if segment.kind.is_confederation() && session == SessionKind::External {
                return Err(DecodeErrorKind::MalformedAsPath);
            }
        }
        Ok(())
    }

    /// Puts what AS4_PATH says behind what only AS_PATH knows (RFC 6793
    /// section 4.2.3). An AS4_PATH longer than AS_PATH is not believed.
    pub(crate) fn merge(self, four: Self) -> Self {
        let merged = self
            .path_len()
            .checked_sub(four.path_len())
            .map(|front| Merged {
                front,
                octets: four.octets,
            });
        Self { merged, ..self }
    }

    /// The segments in their order.
    #[must_use]
    pub const fn segments(self) -> SegmentIter<'a> {
        SegmentIter {
            segments: Segments::new(self.octets, self.width),
            part: match self.merged {
                None => Part::Whole,
                Some(merged) => Part::Front(merged),
            },
        }
    }

    /// All AS numbers in their order, of whatever segment.
    pub fn asns(self) -> impl Iterator<Item = Asn> + 'a {
        self.segments().flat_map(AsPathSegmentView::asns)
    }

    /// Whether there is no segment, as for routes of one's own AS.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.octets.is_empty()
    }

    /// The length that route selection compares: sets count one,
    /// confederation segments nothing (RFC 4271 section 9.1.2.2).
    #[must_use]
    pub fn path_len(self) -> usize {
        self.segments().map(AsPathSegmentView::path_len).sum()
    }

    /// Whether `asn` occurs, which is a loop if it is one's own.
    #[must_use]
    pub fn contains(self, asn: Asn) -> bool {
        self.asns().any(|it| it == asn)
    }

    /// The neighbouring AS: the first of a leading sequence.
    #[must_use]
    pub fn first(self) -> Option<Asn> {
        let segment = self.segments().next()?;
        (segment.kind == SegmentKind::Sequence)
            .then(|| segment.asns().next())
            .flatten()
    }

    /// An owned copy. A sequence that two attributes make up together becomes
    /// one.
    #[must_use]
    pub fn to_as_path(self) -> AsPath {
        let mut path = AsPath::empty();
        for segment in self.segments() {
            match path.segments.last_mut() {
                // Beyond the limit they would part again when written.
                Some(last)
                    if segment.continues && last.asns.len() + segment.count() <= SEGMENT_LIMIT =>
                {
                    last.asns.extend(segment.asns());
                }
                _ => path.segments.push(AsPathSegment {
                    kind: segment.kind,
                    asns: segment.asns().collect(),
                }),
            }
        }
        path
    }
}

/// As [`AsPath`] prints itself.
impl fmt::Display for AsPathView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments()
            .enumerate()
            .try_for_each(|(n, it)| fmt_segment(f, n, it.kind, it.asns()))
    }
}

/// The segments of an [`AsPathView`].
#[derive(Clone, Copy, Debug)]
pub struct SegmentIter<'a> {
    segments: Segments<'a>,
    part: Part<'a>,
}

/// What a [`SegmentIter`] is reading.
#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    /// All of AS_PATH.
    Whole,
    /// The front of AS_PATH.
    Front(Merged<'a>),
    /// AS4_PATH, and whether a sequence of AS_PATH was cut before it.
    Four { cut: bool },
}

impl<'a> SegmentIter<'a> {
    fn front(&mut self, merged: Merged<'a>) -> Option<AsPathSegmentView<'a>> {
        let segment = self.segments.read();
        // Confederation segments count nothing; those next to the front still
        // belong to it (RFC 6793 section 4.2.3).
        let wanted = segment.filter(|it| it.kind.is_confederation() || merged.front > 0);
        let Some(segment) = wanted else {
            self.segments = Segments::new(merged.octets, AsWidth::Four);
            return self.four(false);
        };
        if let Some(front) = merged.front.checked_sub(segment.path_len()) {
            self.part = Part::Front(Merged { front, ..merged });
            return Some(segment);
        }
        // Only a sequence counts more than one and can be cut.
        self.segments = Segments::new(merged.octets, AsWidth::Four);
        self.part = Part::Four { cut: true };
        let octets = segment
            .octets
            .get(..merged.front * segment.width.octets())?;
        Some(AsPathSegmentView { octets, ..segment })
    }

    fn four(&mut self, cut: bool) -> Option<AsPathSegmentView<'a>> {
        self.part = Part::Four { cut: false };
        loop {
            let segment = self.segments.read()?;
            // Those have no place there and are left out (RFC 6793 section 6).
            if !segment.kind.is_confederation() {
                return Some(AsPathSegmentView {
                    continues: cut && segment.kind == SegmentKind::Sequence,
                    ..segment
                });
            }
        }
    }
}

impl<'a> Iterator for SegmentIter<'a> {
    type Item = AsPathSegmentView<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.part {
            Part::Whole => self.segments.read(),
            Part::Front(merged) => self.front(merged),
            Part::Four { cut } => self.four(cut),
        }
    }
}
