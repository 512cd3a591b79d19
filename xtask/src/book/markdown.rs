//! As much of Markdown as our pages use: headings, links, fenced blocks and the comment before one.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// One page.
#[derive(Debug)]
pub(crate) struct Page {
    text: String,
}

/// One fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The word after the fence, `console` for instance.
    pub(crate) language: String,
    /// What a comment in the line before the fence says to the tests: `<!-- test: WORDS -->`.
    pub(crate) directive: Option<String>,
    /// The lines between the fences.
    pub(crate) text: String,
    /// The number of its first line in the page.
    pub(crate) line: usize,
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        Ok(Self { text })
    }

    /// A page of this text.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
        }
    }

    /// The targets of its links, inline ones and definitions.
    pub(crate) fn links(&self) -> impl Iterator<Item = &str> {
        self.prose().flat_map(|line| {
            let definition = line
                .strip_prefix('[')
                .and_then(|rest| rest.split_once("]: "))
                .map(|(_, target)| target.trim());
            let plain = line.split('`').step_by(2);
            // Back quotes may stand in the text of a link, whose end then begins a piece.
            let inline = plain.flat_map(|piece| {
                let ends = piece.split("](").skip(1);
                ends.filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
            });
            definition.into_iter().chain(inline)
        })
    }

    /// The names by which its headings can be linked to, as GitHub and mdBook make them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for line in self.prose() {
            let title = line.trim_start_matches('#');
            if title.len() == line.len() || !title.starts_with(' ') {
                continue;
            }
            let name = anchor(title.trim());
            let taken = |name: &String| anchors.contains(name);
            let mut numbered = (1..).map(|number| format!("{name}-{number}"));
            let free = if taken(&name) {
                numbered.find(|name| !taken(name))
            } else {
                Some(name)
            };
            anchors.extend(free);
        }
        anchors
    }

    /// Its fenced blocks.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        let mut before = "";
        for (index, line) in self.text.lines().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(language)) => {
                    let directive = before
                        .strip_prefix("<!-- test: ")
                        .and_then(|rest| rest.strip_suffix(" -->"));
                    open = Some(Block {
                        language: language.trim().to_owned(),
                        directive: directive.map(str::to_owned),
                        text: String::new(),
                        line: index + 2,
                    });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
            before = line;
        }
        blocks
    }

    /// The lines outside of fenced blocks.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut fenced = false;
        self.text.lines().filter(move |line| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fence && !fenced
        })
    }
}

fn anchor(title: &str) -> String {
    title
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            _ if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_named_as_readers_of_links_name_them() {
        let page = Page::of(
            "# What is wrong, and what mends it\n## `MEND_HOST`\n```sh\n# no\n```\n#no\n## A\n### A\n",
        );
        assert_eq!(
            page.anchors(),
            ["what-is-wrong-and-what-mends-it", "mend_host", "a", "a-1"]
        );
    }

    #[test]
    fn links_with_code_in_their_text_and_definitions_are_found() {
        let page = Page::of("a [`b`](c.md), [d](e.md#f)\n[g]: h.md\n`[i](j)` and [`k`](l.md)\n");
        let links: Vec<&str> = page.links().collect();
        assert_eq!(links, ["c.md", "e.md#f", "h.md", "l.md"]);
    }

    #[test]
    fn a_block_knows_its_language_its_comment_and_its_place() {
        let page = Page::of("a\n<!-- test: skip: it is long -->\n```console\n# b\n```\n");
        let block = Block {
            language: "console".to_owned(),
            directive: Some("skip: it is long".to_owned()),
            text: "# b\n".to_owned(),
            line: 4,
        };
        assert_eq!(page.blocks(), [block]);
    }
}
