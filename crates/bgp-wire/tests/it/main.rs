//! The codec from outside.
#![allow(missing_docs, clippy::unwrap_used)]

mod corpora;
mod front;
mod golden;
#[cfg(feature = "mrt")]
mod mrt;
mod reencode;
mod rfc6793;
mod rfc7606;
mod round_trip;
mod total;
mod tree;
mod tshark;

use bgp_wire::{AsWidth, DecodeContext, MaxMessageLen, RawMessage, SessionKind};
use bytes::BytesMut;

pub(crate) const EXTERNAL: DecodeContext = context(AsWidth::Four, SessionKind::External);
pub(crate) const INTERNAL: DecodeContext = context(AsWidth::Four, SessionKind::Internal);
pub(crate) const OLD: DecodeContext = context(AsWidth::Two, SessionKind::External);

pub(crate) const fn context(as_width: AsWidth, session: SessionKind) -> DecodeContext {
    DecodeContext::new(as_width, session)
}

/// Octets of hexadecimal digits; white space is for the reader.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
        .collect();
    assert!(digits.len().is_multiple_of(2), "an odd digit in {text}");
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// The only message in `octets`.
pub(crate) fn message(octets: &[u8]) -> RawMessage {
    let mut buf = BytesMut::from(octets);
    let message = RawMessage::split_from(&mut buf, MaxMessageLen::EXTENDED)
        .unwrap()
        .unwrap();
    assert!(buf.is_empty());
    message
}
