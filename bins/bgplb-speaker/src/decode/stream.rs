//! A stream of messages, some of which may be missing or broken.

use std::fmt;
use std::io::Write;

use bgp_wire::{DecodeContext, DecodeError, MaxMessageLen, MessageView, RawMessage};
use bytes::{Buf as _, BytesMut};

use super::Failure;
use super::report::Report;

/// The octets of one direction that make no whole message yet.
#[derive(Debug, Default)]
pub(super) struct Stream {
    buf: BytesMut,
    /// Octets passed over in search of the next marker.
    skipped: u64,
}

impl Stream {
    /// Appends octets. [`Self::print`] follows, so that no more than a message
    /// and one piece are ever kept.
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.buf.extend_from_slice(octets);
    }

    /// Prints what is whole. `see` is shown each message and tells how to read
    /// it.
    pub(super) fn print(
        &mut self,
        report: &mut Report<impl Write>,
        head: impl fmt::Display,
        mut see: impl FnMut(&MessageView<'_>) -> DecodeContext,
    ) -> Result<(), Failure> {
        loop {
            match RawMessage::split_from(&mut self.buf, MaxMessageLen::EXTENDED) {
                Ok(Some(raw)) => {
                    self.tell_skipped(report, &head)?;
                    match raw.view() {
                        Ok(view) => report.message(&head, see(&view), view)?,
                        Err(error) => unreadable(report, &head, &raw, error)?,
                    }
                }
                Ok(None) => return Ok(()),
                Err(_) if self.skipped > 0 => self.skip(),
                Err(error) => {
                    report.unreadable_line(&head, error)?;
                    self.skip();
                }
            }
        }
    }

    /// Tells of what is left behind the last message.
    pub(super) fn end(
        &mut self,
        report: &mut Report<impl Write>,
        head: impl fmt::Display,
    ) -> Result<(), Failure> {
        self.tell_skipped(report, &head)?;
        let left = self.buf.len();
        self.buf.clear();
        if left == 0 {
            return Ok(());
        }
        report.unreadable_line(
            head,
            format_args!("octets that are no whole message: {left}"),
        )
    }

    /// Tells of octets that are not there.
    pub(super) fn gap(
        &mut self,
        report: &mut Report<impl Write>,
        head: impl fmt::Display,
        missing: u32,
    ) -> Result<(), Failure> {
        self.end(report, &head)?;
        report.unreadable_line(head, format_args!("octets missing: {missing}"))
    }

    /// Goes on at the next octet where a marker may begin.
    fn skip(&mut self) {
        let rest = self.buf.get(1..).unwrap_or_default();
        let next = rest.windows(MARKER.len()).position(|it| it == MARKER);
        // The end may hold the beginning of a marker.
        let ones = rest.iter().rev().take_while(|it| **it == 0xff).count();
        let end = rest.len() - ones.min(MARKER.len() - 1);
        let count = 1 + next.unwrap_or(end);
        self.skipped += count as u64;
        self.buf.advance(count);
    }

    fn tell_skipped(
        &mut self,
        report: &mut Report<impl Write>,
        head: impl fmt::Display,
    ) -> Result<(), Failure> {
        match std::mem::take(&mut self.skipped) {
            0 => Ok(()),
            skipped => report.line(head, format_args!("<octets skipped: {skipped}>")),
        }
    }
}

fn unreadable(
    report: &mut Report<impl Write>,
    head: impl fmt::Display,
    raw: &RawMessage,
    error: DecodeError,
) -> Result<(), Failure> {
    let (kind, length) = (raw.message_type(), raw.octets().len());
    report.unreadable_line(head, format_args!("{kind} of {length} octets: {error}"))
}

const MARKER: [u8; 16] = [0xff; 16];
