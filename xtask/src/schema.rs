//! The JSON schema of the status socket's answers, made from their types.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::artifacts::workspace;

/// Where it is, from the workspace's root.
const FILE: &str = "docs/status.schema.json";

/// A sentence if the file differs from the types.
pub(crate) fn finding() -> Option<String> {
    let written = fs::read_to_string(path()).unwrap_or_default();
    (written != wanted())
        .then(|| format!("{FILE} differs from the types; `cargo xtask schema` writes it"))
}

/// Writes the file.
///
/// # Errors
///
/// When it cannot be written.
pub(crate) fn write() -> Result<()> {
    fs::write(path(), wanted()).with_context(|| format!("write {FILE}"))
}

fn path() -> PathBuf {
    workspace().join(FILE)
}

fn wanted() -> String {
    format!("{:#}\n", lb_status::schema())
}
