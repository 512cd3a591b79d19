//! `cargo xtask bench codec`: bgp-wire beside other BGP codecs.
//!
//! The others bring some hundred packages along, so the program is a workspace of its own that
//! only this command builds.

use anyhow::Result;

use crate::artifacts::{cargo, workspace};

/// Builds and runs the program; whether it succeeded.
///
/// # Errors
///
/// When cargo can't be started.
pub(crate) fn run() -> Result<bool> {
    let manifest = workspace().join("benches/codec/Cargo.toml");
    let manifest = manifest.display().to_string();
    let args = ["run", "--release", "--quiet", "--manifest-path", &manifest];
    cargo(&args).show(&[])
}
