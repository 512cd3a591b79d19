//! How long routers had to wait for news, as bars.

use maud::{Markup, html};

use crate::page::view::{Counts, View};
use crate::serve::BOUNDS;

/// One bound, in units of the picture; both bars of it stand side by side.
const STEP: usize = 56;
const BAR: usize = 22;

/// The bars, and what is written below them.
const HEIGHT: u64 = 90;
const FOOT: u64 = 22;

/// Announcements and withdrawals by the time from Docker's news to the wire;
/// nothing before there were any.
pub(in crate::page) fn latency(view: &View) -> Markup {
    let Some([announced, withdrawn]) = &view.latency else {
        return html! {};
    };
    let both = || announced.iter().chain(withdrawn);
    let most = both().copied().max().unwrap_or(0);
    if most == 0 {
        return html! {};
    }
    let (first, last) = extent(announced, withdrawn);
    let width = (last - first + 1) * STEP;
    html! {
        section aria-labelledby="latency" {
            h2 #latency { "From Docker's news to the routers" }
            p .key {
                span .announced { "announced " (total(announced)) } " "
                span .withdrawn { "withdrawn " (total(withdrawn)) }
            }
            svg .latency viewBox={ "0 0 " (width) " " (HEIGHT + FOOT) } role="img"
                aria-label="How often it took how long" {
                @for place in first..=last {
                    @let x = (place - first) * STEP;
                    (bar("announced", announced[place], most, x + 4))
                    (bar("withdrawn", withdrawn[place], most, x + 4 + BAR))
                    text .faint x=(x + 4) y=(HEIGHT + 16) { (bound(place)) }
                }
            }
        }
    }
}

/// The places of the shortest and of the longest time there was.
fn extent(announced: &Counts, withdrawn: &Counts) -> (usize, usize) {
    let there = |place: &usize| announced[*place] + withdrawn[*place] > 0;
    let places = 0..announced.len();
    let first = places.clone().find(there).unwrap_or(0);
    (first, places.rev().find(there).unwrap_or(first))
}

fn total(counts: &Counts) -> u64 {
    counts.iter().sum()
}

fn bar(class: &str, count: u64, most: u64, x: usize) -> Markup {
    // However seldom it was, it was.
    let height = if count == 0 {
        0
    } else {
        (count * (HEIGHT - 14) / most).max(2)
    };
    html! {
        @if count > 0 {
            rect class=(class) x=(x) y=(HEIGHT - height) width=(BAR - 2) height=(height) {}
            text .faint x=(x) y=(HEIGHT - height - 3) { (count) }
        }
    }
}

/// `≤ 5 ms`, `> 10 s`.
fn bound(place: usize) -> String {
    match BOUNDS.get(place) {
        Some(seconds) if *seconds < 1.0 => format!("≤ {} ms", seconds * 1000.0),
        Some(seconds) => format!("≤ {seconds} s"),
        None => "longer".to_owned(),
    }
}
