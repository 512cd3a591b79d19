//! What is wrong, one thing after the other.

use std::io::{self, Write};

use super::Screen;
use super::table::harmless;
use crate::model::{Finding, Severity};
use crate::time::ago;

/// Writes what was found, or that nothing was.
///
/// # Errors
///
/// When `to` takes no more.
pub fn findings(all: &[Finding], screen: &Screen, to: &mut impl Write) -> io::Result<()> {
    if all.is_empty() {
        return writeln!(to, "nothing is wrong");
    }
    all.iter().try_for_each(|it| finding(it, screen, to))
}

fn finding(finding: &Finding, screen: &Screen, to: &mut impl Write) -> io::Result<()> {
    let (word, colour) = match finding.severity {
        Severity::Error => ("ERROR", "\x1b[31m"),
        _ => ("WARNING", "\x1b[33m"),
    };
    let (begin, end) = if screen.colours {
        (colour, "\x1b[0m")
    } else {
        ("", "")
    };
    let since = ago(screen.now, finding.since);
    let (subject, code) = (harmless(&finding.subject), harmless(&finding.code));
    writeln!(to, "{begin}{word}{end} {subject}: {code}, for {since}")?;
    writeln!(to, "  {}", harmless(&finding.text))?;
    if let Some(show) = &finding.show {
        writeln!(to, "  see:  {}", harmless(show))?;
    }
    if let Some(mend) = &finding.mend {
        writeln!(to, "  mend: {}", harmless(mend))?;
    }
    Ok(())
}
