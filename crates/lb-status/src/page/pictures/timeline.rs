//! How an address did of late, as a line in the colours of its states.

use maud::{Markup, html};

use crate::model::{EventKind, Service};
use crate::page::view::View;
use crate::page::words::{Tone, clock, of_service};

/// How far back the line goes, in seconds.
const WINDOW: u64 = 3600;

/// How wide it is, in units of its own.
const WIDTH: u64 = 360;

/// From then on it stood so.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    at: u64,
    tone: Option<Tone>,
    word: &'static str,
}

/// The last hour of an address.
pub(in crate::page) fn timeline(view: &View, service: &Service) -> Markup {
    let now = view.status.at;
    let begin = now.saturating_sub(WINDOW);
    let steps = steps(view, service, begin);
    let ends = steps.iter().skip(1).map(|step| step.at).chain([now]);
    let place = |at: u64| (at.clamp(begin, now) - begin) * WIDTH / WINDOW.min(now).max(1);
    html! {
        svg .timeline viewBox={ "0 0 " (WIDTH) " 14" } preserveAspectRatio="none"
            role="img" aria-label=(told(&steps)) {
            @for (step, end) in steps.iter().zip(ends) {
                @let (from, to) = (place(step.at), place(end));
                // However short it was, it was.
                rect class=(step.tone.map_or("unknown", Tone::class))
                    x=(from) y="0" width=((to - from).max(1)) height="14" {
                    title { (step.word) " from " (clock(step.at)) " UTC" }
                }
            }
        }
    }
}

/// Its states from `begin` on, the oldest first; there is always one.
fn steps(view: &View, service: &Service, begin: u64) -> Vec<Step> {
    let mut steps = vec![Step {
        at: begin,
        tone: None,
        word: "not known",
    }];
    for event in &view.events {
        let (tone, word) = match event.kind {
            // Before it nothing was told to anybody.
            EventKind::Started => (None, "started"),
            EventKind::ServiceAnnounced if event.prefix == Some(service.prefix) => {
                (Some(Tone::Good), "announced")
            }
            EventKind::ServiceWithdrawn if event.prefix == Some(service.prefix) => {
                (Some(Tone::Doubtful), "withdrawn")
            }
            _ => continue,
        };
        let at = event.at.max(begin);
        steps.push(Step { at, tone, word });
    }
    // What is now is known better than from what happened.
    let now = Some(of_service(service.state));
    if steps.last().is_none_or(|last| last.tone != now) {
        let at = service.since.max(begin);
        steps.retain(|step| step.at <= at);
        let word = service.state.word();
        steps.push(Step {
            at,
            tone: now,
            word,
        });
    }
    // Only the last of those that are older than the line counts.
    let first = steps.iter().rposition(|step| step.at <= begin);
    steps.drain(..first.unwrap_or(0));
    steps
}

/// The line in words, for those who can't see it.
fn told(steps: &[Step]) -> String {
    let words: Vec<String> = steps
        .iter()
        .map(|step| format!("{} from {}", step.word, clock(step.at)))
        .collect();
    words.join(", ")
}
