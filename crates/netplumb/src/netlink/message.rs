//! Messages and attributes: built with neli, read without copying.

use neli::consts::nl::NlmF;
use neli::consts::rtnl::{RtaType, Rtm};
use neli::nl::{NlPayload, NlmsghdrBuilder};
use neli::rtnl::{Rtattr, RtattrBuilder};
use neli::types::Buffer;
use neli::{Size, ToBytes};

use crate::error::Cause;

/// A request, whole but for its sequence number.
#[derive(Clone, Debug)]
pub(super) struct Request(Vec<u8>);

impl Request {
    /// A request with this header of the object's kind and its attributes.
    pub(super) fn new<P>(kind: Rtm, flags: NlmF, payload: P) -> Result<Self, Cause>
    where
        P: Size + ToBytes,
    {
        let header = NlmsghdrBuilder::default()
            .nl_type(kind)
            .nl_flags(NlmF::REQUEST | flags)
            .nl_payload(NlPayload::Payload(payload))
            .build()
            .map_err(|_| UNBUILDABLE)?;
        to_octets(&header).map(Self)
    }

    /// The same request, with an acknowledgement.
    pub(super) fn acknowledged(mut self) -> Self {
        if let Some(field) = self.0.get_mut(6..8) {
            add_flags(field, NlmF::ACK);
        }
        self
    }

    /// How many octets it takes in a datagram.
    pub(super) fn len(&self) -> usize {
        align(self.0.len())
    }

    /// Appends the octets to send under this sequence number, with these flags
    /// more.
    pub(super) fn write(&self, datagram: &mut Vec<u8>, seq: u32, flags: NlmF) {
        let begin = datagram.len();
        datagram.extend_from_slice(&self.0);
        datagram.resize(begin + self.len(), 0);
        if let Some(field) = datagram.get_mut(begin + 6..begin + 8) {
            add_flags(field, flags);
        }
        if let Some(field) = datagram.get_mut(begin + 8..begin + 12) {
            field.copy_from_slice(&seq.to_ne_bytes());
        }
    }
}

fn add_flags(field: &mut [u8], flags: NlmF) {
    let all = read_u16(field, 0).unwrap_or_default() | u16::from(flags);
    field.copy_from_slice(&all.to_ne_bytes());
}

/// Writes a request octet by octet, for the kinds that go by the thousands.
#[derive(Debug)]
pub(super) struct RequestWriter(Vec<u8>);

impl RequestWriter {
    /// A request with this header of the object's kind.
    pub(super) fn new(kind: Rtm, flags: NlmF, header: &[u8]) -> Self {
        let mut octets = Vec::with_capacity(ROUTE_REQUEST);
        octets.extend([0; 4]);
        octets.extend(u16::from(kind).to_ne_bytes());
        octets.extend(u16::from(NlmF::REQUEST | flags).to_ne_bytes());
        octets.extend([0; 8]);
        octets.extend(header);
        Self(octets)
    }

    /// Appends an attribute with these octets.
    pub(super) fn attr(&mut self, kind: u16, octets: &[u8]) -> Result<(), Cause> {
        write_attr(&mut self.0, kind, octets)
    }

    /// The request with what was written.
    pub(super) fn finish(mut self) -> Result<Request, Cause> {
        let len = u32::try_from(self.0.len()).map_err(|_| UNBUILDABLE)?;
        if let Some(field) = self.0.get_mut(..4) {
            field.copy_from_slice(&len.to_ne_bytes());
        }
        Ok(Request(self.0))
    }
}

/// Appends an attribute with these octets.
pub(super) fn write_attr(to: &mut Vec<u8>, kind: u16, octets: &[u8]) -> Result<(), Cause> {
    let len = octets.len().checked_add(4);
    let len = len
        .and_then(|len| u16::try_from(len).ok())
        .ok_or(TOO_LONG)?;
    to.extend(len.to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(octets);
    to.resize(align(to.len()), 0);
    Ok(())
}

/// The octets neli writes for a value.
pub(super) fn to_octets(value: &(impl Size + ToBytes)) -> Result<Vec<u8>, Cause> {
    let mut cursor = std::io::Cursor::new(Vec::with_capacity(value.padded_size()));
    value.to_bytes(&mut cursor).map_err(|_| UNBUILDABLE)?;
    Ok(cursor.into_inner())
}

/// An attribute with these octets.
pub(super) fn attr<T: RtaType>(kind: T, octets: &[u8]) -> Result<Rtattr<T, Buffer>, Cause> {
    if octets.len() > MAX_ATTR {
        return Err(TOO_LONG);
    }
    RtattrBuilder::default()
        .rta_type(kind)
        .rta_payload(octets)
        .build()
        .map_err(|_| UNBUILDABLE)
}

/// An attribute with a number in the host's octet order.
pub(super) fn attr_u32<T: RtaType>(kind: T, number: u32) -> Result<Rtattr<T, Buffer>, Cause> {
    attr(kind, &number.to_ne_bytes())
}

/// An attribute with a text, ended by a zero as the kernel wants it.
pub(super) fn attr_text<T: RtaType>(kind: T, text: &str) -> Result<Rtattr<T, Buffer>, Cause> {
    let mut octets = Vec::with_capacity(text.len() + 1);
    octets.extend_from_slice(text.as_bytes());
    octets.push(0);
    attr(kind, &octets)
}

/// An attribute that holds attributes.
pub(super) fn attr_nest<T: RtaType>(
    kind: T,
    inner: &[Rtattr<u16, Buffer>],
) -> Result<Rtattr<T, Buffer>, Cause> {
    let mut octets = Vec::new();
    for attr in inner {
        octets.extend_from_slice(&to_octets(attr)?);
    }
    attr(kind, &octets)
}

/// One message as it was received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) seq: u32,
    pub(super) pid: u32,
    pub(super) payload: &'a [u8],
}

/// The messages of one datagram. A malformed one is yielded as an error and
/// ends the walk.
pub(super) struct Frames<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, Cause>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let rest = std::mem::take(&mut self.0);
        let (Some(len), Some(kind), Some(flags), Some(seq), Some(pid)) = (
            read_u32(rest, 0),
            read_u16(rest, 4),
            read_u16(rest, 6),
            read_u32(rest, 8),
            read_u32(rest, 12),
        ) else {
            return Some(Err(Cause::Malformed("a message without a whole header")));
        };
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let Some(payload) = rest.get(HEADER..len) else {
            return Some(Err(Cause::Malformed("a message longer than its datagram")));
        };
        self.0 = rest.get(align(len)..).unwrap_or_default();
        Some(Ok(Frame {
            kind,
            flags,
            seq,
            pid,
            payload,
        }))
    }
}

/// The attributes in an object's payload, as number and octets. Ends at the
/// first that does not fit.
pub(super) struct Attrs<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Attrs<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.0);
        let len = usize::from(read_u16(rest, 0)?);
        let kind = read_u16(rest, 2)? & TYPE_MASK;
        let octets = rest.get(4..len)?;
        self.0 = rest.get(align(len)..).unwrap_or_default();
        Some((kind, octets))
    }
}

pub(super) fn read_u16(octets: &[u8], at: usize) -> Option<u16> {
    let octets = octets.get(at..at.checked_add(2)?)?;
    Some(u16::from_ne_bytes(octets.try_into().ok()?))
}

pub(super) fn read_u32(octets: &[u8], at: usize) -> Option<u32> {
    let octets = octets.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(octets.try_into().ok()?))
}

/// A text up to its final zero.
pub(super) fn read_text(octets: &[u8]) -> String {
    let octets = octets.split(|octet| *octet == 0).next().unwrap_or_default();
    String::from_utf8_lossy(octets).into_owned()
}

/// Lengths are rounded up to four octets (`NLMSG_ALIGN`, `RTA_ALIGN`).
pub(super) const fn align(len: usize) -> usize {
    len.saturating_add(3) & !3
}

/// Octets of `struct nlmsghdr`.
pub(super) const HEADER: usize = 16;

/// The two top bits of an attribute's number are flags (`NLA_TYPE_MASK`).
const TYPE_MASK: u16 = 0x3fff;

/// An attribute's length, four octets of header included, is 16 bits wide.
const MAX_ATTR: usize = u16::MAX as usize - 4;

/// What a route by one router takes.
const ROUTE_REQUEST: usize = 80;

const TOO_LONG: Cause = Cause::Misuse("more than fits into a netlink attribute");

/// What neli says when a field is missing or too long, which no caller causes.
pub(super) const UNBUILDABLE: Cause = Cause::Misuse("the request cannot be written as netlink");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Attrs, Frames, attr, attr_text, to_octets, write_attr};

    #[test]
    fn attributes_are_read_as_they_were_written() {
        let mut octets = to_octets(&attr_text(3_u16, "web").unwrap()).unwrap();
        octets.extend(to_octets(&attr(0x8012_u16, &[1, 2]).unwrap()).unwrap());
        let read: Vec<_> = Attrs(&octets).collect();
        assert_eq!(read, [(3, &b"web\0"[..]), (0x12, &[1, 2][..])]);
    }

    #[test]
    fn attributes_are_written_as_neli_writes_them() {
        for octets in [&[][..], &[1], &[1, 2, 3, 4], &[0; 65_531]] {
            let mut written = Vec::new();
            write_attr(&mut written, 7, octets).unwrap();
            assert_eq!(written, to_octets(&attr(7_u16, octets).unwrap()).unwrap());
        }
    }

    #[test]
    fn an_attribute_that_does_not_fit_is_refused() {
        assert!(attr(1_u16, &vec![0; 65_532]).is_err());
        assert!(write_attr(&mut Vec::new(), 1, &vec![0; 65_532]).is_err());
    }

    proptest! {
        #[test]
        fn reading_ends_on_any_octets(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Frames(&octets).count() <= octets.len());
            prop_assert!(Attrs(&octets).count() <= octets.len());
        }
    }
}
