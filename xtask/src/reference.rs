//! Pages written from the code: what may be set, and what of the RFCs is there.

mod options;
mod plugin;
mod rfc;
pub(crate) mod source;
mod speaker;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::artifacts::workspace;

/// What stands under the title of each page.
const NOTE: &str = "<!-- Written by `cargo xtask reference` from the code: change that. -->";

/// Pages that differ from the code, one sentence each.
///
/// # Errors
///
/// When the code cannot be read.
pub(crate) fn findings() -> Result<Vec<String>> {
    let differing = wanted()?.into_iter().filter(|(name, text)| {
        fs::read_to_string(workspace().join(name)).unwrap_or_default() != *text
    });
    Ok(differing
        .map(|(name, _)| {
            let shown = name.display();
            format!("{shown} differs from the code; `cargo xtask reference` writes it")
        })
        .collect())
}

/// Writes the pages.
///
/// # Errors
///
/// When the code cannot be read or a page not be written.
pub(crate) fn write() -> Result<()> {
    for (name, text) in wanted()? {
        let path = workspace().join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn wanted() -> Result<Vec<(PathBuf, String)>> {
    let pages = [
        ("plugin-settings", plugin::page()?),
        ("network-options", options::page()?),
        ("speaker-configuration", speaker::page()?),
        ("rfc-coverage", rfc::page()?),
    ];
    Ok(pages
        .into_iter()
        .map(|(name, text)| (PathBuf::from(format!("docs/reference/{name}.md")), text))
        .collect())
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// A value in back quotes; a dash where there is none.
fn code(text: &str) -> String {
    match text {
        "" => "–".to_owned(),
        text => format!("`{}`", cell(text)),
    }
}
