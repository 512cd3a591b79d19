//! `/v1/events`: one event a line, for as long as it is read.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde::Deserialize;

use super::{Refused, Source};
use crate::EventLog;
use crate::model::Event;

/// How many events are copied out at a time.
const PAGE: usize = 64;

/// Which events are asked for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Those behind the one with this number.
    #[serde(default)]
    since: u64,
    /// And those to come.
    #[serde(default)]
    follow: bool,
}

pub(super) async fn events<S: Source>(
    State(source): State<S>,
    asked: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    match asked {
        Ok(Query(wanted)) => {
            let body = axum::body::Body::new(LinesBody::new(source.events().clone(), wanted));
            ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
        }
        Err(error) => Refused::bad_request(error.body_text()).into_response(),
    }
}

/// Lines that are made while they are read: a reader that does not read holds none.
struct LinesBody {
    /// What is to be written next; `None` behind the end.
    next: Option<Next>,
}

type Next = Pin<Box<dyn Future<Output = Option<(Vec<u8>, Reader)>> + Send>>;

struct Reader {
    log: EventLog,
    /// The number of the last event that was read.
    at: u64,
    /// The one it ends with; `None` for a reader that follows.
    last: Option<u64>,
}

impl LinesBody {
    fn new(log: EventLog, wanted: Wanted) -> Self {
        let newest = log.newest();
        let reader = Reader {
            // What there was not yet is a number of an earlier run.
            at: if wanted.since > newest {
                0
            } else {
                wanted.since
            },
            last: (!wanted.follow).then_some(newest),
            log,
        };
        Self {
            next: Some(Box::pin(reader.lines())),
        }
    }
}

impl Reader {
    async fn lines(mut self) -> Option<(Vec<u8>, Self)> {
        match self.last {
            Some(last) if self.at >= last => return None,
            Some(_) => {}
            None => self.log.behind(self.at).await,
        }
        let page = self.log.page(self.at, PAGE);
        let mut lines = Vec::new();
        for (place, event) in page.events.iter().enumerate() {
            let lost = Some(page.lost).filter(|lost| place == 0 && *lost > 0);
            let told = lost.map(|_| Event {
                lost,
                ..Event::clone(event)
            });
            // Events are texts and numbers, which always can be written.
            if serde_json::to_writer(&mut lines, told.as_ref().unwrap_or(event)).is_ok() {
                lines.push(b'\n');
            }
            self.at = event.sequence;
        }
        Some((lines, self))
    }
}

impl Body for LinesBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(next) = &mut self.next else {
            return Poll::Ready(None);
        };
        let Some((lines, reader)) = ready!(next.as_mut().poll(context)) else {
            self.next = None;
            return Poll::Ready(None);
        };
        self.next = Some(Box::pin(reader.lines()));
        Poll::Ready(Some(Ok(Frame::data(lines.into()))))
    }
}
