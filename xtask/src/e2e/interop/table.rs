//! `docs/interoperability.md`: written from a run, compared with a run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use super::feature::Feature;
use super::peers::Kind;
use crate::artifacts::workspace;

/// What came out of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// It ran and held.
    Holds,
    /// It ran and did not hold.
    Fails,
    /// The other program cannot do it.
    Lacks(&'static str),
}

/// All that came out with one program.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) kind: Kind,
    pub(super) version: String,
    /// Every feature once.
    pub(super) cells: Vec<(Feature, Cell)>,
}

impl Column {
    fn heading(&self) -> String {
        format!("{} {}", self.kind.name(), self.version)
    }

    fn cell(&self, feature: Feature) -> Option<Cell> {
        let mut cells = self.cells.iter();
        cells.find(|(it, _)| *it == feature).map(|(_, cell)| *cell)
    }
}

const ABOVE: &str = "\
# Interoperability

`bgplb-speaker` with other BGP programs, each in a network namespace of its own, as Debian
packages them. `cargo xtask interop-table` tries every line and writes this page; `cargo xtask
test e2e::interop` tries it again and fails where the page and what is seen differ.

Every line is looked at from both sides: in what `bgplb-speaker routes learned` and `peers` show,
and in what the other program shows of its own table. On all sessions the AS numbers need four
octets, both sides connect, and several sessions run at once between the two programs.
*yes* was seen; – is not possible with that program.

";

fn path() -> PathBuf {
    workspace().join("docs/interoperability.md")
}

/// Writes the page.
pub(super) fn write(columns: &[Column]) -> Result<()> {
    let path = path();
    fs::write(&path, page(columns)).with_context(|| format!("write {}", path.display()))
}

fn page(columns: &[Column]) -> String {
    let mut text = ABOVE.to_owned();
    let mut notes: Vec<String> = Vec::new();
    let mut line = |cells: Vec<String>| {
        writeln!(text, "| {} |", cells.join(" | ")).expect("writing to a string cannot fail");
    };
    let headings = columns.iter().map(Column::heading);
    line([String::new()].into_iter().chain(headings).collect());
    line(vec!["---".to_owned(); columns.len() + 1]);
    for feature in Feature::ALL {
        let mut cells = vec![feature.title().to_owned()];
        for column in columns {
            let cell = column.cell(feature).unwrap_or(Cell::Fails);
            cells.push(shown(cell, column.kind, &mut notes));
        }
        line(cells);
    }
    if !notes.is_empty() {
        text.push('\n');
    }
    for (index, note) in notes.iter().enumerate() {
        writeln!(text, "{}. {note}", index + 1).expect("writing to a string cannot fail");
    }
    text
}

fn shown(cell: Cell, kind: Kind, notes: &mut Vec<String>) -> String {
    let (word, note) = match cell {
        Cell::Holds => return "yes".to_owned(),
        Cell::Fails => return "**no**".to_owned(),
        Cell::Lacks(why) => ("–", format!("{}: {why}.", kind.name())),
    };
    let known = notes.iter().position(|it| *it == note);
    let index = known.unwrap_or_else(|| {
        notes.push(note);
        notes.len() - 1
    });
    format!("{word} <sup>{}</sup>", index + 1)
}

/// Compares the committed page with what was seen, for the programs of the same version; gives
/// how many those are.
pub(super) fn compare(columns: &[Column]) -> Result<usize> {
    let committed = fs::read_to_string(path()).context("read docs/interoperability.md")?;
    compare_with(columns, &committed)
}

fn compare_with(columns: &[Column], committed: &str) -> Result<usize> {
    let committed = parse(committed);
    let mut compared = 0;
    for column in columns {
        let Some(wanted) = committed.get(&column.heading()) else {
            continue;
        };
        compared += 1;
        let page = page(std::slice::from_ref(column));
        let seen = parse(&page);
        let seen = seen
            .get(&column.heading())
            .context("a page has its column")?;
        for (title, cell) in seen {
            let wanted = wanted.get(title);
            ensure!(
                wanted == Some(cell),
                "{}, {title}: the page says {wanted:?}, seen was {cell:?}; \
                 `cargo xtask interop-table` writes it anew",
                column.heading()
            );
        }
        ensure!(
            wanted.len() == seen.len(),
            "{}: the page has {} lines, {} were tried",
            column.heading(),
            wanted.len(),
            seen.len()
        );
    }
    Ok(compared)
}

/// The cells by heading and title, each with its note instead of the note's number.
fn parse(page: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let note = |number: &str| {
        let mark = format!("{number}. ");
        let mut lines = page.lines().filter_map(|line| line.strip_prefix(&mark));
        lines.next().unwrap_or_default().to_owned()
    };
    let mut rows = page.lines().filter_map(|line| {
        let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
        Some(inner.split(" | ").map(str::trim).collect::<Vec<_>>())
    });
    let headings = rows.next().unwrap_or_default();
    let mut columns: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for row in rows.skip(1) {
        let Some((title, cells)) = row.split_first() else {
            continue;
        };
        for (heading, cell) in headings.iter().skip(1).zip(cells) {
            let whole = match cell.split_once(" <sup>") {
                Some((word, number)) => {
                    format!("{word} ({})", note(number.trim_end_matches("</sup>")))
                }
                None => (*cell).to_owned(),
            };
            let column = columns.entry((*heading).to_owned()).or_default();
            column.insert((*title).to_owned(), whole);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(version: &str, last: Cell) -> Column {
        let mut cells: Vec<_> = Feature::ALL.map(|it| (it, Cell::Holds)).into();
        cells.last_mut().unwrap().1 = last;
        Column {
            kind: Kind::Bird,
            version: version.to_owned(),
            cells,
        }
    }

    #[test]
    fn a_page_agrees_with_the_run_it_was_written_from() {
        let columns = [
            column("1", Cell::Lacks("cannot")),
            column("2", Cell::Lacks("will not")),
        ];
        let text = page(&columns);
        assert!(text.contains(
            "| – <sup>1</sup> | – <sup>2</sup> |\n\n1. BIRD: cannot.\n2. BIRD: will not.\n"
        ));
        assert_eq!(compare_with(&columns, &text).unwrap(), 2);
    }

    #[test]
    fn a_page_that_says_something_else_is_found_out() {
        let text = page(&[column("1", Cell::Lacks("cannot"))]);
        for seen in [Cell::Holds, Cell::Fails, Cell::Lacks("will not")] {
            let error = compare_with(&[column("1", seen)], &text).unwrap_err();
            assert!(error.to_string().contains("the page says"), "{error}");
        }
    }

    #[test]
    fn another_version_is_not_compared() {
        let text = page(&[column("1", Cell::Holds)]);
        assert_eq!(compare_with(&[column("2", Cell::Fails)], &text).unwrap(), 0);
    }
}
