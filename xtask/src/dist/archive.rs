//! Archives that hold nothing of the machine they are made on.

use std::path::Path;

use anyhow::Result;

use crate::cmd::Cmd;

/// Packs a folder, as the folder `name`, into the archive `out`. Order, owners, modes and times are
/// the same everywhere; xz divides its input otherwise when several threads work on it.
///
/// # Errors
///
/// When tar or xz fails.
pub(super) fn pack(folder: &Path, name: &str, out: &Path, time: u64) -> Result<()> {
    Cmd::new("tar")
        .arg("--create")
        .arg("--file")
        .arg(out)
        .arg("--directory")
        .arg(folder)
        .args(["--use-compress-program", "xz -9 --threads=1"])
        .args(["--format=ustar", "--sort=name"])
        .args(["--owner=0", "--group=0", "--numeric-owner"])
        .arg("--mode=u=rwX,go=rX")
        .arg(format!("--mtime=@{time}"))
        .arg(format!("--transform=s,^\\.,{name},"))
        .arg(".")
        .run()
}
