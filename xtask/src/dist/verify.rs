//! The second build: the same commit, in a clone and a build directory of its own.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use super::{SUMS, git, tree};
use crate::artifacts::{cargo, target_directory, workspace};

/// Nothing can be compared with a clone unless all is in it.
///
/// # Errors
///
/// When there are changes that are not committed.
pub(super) fn ensure_committed() -> Result<()> {
    let changes = git(workspace(), &["status", "--porcelain"])?;
    ensure!(
        changes.is_empty(),
        "a clone has none of these changes:\n{changes}"
    );
    Ok(())
}

/// Clones the workspace into the target directory, has the clone make a distribution, and says
/// whether it is the one in `out`.
///
/// # Errors
///
/// When the clone cannot be built.
pub(super) fn same_from_a_clone(out: &Path) -> Result<bool> {
    let folder = target_directory()?.join("dist-verify");
    tree::remove(&folder)?;
    let (clone, second) = (folder.join("elsewhere"), folder.join("second"));
    let (from, to) = (
        workspace().display().to_string(),
        clone.display().to_string(),
    );
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    git(&folder, &["clone", "--quiet", "--shared", &from, &to])?;
    println!("==> the second build, in {to}");
    let again = cargo(&["run", "--quiet", "--package", "xtask", "--manifest-path"])
        .arg(clone.join("Cargo.toml"))
        .args(["--", "dist", "--out"])
        .arg(&second);
    let target = folder.join("target").into_os_string();
    if !again.show(&[("CARGO_TARGET_DIR", target)])? {
        bail!("the clone cannot be built, see above");
    }
    let [first, second] = [out, &second].map(|folder| fs::read_to_string(folder.join(SUMS)));
    let (first, second) = (first?, second?);
    for line in first
        .lines()
        .filter(|line| !second.lines().any(|other| other == *line))
    {
        println!("differs: {line}");
    }
    if first == second {
        println!("==> both builds are the same");
        tree::remove(&folder)?;
    } else {
        println!(
            "==> the builds differ; the second one stays in {}",
            folder.display()
        );
    }
    Ok(first == second)
}
