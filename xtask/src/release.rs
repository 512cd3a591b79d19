//! What a release needs beside passing tests: documentation and packages without a warning.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::artifacts::{cargo, workspace};

/// How long packaging may take: the first time, every dependency is built.
const PACKAGING: Duration = Duration::from_secs(600);

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    /// The registries it may go to; `None` is all of them.
    publish: Option<Vec<String>>,
}

/// Builds documentation and packages and says what is wrong with them; gives whether nothing is.
///
/// # Errors
///
/// When cargo cannot be started or does not end.
pub(crate) fn publishable() -> Result<bool> {
    let manifest = workspace().join("Cargo.toml").display().to_string();
    println!("==> documentation");
    let documented = documentation(&manifest)?;
    if !documented {
        println!("==> documentation FAILED, see above");
    }
    println!("==> packages");
    let findings = packages(&manifest)?;
    findings.iter().for_each(|finding| println!("{finding}"));
    if !findings.is_empty() {
        println!("==> packages FAILED, see above");
    }
    Ok(documented && findings.is_empty())
}

/// Builds the documentation of the workspace with this manifest; gives whether rustdoc found
/// nothing wrong.
fn documentation(manifest: &str) -> Result<bool> {
    cargo(&["doc", "--workspace", "--no-deps", "--all-features"])
        .args(["--quiet", "--manifest-path", manifest])
        .show(&[("RUSTDOCFLAGS", "-D warnings".into())])
}

/// Packages the crates that are published and builds each from its package, with the others as
/// packaged and no features but its own; gives what is wrong with them.
fn packages(manifest: &str) -> Result<Vec<String>> {
    let args = ["metadata", "--no-deps", "--format-version", "1"];
    let text = cargo(&args).args(["--manifest-path", manifest]).read()?;
    let metadata: Metadata = serde_json::from_str(&text).context("parse cargo metadata")?;
    let private = metadata
        .packages
        .iter()
        .filter(|package| package.publish.as_ref().is_some_and(Vec::is_empty))
        .flat_map(|package| ["--exclude", &package.name]);
    // What is to be tested has been built, so nothing has to be asked of a registry.
    let finished = cargo(&["package", "--workspace", "--allow-dirty", "--offline"])
        .args(["--manifest-path", manifest])
        .args(private)
        .timeout(PACKAGING)
        .finish()?;
    if finished.code == Some(0) {
        Ok(warnings(&finished.stderr).map(str::to_owned).collect())
    } else {
        Ok(vec![finished.complaint()])
    }
}

/// The warnings in what cargo printed. That a package lacks tests its manifest leaves out is none.
fn warnings(output: &str) -> impl Iterator<Item = &str> {
    let left_out = ["warning: ignoring test ", "warning: ignoring example "];
    output
        .lines()
        .filter(|line| line.starts_with("warning"))
        .filter(move |line| !left_out.iter().any(|known| line.starts_with(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_left_out_of_a_package_are_no_warning() {
        let output = "   Packaging a v0.1.0 (/a)\n\
            warning: ignoring test `it` as `tests/it/main.rs` is not included in the package\n\
            warning: manifest has no description\n\
            warning: `a` (lib) generated 1 warning\n\
            error: something else";
        assert_eq!(
            warnings(output).collect::<Vec<_>>(),
            [
                "warning: manifest has no description",
                "warning: `a` (lib) generated 1 warning"
            ]
        );
    }
}
