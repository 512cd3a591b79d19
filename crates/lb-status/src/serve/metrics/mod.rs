//! `GET /metrics`: the status in the words of OpenMetrics, made when it is asked
//! for.
//!
//! What is short is read first, so that a program that can't answer says so. What
//! has any length is read while it is written: the text is made on a thread that
//! waits for each page and for the reader, so no table is ever held as a whole.

mod exposition;
mod families;
mod measures;
mod peers;
mod process;
mod services;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::{Gone, Refused, Source};
use crate::model::{Finding, Peers, Status};

pub(crate) use measures::BOUNDS;
pub use measures::{Latency, Measures, PoolUse};

/// What the text is (OpenMetrics 1.0, section 4.1).
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is known before the first line is written.
struct Facts {
    status: Status,
    peers: Peers,
    findings: Vec<Finding>,
    measures: Measures,
}

impl Facts {
    async fn of(source: &impl Source) -> Result<Self, Refused> {
        Ok(Self {
            status: source.status().await?,
            peers: source.peers().await?,
            findings: source.findings().await?.findings,
            measures: source.measures().await?,
        })
    }
}

pub(super) async fn metrics<S: Source>(State(source): State<S>) -> Response {
    let facts = match Facts::of(&source).await {
        Ok(facts) => facts,
        Err(refused) => return refused.into_response(),
    };
    let (to, pieces) = mpsc::channel(1);
    let runtime = Handle::current();
    // It ends when the text does, or when nobody reads any more.
    tokio::task::spawn_blocking(move || {
        let mut writer = Writer {
            piece: String::with_capacity(PIECE),
            to,
        };
        match exposition::write(&mut writer, facts, source, runtime) {
            Ok(()) => writer.pass_on(),
            // A text that breaks off must not look like a whole one.
            Err(fmt::Error) => {
                let _ = writer.to.blocking_send(Err(Gone));
                Ok(())
            }
        }
    });
    let body = Body::new(Pieces(pieces));
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response()
}

/// How much text is handed on at once.
const PIECE: usize = 16 * 1024;

/// Hands the text to the reader piece by piece, and waits for it in between.
struct Writer {
    piece: String,
    to: mpsc::Sender<Result<Bytes, Gone>>,
}

impl Writer {
    fn pass_on(&mut self) -> fmt::Result {
        let piece = std::mem::replace(&mut self.piece, String::with_capacity(PIECE));
        let passed = self.to.blocking_send(Ok(piece.into()));
        passed.map_err(|_| fmt::Error)
    }
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.piece.push_str(text);
        if self.piece.len() < PIECE {
            return Ok(());
        }
        self.pass_on()
    }
}

/// The text as it comes.
struct Pieces(mpsc::Receiver<Result<Bytes, Gone>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

#[cfg(test)]
pub(in crate::serve) mod tests;
