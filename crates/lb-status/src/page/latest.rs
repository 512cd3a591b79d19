//! `/latest`: server-sent events that say that something happened, and no more.
//! What it was is on the page.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::timeout;

use crate::EventLog;
use crate::serve::Source;

/// After so long without news something is said, so that a browser that is gone
/// is noticed.
const QUIET: Duration = Duration::from_secs(30);

pub(super) async fn follow<S: Source>(State(source): State<S>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let news = News::new(source.events().clone());
    (headers, axum::body::Body::new(news)).into_response()
}

/// One line for all that happened since the last one was read.
struct News {
    next: Next,
}

type Next = Pin<Box<dyn Future<Output = (String, Place)> + Send>>;

/// Where a reader stands: the log and the number of the last event it knows of.
struct Place {
    log: EventLog,
    at: u64,
}

impl News {
    fn new(log: EventLog) -> Self {
        let at = log.newest();
        let begin = format!("retry: 1000\nid: {at}\n\n");
        let place = Place { log, at };
        Self {
            next: Box::pin(std::future::ready((begin, place))),
        }
    }
}

impl Place {
    async fn news(mut self) -> (String, Self) {
        let told = match timeout(QUIET, self.log.behind(self.at)).await {
            Ok(()) => {
                self.at = self.log.newest();
                format!("data: {}\n\n", self.at)
            }
            Err(_) => ":\n\n".to_owned(),
        };
        (told, self)
    }
}

impl Body for News {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (told, place) = ready!(self.next.as_mut().poll(context));
        self.next = Box::pin(place.news());
        Poll::Ready(Some(Ok(Frame::data(told.into()))))
    }
}
