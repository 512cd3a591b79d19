//! A crate's README is the documentation of its `lib.rs`.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::artifacts::workspace;

/// READMEs that differ from their crate's documentation, one sentence each.
///
/// # Errors
///
/// When a `lib.rs` cannot be read.
pub(crate) fn findings() -> Result<Vec<String>> {
    let differing = wanted()?
        .into_iter()
        .filter(|(path, text)| fs::read_to_string(path).unwrap_or_default() != *text)
        .map(|(path, _)| {
            let shown = path.strip_prefix(workspace()).unwrap_or(&path).display();
            format!("{shown} differs from lib.rs; `cargo xtask readmes` writes it")
        });
    Ok(differing.collect())
}

/// Writes the crates' READMEs.
///
/// # Errors
///
/// When a `lib.rs` cannot be read or a README not be written.
pub(crate) fn write() -> Result<()> {
    for (path, text) in wanted()? {
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn wanted() -> Result<Vec<(PathBuf, String)>> {
    let mut readmes = Vec::new();
    for entry in fs::read_dir(workspace().join("crates")).context("list crates")? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let lib = folder.join("src/lib.rs");
        let text = fs::read_to_string(&lib).with_context(|| format!("read {}", lib.display()))?;
        readmes.push((folder.join("README.md"), render(&name, &text)));
    }
    readmes.sort();
    Ok(readmes)
}

/// The `//!` lines with headings one level down, links to items unlinked and
/// code blocks marked as Rust, without the lines rustdoc hides.
fn render(name: &str, lib: &str) -> String {
    let mut out = format!("# {name}\n\n");
    let mut in_code = false;
    let mut in_rust = false;
    let lines = lib
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .map(|line| line.trim_start_matches("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line));
    for line in lines {
        if let Some(language) = line.strip_prefix("```") {
            in_code = !in_code;
            in_rust = in_code && !language.starts_with("text") && !language.starts_with("toml");
            let fence = if in_rust { "```rust" } else { line };
            let _ = writeln!(out, "{fence}");
        } else if in_rust && (line == "#" || line.starts_with("# ")) {
            // Hidden from readers.
        } else if in_code {
            let _ = writeln!(out, "{line}");
        } else if line.starts_with('#') {
            let _ = writeln!(out, "#{line}");
        } else {
            let _ = writeln!(out, "{}", unlink(line));
        }
    }
    out
}

/// Links to items mean something to rustdoc only: `` [`Item`] `` and
/// `` [`Item`](path::Item) `` become `` `Item` ``.
fn unlink(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((item, after)) = link.split_once("`]") else {
            break;
        };
        let target = after.strip_prefix('(').and_then(|t| t.split_once(')'));
        let (text, after) = match target {
            Some((target, after)) if target.contains("://") => {
                (format!("[`{item}`]({target})"), after)
            }
            Some((_, after)) => (format!("`{item}`"), after),
            None => (format!("`{item}`"), after),
        };
        out.push_str(before);
        out.push_str(&text);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::{render, unlink};

    #[test]
    fn a_readme_is_the_crates_documentation() {
        let lib = "//! What [`it`] does.\n//!\n//! # Not\n//!\n//! ```\n//! # hidden\n//! let a = 1;\n//! ```\n#![forbid(unsafe_code)]\n";
        assert_eq!(
            render("x", lib),
            "# x\n\nWhat `it` does.\n\n## Not\n\n```rust\nlet a = 1;\n```\n"
        );
    }

    #[test]
    fn links_to_items_become_their_names_and_others_stay() {
        assert_eq!(
            unlink("see [`A`], [`B`](crate::B) and [`C`](https://c.example)"),
            "see `A`, `B` and [`C`](https://c.example)"
        );
        assert_eq!(unlink("an open [`bracket"), "an open [`bracket");
    }
}
