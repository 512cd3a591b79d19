//! The licences of others' packages in a program, which have to be handed on with it.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::Linked;
use crate::artifacts::workspace;

/// How the files that matter begin.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];

/// The texts of all of them, one after another, each below the name of its package.
///
/// # Errors
///
/// When a file cannot be read, or a package has none and is not to be had under the Apache licence.
pub(super) fn text(linked: &Linked) -> Result<String> {
    let mut all = String::new();
    for package in linked.packages() {
        let Some(folder) = package.foreign_folder() else {
            continue;
        };
        let (name, licence) = (folder.file_name().unwrap_or_default(), package.licence());
        writeln!(all, "==== {} ({licence})", name.to_string_lossy())?;
        let mut files: Vec<_> = fs::read_dir(&folder)
            .with_context(|| format!("list {}", folder.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|file| {
            let name = file.file_name().unwrap_or_default();
            let name = name.to_string_lossy().to_uppercase();
            NAMES.iter().any(|known| name.starts_with(known)) && file.is_file()
        });
        files.sort();
        if files.is_empty() {
            // Its authors name the licence and left the text out. This one is the same for all.
            let named = licence.contains("Apache-2.0");
            ensure!(named, "{} has no licence", folder.display());
            files.push(workspace().join("LICENSE-APACHE"));
        }
        for file in files {
            let text = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
            writeln!(all, "\n{}", String::from_utf8_lossy(&text).trim())?;
        }
        all.push('\n');
    }
    Ok(all)
}
