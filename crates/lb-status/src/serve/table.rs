//! A table of any length as an HTTP body, made piece by piece as it is read.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame};

use super::{Gone, Rows};
use crate::model::VERSION;

/// `{"version":1,"routes":[`, one row a line, `]}`.
pub(super) struct TableBody<R> {
    /// What is to be written next; `None` behind the end.
    next: Option<Piece<R>>,
}

/// The rows, given back with what was made of the next few.
type Piece<R> = Pin<Box<dyn Future<Output = Result<(Vec<u8>, Option<Writer<R>>), Gone>> + Send>>;

struct Writer<R> {
    name: &'static str,
    rows: R,
    /// How many pieces and rows were written.
    begun: bool,
    follows: bool,
}

impl<R: Rows> TableBody<R> {
    /// `name` is that of the member with the rows.
    pub(super) fn new(name: &'static str, rows: R) -> Self {
        let writer = Writer {
            name,
            rows,
            begun: false,
            follows: false,
        };
        Self {
            next: Some(Box::pin(writer.piece())),
        }
    }
}

impl<R: Rows> Writer<R> {
    async fn piece(mut self) -> Result<(Vec<u8>, Option<Self>), Gone> {
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.begun, true) {
            let head = format!("{{\"version\":{VERSION},\"{}\":[", self.name);
            out.extend_from_slice(head.as_bytes());
        }
        let Some(rows) = self.rows.next().await? else {
            out.extend_from_slice(b"\n]}\n");
            return Ok((out, None));
        };
        for row in rows {
            let before = out.len();
            let separator: &[u8] = if self.follows { b",\n" } else { b"\n" };
            out.extend_from_slice(separator);
            match serde_json::to_writer(&mut out, &row) {
                Ok(()) => self.follows = true,
                // Rows are texts and numbers, which always can be written.
                Err(_) => out.truncate(before),
            }
        }
        Ok((out, Some(self)))
    }
}

impl<R: Rows> Body for TableBody<R> {
    type Data = Bytes;
    type Error = Gone;

    /// hyper asks again only when its buffer has room, so a reader that is
    /// slow holds no more of the table in memory than that.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        loop {
            let Some(piece) = &mut self.next else {
                return Poll::Ready(None);
            };
            match ready!(piece.as_mut().poll(context)) {
                Ok((octets, writer)) => {
                    self.next = writer.map(|writer| Box::pin(writer.piece()) as Piece<R>);
                    if !octets.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(octets.into()))));
                    }
                }
                Err(gone) => {
                    self.next = None;
                    return Poll::Ready(Some(Err(gone)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none()
    }
}
