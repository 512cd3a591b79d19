//! The event stream, cut into lines of bounded length.

use bytes::{Buf, Bytes, BytesMut};

use super::event::{Event, EventError};
use super::http::{DockerError, Exchange};
use super::squeeze::Squeeze;

/// An open answer to `GET /events`.
pub(crate) struct EventStream {
    exchange: Exchange,
    lines: Lines,
}

/// What the stream says next.
#[derive(Debug)]
pub(crate) enum Heard {
    /// An event of interest.
    Event(Event),
    /// Something that could not be understood and may have been an event.
    Garbled(String),
}

impl EventStream {
    pub(crate) fn new(exchange: Exchange) -> Self {
        Self {
            exchange,
            lines: Lines::new(MAX_LINE_LEN),
        }
    }

    /// Waits for the next thing of interest. Safe to cancel.
    ///
    /// # Errors
    ///
    /// [`DockerError`] when the stream ended; it stays ended.
    pub(crate) async fn next(&mut self) -> Result<Heard, DockerError> {
        loop {
            while let Some(line) = self.lines.next() {
                match line.map(|line| Event::parse(&line)) {
                    Ok(Ok(Some(event))) => return Ok(Heard::Event(event)),
                    Ok(Ok(None)) => {}
                    Ok(Err(error)) => return Ok(Heard::Garbled(garbled(&error))),
                    Err(TooLong) => {
                        return Ok(Heard::Garbled(format!(
                            "an event longer than {MAX_LINE_LEN} octets"
                        )));
                    }
                }
            }
            match self.exchange.frame().await? {
                Some(octets) => self.lines.push(&octets),
                None => return Err(DockerError::StreamEnded),
            }
        }
    }
}

fn garbled(error: &EventError) -> String {
    error.to_string()
}

/// Cuts octets into lines and forgets those that grow too long.
#[derive(Debug)]
struct Lines {
    squeeze: Squeeze,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
    /// Whether the rest of the current line is to be thrown away.
    skipping: bool,
    max: usize,
}

/// A line longer than the limit was thrown away.
#[derive(Debug, PartialEq, Eq)]
struct TooLong;

impl Lines {
    fn new(max: usize) -> Self {
        Self {
            squeeze: Squeeze::by_line(),
            buffer: BytesMut::new(),
            searched: 0,
            skipping: false,
            max,
        }
    }

    fn push(&mut self, octets: &[u8]) {
        self.squeeze.pass(octets, &mut self.buffer);
    }

    fn next(&mut self) -> Option<Result<Bytes, TooLong>> {
        let end = self.buffer[self.searched..]
            .iter()
            .position(|&octet| octet == b'\n');
        let Some(end) = end.map(|offset| self.searched + offset) else {
            self.searched = self.buffer.len();
            if self.searched <= self.max {
                return None;
            }
            self.buffer.clear();
            self.searched = 0;
            // Said once a line, when its end is known.
            self.skipping = true;
            return None;
        };
        let line = self.buffer.split_to(end).freeze();
        self.buffer.advance(1);
        self.searched = 0;
        if std::mem::take(&mut self.skipping) || line.len() > self.max {
            return Some(Err(TooLong));
        }
        Some(Ok(line))
    }
}

const MAX_LINE_LEN: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(lines: &mut Lines) -> Vec<Option<String>> {
        std::iter::from_fn(|| lines.next())
            .map(|line| {
                line.ok()
                    .map(|line| String::from_utf8(line.to_vec()).unwrap())
            })
            .collect()
    }

    #[test]
    fn lines_come_whole_however_the_octets_are_cut() {
        let text = b"one\ntwo\n\nthree\nunfinished";
        for size in 1..=text.len() {
            let mut lines = Lines::new(100);
            let mut seen = Vec::new();
            for piece in text.chunks(size) {
                lines.push(piece);
                seen.extend(collect(&mut lines).into_iter().map(Option::unwrap));
            }
            assert_eq!(seen, ["one", "two", "", "three"], "pieces of {size}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_reported_and_the_next_one_read() {
        for size in [1, 3, 64] {
            let mut lines = Lines::new(5);
            let mut seen = Vec::new();
            for piece in b"ok\nfar too long a line\nfine\n".chunks(size) {
                lines.push(piece);
                assert!(lines.buffer.len() <= 5 + 64);
                seen.extend(collect(&mut lines));
            }
            assert_eq!(seen, [Some("ok".to_owned()), None, Some("fine".to_owned())]);
        }
    }
}
