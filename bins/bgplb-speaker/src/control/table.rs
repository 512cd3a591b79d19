//! A table of any length as an HTTP body, made piece by piece as it is read.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde::Serialize;

/// Where a table's rows come from.
pub(crate) trait Rows: Unpin + Send + 'static {
    /// Writes the next few rows; `false` when there are no more.
    fn next(&mut self, lines: &mut Lines) -> bool;
}

/// A piece of a table, one row a line.
#[derive(Debug)]
pub(crate) struct Lines {
    out: Vec<u8>,
    /// Whether a row stands before the next one.
    follows: bool,
}

impl Lines {
    /// Appends a row.
    pub(crate) fn push(&mut self, row: &impl Serialize) {
        let before = self.out.len();
        let separator: &[u8] = if self.follows { b",\n" } else { b"\n" };
        self.out.extend_from_slice(separator);
        match serde_json::to_writer(&mut self.out, row) {
            Ok(()) => self.follows = true,
            // Rows are texts and numbers, which always can be written.
            Err(_) => self.out.truncate(before),
        }
    }
}

/// `{"version":1,"routes":[`, one row a line, `]}`.
#[derive(Debug)]
pub(crate) struct TableBody<R> {
    version: u32,
    rows: R,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Begin,
    /// Behind the head, and whether a row was written.
    Rows(bool),
    End,
}

impl<R: Rows> TableBody<R> {
    pub(crate) fn new(version: u32, rows: R) -> Self {
        Self {
            version,
            rows,
            place: Place::Begin,
        }
    }

    fn piece(&mut self) -> Vec<u8> {
        let mut lines = Lines {
            out: Vec::new(),
            follows: self.place == Place::Rows(true),
        };
        if self.place == Place::Begin {
            let head = format!("{{\"version\":{},\"routes\":[", self.version);
            lines.out.extend_from_slice(head.as_bytes());
        }
        if self.rows.next(&mut lines) {
            self.place = Place::Rows(lines.follows);
        } else {
            lines.out.extend_from_slice(b"\n]}\n");
            self.place = Place::End;
        }
        lines.out
    }
}

impl<R: Rows> Body for TableBody<R> {
    type Data = Bytes;
    type Error = Infallible;

    /// hyper asks again only when its buffer has room, so a reader that is
    /// slow holds no more of the table in memory than that.
    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.place == Place::End {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(this.piece().into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.place == Place::End
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(u32);

    impl Rows for Count {
        fn next(&mut self, lines: &mut Lines) -> bool {
            if self.0 > 0 {
                self.0 -= 1;
                lines.push(&self.0);
            }
            self.0 > 0
        }
    }

    fn written(rows: u32) -> String {
        let mut body = TableBody::new(1, Count(rows));
        let mut all = Vec::new();
        while !body.is_end_stream() {
            all.extend(body.piece());
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn every_row_has_a_line_and_the_whole_is_json() {
        for (rows, text) in [
            (0, "{\"version\":1,\"routes\":[\n]}\n"),
            (1, "{\"version\":1,\"routes\":[\n0\n]}\n"),
            (3, "{\"version\":1,\"routes\":[\n2,\n1,\n0\n]}\n"),
        ] {
            assert_eq!(written(rows), text);
            let read: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(read["routes"].as_array().unwrap().len(), rows as usize);
        }
    }
}
