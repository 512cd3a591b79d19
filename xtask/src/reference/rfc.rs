//! Which RFC is where: sections named in comments, and the cases of the conformance table.

mod cases;
mod mentions;
mod omitted;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use self::mentions::Mention;
use self::omitted::OMITTED;
use super::NOTE;
use crate::artifacts::workspace;

/// Where mentions are looked for.
const FOLDERS: [&str; 2] = ["crates", "bins"];

/// RFCs that the pages name by a title; others are a link alone.
const TITLES: [(u32, &str); 41] = [
    (1997, "BGP Communities"),
    (2385, "TCP MD5"),
    (2545, "BGP for IPv6"),
    (2918, "Route Refresh"),
    (4271, "BGP-4"),
    (4360, "Extended Communities"),
    (4456, "Route Reflection (its attributes)"),
    (4486, "Cease subcodes"),
    (4724, "Graceful Restart"),
    (4760, "Multiprotocol Extensions"),
    (4861, "Neighbor Discovery (router advertisements)"),
    (5065, "Confederations (their segments)"),
    (5082, "TTL Security"),
    (5291, "Outbound Route Filtering (refused)"),
    (5492, "Capabilities"),
    (5668, "Four-octet AS extended communities"),
    (5701, "IPv6 extended communities (length)"),
    (5880, "BFD"),
    (5881, "BFD, single hop"),
    (5882, "BFD, its clients"),
    (5883, "BFD, several hops"),
    (6286, "BGP identifiers"),
    (6396, "MRT"),
    (6608, "Finite State Machine error subcodes"),
    (6793, "AS numbers of four octets"),
    (7313, "Enhanced Route Refresh"),
    (7606, "Faults of UPDATEs"),
    (7607, "AS 0"),
    (7911, "ADD-PATH"),
    (7999, "BLACKHOLE"),
    (8050, "MRT with ADD-PATH"),
    (8092, "Large Communities"),
    (8326, "Graceful Shutdown"),
    (8538, "Notifications with Graceful Restart"),
    (8654, "Extended Messages"),
    (8950, "IPv4 by IPv6 next hops"),
    (9003, "Shutdown Communication"),
    (9072, "Extended optional parameters"),
    (9234, "Roles"),
    (9384, "Cease / BFD Down"),
    (9687, "Send Hold Timer"),
];

/// What is known of one section, or of an RFC as a whole.
#[derive(Default)]
struct Row {
    /// Files with the items in them.
    code: BTreeMap<PathBuf, BTreeSet<String>>,
    tests: BTreeMap<PathBuf, BTreeSet<String>>,
    cases: BTreeSet<String>,
}

/// By RFC and section; the section of a whole RFC is empty.
type Table = BTreeMap<u32, BTreeMap<Section, Row>>;

/// Ordered as numbers are: 6.10 comes after 6.9.
type Section = Vec<u32>;

pub(super) fn page() -> Result<String> {
    let mut table = Table::new();
    for folder in FOLDERS {
        read(Path::new(folder), &mut table)?;
    }
    let mut page = format!(
        "# RFC coverage\n\n{NOTE}\n\nFor each RFC and section the code that says it is about it, and \
         the tests that do. What is\nin a list is a comment's claim, not a proof; the letters with a \
         number are cases of\n[Conformance over TCP](../conformance.md), which are tried against the \
         running program.\nThat a section is missing does not mean that nothing obeys it.\n\n\
         ## Deliberately not done\n\n| RFC | what | why |\n| --- | --- | --- |\n"
    );
    for (rfc, what, why) in OMITTED {
        writeln!(page, "| {} | {what} | {why} |", link(rfc))?;
    }
    for (rfc, sections) in &table {
        let Some((_, title)) = TITLES.iter().find(|(number, _)| number == rfc) else {
            continue;
        };
        write!(
            page,
            "\n## RFC {rfc}, {title}\n\n{}\n\n| section | code | tests |\n| --- | --- | --- |\n",
            link(*rfc)
        )?;
        for (section, row) in sections {
            writeln!(
                page,
                "| {} | {} | {} |",
                shown(section),
                files(&row.code),
                tests(row)
            )?;
        }
    }
    writeln!(page, "\n## Only mentioned\n\n{}", mentioned(&table))?;
    Ok(page)
}

fn link(rfc: u32) -> String {
    format!("[RFC {rfc}](https://www.rfc-editor.org/rfc/rfc{rfc})")
}

fn shown(section: &[u32]) -> String {
    let parts: Vec<String> = section.iter().map(u32::to_string).collect();
    match parts.as_slice() {
        [] => "–".to_owned(),
        parts => parts.join("."),
    }
}

fn files(files: &BTreeMap<PathBuf, BTreeSet<String>>) -> String {
    let listed = files.iter().map(|(path, items)| {
        let items: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
        let path = path.display();
        if items.is_empty() {
            format!("`{path}`")
        } else {
            format!("`{path}`: {}", items.join(", "))
        }
    });
    listed.collect::<Vec<_>>().join("<br>")
}

fn tests(row: &Row) -> String {
    let cases = row.cases.iter().map(String::as_str).collect::<Vec<_>>();
    let lists = [cases.join(", "), files(&row.tests)];
    let there = lists.into_iter().filter(|list| !list.is_empty());
    there.collect::<Vec<_>>().join("<br>")
}

/// RFCs without a title here: named for one fact, not to be obeyed as a whole.
fn mentioned(table: &Table) -> String {
    let untitled = table
        .keys()
        .filter(|rfc| !TITLES.iter().any(|(number, _)| number == *rfc));
    untitled
        .map(|rfc| link(*rfc))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Adds what the Rust files below a folder, named from the workspace's root, say.
fn read(folder: &Path, table: &mut Table) -> Result<()> {
    let path = workspace().join(folder);
    for entry in fs::read_dir(&path).with_context(|| format!("list {}", path.display()))? {
        let entry = entry?;
        let name = folder.join(entry.file_name());
        if entry.path().is_dir() {
            read(&name, table)?;
        } else if name.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(entry.path())
                .with_context(|| format!("read {}", name.display()))?;
            add(&name, &text, table)?;
        }
    }
    Ok(())
}

fn add(name: &Path, text: &str, table: &mut Table) -> Result<()> {
    let all_tests = name.file_name().is_some_and(|file| file == "tests.rs")
        || name.components().any(|part| part.as_os_str() == "tests");
    for Mention {
        rfc,
        section,
        item,
        in_tests,
    } in mentions::of(text)
    {
        let row = table.entry(rfc).or_default().entry(section).or_default();
        let list = if all_tests || in_tests {
            &mut row.tests
        } else {
            &mut row.code
        };
        let items = list.entry(name.to_owned()).or_default();
        items.extend(item);
    }
    if name
        .components()
        .any(|part| part.as_os_str() == "conformance")
    {
        let found = cases::of(text).with_context(|| format!("read {}", name.display()))?;
        for (id, rfc, section) in found {
            let row = table.entry(rfc).or_default().entry(section).or_default();
            row.cases.insert(id);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_tests_and_cases_stand_beside_their_section() {
        let mut table = Table::new();
        let code = "/// Opens (RFC 4271 section 4.2).\nfn open() {}\n#[cfg(test)]\nmod tests {\n    // RFC 4271 section 4.2\n    fn opens() {}\n}\n";
        add(Path::new("crates/a/src/open.rs"), code, &mut table).unwrap();
        let cases = "fn all() { vec![case(\"O1\", \"RFC 4271 4.2\", 1)] }\n";
        add(
            Path::new("bins/b/tests/conformance/c.rs"),
            cases,
            &mut table,
        )
        .unwrap();
        let row = &table[&4271][&vec![4, 2]];
        assert_eq!(files(&row.code), "`crates/a/src/open.rs`: `open`");
        assert_eq!(tests(row), "O1<br>`crates/a/src/open.rs`: `opens`");
    }

    #[test]
    fn every_rfc_has_one_title() {
        assert!(TITLES.is_sorted_by(|a, b| a.0 < b.0));
    }
}
