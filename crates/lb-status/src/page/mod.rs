//! The page for people, at `/`: all that the program says of itself, as HTML.
//!
//! It is whole without a script; with one, it follows what happens. Nothing on
//! it comes from elsewhere, and what comes from Docker, from peers and from
//! files is text in it, never markup.

mod latest;
mod pictures;
mod tables;
mod view;
mod words;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};

use crate::serve::{Refused, Source};

use view::View;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the page may load, and from where: its own style, script and news. No
/// other page may show it as a part.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// The page and what it loads.
pub(crate) fn routes<S: Source>() -> Router<S> {
    Router::new()
        .route("/", get(page::<S>))
        .route("/page.css", get(async || asset("text/css", STYLE)))
        .route("/page.js", get(async || asset("text/javascript", SCRIPT)))
        .route("/latest", get(latest::follow::<S>))
}

async fn page<S: Source>(State(source): State<S>) -> Response {
    match View::of(&source).await {
        Ok(view) => guarded("text/html; charset=utf-8", document(&view).into_string()),
        Err(refused) => unavailable(refused),
    }
}

fn unavailable(refused: Refused) -> Response {
    let (status, why) = refused.into_parts();
    let text = html! { (DOCTYPE) title { "bgplb" } p { (why) } };
    let answer = guarded("text/html; charset=utf-8", text.into_string());
    (status, answer).into_response()
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    guarded(kind, text.to_owned())
}

fn guarded(kind: &'static str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // A page from a cache would show what was.
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

/// The whole page.
fn document(view: &View) -> Markup {
    let status = &view.status;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title(view)) }
                link rel="stylesheet" href="page.css";
                link rel="icon" href="data:,";
                noscript { meta http-equiv="refresh" content="5"; }
                script src="page.js" defer {}
            }
            body {
                header {
                    h1 { (status.host.name) }
                    p {
                        (status.program.name) " " (status.program.version)
                        " · AS " (status.host.asn)
                        " · identifier " (status.host.identifier)
                        " · up " (words::since(view, status.program.started))
                    }
                    p #live hidden {}
                }
                main { (content(view)) }
                footer data-at=(status.at) {
                    p {
                        "As of " (words::clock(status.at)) " UTC · the same for programs: "
                        @for path in view.paths() {
                            a href=(path) { (path) } " "
                        }
                    }
                }
            }
        }
    }
}

/// What a browser's tab shows: how it stands, before whose it is.
fn title(view: &View) -> String {
    let host = &view.status.host.name;
    match view.worst() {
        words::Tone::Good => format!("✓ {host}"),
        words::Tone::Doubtful => format!("⚠ {host}"),
        words::Tone::Bad => format!("✗ {host}"),
    }
}

fn content(view: &View) -> Markup {
    html! {
        (tables::summary(view))
        (tables::findings(view))
        (pictures::topology(view))
        (tables::services(view))
        (tables::peers(view))
        (pictures::latency(view))
        (tables::routes(view))
        (tables::events(view))
    }
}

#[cfg(test)]
mod tests;
