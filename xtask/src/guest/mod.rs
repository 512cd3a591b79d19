//! `cargo xtask guest`: tests in a kernel of their own, which has what this machine's may lack.

mod machine;
mod report;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use self::machine::Machine;
use self::report::Report;
use crate::artifacts::{cargo, workspace};
use crate::cmd::Cmd;
use crate::e2e::Tally;
use crate::wait::secs;
use crate::{packages, sys};

/// How the full names of these tests begin.
const PREFIX: &str = "e2e::guest_kernel::";

/// The packages that have such tests, each in a target named `guest`. No two of
/// their tests have the same name.
const PACKAGES: [&str; 2] = ["netplumb", "bgplb-speaker"];

/// Runs the tests whose full name contains `filter`.
pub(crate) fn run(filter: Option<&str>, tally: &mut Tally) {
    // Only once they are built the tests are known by their names.
    if filter.is_some_and(|filter| filter.starts_with("e2e::") && !may_match(filter)) {
        return;
    }
    let tests = match Tests::build(filter) {
        Ok(tests) => tests,
        Err(error) => return tally.fail(PREFIX.trim_end_matches(':'), &format!("{error:#}")),
    };
    if tests.names().next().is_none() {
        return;
    }
    match able() {
        Ok(()) => tests.run(tally),
        Err(reason) => {
            for name in tests.names() {
                tally.skip(&full_name(name), &format!("{reason:#}"));
            }
        }
    }
}

/// Whether a name that begins as these do can contain a filter that begins like this.
fn may_match(filter: &str) -> bool {
    PREFIX.starts_with(filter) || filter.starts_with(PREFIX)
}

fn full_name(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// Whether the guest can be had here.
fn able() -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this is not Linux");
    ensure!(
        cfg!(target_arch = "x86_64"),
        "user-mode Linux is for x86-64 only"
    );
    packages::ensure(&packages::GUEST)
}

/// A program that holds tests, and which of them are wanted.
struct Program {
    path: PathBuf,
    names: Vec<String>,
}

impl Program {
    /// With those whose full names contain `filter`.
    fn of(path: PathBuf, filter: Option<&str>) -> Result<Self> {
        let listed = Cmd::new(&path).args(["--list", "--ignored"]).read()?;
        let names = listed
            .lines()
            .filter_map(|line| line.strip_suffix(": test"));
        let wanted = |name: &&str| filter.is_none_or(|filter| full_name(name).contains(filter));
        let names = names.filter(wanted).map(str::to_owned).collect();
        Ok(Self { path, names })
    }
}

/// What is wanted of all programs.
struct Tests(Vec<Program>);

impl Tests {
    /// Builds the programs; keeps those that hold a test whose full name contains `filter`.
    fn build(filter: Option<&str>) -> Result<Self> {
        println!("==> building the tests for the guest");
        let mut programs = Vec::new();
        for package in PACKAGES {
            let program = Program::of(build(package)?, filter)?;
            if !program.names.is_empty() {
                programs.push(program);
            }
        }
        Ok(Self(programs))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.0.iter().flat_map(|program| &program.names);
        names.map(String::as_str)
    }

    fn run(&self, tally: &mut Tally) {
        println!("==> booting a guest for {} tests", self.names().count());
        let mut report = Report::default();
        let mut since = Instant::now();
        let ended = Machine::new(&self.0).and_then(|machine| {
            machine.run(|line| {
                if let Some(name) = report.take(line) {
                    tally.note(&full_name(name), since, Ok(()), String::new);
                }
                if report.is_about_tests() {
                    since = Instant::now();
                }
            })
        });
        let ended = match ended {
            Ok(()) => "the guest ended".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        for name in self.names() {
            match report.reason(name, &ended) {
                // Whatever broke, it was the user who wanted it to end.
                Some(_) if sys::interrupted() => tally.skip(&full_name(name), &ended),
                Some(reason) => tally.fail(&full_name(name), &reason),
                None => {}
            }
        }
    }
}

/// Builds the tests of a package; gives the program that holds them.
fn build(package: &str) -> Result<PathBuf> {
    let manifest = workspace().join("Cargo.toml").display().to_string();
    let messages = cargo(&["test", "--no-run", "--quiet", "--message-format", "json"])
        .args(["--manifest-path", &manifest])
        .args(["--package", package, "--test", "guest"])
        .timeout(secs(900))
        .read()?;
    let Some(program) = messages.lines().find_map(executable) else {
        bail!("cargo names no program of the tests of {package}");
    };
    Ok(program)
}

/// What a message of cargo's says of a program that was built.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Target,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

/// The tests' program. Cargo builds and names the package's own as well.
fn executable(line: &str) -> Option<PathBuf> {
    let message: Message = serde_json::from_str(line).context("read cargo").ok()?;
    let is_test = message.target.kind.iter().any(|kind| kind == "test");
    message.executable.filter(|_| is_test)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_filters_for_other_end_to_end_tests_pass_without_a_build() {
        for (filter, may) in [
            ("e2e::", true),
            ("e2e::guest", true),
            ("e2e::guest_kernel::links", true),
            ("e2e::bird", false),
            ("e2e::guest_kernel_of_others", false),
        ] {
            assert_eq!(may_match(filter), may, "{filter}");
        }
    }

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let lines = [
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"]},"executable":null}"#,
            "no json",
            r#"{"reason":"compiler-artifact","target":{"kind":["bin"]},"executable":"/t/it"}"#,
            r#"{"reason":"compiler-artifact","target":{"kind":["test"]},"executable":"/t/guest-1"}"#,
        ];
        let found = lines.into_iter().find_map(executable);
        assert_eq!(found, Some(PathBuf::from("/t/guest-1")));
    }
}
