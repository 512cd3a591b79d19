//! Links between pages: whether what they name exists.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use super::markdown::Page;

/// The relative links of a page, which is named from `root`, that lead to no file or to no heading
/// of it, and those out of the book that its readers cannot follow; one sentence each.
///
/// # Errors
///
/// When a page cannot be read.
pub(crate) fn broken(root: &Path, page: &Path) -> Result<Vec<String>> {
    let text = Page::read(&root.join(page))?;
    let folder = page.parent().unwrap_or_else(|| Path::new(""));
    let mut findings = Vec::new();
    for link in text.links() {
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = if file.is_empty() {
            page.to_owned()
        } else {
            normal(&folder.join(file))
        };
        let shown = page.display();
        if !root.join(&target).exists() {
            findings.push(format!(
                "{shown} links to {link}, but there is no {}",
                target.display()
            ));
            continue;
        }
        if page.starts_with("docs") && !target.starts_with("docs") {
            findings.push(format!(
                "{shown} links to {link}, which is not in the book: name it in back quotes instead"
            ));
        }
        let has = |anchor: &str| {
            let page = Page::read(&root.join(&target));
            page.map(|page| page.anchors().iter().any(|it| it == anchor))
        };
        if !anchor.is_empty() && !has(anchor)? {
            findings.push(format!(
                "{shown} links to {link}, but {} has no such heading",
                target.display()
            ));
        }
    }
    Ok(findings)
}

/// The path without `..` and `.`, as the names say.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = normal.pop(),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn findings(text: &str) -> Vec<String> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("bgplb-links-{}-{number}", std::process::id());
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(root.join("docs/deeper")).unwrap();
        fs::write(root.join("README.md"), "# Top\n").unwrap();
        fs::write(root.join("docs/other.md"), "# Other\n\n## Two `words`\n").unwrap();
        fs::write(root.join("docs/deeper/page.md"), text).unwrap();
        let found = broken(&root, Path::new("docs/deeper/page.md")).unwrap();
        fs::remove_dir_all(&root).unwrap();
        found
    }

    #[test]
    fn links_to_pages_and_headings_that_exist_are_fine() {
        let text = "# Page\n[a](../other.md) [b](../other.md#two-words) [c](#page) \
                    [d](https://x.example/none)\n\n```sh\n[e](none.md)\n```\nand `[f](none.md)`";
        assert_eq!(findings(text), [""; 0]);
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        let found = findings("[a](../none.md)");
        assert_eq!(
            found,
            ["docs/deeper/page.md links to ../none.md, but there is no docs/none.md"]
        );
    }

    #[test]
    fn a_link_to_a_heading_that_is_not_there_is_found() {
        let found = findings("[a](../other.md#three)");
        assert_eq!(
            found,
            [
                "docs/deeper/page.md links to ../other.md#three, but docs/other.md has no such heading"
            ]
        );
    }

    #[test]
    fn a_link_out_of_the_book_is_found() {
        let found = findings("[a](../../README.md)");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("not in the book"), "{found:?}");
    }
}
