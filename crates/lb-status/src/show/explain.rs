//! Why an address is, or is not, announced, gate by gate.

use std::io::{self, Write};

use super::Screen;
use super::table::{self, Cell, Column, Tone};
use crate::model::{Explanation, Gate, Verdict};
use crate::time::ago;

const GATES: [Column; 5] = [
    ("GATE", 9),
    ("VERDICT", 7),
    ("FOR", 6),
    ("ABOUT", 10),
    ("WHAT", 0),
];

/// Writes every gate of an address, and below them what opens those that are
/// shut.
///
/// # Errors
///
/// When `to` takes no more.
pub fn explanation(it: &Explanation, screen: &Screen, to: &mut impl Write) -> io::Result<()> {
    let told = if it.told { "told" } else { "not told" };
    match &it.prefix {
        Some(prefix) => writeln!(to, "{}, in {prefix}: routers are {told} of it", it.address)?,
        None => writeln!(to, "{}: routers are {told} of it", it.address)?,
    }
    let rows: Vec<_> = it.gates.iter().map(|gate| row(gate, screen)).collect();
    table::write(&GATES, &rows, screen, to)?;
    let remedies = it.gates.iter().filter_map(|gate| gate.remedy.as_ref());
    for (place, remedy) in remedies.enumerate() {
        let begin = if place == 0 { "to unblock it:" } else { "" };
        writeln!(to, "{begin:14} {}", Cell::from(remedy).into_text())?;
    }
    Ok(())
}

fn row(gate: &Gate, screen: &Screen) -> Vec<Cell> {
    let tone = match gate.verdict {
        Verdict::Ok => Tone::Good,
        Verdict::Blocked => Tone::Bad,
        _ => Tone::Doubtful,
    };
    vec![
        gate.gate.word().into(),
        Cell::new(gate.verdict.word(), tone),
        Cell::of(gate.since.map(|since| ago(screen.now, since))),
        Cell::of(gate.about.as_ref()),
        (&gate.text).into(),
    ]
}
