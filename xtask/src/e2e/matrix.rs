//! `cargo xtask matrix`: the tests that depend on the engine, on each engine, and a table of them.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::plugin_dir;
use super::suite::{self, Suite};
use super::tally::{Outcome, Tally};
use crate::artifacts;
use crate::lab::engine::{Engine, EngineKind};
use crate::sys;

/// Runs the tests whose names contain `filter` on the engines; gives whether none failed and on
/// each engine at least one was run.
///
/// # Errors
///
/// When the plugin cannot be built, or no test has such a name.
pub(crate) fn run(engines: &[EngineKind], filter: Option<&str>) -> Result<bool> {
    let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
    let suites = |engine: &Engine| suite::only(suite::of_engine(engine), wanted);
    ensure!(
        !suites(&Engine::default()).is_empty(),
        "no test has a name with {:?}",
        filter.unwrap_or_default()
    );
    let artifacts = artifacts::build(&plugin_dir()?)?;
    let mut columns = Vec::new();
    for kind in engines {
        println!("==> Engine {}", kind.name());
        let mut tally = Tally::default();
        match suite::provide(*kind) {
            Ok(engine) => {
                for suite in suites(&engine) {
                    suite::run(&suite, &artifacts, &mut tally);
                }
            }
            Err(reason) => {
                let suites = suites(&Engine::default());
                let names = suites.iter().flat_map(Suite::names);
                names.for_each(|name| tally.skip(&name, &format!("{reason:#}")));
            }
        }
        columns.push((kind.name(), tally));
    }
    println!("\n{}", table(&columns));
    let held = |tally: &Tally| tally.failed == 0 && tally.passed > 0;
    Ok(columns.iter().all(|(_, tally)| held(tally)) && !sys::interrupted())
}

/// One line a test and one column an engine, then the reasons for what was skipped.
fn table(columns: &[(&str, Tally)]) -> String {
    let names: Vec<&String> = columns.first().map_or_else(Vec::new, |(_, tally)| {
        tally.outcomes.iter().map(|(name, _)| name).collect()
    });
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let mut text = format!("{:width$}", "");
    for (engine, _) in columns {
        write!(text, "  {engine:>7}").expect("a String takes everything");
    }
    let mut reasons = Vec::new();
    for name in names {
        write!(text, "\n{name:width$}").expect("a String takes everything");
        for (engine, tally) in columns {
            let outcome = tally.outcomes.iter().find(|(other, _)| other == name);
            let word = match outcome.map(|(_, outcome)| outcome) {
                Some(Outcome::Passed) => "ok",
                Some(Outcome::Failed) => "FAILED",
                Some(Outcome::Skipped(reason)) => {
                    reasons.push(format!("{name} on {engine}: {reason}"));
                    "skipped"
                }
                None => "-",
            };
            write!(text, "  {word:>7}").expect("a String takes everything");
        }
    }
    for reason in reasons {
        write!(text, "\nskipped: {reason}").expect("a String takes everything");
    }
    for (engine, tally) in columns {
        let counts = tally.counts();
        write!(text, "\nEngine {engine}: {counts}").expect("a String takes everything");
        for reason in tally.reasons() {
            write!(text, "\n{reason}").expect("a String takes everything");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_each_outcome_and_why_something_was_skipped() {
        let (mut old, mut new) = (Tally::default(), Tally::default());
        old.skip("e2e::a::new", "it is too old");
        old.fail("e2e::a::other", "broken");
        for name in ["e2e::a::new", "e2e::a::other"] {
            new.note(name, std::time::Instant::now(), Ok(()), String::new);
        }
        let expected = "                 20.10     28.5\n\
             e2e::a::new    skipped       ok\n\
             e2e::a::other   FAILED       ok\n\
             skipped: e2e::a::new on 20.10: it is too old\n\
             Engine 20.10: 0 passed, 1 failed, 1 skipped\n\
             test e2e::a::other ... FAILED: broken\n\
             Engine 28.5: 2 passed, 0 failed, 0 skipped";
        assert_eq!(table(&[("20.10", old), ("28.5", new)]), expected);
    }
}
