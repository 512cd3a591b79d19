//! Completions and manual pages, from the programs' own definitions of their command lines.

use std::path::Path;

use anyhow::{Result, bail};

use crate::artifacts::{cargo, workspace};

/// Has a program write its completions and pages into `folder`. It is built for this as its tests
/// build it, with a feature that what is shipped does not have.
///
/// # Errors
///
/// When the build fails, or the program cannot write.
pub(super) fn write(package: &str, folder: &Path) -> Result<()> {
    let command = cargo(&["run", "--quiet", "--package", package])
        .args(["--features", "manual", "--manifest-path"])
        .arg(workspace().join("Cargo.toml"))
        .args(["--", "manual"])
        .arg(std::path::absolute(folder)?);
    if !command.show(&[])? {
        bail!("{package} wrote no manual, see above");
    }
    Ok(())
}
