//! The unit files, as systemd's own tools judge them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::ProgramCase;
use crate::artifacts::Artifacts;
use crate::cmd::Cmd;
use crate::lab::service::units;

/// The tool; without it the tests are skipped.
pub(super) const ANALYZE: &str = "/usr/bin/systemd-analyze";

/// All of them.
pub(super) const CASES: [(&str, ProgramCase); 2] = [
    ("systemd_finds_no_fault", no_fault),
    ("systemd_finds_the_service_well_confined", confined),
];

/// What systemd-analyze calls "OK"; an ordinary service without any protection has 96.
const EXPOSURE: &str = "20";

/// The manual is looked for where a package has put it. The program is looked for where the unit
/// says, so the copies that are judged name the one just built.
fn no_fault(artifacts: &Artifacts) -> Result<()> {
    const INSTALLED: &str = "ExecStart=bgplb-plugin";
    let dir = artifacts.plugin_dir.with_file_name("units");
    fs::create_dir_all(&dir)?;
    let built = format!("ExecStart={}", artifacts.plugin.display());
    let mut copies = Vec::new();
    for unit in units() {
        let text = fs::read_to_string(&unit).with_context(|| format!("read {}", unit.display()))?;
        let text = text.replace(INSTALLED, &built);
        let copy = dir.join(unit.file_name().context("a unit has a name")?);
        fs::write(&copy, text)?;
        copies.push(copy);
    }
    let verify = |copies: &[&Path]| {
        let finished = Cmd::new(ANALYZE)
            .args(["verify", "--man=no"])
            .args(copies)
            .finish()?;
        anyhow::Ok((finished.code, finished.stderr))
    };
    let all: Vec<&Path> = copies.iter().map(AsRef::as_ref).collect();
    let (code, said) = verify(&all)?;
    ensure!(code == Some(0) && said.trim().is_empty(), "{said}");
    // And the tool can say no.
    fs::write(
        all[0],
        "[Service]\nExecStart=/nowhere\nProtectSystem=maybe\n",
    )?;
    let (_, said) = verify(&all)?;
    ensure!(!said.trim().is_empty(), "systemd-analyze verifies anything");
    Ok(())
}

fn confined(_: &Artifacts) -> Result<()> {
    let [service, _] = units();
    Cmd::new(ANALYZE)
        .args(["security", "--offline=true", "--threshold", EXPOSURE])
        .arg(&service)
        .run()
}
