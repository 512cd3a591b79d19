//! End-to-end tests: real engines, real routers, our plugin as Docker users run it.

mod attributes;
mod bfd;
mod cases;
pub(crate) mod interop;
mod settings;
mod unnumbered;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::artifacts::{self, Artifacts};
use crate::lab::router::RouterKind;
use crate::lab::{Lab, Options, host};
use crate::{packages, scenario, sys};

/// A test in a laboratory; it may assume that no service runs when it starts.
type Case = fn(&Lab) -> Result<()>;

/// Tests that share one laboratory.
struct Suite {
    name: String,
    router: RouterKind,
    /// TCP MD5 passwords: the router's and the plugin's.
    passwords: Option<[&'static str; 2]>,
    cases: Vec<(&'static str, Case)>,
}

impl Suite {
    fn names(&self) -> impl Iterator<Item = String> {
        self.cases
            .iter()
            .map(|(case, _)| full_name(&self.name, case))
    }
}

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Ran and held.
    pub(crate) passed: u32,
    /// Ran and did not hold.
    pub(crate) failed: u32,
    /// Could not run here; the reason was printed.
    pub(crate) skipped: u32,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

fn suites() -> Vec<Suite> {
    let mut suites = Vec::new();
    for router in RouterKind::ALL {
        let mut cases = cases::EVERY_ROUTER.to_vec();
        if router == RouterKind::Speaker {
            cases.extend(cases::ONE_ROUTER);
        }
        suites.push(Suite {
            name: router.name().to_owned(),
            router,
            passwords: None,
            cases,
        });
    }
    for router in [RouterKind::Bird, RouterKind::Frr, RouterKind::Speaker] {
        suites.push(Suite {
            name: format!("{}_with_password", router.name()),
            router,
            passwords: Some(["laboratory", "laboratory"]),
            cases: cases::PASSWORD.to_vec(),
        });
        suites.push(Suite {
            name: format!("{}_with_other_password", router.name()),
            router,
            passwords: Some(["laboratory", "observatory"]),
            cases: cases::OTHER_PASSWORD.to_vec(),
        });
    }
    suites
}

/// Runs every test whose full name contains `filter`.
pub(crate) fn run(filter: Option<&str>) -> Tally {
    let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
    let mut suites = suites();
    for suite in &mut suites {
        suite
            .cases
            .retain(|(case, _)| wanted(&full_name(&suite.name, case)));
    }
    suites.retain(|suite| !suite.cases.is_empty());
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
        run_suite(suite, &artifacts, &mut tally);
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

fn run_suite(suite: &Suite, artifacts: &Artifacts, tally: &mut Tally) {
    if let Err(reason) = able(suite.router) {
        suite
            .names()
            .for_each(|name| tally.skip(&name, &format!("{reason:#}")));
        return;
    }
    let lab = match start(suite, artifacts) {
        Ok(lab) => lab,
        Err(error) => {
            suite
                .names()
                .for_each(|name| tally.fail(&name, &format!("{error:#}")));
            return;
        }
    };
    let mut broken: Option<String> = None;
    for (case, test) in &suite.cases {
        let name = full_name(&suite.name, case);
        if let Some(reason) = &broken {
            tally.fail(&name, reason);
            continue;
        }
        let start = Instant::now();
        let result = test(&lab);
        tally.note(&name, start, result, || lab.logs());
        if let Err(error) = scenario::reset(&lab) {
            broken = Some(format!(
                "the laboratory could not be reset before it: {error:#}"
            ));
        }
    }
}

/// Whether this machine can run a laboratory with this router.
fn able(router: RouterKind) -> Result<()> {
    ensure!(!sys::interrupted(), "interrupted");
    ensure!(sys::is_root(), "needs root");
    packages::ensure(&scenario::packages(router))?;
    host::probe_namespaces()
}

fn start(suite: &Suite, artifacts: &Artifacts) -> Result<Lab> {
    if suite.router == RouterKind::Speaker {
        artifacts::build_speaker()?;
    }
    let passwords = suite.passwords.map(|pair| pair.map(str::to_owned));
    let (password, settings) = match passwords {
        None => (None, Vec::new()),
        Some([router, plugin]) => (Some(router), vec![("PEER_PASSWORD", plugin)]),
    };
    let options = Options {
        router: Some(suite.router),
        password,
        narrate: false,
    };
    scenario::bring_up(&options, artifacts, &settings).context("start the laboratory")
}

impl Tally {
    fn note(
        &mut self,
        name: &str,
        start: Instant,
        result: Result<()>,
        logs: impl FnOnce() -> String,
    ) {
        match result {
            Ok(()) => {
                self.passed += 1;
                println!(
                    "test {name} ... ok ({:.1} s)",
                    start.elapsed().as_secs_f64()
                );
            }
            // Whatever broke, it was the user who wanted it to end.
            Err(error) if sys::interrupted() => self.skip(name, &format!("{error:#}")),
            Err(error) => {
                self.fail(name, &format!("{error:#}"));
                eprintln!("{}", logs());
            }
        }
    }

    fn fail(&mut self, name: &str, reason: &str) {
        self.failed += 1;
        println!("test {name} ... FAILED: {reason}");
    }

    fn skip(&mut self, name: &str, reason: &str) {
        self.skipped += 1;
        println!("test {name} ... skipped: {reason}");
    }
}

/// Where the laboratory's own build of the plugin goes.
///
/// # Errors
///
/// When cargo does not tell its target directory.
pub(crate) fn plugin_dir() -> Result<PathBuf> {
    Ok(artifacts::target_directory()?.join("plugin"))
}
