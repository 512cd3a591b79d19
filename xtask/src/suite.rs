//! `cargo xtask test`: everything that can say no.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::artifacts::{cargo, workspace};
use crate::{e2e, release, sys};

/// Runs unit, property and simulation tests, replays the fuzz corpora, builds documentation and
/// packages, runs the end-to-end tests; gives whether everything held. `filter` is a part of the
/// names of the tests to run, which documentation and packages have not; one that begins with
/// `e2e::` leaves out all else.
///
/// # Errors
///
/// When cargo cannot be started.
pub(crate) fn run(filter: Option<&str>, with_e2e: bool) -> Result<bool> {
    if filter.is_some_and(|filter| filter.starts_with("e2e::")) && with_e2e {
        return Ok(end_to_end(filter));
    }
    println!("==> unit, property and simulation tests");
    let manifest = workspace().join("Cargo.toml").display().to_string();
    let mut args = vec!["test", "--workspace", "--manifest-path", &manifest];
    args.extend(filter);
    let units = cargo(&args).show(&[])?;
    if !units {
        println!("==> cargo test FAILED, see above");
    }
    let fuzz = !sys::interrupted() && replay_corpora(&manifest, filter)?;
    let ready = sys::interrupted() || filter.is_some() || release::publishable()?;
    if !with_e2e || sys::interrupted() {
        return Ok(units && fuzz && ready && !sys::interrupted());
    }
    let held = end_to_end(filter);
    Ok(units && fuzz && ready && held)
}

/// The last line it prints is the tally, alone.
fn end_to_end(filter: Option<&str>) -> bool {
    println!("==> end-to-end tests");
    let tally = e2e::run(filter);
    println!("{tally}");
    tally.failed == 0 && !sys::interrupted()
}

/// Runs each fuzz target once over its committed corpus, with the stable toolchain.
fn replay_corpora(manifest: &str, filter: Option<&str>) -> Result<bool> {
    let fuzz = workspace().join("fuzz");
    let mut all_held = true;
    for target in targets(&fuzz.join("fuzz_targets"))? {
        let corpus = fuzz.join("corpus").join(&target);
        if filter.is_some_and(|filter| !target.contains(filter)) || sys::interrupted() {
            continue;
        }
        if !corpus.is_dir() {
            println!("==> fuzz target {target}: skipped, it has no corpus");
            continue;
        }
        println!("==> fuzz target {target}: replay of its corpus");
        let corpus = corpus.display().to_string();
        let args = [
            "run",
            "--quiet",
            "--manifest-path",
            manifest,
            "--package",
            "bgplb-fuzz",
            "--bin",
        ];
        let command = cargo(&args).args([target.as_str(), "--", &corpus]);
        if !command.show(&[])? {
            println!("==> fuzz target {target}: FAILED, see above");
            all_held = false;
        }
    }
    Ok(all_held)
}

/// The names of the fuzz targets, sorted.
pub(crate) fn targets(dir: &Path) -> Result<Vec<String>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("list {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(
                path.file_stem()
                    .and_then(|stem| stem.to_str())
                    .map(str::to_owned),
            );
        }
    }
    names.sort();
    Ok(names)
}
