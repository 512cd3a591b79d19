//! NOTIFICATION: error codes, their names, and the shutdown communication.

use core::fmt;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::frame::{HEADER_LEN, MessageType, begin_message, finish_message};
use crate::number::MaxMessageLen;

/// An error code with its subcode (RFC 4271 section 6, IANA “BGP Error
/// Codes”). Any pair can be held, so that unknown ones survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotificationCode {
    /// The error code.
    pub code: u8,
    /// The subcode; 0 where none applies.
    pub subcode: u8,
}

/// Declares the known codes with their names in one place.
macro_rules! codes {
    ($($(#[$doc:meta])* $constant:ident = ($code:literal, $subcode:literal, $name:literal);)*) => {
        impl NotificationCode {
            $($(#[$doc])* pub const $constant: Self = Self { code: $code, subcode: $subcode };)*

            /// The subcode's name, if it is known.
            const fn subcode_name(self) -> Option<&'static str> {
                match (self.code, self.subcode) {
                    $(($code, $subcode) => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// The marker is not all ones (RFC 4271 section 6.1).
    HEADER_NOT_SYNCHRONIZED = (1, 1, "Connection Not Synchronized");
    /// The length does not fit the message (RFC 4271 section 6.1).
    HEADER_BAD_MESSAGE_LENGTH = (1, 2, "Bad Message Length");
    /// The type is not known (RFC 4271 section 6.1).
    HEADER_BAD_MESSAGE_TYPE = (1, 3, "Bad Message Type");
    /// The OPEN can't be read (RFC 4271 section 6.2).
    OPEN_UNSPECIFIC = (2, 0, "Unspecific");
    /// The version is not 4 (RFC 4271 section 6.2).
    OPEN_UNSUPPORTED_VERSION = (2, 1, "Unsupported Version Number");
    /// The AS is not the expected one (RFC 4271 section 6.2).
    OPEN_BAD_PEER_AS = (2, 2, "Bad Peer AS");
    /// The identifier is 0, or ours on an internal session (RFC 6286).
    OPEN_BAD_BGP_IDENTIFIER = (2, 3, "Bad BGP Identifier");
    /// An optional parameter is not known (RFC 4271 section 6.2).
    OPEN_UNSUPPORTED_OPTIONAL_PARAMETER = (2, 4, "Unsupported Optional Parameter");
    /// Authentication failed; deprecated, but some still say it (RFC 4271
    /// appendix A).
    OPEN_AUTHENTICATION_FAILURE = (2, 5, "Authentication Failure");
    /// The hold time is 1 or 2, or refused (RFC 4271 section 6.2).
    OPEN_UNACCEPTABLE_HOLD_TIME = (2, 6, "Unacceptable Hold Time");
    /// A capability we need is missing (RFC 5492 section 5).
    OPEN_UNSUPPORTED_CAPABILITY = (2, 7, "Unsupported Capability");
    /// The roles do not fit (RFC 9234 section 4.2).
    OPEN_ROLE_MISMATCH = (2, 11, "Role Mismatch");
    /// The attribute list can't be read (RFC 4271 section 6.3).
    UPDATE_MALFORMED_ATTRIBUTE_LIST = (3, 1, "Malformed Attribute List");
    /// A well-known attribute is not known (RFC 4271 section 6.3).
    UPDATE_UNRECOGNIZED_WELL_KNOWN = (3, 2, "Unrecognized Well-known Attribute");
    /// A mandatory attribute is missing (RFC 4271 section 6.3).
    UPDATE_MISSING_WELL_KNOWN = (3, 3, "Missing Well-known Attribute");
    /// An attribute's flags are wrong (RFC 4271 section 6.3).
    UPDATE_ATTRIBUTE_FLAGS = (3, 4, "Attribute Flags Error");
    /// An attribute's length is wrong (RFC 4271 section 6.3).
    UPDATE_ATTRIBUTE_LENGTH = (3, 5, "Attribute Length Error");
    /// ORIGIN has an undefined value (RFC 4271 section 6.3).
    UPDATE_INVALID_ORIGIN = (3, 6, "Invalid ORIGIN Attribute");
    /// NEXT_HOP is no host address (RFC 4271 section 6.3).
    UPDATE_INVALID_NEXT_HOP = (3, 8, "Invalid NEXT_HOP Attribute");
    /// An optional attribute is wrong (RFC 4271 section 6.3).
    UPDATE_OPTIONAL_ATTRIBUTE = (3, 9, "Optional Attribute Error");
    /// A prefix can't be read (RFC 4271 section 6.3).
    UPDATE_INVALID_NETWORK_FIELD = (3, 10, "Invalid Network Field");
    /// AS_PATH can't be read (RFC 4271 section 6.3).
    UPDATE_MALFORMED_AS_PATH = (3, 11, "Malformed AS_PATH");
    /// Nothing was heard for the hold time (RFC 4271 section 6.5).
    HOLD_TIMER_EXPIRED = (4, 0, "Unspecific");
    /// A message came in the wrong state (RFC 4271 section 6.6).
    FSM_UNSPECIFIC = (5, 0, "Unspecific");
    /// A message came that OpenSent does not take (RFC 6608).
    FSM_UNEXPECTED_IN_OPEN_SENT = (5, 1, "Unexpected Message in OpenSent State");
    /// A message came that OpenConfirm does not take (RFC 6608).
    FSM_UNEXPECTED_IN_OPEN_CONFIRM = (5, 2, "Unexpected Message in OpenConfirm State");
    /// A message came that Established does not take (RFC 6608).
    FSM_UNEXPECTED_IN_ESTABLISHED = (5, 3, "Unexpected Message in Established State");
    /// More prefixes than allowed (RFC 4486).
    CEASE_MAX_PREFIXES = (6, 1, "Maximum Number of Prefixes Reached");
    /// The operator, or the program's end, stops the session (RFC 4486).
    CEASE_ADMINISTRATIVE_SHUTDOWN = (6, 2, "Administrative Shutdown");
    /// The peer is not configured any more (RFC 4486).
    CEASE_PEER_DECONFIGURED = (6, 3, "Peer De-configured");
    /// The operator resets the session (RFC 4486).
    CEASE_ADMINISTRATIVE_RESET = (6, 4, "Administrative Reset");
    /// The connection is not wanted (RFC 4486).
    CEASE_CONNECTION_REJECTED = (6, 5, "Connection Rejected");
    /// Another setting changed (RFC 4486).
    CEASE_OTHER_CONFIGURATION_CHANGE = (6, 6, "Other Configuration Change");
    /// The other connection of a collision stays (RFC 4271 section 6.8).
    CEASE_CONNECTION_COLLISION = (6, 7, "Connection Collision Resolution");
    /// Out of memory or the like (RFC 4486).
    CEASE_OUT_OF_RESOURCES = (6, 8, "Out of Resources");
    /// End the session although restarts are graceful (RFC 8538).
    CEASE_HARD_RESET = (6, 9, "Hard Reset");
    /// BFD lost the peer (RFC 9384).
    CEASE_BFD_DOWN = (6, 10, "BFD Down");
    /// A ROUTE-REFRESH has a wrong length (RFC 7313 section 5).
    ROUTE_REFRESH_INVALID_LENGTH = (7, 1, "Invalid Message Length");
    /// The peer did not read for too long (RFC 9687).
    SEND_HOLD_TIMER_EXPIRED = (8, 0, "Unspecific");
}

impl NotificationCode {
    const fn code_name(self) -> Option<&'static str> {
        match self.code {
            1 => Some("Message Header Error"),
            2 => Some("OPEN Message Error"),
            3 => Some("UPDATE Message Error"),
            4 => Some("Hold Timer Expired"),
            5 => Some("Finite State Machine Error"),
            6 => Some("Cease"),
            7 => Some("ROUTE-REFRESH Message Error"),
            8 => Some("Send Hold Timer Expired"),
            _ => None,
        }
    }

    /// The section that says what the code means and when it is sent.
    #[must_use]
    pub const fn reference(self) -> &'static str {
        match (self.code, self.subcode) {
            (1, _) => "RFC 4271 section 6.1",
            (2, 3) => "RFC 6286 section 2.2",
            (2, 7) => "RFC 5492 section 5",
            (2, 11) => "RFC 9234 section 4.2",
            (2, _) => "RFC 4271 section 6.2",
            (3, _) => "RFC 4271 section 6.3",
            (4, _) => "RFC 4271 section 6.5",
            (5, 0) => "RFC 4271 section 6.6",
            (5, _) => "RFC 6608 section 3",
            (6, 1..=6 | 8) => "RFC 4486 section 3",
            (6, 7) => "RFC 4271 section 6.8",
            (6, 9) => "RFC 8538 section 3.1",
            (6, 10) => "RFC 9384 section 2",
            (6, _) => "RFC 4271 section 6.7",
            (7, _) => "RFC 7313 section 5",
            (8, _) => "RFC 9687 section 3.3",
            _ => "no RFC known here",
        }
    }

    /// Whether the data may hold a shutdown communication (RFC 9003).
    #[must_use]
    pub const fn carries_communication(self) -> bool {
        self.code == 6 && (self.subcode == 2 || self.subcode == 4)
    }
}

/// `Cease / Administrative Shutdown (6/2)`.
impl fmt::Display for NotificationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code_name() {
            Some(name) => f.write_str(name)?,
            None => f.write_str("Unknown Error")?,
        }
        match (self.subcode, self.subcode_name()) {
            (0, _) => {}
            (_, Some(name)) => write!(f, " / {name}")?,
            (_, None) => f.write_str(" / Unknown Subcode")?,
        }
        write!(f, " ({}/{})", self.code, self.subcode)
    }
}

/// A NOTIFICATION of our own making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// What went wrong.
    pub code: NotificationCode,
    /// What the code asks to be shown: an offending field, a text.
    pub data: Bytes,
}

/// The longest shutdown communication in octets of UTF-8 (RFC 9003).
const COMMUNICATION_LIMIT: usize = 255;

/// The data that fits a message of 4096 octets.
const DATA_LIMIT: usize = MaxMessageLen::STANDARD.get() - HEADER_LEN - 2;

impl Notification {
    /// The NOTIFICATION that a Hard Reset carries, which says why (RFC 8538
    /// section 3.1); `None` if this is no Hard Reset, or an empty one.
    #[must_use]
    pub fn inside_hard_reset(&self) -> Option<Self> {
        if self.code != NotificationCode::CEASE_HARD_RESET {
            return None;
        }
        let (&[code, subcode], _) = self.data.split_first_chunk::<2>()?;
        Some(Self {
            code: NotificationCode { code, subcode },
            data: self.data.slice(2..),
        })
    }

    /// Without data.
    #[must_use]
    pub const fn new(code: NotificationCode) -> Self {
        Self {
            code,
            data: Bytes::new(),
        }
    }

    /// With data; what does not fit a message of 4096 octets is cut off.
    #[must_use]
    pub fn with_data(code: NotificationCode, data: impl Into<Bytes>) -> Self {
        let mut data = data.into();
        data.truncate(DATA_LIMIT);
        Self { code, data }
    }

    /// With a shutdown communication (RFC 9003), cut at a character so that it
    /// fits 255 octets.
    #[must_use]
    pub fn with_shutdown_communication(code: NotificationCode, text: &str) -> Self {
        let (text, _) = text.split_at(text.floor_char_boundary(COMMUNICATION_LIMIT));
        let mut data = BytesMut::with_capacity(1 + text.len());
        // Cut to 255 octets above.
        data.put_u8(u8::try_from(text.len()).unwrap_or(u8::MAX));
        data.put_slice(text.as_bytes());
        Self::with_data(code, data.freeze())
    }

    /// The shutdown communication, if there is one and it is UTF-8.
    #[must_use]
    pub fn shutdown_communication(&self) -> Option<&str> {
        communication(self.code, &self.data)
    }

    /// Appends the whole message. Data that does not fit 4096 octets is cut
    /// off, for the peer may not take longer messages.
    pub fn encode(&self, buf: &mut BytesMut) {
        let start = begin_message(buf, MessageType::NOTIFICATION);
        buf.put_u8(self.code.code);
        buf.put_u8(self.code.subcode);
        buf.put_slice(self.data.get(..DATA_LIMIT).unwrap_or(&self.data));
        finish_message(buf, start);
    }
}

/// The code in words, and the communication if there is one.
impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(f, self.code, &self.data)
    }
}

/// A received NOTIFICATION (RFC 4271 section 4.5).
///
/// ```text
/// code (1) | subcode (1) | data (rest)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotificationView<'a> {
    code: NotificationCode,
    data: &'a [u8],
}

impl<'a> NotificationView<'a> {
    /// Framing has made sure of the two octets.
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let (&[code, subcode], data) = body.split_first_chunk::<2>()?;
        Some(Self {
            code: NotificationCode { code, subcode },
            data,
        })
    }

    /// What went wrong.
    #[must_use]
    pub const fn code(self) -> NotificationCode {
        self.code
    }

    /// What the code asks to be shown.
    #[must_use]
    pub const fn data(self) -> &'a [u8] {
        self.data
    }

    /// The shutdown communication, if there is one and it is UTF-8.
    #[must_use]
    pub fn shutdown_communication(self) -> Option<&'a str> {
        communication(self.code, self.data)
    }

    /// An owned copy.
    #[must_use]
    pub fn to_notification(self) -> Notification {
        Notification {
            code: self.code,
            data: Bytes::copy_from_slice(self.data),
        }
    }
}

impl fmt::Display for NotificationView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(f, self.code, self.data)
    }
}

fn communication(code: NotificationCode, data: &[u8]) -> Option<&str> {
    if !code.carries_communication() {
        return None;
    }
    let (&length, rest) = data.split_first()?;
    let text = rest.get(..usize::from(length))?;
    core::str::from_utf8(text)
        .ok()
        .filter(|text| !text.is_empty())
}

fn display(f: &mut fmt::Formatter<'_>, code: NotificationCode, data: &[u8]) -> fmt::Result {
    write!(f, "{code}")?;
    if let Some(text) = communication(code, data) {
        // A peer's text: control characters must not reach a terminal.
        write!(f, ": {}", text.escape_debug())
    } else if data.is_empty() {
        Ok(())
    } else {
        f.write_str(", data ")?;
        data.iter()
            .take(64)
            .try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{Notification, NotificationCode};
    use crate::{MaxMessageLen, MessageView, RawMessage};

    #[test]
    fn codes_are_printed_in_the_rfcs_words() {
        for (code, text) in [
            (
                NotificationCode::CEASE_ADMINISTRATIVE_SHUTDOWN,
                "Cease / Administrative Shutdown (6/2)",
            ),
            (
                NotificationCode::HOLD_TIMER_EXPIRED,
                "Hold Timer Expired (4/0)",
            ),
            (
                NotificationCode {
                    code: 6,
                    subcode: 99,
                },
                "Cease / Unknown Subcode (6/99)",
            ),
            (
                NotificationCode {
                    code: 77,
                    subcode: 0,
                },
                "Unknown Error (77/0)",
            ),
        ] {
            assert_eq!(code.to_string(), text);
        }
    }

    #[test]
    fn a_communication_survives_the_wire_and_is_cut_at_a_character() {
        let long = "é".repeat(200);
        let sent = Notification::with_shutdown_communication(
            NotificationCode::CEASE_ADMINISTRATIVE_SHUTDOWN,
            &long,
        );
        let mut buf = BytesMut::new();
        sent.encode(&mut buf);
        let message = RawMessage::split_from(&mut buf, MaxMessageLen::STANDARD)
            .unwrap()
            .unwrap();
        let Ok(MessageView::Notification(view)) = message.view() else {
            panic!("not a NOTIFICATION");
        };
        assert_eq!(
            view.shutdown_communication(),
            Some("é".repeat(127).as_str())
        );
        assert_eq!(view.to_notification(), sent);
    }

    #[test]
    fn a_hostile_communication_is_harmless_to_print() {
        for data in [&b"\x05ab"[..], b"\x02\xff\xff", b"\x00", b""] {
            let n = Notification::with_data(
                NotificationCode::CEASE_ADMINISTRATIVE_RESET,
                data.to_vec(),
            );
            assert_eq!(n.shutdown_communication(), None);
            assert!(!n.to_string().is_empty());
        }
        let n = Notification::with_shutdown_communication(
            NotificationCode::CEASE_ADMINISTRATIVE_RESET,
            "a\x1b[2Jb",
        );
        assert!(!n.to_string().contains('\x1b'));
    }
}
