//! How tests ended: printed as they do, counted, and kept for a table.

use std::time::Instant;

use anyhow::Result;

use crate::sys;

/// How one test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ran and held.
    Passed,
    /// It ran and did not hold.
    Failed,
    /// It could not run here, for this reason.
    Skipped(String),
}

/// How many tests ended how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Ran and held.
    pub(crate) passed: u32,
    /// Ran and did not hold.
    pub(crate) failed: u32,
    /// Could not run here; the reason was printed.
    pub(crate) skipped: u32,
    /// Each test by its full name, in the order they ran.
    pub(crate) outcomes: Vec<(String, Outcome)>,
    /// Why those that did not hold did not, to be said again where everybody looks: at the end.
    reasons: Vec<String>,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.reasons
            .iter()
            .try_for_each(|reason| writeln!(f, "{reason}"))?;
        f.write_str(&self.counts())
    }
}

impl Tally {
    /// How many ended how, in one line.
    pub(super) fn counts(&self) -> String {
        let Self {
            passed,
            failed,
            skipped,
            ..
        } = self;
        format!("{passed} passed, {failed} failed, {skipped} skipped")
    }

    /// Why those that did not hold did not.
    pub(super) fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// Notes what a test gave; `logs` are printed beside a failure.
    pub(crate) fn note(
        &mut self,
        name: &str,
        start: Instant,
        result: Result<()>,
        logs: impl FnOnce() -> String,
    ) {
        match result {
            Ok(()) => {
                self.passed += 1;
                self.outcomes.push((name.to_owned(), Outcome::Passed));
                println!(
                    "test {name} ... ok ({:.1} s)",
                    start.elapsed().as_secs_f64()
                );
            }
            // Whatever broke, it was the user who wanted it to end.
            Err(error) if sys::interrupted() => self.skip(name, &format!("{error:#}")),
            Err(error) => {
                // First the long, so that the reason stands beside what comes next.
                eprintln!("{}", logs());
                self.fail(name, &format!("{error:#}"));
            }
        }
    }

    /// Notes a test that did not hold.
    pub(crate) fn fail(&mut self, name: &str, reason: &str) {
        self.failed += 1;
        self.outcomes.push((name.to_owned(), Outcome::Failed));
        let line = format!("test {name} ... FAILED: {reason}");
        println!("{line}");
        self.reasons.push(shortened(&line));
    }

    /// Notes a test that cannot run here.
    pub(crate) fn skip(&mut self, name: &str, reason: &str) {
        self.skipped += 1;
        let outcome = Outcome::Skipped(reason.to_owned());
        self.outcomes.push((name.to_owned(), outcome));
        println!("test {name} ... skipped: {reason}");
    }
}

/// What is said again of a reason: it can carry whole logs, and where it begins and ends is what tells.
fn shortened(reason: &str) -> String {
    const KEPT: usize = 1000;
    let length = reason.chars().count();
    if length <= 2 * KEPT {
        return reason.to_owned();
    }
    let head: String = reason.chars().take(KEPT).collect();
    let tail: String = reason.chars().skip(length - KEPT).collect();
    format!("{head} […] {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_said_again_by_its_beginning_and_its_end() {
        let mut tally = Tally::default();
        tally.fail("short", "it rained");
        let long = format!("it rained{}all day", "drop ".repeat(1000));
        tally.fail("long", &long);
        let said = tally.to_string();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], "test short ... FAILED: it rained");
        assert!(lines[1].starts_with("test long ... FAILED: it rained"));
        assert!(lines[1].ends_with("all day"), "{}", lines[1]);
        assert!(lines[1].len() < 2100, "{}", lines[1].len());
        assert_eq!(lines[2], "0 passed, 2 failed, 0 skipped");
    }
}
