//! What a release needs beside passing tests: documentation and packages without a warning.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::artifacts::{cargo, cargo_home, workspace};

/// How long packaging may take: the first time, every dependency is built.
const PACKAGING: Duration = Duration::from_secs(600);

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    /// Where packages are built, too.
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
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
    if let Some(home) = cargo_home() {
        forget_unpacked(&home, &metadata.packages)?;
    }
    forget_compiled(&metadata.target_directory.join("debug"), &metadata.packages)?;
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

/// Has cargo unpack our packages anew. It takes a version for unchangeable, and would build with
/// those of an earlier run; they come from a registry in the build directory, which has no host.
fn forget_unpacked(home: &Path, packages: &[Package]) -> Result<()> {
    let registries = match fs::read_dir(home.join("registry/src")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        registries => registries.context("look for packages of an earlier run")?,
    };
    for registry in registries {
        let registry = registry.context("look for packages of an earlier run")?;
        if !registry.file_name().to_string_lossy().starts_with('-') {
            continue;
        }
        for Package { name, version, .. } in packages {
            let unpacked = registry.path().join(format!("{name}-{version}"));
            match fs::remove_dir_all(&unpacked) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.with_context(|| format!("remove {}", unpacked.display()))?,
            }
        }
    }
    Ok(())
}

/// Has cargo compile our packages anew, for the same reason: what it compiled of a version it would
/// link, whatever the package of that version has become. The fingerprints alone decide about that.
fn forget_compiled(profile: &Path, packages: &[Package]) -> Result<()> {
    let look = || format!("look for what was compiled in {}", profile.display());
    let fingerprints = match fs::read_dir(profile.join(".fingerprint")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        fingerprints => fingerprints.with_context(look)?,
    };
    for fingerprint in fingerprints {
        let fingerprint = fingerprint.with_context(look)?;
        let name = fingerprint.file_name();
        let name = name.to_string_lossy();
        // The package's name and 64 bits in hexadecimal.
        let ours = name.rsplit_once('-').is_some_and(|(name, hash)| {
            hash.len() == 16 && packages.iter().any(|package| package.name == name)
        });
        if ours {
            let path = fingerprint.path();
            fs::remove_dir_all(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    Ok(())
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
    use std::env;

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

    fn bfd() -> Package {
        Package {
            name: "bfd".to_owned(),
            version: "0.1.0".to_owned(),
            publish: None,
        }
    }

    #[test]
    fn packages_of_an_earlier_run_are_forgotten_and_no_others() {
        let home = env::temp_dir().join(format!("bgplb-release-{}", std::process::id()));
        let source = home.join("registry/src");
        let ours = source.join("-0123/bfd-0.1.0");
        let others = ["-0123/bytes-1.0.0", "crates.example-4567/bfd-0.1.0"];
        let others = others.map(|it| source.join(it));
        for directory in others.iter().chain([&ours]) {
            fs::create_dir_all(directory).unwrap();
        }
        let package = bfd();
        // The second time there is nothing left to forget.
        for _ in 0..2 {
            forget_unpacked(&home, std::slice::from_ref(&package)).unwrap();
            assert!(!ours.exists());
        }
        assert!(others.iter().all(|it| it.exists()));
        fs::remove_dir_all(&home).unwrap();
        forget_unpacked(&home, &[package]).unwrap();
    }

    #[test]
    fn what_was_compiled_of_packages_is_forgotten_and_nothing_else() {
        let profile = env::temp_dir().join(format!("bgplb-compiled-{}", std::process::id()));
        let fingerprint = |name: &str| profile.join(".fingerprint").join(name);
        let ours = ["bfd-0123456789abcdef", "bfd-fedcba9876543210"].map(fingerprint);
        let others = [
            "bfd-more-0123456789abcdef",
            "bfd-0123",
            "bytes-0123456789abcdef",
        ];
        let others = others.map(fingerprint);
        for directory in ours.iter().chain(&others) {
            fs::create_dir_all(directory).unwrap();
        }
        let package = bfd();
        for _ in 0..2 {
            forget_compiled(&profile, std::slice::from_ref(&package)).unwrap();
            assert!(ours.iter().all(|it| !it.exists()));
            assert!(others.iter().all(|it| it.exists()));
        }
        fs::remove_dir_all(&profile).unwrap();
        forget_compiled(&profile, &[package]).unwrap();
    }
}
