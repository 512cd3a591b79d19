//! `cargo xtask fuzz`: the fuzz targets under libFuzzer, for a while each.

mod seeds;

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::artifacts::{cargo, target_directory, workspace};
use crate::suite;

/// Runs the targets whose name contains `filter` for `seconds` each; whether none had a finding.
///
/// The toolchain `nightly` and `cargo-fuzz` must be installed. What libFuzzer finds worth keeping
/// goes to `fuzz-corpus/` in the target directory, which starts with the committed corpus and the
/// recorded messages.
///
/// # Errors
///
/// When cargo can't be started or a file can't be written.
pub(crate) fn run(filter: Option<&str>, seconds: u32) -> Result<bool> {
    let mut targets = suite::targets(&workspace().join("fuzz/fuzz_targets"))?;
    targets.retain(|it| filter.is_none_or(|filter| it.contains(filter)));
    ensure!(
        !targets.is_empty(),
        "no fuzz target's name contains `{}`",
        filter.unwrap_or_default()
    );
    let messages = seeds::messages()?;
    let mut clean = true;
    for target in targets {
        let corpus = target_directory()?.join("fuzz-corpus").join(&target);
        fs::create_dir_all(&corpus).with_context(|| format!("make {}", corpus.display()))?;
        let count = seeds::write(&target, &messages, &corpus)?;
        println!("==> {target}: {count} seeds of recorded messages, {seconds} s");
        let committed = workspace().join("fuzz/corpus").join(&target);
        let found = !cargo(&["fuzz", "run", "--fuzz-dir"])
            .arg(workspace().join("fuzz"))
            .arg(&target)
            .arg(&corpus)
            .args(committed.is_dir().then_some(&committed))
            .args(["--", "-rss_limit_mb=1024", "-timeout=5"])
            .arg(format!("-max_total_time={seconds}"))
            // Only a nightly compiler knows the instrumentation.
            .show(&[("RUSTUP_TOOLCHAIN", "nightly".into())])?;
        if found {
            println!("==> {target}: FAILED, see above");
            clean = false;
        }
    }
    Ok(clean)
}
