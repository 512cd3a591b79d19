//! Messages cut out of an octet stream: marker, length, type.

use core::fmt;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::error::{DecodeError, DecodeErrorKind};
use crate::notification::NotificationView;
use crate::number::MaxMessageLen;
use crate::open::OpenView;
use crate::reader::Reader;
use crate::route_refresh::RouteRefreshView;
use crate::update::UpdateView;

/// Octets of the header before every message's body (RFC 4271 section 4.1).
pub const HEADER_LEN: usize = 19;

const MARKER: [u8; 16] = [0xff; 16];

/// A message type (IANA “BGP Message Types”).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(pub u8);

impl MessageType {
    /// OPEN (RFC 4271 section 4.2).
    pub const OPEN: Self = Self(1);
    /// UPDATE (RFC 4271 section 4.3).
    pub const UPDATE: Self = Self(2);
    /// NOTIFICATION (RFC 4271 section 4.5).
    pub const NOTIFICATION: Self = Self(3);
    /// KEEPALIVE (RFC 4271 section 4.4).
    pub const KEEPALIVE: Self = Self(4);
    /// ROUTE-REFRESH (RFC 2918).
    pub const ROUTE_REFRESH: Self = Self(5);
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::OPEN => f.write_str("OPEN"),
            Self::UPDATE => f.write_str("UPDATE"),
            Self::NOTIFICATION => f.write_str("NOTIFICATION"),
            Self::KEEPALIVE => f.write_str("KEEPALIVE"),
            Self::ROUTE_REFRESH => f.write_str("ROUTE-REFRESH"),
            Self(other) => write!(f, "message type {other}"),
        }
    }
}

/// One whole message, owned and reference-counted.
///
/// ```text
/// marker (16 × 0xff) | length (2, all of it) | type (1) | body
/// ```
///
/// It shares the buffer it was split from, so whoever keeps something of it
/// for long copies that out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawMessage {
    octets: Bytes,
    message_type: MessageType,
}

impl RawMessage {
    /// Splits the next whole message off the front of `buf`. `None` asks for
    /// more octets; what is there stays.
    ///
    /// # Errors
    ///
    /// What RFC 4271 section 6.1 calls a message header error. The stream
    /// can't be read on after it.
    pub fn split_from(buf: &mut BytesMut, max: MaxMessageLen) -> Result<Option<Self>, DecodeError> {
        let Some((length, message_type)) = read_header(buf, max)? else {
            return Ok(None);
        };
        if buf.len() < length {
            return Ok(None);
        }
        Ok(Some(Self {
            octets: buf.split_to(length).freeze(),
            message_type,
        }))
    }

    /// The type in the header; one of the five of this crate.
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        self.message_type
    }

    /// All octets, header included.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The octets behind the header.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.octets.get(HEADER_LEN..).unwrap_or_default()
    }

    /// Looks at the body.
    ///
    /// # Errors
    ///
    /// The body can't be read at all. Faults of single attributes of an UPDATE
    /// are not errors here; [`UpdateView::judge`] finds them.
    pub fn view(&self) -> Result<MessageView<'_>, DecodeError> {
        MessageView::parse(self.message_type, self.body())
    }
}

/// A message seen through its octets.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum MessageView<'a> {
    /// OPEN.
    Open(OpenView<'a>),
    /// UPDATE.
    Update(UpdateView<'a>),
    /// NOTIFICATION.
    Notification(NotificationView<'a>),
    /// KEEPALIVE, which has no body.
    Keepalive,
    /// ROUTE-REFRESH.
    RouteRefresh(RouteRefreshView<'a>),
}

impl<'a> MessageView<'a> {
    /// Looks at the next message in `octets` and moves behind it. `None` asks
    /// for more octets. It is [`RawMessage::split_from`] and
    /// [`RawMessage::view`] for octets that stay where they are.
    ///
    /// # Errors
    ///
    /// Those of the two. After an error of the header the stream can't be read
    /// on, and `octets` are as they were.
    #[inline(always)]
    pub fn split_from(
        octets: &mut &'a [u8],
        max: MaxMessageLen,
    ) -> Result<Option<Self>, DecodeError> {
        let Some((length, message_type)) = read_header(octets, max)? else {
            return Ok(None);
        };
        let Some((message, rest)) = octets.split_at_checked(length) else {
            return Ok(None);
        };
        *octets = rest;
        let body = message.get(HEADER_LEN..).unwrap_or_default();
        Ok(Some(Self::parse(message_type, body)?))
    }

    #[inline(always)]
    fn parse(message_type: MessageType, body: &'a [u8]) -> Result<Self, DecodeError> {
        // What comes by the million is worth not being a call.
        Ok(match message_type {
            MessageType::UPDATE => Self::Update(UpdateView::parse(body)?),
            other => Self::parse_rare(other, body)?,
        })
    }

    #[inline(never)]
    fn parse_rare(message_type: MessageType, body: &'a [u8]) -> Result<Self, DecodeError> {
        match message_type {
            MessageType::OPEN => OpenView::parse(body).map(Self::Open),
            MessageType::UPDATE => UpdateView::parse(body).map(Self::Update),
            MessageType::NOTIFICATION => NotificationView::parse(body)
                .map(Self::Notification)
                .ok_or_else(|| {
                    // No longer than the 65535 of the header.
                    let length = u16::try_from(HEADER_LEN + body.len()).unwrap_or(u16::MAX);
                    DecodeErrorKind::BadMessageLength(length).into()
                }),
            MessageType::KEEPALIVE => Ok(Self::Keepalive),
            MessageType::ROUTE_REFRESH => RouteRefreshView::parse(body).map(Self::RouteRefresh),
            MessageType(other) => Err(DecodeErrorKind::BadMessageType(other).into()),
        }
    }
}

/// Appends a KEEPALIVE.
pub fn encode_keepalive(buf: &mut BytesMut) {
    let start = begin_message(buf, MessageType::KEEPALIVE);
    finish_message(buf, start);
}

/// Appends a header whose length is filled in by [`finish_message`].
pub(crate) fn begin_message(buf: &mut BytesMut, message_type: MessageType) -> usize {
    let start = buf.len();
    buf.put_slice(&MARKER);
    buf.put_u16(0);
    buf.put_u8(message_type.0);
    start
}

/// Fills the length in and returns it.
pub(crate) fn finish_message(buf: &mut BytesMut, start: usize) -> usize {
    let length = buf.len() - start;
    // Every encoder bounds what it writes by 65535 octets.
    let field = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    if let Some(place) = buf.get_mut(start + 16..start + 18) {
        place.copy_from_slice(&field);
    }
    length
}

/// The length and type that the header in front of `octets` tells, if it is all
/// there; the rest of the message need not be.
#[inline(always)]
fn read_header(
    octets: &[u8],
    max: MaxMessageLen,
) -> Result<Option<(usize, MessageType)>, DecodeError> {
    let mut reader = Reader::new(octets);
    let (Some(marker), Some(length), Some(message_type)) =
        (reader.array(), reader.u16(), reader.u8())
    else {
        return read_short_header(octets);
    };
    // As a number, for a comparison of slices is a call.
    if u128::from_ne_bytes(marker) != u128::MAX {
        return Err(DecodeErrorKind::NotSynchronized.into());
    }
    let message_type = MessageType(message_type);
    check_length(length, message_type, max)?;
    Ok(Some((usize::from(length), message_type)))
}

/// A header that is not all there: a wrong marker is an error at its first
/// wrong octet.
#[cold]
fn read_short_header<T>(octets: &[u8]) -> Result<Option<T>, DecodeError> {
    if octets.iter().take(MARKER.len()).all(|octet| *octet == 0xff) {
        Ok(None)
    } else {
        Err(DecodeErrorKind::NotSynchronized.into())
    }
}

/// The lengths RFC 4271 section 6.1 allows, and RFC 8654 for all but OPEN and
/// KEEPALIVE.
fn check_length(
    length: u16,
    message_type: MessageType,
    max: MaxMessageLen,
) -> Result<(), DecodeError> {
    let standard = MaxMessageLen::STANDARD.get();
    let (least, most) = match message_type {
        MessageType::UPDATE => (23, max.get()),
        MessageType::OPEN => (29, standard),
        MessageType::NOTIFICATION => (21, max.get()),
        MessageType::KEEPALIVE => (HEADER_LEN, HEADER_LEN),
        MessageType::ROUTE_REFRESH => (HEADER_LEN, max.get()),
        // The length is looked at first, so that the data shows the worse.
        MessageType(other) => {
            let in_range = (HEADER_LEN..=max.get()).contains(&usize::from(length));
            return Err(if in_range {
                DecodeErrorKind::BadMessageType(other).into()
            } else {
                DecodeErrorKind::BadMessageLength(length).into()
            });
        }
    };
    if (least..=most).contains(&usize::from(length)) {
        Ok(())
    } else {
        Err(DecodeErrorKind::BadMessageLength(length).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DecodeErrorKind as Kind;

    fn header(length: u16, message_type: u8) -> BytesMut {
        let mut buf = BytesMut::from(&MARKER[..]);
        buf.put_u16(length);
        buf.put_u8(message_type);
        buf
    }

    fn split(mut buf: BytesMut, max: MaxMessageLen) -> Result<Option<RawMessage>, Kind> {
        RawMessage::split_from(&mut buf, max).map_err(|error| error.kind())
    }

    #[test]
    fn lengths_are_bounded_by_type() {
        let (standard, extended) = (MaxMessageLen::STANDARD, MaxMessageLen::EXTENDED);
        for (message_type, length, max) in [
            (1, 28, standard),
            (1, 4097, extended),
            (2, 22, standard),
            (2, 4097, standard),
            (3, 20, standard),
            (4, 18, standard),
            (4, 20, extended),
            (5, 18, standard),
            (9, 18, standard),
            (9, 4097, standard),
        ] {
            let error = Err(Kind::BadMessageLength(length));
            assert_eq!(split(header(length, message_type), max), error);
        }
        // As long as may be: more octets are waited for.
        for (message_type, length, max) in [
            (1, 4096, extended),
            (2, 65535, extended),
            (2, 4096, standard),
            (3, 4096, standard),
        ] {
            assert_eq!(split(header(length, message_type), max), Ok(None));
        }
    }

    #[test]
    fn an_unknown_type_is_told_before_its_body_is_here() {
        let error = split(header(100, 9), MaxMessageLen::STANDARD);
        assert_eq!(error, Err(Kind::BadMessageType(9)));
    }

    #[test]
    fn a_wrong_marker_is_told_at_its_first_wrong_octet() {
        let max = MaxMessageLen::STANDARD;
        assert_eq!(split(BytesMut::new(), max), Ok(None));
        assert_eq!(split(BytesMut::from(&MARKER[..]), max), Ok(None));
        let octets = BytesMut::from(&b"\xff\xff\x00"[..]);
        assert_eq!(split(octets, max), Err(Kind::NotSynchronized));
        let mut whole = header(19, 4);
        whole[15] = 0xfe;
        assert_eq!(split(whole, max), Err(Kind::NotSynchronized));
    }

    #[test]
    fn header_errors_are_notified_with_the_field() {
        for (kind, text) in [
            (
                Kind::BadMessageLength(4097),
                "Message Header Error / Bad Message Length (1/2), data 1001",
            ),
            (
                Kind::BadMessageType(9),
                "Message Header Error / Bad Message Type (1/3), data 09",
            ),
            (
                Kind::NotSynchronized,
                "Message Header Error / Connection Not Synchronized (1/1)",
            ),
        ] {
            assert_eq!(DecodeError::from(kind).notification().to_string(), text);
        }
    }

    #[test]
    fn what_follows_a_message_stays_in_the_buffer() {
        let mut buf = BytesMut::new();
        encode_keepalive(&mut buf);
        buf.put_u8(0xff);
        let message = RawMessage::split_from(&mut buf, MaxMessageLen::STANDARD)
            .unwrap()
            .unwrap();
        assert_eq!(message.octets(), [&MARKER[..], &[0, 19, 4]].concat());
        assert!(matches!(message.view(), Ok(MessageView::Keepalive)));
        assert_eq!(buf, b"\xff"[..]);
    }

    #[test]
    fn borrowed_octets_are_split_as_owned_ones_are() {
        let mut buf = BytesMut::new();
        encode_keepalive(&mut buf);
        encode_keepalive(&mut buf);
        let mut octets = &buf[..HEADER_LEN + 18];
        let mut next = || MessageView::split_from(&mut octets, MaxMessageLen::STANDARD);
        assert!(matches!(next(), Ok(Some(MessageView::Keepalive))));
        assert!(matches!(next(), Ok(None)));
        assert_eq!(octets.len(), 18);
        let octets = [0xfe; 18];
        let mut wrong = &octets[..];
        let error = MessageView::split_from(&mut wrong, MaxMessageLen::STANDARD);
        assert_eq!(error.unwrap_err().kind(), Kind::NotSynchronized);
        assert_eq!(wrong.len(), 18);
    }

    #[test]
    fn errors_are_small() {
        assert!(size_of::<DecodeError>() <= 24);
    }
}
