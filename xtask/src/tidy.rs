//! `cargo xtask tidy`: what the compiler does not check. It is part of the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::artifacts::{cargo, workspace};
use crate::{book, readme, reference, schema};

/// Lines a source file may have, tests apart.
const MAX_LINES: usize = 600;

/// The crate that needs `alloc` only.
const NO_STD: &str = "bgp-wire";

/// Dependencies that only these crates may have.
const RESERVED: [(&str, &[&str]); 6] = [
    (
        "anyhow",
        &["bgplb-plugin", "bgplb-speaker", "xtask", "bgplb-benches"],
    ),
    ("axum", &["docker-plugin-api", "lb-status", "bgplb-speaker"]),
    ("neli", &["netplumb"]),
    ("netlink-sys", &["netplumb"]),
    ("nom", &["bgp-wire"]),
    (
        "tokio",
        &[
            "bgp-speaker",
            "docker-plugin-api",
            "healthwatch",
            "lb-status",
            "bgplb-plugin",
            "bgplb-speaker",
            "bgplb-benches",
        ],
    ),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    rust_version: Option<String>,
    publish: Option<Vec<String>>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<PathBuf>,
    uses_default_features: bool,
    features: Vec<String>,
}

/// Everything that is not as it should be, one sentence each.
///
/// # Errors
///
/// When a file cannot be read or cargo does not answer.
pub(crate) fn findings() -> Result<Vec<String>> {
    let root = workspace();
    let manifest = root.join("Cargo.toml").display().to_string();
    let text = cargo(&[
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
        "--manifest-path",
        &manifest,
    ])
    .read()?;
    let metadata: Metadata = serde_json::from_str(&text).context("parse cargo metadata")?;
    let architecture = read(&root.join("ARCHITECTURE.md"))?;
    let readme = read(&root.join("README.md"))?;
    let mut findings = readme::findings()?;
    findings.extend(schema::finding());
    findings.extend(reference::findings()?);
    findings.extend(book::findings()?);
    crate_graph(&metadata, &architecture, &mut findings);
    reserved_dependencies(&metadata, &mut findings);
    dependencies_without_std(&metadata, &mut findings);
    licences(&metadata, &mut findings);
    for (name, text) in [("ARCHITECTURE.md", &architecture), ("README.md", &readme)] {
        named_paths(name, text, &mut findings);
    }
    rust_version(&metadata, &readme, &mut findings);
    for package in &metadata.packages {
        if let Some(dir) = package.manifest_path.parent() {
            sources(dir, &mut findings)?;
        }
    }
    Ok(findings)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// The table of ARCHITECTURE.md as sets: which crate may know which.
fn allowed_edges(architecture: &str) -> BTreeMap<String, BTreeSet<String>> {
    architecture
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let name = cells.next()?.trim().trim_end_matches('`').to_owned();
            let knows = cells
                .next()?
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect();
            Some((name, knows))
        })
        .collect()
}

fn crate_graph(metadata: &Metadata, architecture: &str, findings: &mut Vec<String>) {
    let allowed = allowed_edges(architecture);
    for package in &metadata.packages {
        let is_library = package
            .manifest_path
            .ancestors()
            .nth(2)
            .is_some_and(|dir| dir.ends_with("crates"));
        let Some(knows) = allowed.get(&package.name) else {
            if is_library {
                findings.push(format!(
                    "ARCHITECTURE.md does not list crate {}",
                    package.name
                ));
            }
            continue;
        };
        for dependency in &package.dependencies {
            let ours = dependency.path.is_some() && dependency.kind.is_none();
            if ours && !knows.contains(&dependency.name) {
                findings.push(format!("{} may not know {}", package.name, dependency.name));
            }
        }
    }
}

fn reserved_dependencies(metadata: &Metadata, findings: &mut Vec<String>) {
    for (reserved, owners) in RESERVED {
        for package in &metadata.packages {
            let uses = |d: &Dependency| d.name == reserved && d.kind.as_deref() != Some("dev");
            if package.dependencies.iter().any(uses) && !owners.contains(&package.name.as_str()) {
                findings.push(format!("{} may not depend on {reserved}", package.name));
            }
        }
    }
}

/// The compiler sees only that the crate itself does without: its dependencies have `std` in these
/// tests, because some crate of the workspace wants it.
fn dependencies_without_std(metadata: &Metadata, findings: &mut Vec<String>) {
    let packages = metadata.packages.iter();
    for package in packages.filter(|package| package.name == NO_STD) {
        for dependency in package.dependencies.iter().filter(|d| d.kind.is_none()) {
            let wants_std = dependency.features.iter().any(|feature| feature == "std");
            if dependency.uses_default_features || wants_std {
                let name = &dependency.name;
                findings.push(format!(
                    "{NO_STD} takes {name} with its default features or std"
                ));
            }
        }
    }
}

/// A published package holds the texts of its licences.
fn licences(metadata: &Metadata, findings: &mut Vec<String>) {
    for package in metadata.packages.iter().filter(|p| p.publish.is_none()) {
        for file in ["LICENSE-APACHE", "LICENSE-MIT"] {
            if !package.manifest_path.with_file_name(file).is_file() {
                let name = &package.name;
                findings.push(format!(
                    "{name} is published without {file}: link the one of the workspace"
                ));
            }
        }
    }
}

/// Every path in back quotes that begins in one of our folders exists.
fn named_paths(name: &str, text: &str, findings: &mut Vec<String>) {
    const FOLDERS: [&str; 6] = ["crates/", "bins/", "xtask/", "docs/", "fuzz/", "benches/"];
    let quoted = text
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    for path in quoted.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder))) {
        if !workspace().join(path).exists() {
            findings.push(format!("{name} names {path}, which does not exist"));
        }
    }
}

fn rust_version(metadata: &Metadata, readme: &str, findings: &mut Vec<String>) {
    let versions: BTreeSet<_> = metadata
        .packages
        .iter()
        .map(|p| p.rust_version.as_deref())
        .collect();
    if let [Some(version)] = versions.iter().copied().collect::<Vec<_>>().as_slice() {
        if !readme.contains(&format!("Rust {version}")) {
            findings.push(format!("README.md does not say \"Rust {version}\""));
        }
    } else {
        findings.push(format!(
            "the packages need different Rust versions: {versions:?}"
        ));
    }
}

fn sources(dir: &Path, findings: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("list {}", dir.display()))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, "target" | "corpus" | "plugin") {
                sources(&path, findings)?;
            }
        } else if name.ends_with(".rs") {
            source(&path, name == "tests.rs", findings)?;
        }
    }
    Ok(())
}

fn source(path: &Path, is_test: bool, findings: &mut Vec<String>) -> Result<()> {
    let text = read(path)?;
    let shown = path.strip_prefix(workspace()).unwrap_or(path).display();
    let is_test = is_test || path.components().any(|part| part.as_os_str() == "tests");
    // Attributes such as cfg_attr for fuzzing may stand before the sentence.
    let explained = text.lines().take(5).any(|line| line.starts_with("//!"));
    if !explained && !is_test {
        findings.push(format!(
            "{shown} does not begin with a sentence (//!) about itself"
        ));
    }
    let lines = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .map_or(0, |code| code.lines().count());
    if lines > MAX_LINES && !is_test {
        findings.push(format!("{shown} has {lines} lines, more than {MAX_LINES}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        let findings = findings().unwrap();
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }

    #[test]
    fn the_architecture_table_is_understood() {
        let table =
            "| crate | knows |\n| --- | --- |\n| `a` | nothing of ours |\n| `b` | `a`, `c` | x |";
        let edges = allowed_edges(table);
        assert_eq!(edges["a"], BTreeSet::new());
        assert_eq!(edges["b"], BTreeSet::from(["a".to_owned(), "c".to_owned()]));
    }
}
