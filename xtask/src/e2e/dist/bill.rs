//! The bill of materials beside what cargo really built.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Made;
use crate::artifacts;
use crate::dist::{PROGRAMS, bill_name};

type Names = BTreeSet<String>;

/// The bill comes from the graph of packages; the compiler's account of a build knows nothing of
/// that.
pub(super) fn complete(made: &Made) -> Result<()> {
    let triple = artifacts::host_triple()?;
    for program in PROGRAMS {
        let compiled = compiled(&artifacts::build_messages(program)?, &triple)?;
        let bill = fs::read_to_string(made.out.join(bill_name(program)))?;
        let bill: Value = serde_json::from_str(&bill).context("parse a bill of materials")?;
        let (packages, others) = named(&bill)?;
        let only = |one: &Names, other: &Names| -> Vec<String> {
            one.difference(other).cloned().collect()
        };
        ensure!(
            packages == compiled,
            "{program}: only in the bill {:?}, only compiled {:?}",
            only(&packages, &compiled),
            only(&compiled, &packages),
        );
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        ensure!(
            others == ["glibc", "rust-std"],
            "{program}: beside packages {others:?}"
        );
        references(&bill)?;
    }
    Ok(())
}

/// `NAME@VERSION` of what was compiled for the target and not for this machine.
fn compiled(messages: &str, triple: &str) -> Result<Names> {
    let mut names = Names::new();
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line).context("parse a message of cargo")?;
        if message["reason"] != "compiler-artifact" {
            continue;
        }
        let files = message["filenames"]
            .as_array()
            .context("an artifact has files")?;
        let below = format!("/{triple}/");
        let for_target = files
            .iter()
            .filter_map(Value::as_str)
            .any(|file| file.contains(&below));
        let is_code = message["target"]["kind"]
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| kind == "lib" || kind == "bin"));
        if for_target && is_code {
            let id = message["package_id"]
                .as_str()
                .context("an artifact has a package")?;
            names.insert(name_of(id).with_context(|| format!("package id {id:?}"))?);
        }
    }
    Ok(names)
}

/// A package id ends in `#NAME@VERSION`, or in `/NAME#VERSION` where the folder has that name.
fn name_of(id: &str) -> Option<String> {
    let (place, end) = id.rsplit_once('#')?;
    if end.contains('@') {
        return Some(end.to_owned());
    }
    let (_, folder) = place.rsplit_once('/')?;
    Some(format!("{folder}@{end}"))
}

/// `NAME@VERSION` of the packages in a bill, the program's too, and the names of what is none.
fn named(bill: &Value) -> Result<(Names, Names)> {
    let parts = bill["components"]
        .as_array()
        .context("a bill has components")?;
    let mut packages = Names::new();
    let mut others = Names::new();
    for part in parts.iter().chain([&bill["metadata"]["component"]]) {
        let url = part["purl"].as_str().context("a component has a purl")?;
        match url.strip_prefix("pkg:cargo/") {
            Some(name) => packages.insert(name.to_owned()),
            None => others.insert(part["name"].as_str().unwrap_or(url).to_owned()),
        };
    }
    Ok((packages, others))
}

/// Whatever is referred to is there.
fn references(bill: &Value) -> Result<()> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let parts = list(&bill["components"]);
    let mut known: Vec<&Value> = parts.iter().map(|part| &part["bom-ref"]).collect();
    known.push(&bill["metadata"]["component"]["bom-ref"]);
    let dependencies = list(&bill["dependencies"]);
    ensure!(
        dependencies.len() == known.len(),
        "dependencies of {}",
        dependencies.len()
    );
    for dependency in &dependencies {
        for reference in list(&dependency["dependsOn"])
            .iter()
            .chain([&dependency["ref"]])
        {
            ensure!(known.contains(&reference), "{reference} is not there");
        }
    }
    Ok(())
}
