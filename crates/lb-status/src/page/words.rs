//! Small pieces that all parts of the page are made of.

use maud::{Markup, html};

use crate::model::{BfdState, PeerState, ServiceState, Severity};
use crate::time::{self, ago};

use super::view::View;

/// How good a thing is; the later the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    /// As it should be.
    Good,
    /// As somebody wanted it, or on its way.
    Doubtful,
    /// Broken.
    Bad,
}

impl Tone {
    /// Its class in the style.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Doubtful => "doubtful",
            Self::Bad => "bad",
        }
    }
}

pub(super) const fn of_service(state: ServiceState) -> Tone {
    match state {
        ServiceState::Announced => Tone::Good,
        ServiceState::Draining | ServiceState::Withheld => Tone::Doubtful,
        _ => Tone::Bad,
    }
}

pub(super) const fn of_peer(state: PeerState, wanted_down: bool) -> Tone {
    match (state, wanted_down) {
        (PeerState::Established, _) => Tone::Good,
        (_, true) => Tone::Doubtful,
        (_, false) => Tone::Bad,
    }
}

pub(super) const fn of_bfd(state: BfdState) -> Tone {
    match state {
        BfdState::Up => Tone::Good,
        BfdState::AdminDown | BfdState::Init => Tone::Doubtful,
        _ => Tone::Bad,
    }
}

pub(super) const fn of_severity(severity: Severity) -> Tone {
    match severity {
        Severity::Error => Tone::Bad,
        _ => Tone::Doubtful,
    }
}

/// A word with its colour; the colour is never all that tells.
pub(super) fn badge(tone: Tone, word: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { (word) } }
}

/// How long ago that was; the script goes on counting.
pub(super) fn since(view: &View, then: u64) -> Markup {
    html! {
        time data-since=(then) { (ago(view.status.at, then)) }
    }
}

/// `12:34:56`, UTC.
pub(super) fn clock(at: u64) -> String {
    let whole = time::clock(at);
    whole.get(11..19).unwrap_or(&whole).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_shows_the_time_of_day() {
        for (at, time) in [
            (0, "00:00:00"),
            (951_782_399, "23:59:59"),
            (1_795_313_745, "02:15:45"),
        ] {
            assert_eq!(clock(at), time);
        }
    }
}
