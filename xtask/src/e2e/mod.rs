//! End-to-end tests: real engines, real routers, our plugin as Docker users run it.

mod attributes;
mod bench;
mod bfd;
mod capabilities;
mod cases;
mod crash;
mod disk;
mod dist;
mod docs;
mod host;
pub(crate) mod interop;
mod learn;
mod load;
mod lossless;
pub(crate) mod matrix;
mod metallb;
mod metrics;
mod misconfigured;
mod monitor;
mod options;
mod outages;
pub(crate) mod page;
pub(crate) mod pools;
mod prometheus;
mod refusals;
mod reload;
mod restart;
mod route_log;
mod security;
mod settings;
mod several;
mod socket;
pub(crate) mod status;
mod steering;
mod suite;
mod swarm;
mod tally;
mod units;
mod unnumbered;
mod versions;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;

use self::suite::Suite;
pub(crate) use self::tally::Tally;
use crate::artifacts::{self, Artifacts};
use crate::guest;

/// Runs every test whose full name contains `filter`.
pub(crate) fn run(filter: Option<&str>) -> Tally {
    let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
    let suites = suite::only(suite::of_machine(), wanted);
    let programs = of_programs(wanted);
    let mut tally = Tally::default();
    attributes::run(wanted, &mut tally);
    interop::run(wanted, &mut tally);
    run_bfd(wanted, &mut tally);
    run_unnumbered(wanted, &mut tally);
    run_restart(wanted, &mut tally);
    run_prometheus(wanted, &mut tally);
    learn::run(wanted, &mut tally);
    misconfigured::run(wanted, &mut tally);
    dist::run(wanted, &mut tally);
    docs::run(wanted, &mut tally);
    metallb::run(wanted, &mut tally);
    guest::run(filter, &mut tally);
    let bench = Some(full_name("bench", bench::NAME)).filter(|name| wanted(name));
    if suites.is_empty() && programs.is_empty() && bench.is_none() {
        return tally;
    }
    let names: Vec<String> = programs
        .iter()
        .map(|(name, ..)| name.clone())
        .chain(suites.iter().flat_map(Suite::names))
        .chain(bench.clone())
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
    for (name, tool, test) in programs {
        if let Some(tool) = tool.filter(|tool| !Path::new(tool).exists()) {
            tally.skip(&name, &format!("{tool} is not there"));
            continue;
        }
        let start = Instant::now();
        tally.note(&name, start, test(&artifacts), String::new);
    }
    for suite in &suites {
        suite::run(suite, &artifacts, &mut tally);
    }
    if let Some(name) = bench {
        let start = Instant::now();
        match bench::able() {
            Err(reason) => tally.skip(&name, &format!("{reason:#}")),
            Ok(()) => tally.note(&name, start, bench::smallest(&artifacts), String::new),
        }
    }
    tally
}

/// A test that needs the built programs and no laboratory.
type ProgramCase = fn(&Artifacts) -> Result<()>;

/// The wanted ones by their full names, with the tool that they cannot do without.
fn of_programs(wanted: impl Fn(&str) -> bool) -> Vec<(String, Option<&'static str>, ProgramCase)> {
    let settings = settings::CASES
        .iter()
        .map(|(case, test)| (full_name("settings", case), None, *test));
    let units = units::CASES
        .iter()
        .map(|(case, test)| (full_name("units", case), Some(units::ANALYZE), *test));
    let capabilities = capabilities::CASES.iter().map(|(case, test)| {
        let name = full_name("capabilities", case);
        (name, Some(capabilities::SETPRIV), *test)
    });
    settings
        .chain(units)
        .chain(capabilities)
        .filter(|(name, ..)| wanted(name))
        .collect()
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

/// Nor does this.
fn run_restart(wanted: impl Fn(&str) -> bool, tally: &mut Tally) {
    let (case, test) = restart::CASE;
    let name = full_name("restart", case);
    if !wanted(&name) {
        return;
    }
    match restart::able() {
        Err(reason) => tally.skip(&name, &format!("{reason:#}")),
        Ok(()) => tally.note(&name, Instant::now(), test(), String::new),
    }
}

/// Nor does this.
fn run_prometheus(wanted: impl Fn(&str) -> bool, tally: &mut Tally) {
    let (case, test) = prometheus::CASE;
    let name = full_name("prometheus", case);
    if !wanted(&name) {
        return;
    }
    match prometheus::able() {
        Err(reason) => tally.skip(&name, &format!("{reason:#}")),
        Ok(()) => tally.note(&name, Instant::now(), test(), String::new),
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
