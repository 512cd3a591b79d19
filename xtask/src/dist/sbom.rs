//! What is linked into a program, and its bill of materials (`CycloneDX` 1.5, JSON).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Release;
use crate::artifacts::{cargo, host_triple, workspace};
use crate::cmd::Cmd;

/// A package's name and version.
type Id = (String, String);

/// The packages of a program, itself too, and who asks for whom.
#[derive(Debug)]
pub(crate) struct Linked {
    program: Id,
    packages: BTreeMap<Id, Package>,
    edges: BTreeMap<Id, BTreeSet<Id>>,
}

/// What cargo knows of a package.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Package {
    name: String,
    version: String,
    /// An SPDX expression.
    license: Option<String>,
    repository: Option<String>,
    /// `None` for our own.
    source: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

impl Package {
    /// The folder of its sources; `None` for our own.
    pub(super) fn foreign_folder(&self) -> Option<PathBuf> {
        self.source.as_ref()?;
        self.manifest_path.parent().map(ToOwned::to_owned)
    }

    /// Its licences, as an SPDX expression.
    pub(super) fn licence(&self) -> &str {
        self.license.as_deref().unwrap_or("NOASSERTION")
    }
}

impl Linked {
    /// What cargo links into the program of this package when it builds that alone, for the
    /// target it is shipped for: neither what only tests and build scripts want, nor procedural
    /// macros.
    ///
    /// # Errors
    ///
    /// When cargo does not answer, or the lock file is not up to date.
    pub(crate) fn in_package(package: &str) -> Result<Self> {
        let manifest = workspace().join("Cargo.toml").display().to_string();
        let triple = host_triple()?;
        let tree = cargo(&["tree", "--locked", "--manifest-path", &manifest])
            .args(["--package", package, "--target", &triple])
            .args(["--edges", "normal,no-proc-macro"])
            .args(["--prefix", "depth", "--format", " {p}"])
            .read()?;
        let (program, edges) = edges(&tree)?;
        let metadata = cargo(&["metadata", "--locked", "--format-version", "1"])
            .args(["--filter-platform", &triple, "--manifest-path", &manifest])
            .read()?;
        let metadata: Metadata = serde_json::from_str(&metadata).context("parse cargo metadata")?;
        let packages: BTreeMap<Id, Package> = metadata
            .packages
            .into_iter()
            .map(|package| ((package.name.clone(), package.version.clone()), package))
            .filter(|(id, _)| edges.contains_key(id))
            .collect();
        ensure!(
            packages.len() == edges.len(),
            "cargo tree and cargo metadata differ about {package}"
        );
        Ok(Self {
            program,
            packages,
            edges,
        })
    }

    /// All of them, sorted.
    pub(super) fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.values()
    }

    /// The bill of materials. What the compiler and the linker add is in it: the standard library
    /// and the C library.
    ///
    /// # Errors
    ///
    /// When the lock file cannot be read or a tool does not tell its version.
    pub(super) fn bill_of_materials(&self, release: &Release) -> Result<String> {
        let lock = fs::read_to_string(workspace().join("Cargo.lock")).context("read Cargo.lock")?;
        let sums = checksums(&lock);
        let added = [standard_library()?, c_library()?];
        let libraries = self.packages.iter().filter(|(id, _)| **id != self.program);
        let components: Vec<Value> = libraries
            .map(|(id, package)| component("library", package, sums.get(id)))
            .chain(added.iter().cloned())
            .collect();
        let mut dependencies: Vec<Value> = self
            .edges
            .iter()
            .map(|(id, needs)| {
                let needs = needs.iter().map(|id| Value::from(url(id)));
                let more = added.iter().map(|part| part["bom-ref"].clone());
                let more = more.filter(|_| *id == self.program);
                json!({ "ref": url(id), "dependsOn": needs.chain(more).collect::<Vec<_>>() })
            })
            .collect();
        dependencies.extend(added.iter().map(|part| json!({ "ref": part["bom-ref"] })));
        let program = &self.packages[&self.program];
        let bill = json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {
                "timestamp": release.date("+%Y-%m-%dT%H:%M:%SZ")?,
                "component": component("application", program, None),
            },
            "components": components,
            "dependencies": dependencies,
        });
        Ok(serde_json::to_string_pretty(&bill)? + "\n")
    }
}

/// The program and who asks for whom, from the lines of `cargo tree`: depth, name, version, and for
/// our own the folder. What a package asks for is not repeated where it is met again (`(*)`).
fn edges(tree: &str) -> Result<(Id, BTreeMap<Id, BTreeSet<Id>>)> {
    let mut edges: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
    let mut above: Vec<Id> = Vec::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        let mut word = || {
            words
                .next()
                .with_context(|| format!("{line:?} of cargo tree"))
        };
        let depth: usize = word()?
            .parse()
            .with_context(|| format!("{line:?} of cargo tree"))?;
        let id = (
            word()?.to_owned(),
            word()?.trim_start_matches('v').to_owned(),
        );
        above.truncate(depth);
        if let Some(parent) = above.last() {
            edges.entry(parent.clone()).or_default().insert(id.clone());
        }
        edges.entry(id.clone()).or_default();
        above.push(id);
    }
    let program = above
        .into_iter()
        .next()
        .context("cargo tree says nothing")?;
    Ok((program, edges))
}

/// The SHA-256 sums of the lock file, of packages that have one.
fn checksums(lock: &str) -> BTreeMap<Id, String> {
    let packages = lock.split("[[package]]").skip(1);
    let sums = packages.filter_map(|package| {
        let value = |key: &str| {
            let mut lines = package.lines();
            let line = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
            Some(line.trim_matches('"').to_owned())
        };
        Some(((value("name")?, value("version")?), value("checksum")?))
    });
    sums.collect()
}

/// A package URL (the type is `cargo`), by which it is referred to as well.
fn url((name, version): &Id) -> String {
    format!("pkg:cargo/{name}@{version}")
}

fn component(kind: &str, package: &Package, sum: Option<&String>) -> Value {
    let url = url(&(package.name.clone(), package.version.clone()));
    let mut part = json!({
        "type": kind,
        "bom-ref": url,
        "name": package.name,
        "version": package.version,
        "purl": url,
        "licenses": [{ "expression": package.licence() }],
    });
    if let Some(sum) = sum {
        part["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    if let Some(repository) = &package.repository {
        part["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    part
}

fn standard_library() -> Result<Value> {
    let text = Cmd::new("rustc").arg("--version").read()?;
    let version = text.split(' ').nth(1).context("rustc has a version")?;
    Ok(generic("rust-std", version, "MIT OR Apache-2.0"))
}

fn c_library() -> Result<Value> {
    let text = Cmd::new("getconf").arg("GNU_LIBC_VERSION").read()?;
    let version = text
        .strip_prefix("glibc ")
        .context("the C library is not glibc")?;
    Ok(generic("glibc", version, "LGPL-2.1-or-later"))
}

fn generic(name: &str, version: &str, licence: &str) -> Value {
    let url = format!("pkg:generic/{name}@{version}");
    json!({
        "type": "library",
        "bom-ref": url,
        "name": name,
        "version": version,
        "purl": url,
        "licenses": [{ "expression": licence }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> Id {
        (name.to_owned(), "1.0.0".to_owned())
    }

    #[test]
    fn who_asks_for_whom_is_read_from_the_depths() {
        let tree =
            "0 a v1.0.0 (/a)\n1 b v1.0.0\n2 c v1.0.0\n1 c v1.0.0\n1 d v1.0.0\n2 b v1.0.0 (*)";
        let (program, edges) = edges(tree).unwrap();
        assert_eq!(program, id("a"));
        let needs = |name: &str| {
            edges[&id(name)]
                .iter()
                .map(|(name, _)| name.as_str())
                .collect()
        };
        let of_all: Vec<Vec<&str>> = ["a", "b", "c", "d"].map(needs).to_vec();
        assert_eq!(of_all, [vec!["b", "c", "d"], vec!["c"], vec![], vec!["b"]]);
    }

    #[test]
    fn packages_of_registries_have_a_checksum_and_ours_none() {
        let lock = "version = 4\n\n[[package]]\nname = \"ours\"\nversion = \"1.0.0\"\n\n\
            [[package]]\nname = \"theirs\"\nversion = \"1.0.0\"\nchecksum = \"0a\"\n\
            dependencies = [\n \"ours\",\n]\n";
        let sums = BTreeMap::from([(id("theirs"), "0a".to_owned())]);
        assert_eq!(checksums(lock), sums);
    }
}
