//! The documentation as a book: built by mdBook, and checked without it.

pub(crate) mod console;
pub(crate) mod links;
pub(crate) mod markdown;
mod troubleshooting;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use self::markdown::Page;
use crate::artifacts::{cargo, target_directory, workspace};
use crate::cmd::Cmd;

/// Which mdBook builds the book where the machine has none.
const MDBOOK: &str = "0.4.52";

/// Pages that the book leaves out: what mdBook takes them for is not a page.
const NO_PAGES: [&str; 1] = ["docs/SUMMARY.md"];

/// Builds the book into `target/book`, or wherever the target directory is; gives where its first
/// page is. Without mdBook on the machine one is built in the target directory.
///
/// # Errors
///
/// When mdBook can neither be found nor built, or refuses the book.
pub(crate) fn build() -> Result<PathBuf> {
    let target = target_directory()?;
    let out = target.join("book-html");
    let built = Cmd::new(mdbook(&target)?)
        .arg("build")
        .arg("--dest-dir")
        .arg(&out)
        .arg(workspace().join("docs"))
        .show(&[])?;
    ensure!(built, "mdbook refuses the book, see above");
    Ok(out.join("index.html"))
}

fn mdbook(target: &Path) -> Result<PathBuf> {
    let installed = Cmd::new("sh").args(["-c", "command -v mdbook"]).finish()?;
    if installed.code == Some(0) {
        return Ok(PathBuf::from(installed.stdout.trim()));
    }
    let root = target.join("tools");
    let program = root.join("bin/mdbook");
    if !program.exists() {
        println!("==> building mdbook {MDBOOK}, once");
        let args = ["install", "mdbook", "--version", MDBOOK, "--locked"];
        let lean = ["--no-default-features", "--features", "search", "--root"];
        let installed = cargo(&args).args(lean).arg(&root).show(&[])?;
        ensure!(installed, "mdbook cannot be built, see above");
    }
    Ok(program)
}

/// Pages that the book lacks, and links of README, ARCHITECTURE and the book that lead nowhere.
///
/// # Errors
///
/// When a page cannot be read.
pub(crate) fn findings() -> Result<Vec<String>> {
    let root = workspace();
    let mut findings = Vec::new();
    let pages = pages()?;
    let summary = Page::read(&root.join("docs/SUMMARY.md"))?;
    let listed: BTreeSet<PathBuf> = summary
        .links()
        .filter(|target| !target.contains("://"))
        .map(|target| Path::new("docs").join(target))
        .collect();
    for path in &pages {
        let left_out = NO_PAGES.iter().any(|name| path == Path::new(name));
        if path.starts_with("docs") && !left_out && !listed.contains(path) {
            let shown = path.display();
            findings.push(format!("docs/SUMMARY.md does not list {shown}"));
        }
    }
    findings.extend(troubleshooting::findings()?);
    for path in &pages {
        findings.extend(links::broken(root, path)?);
    }
    Ok(findings)
}

/// Every page for users, from the workspace's root.
fn pages() -> Result<Vec<PathBuf>> {
    let mut pages = vec![PathBuf::from("README.md"), PathBuf::from("ARCHITECTURE.md")];
    collect(&workspace().join("docs"), Path::new("docs"), &mut pages)?;
    pages.sort();
    Ok(pages)
}

fn collect(dir: &Path, shown: &Path, pages: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("list {}", dir.display()))? {
        let entry = entry?;
        let path = shown.join(entry.file_name());
        if entry.path().is_dir() {
            collect(&entry.path(), &path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    Ok(())
}
