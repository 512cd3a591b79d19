//! What a reload would do, in a few lines.

use std::io::{self, Write};

use super::table::harmless;
use crate::model::Diff;

/// Writes what would change, and which sessions that would end.
///
/// # Errors
///
/// When `to` takes no more.
pub fn diff(diff: &Diff, to: &mut impl Write) -> io::Result<()> {
    if let Some(why) = &diff.refused {
        return writeln!(
            to,
            "it would be refused, and nothing changed: {}",
            harmless(why)
        );
    }
    for change in &diff.changes {
        writeln!(to, "{}", harmless(change))?;
    }
    if diff.changes.is_empty() {
        writeln!(to, "nothing would change")?;
    }
    let resets = match &diff.resets[..] {
        [] => "none".to_owned(),
        peers => harmless(&peers.join(", ")),
    };
    writeln!(to, "sessions reset: {resets}")
}
