//! From `docker plugin enable` to the OPEN at the peer.

use anyhow::{Result, ensure};

use super::figures::{Figures, between};
use super::table::{Goal, Row};
use crate::bench::sink::{self, News, Sink};
use crate::lab::host::{Host, PLUGIN};
use crate::sys;
use crate::wait::secs;

/// Disables and enables the plugin so often. The time begins with the command, which takes a part
/// of it.
///
/// # Errors
///
/// When Docker refuses or no OPEN comes.
pub(super) fn measure(host: &Host, sink: &Sink, turns: u32) -> Result<Row> {
    println!("==> {turns} turns of docker plugin enable");
    let mut times = Vec::new();
    for _ in 0..turns {
        ensure!(!sys::interrupted(), "interrupted");
        host.docker.run(&["plugin", "disable", "--force", PLUGIN])?;
        sink.forget();
        let begin = sink::now();
        host.docker.run(&["plugin", "enable", PLUGIN])?;
        let open = sink.wait_all(host.site.v4, [News::Open], secs(30))?;
        times.push(between(begin, open)?);
    }
    Ok(Row {
        what: "docker plugin enable → OPEN".to_owned(),
        here: Figures::new(times, "ms"),
        there: "2550 ms",
        goal: Goal::AtMost(2550.0),
    })
}
