//! End-to-end tests: real engines, real routers, our plugin as Docker users run it.

mod attributes;
mod bfd;
mod cases;
pub(crate) mod interop;
pub(crate) mod matrix;
mod settings;
mod suite;
mod tally;
mod unnumbered;
mod versions;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use self::suite::Suite;
pub(crate) use self::tally::Tally;
use crate::artifacts;

/// Runs every test whose full name contains `filter`.
pub(crate) fn run(filter: Option<&str>) -> Tally {
    let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
    let suites = suite::only(suite::of_machine(), wanted);
    let settings = settings::CASES
        .iter()
        .filter(|(case, _)| wanted(&full_name("settings", case)));
    let settings: Vec<_> = settings.collect();
    let mut tally = Tally::default();
    attributes::run(wanted, &mut tally);
    interop::run(wanted, &mut tally);
    run_bfd(wanted, &mut tally);
    run_unnumbered(wanted, &mut tally);
    if suites.is_empty() && settings.is_empty() {
        return tally;
    }
    let names: Vec<String> = settings
        .iter()
        .map(|(case, _)| full_name("settings", case))
        .chain(suites.iter().flat_map(Suite::names))
        .collect();
    if !cfg!(target_os = "linux") {
        names
            .iter()
            .for_each(|name| tally.skip(name, "this is not Linux"));
        return tally;
    }
    let artifacts = match plugin_dir().and_then(|dir| artifacts::build(&dir)) {
        Ok(artifacts) => artifacts,
        Err(error) => {
            // A build that fails is a failure, not a lack of the machine.
            names
                .iter()
                .for_each(|name| tally.fail(name, &format!("{error:#}")));
            return tally;
        }
    };
    for (case, test) in settings {
        let start = Instant::now();
        tally.note(
            &full_name("settings", case),
            start,
            test(&artifacts),
            String::new,
        );
    }
    for suite in &suites {
        suite::run(suite, &artifacts, &mut tally);
    }
    tally
}

/// These need no plugin, which takes long to build.
fn run_bfd(wanted: impl Fn(&str) -> bool, tally: &mut Tally) {
    for (case, kind, test) in bfd::CASES {
        let name = full_name("bfd", case);
        if !wanted(&name) {
            continue;
        }
        match bfd::able(kind) {
            Err(reason) => tally.skip(&name, &format!("{reason:#}")),
            Ok(()) => tally.note(&name, Instant::now(), test(), String::new),
        }
    }
}

/// Nor do these.
fn run_unnumbered(wanted: impl Fn(&str) -> bool, tally: &mut Tally) {
    for (case, other) in unnumbered::CASES {
        let name = full_name("unnumbered", case);
        if !wanted(&name) {
            continue;
        }
        match other.able() {
            Err(reason) => tally.skip(&name, &format!("{reason:#}")),
            Ok(()) => tally.note(
                &name,
                Instant::now(),
                unnumbered::follow(other),
                String::new,
            ),
        }
    }
}

fn full_name(suite: &str, case: &str) -> String {
    format!("e2e::{suite}::{case}")
}

/// Where the laboratory's own build of the plugin goes.
///
/// # Errors
///
/// When cargo does not tell its target directory.
pub(crate) fn plugin_dir() -> Result<PathBuf> {
    Ok(artifacts::target_directory()?.join("plugin"))
}
