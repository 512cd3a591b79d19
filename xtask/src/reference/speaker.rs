//! The speaker's file: keys and what they accept from the code that reads them, defaults and
//! meanings from the commented file, which a test of the program compares with that code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use syn::visit::Visit;
use syn::{ExprMethodCall, ExprStruct, ItemConst, ItemFn};

use super::source::{Source, literal};
use super::{NOTE, cell, code};
use crate::artifacts::workspace;

const EXAMPLE: &str = "docs/bgplb-speaker.toml";
const SOURCES: [&str; 7] = [
    "bins/bgplb-speaker/src/config.rs",
    "bins/bgplb-speaker/src/config/peer.rs",
    "bins/bgplb-speaker/src/config/service.rs",
    "bins/bgplb-speaker/src/config/port.rs",
    "bins/bgplb-speaker/src/config/check.rs",
    "bins/bgplb-speaker/src/config/docker.rs",
    "bins/bgplb-speaker/src/config/kernel.rs",
];
const KINDS: &str = "bins/bgplb-speaker/src/config/kinds.rs";

/// The tables of the file in the order of the page, each with the functions that read it.
const TABLES: [(&str, &[&str]); 16] = [
    ("[local]", &["local"]),
    (
        "[[peers]]",
        &[
            "peer",
            "common",
            "password",
            "idle_hold",
            "export",
            "ttl",
            "import",
        ],
    ),
    ("import of [[peers]], each item", &["range"]),
    ("graceful-restart of [[peers]]", &["graceful_restart"]),
    ("bfd of [[peers]]", &["bfd"]),
    ("[[dynamic-peers]]", &["dynamic_peers"]),
    ("[[announce]]", &["announcements", "attributes"]),
    (
        "[[services]]",
        &["service", "prefixes", "place", "audience", "attributes"],
    ),
    ("hold-down of [[services]]", &["hold_down"]),
    ("[[services.ports]]", &["port"]),
    ("destinations of [[services.ports]]", &["destinations"]),
    (
        "[[services.checks]]",
        &[
            "look", "timing", "address", "tcp", "http", "tls", "icmp", "dns", "grpc", "exec",
            "file",
        ],
    ),
    ("[docker]", &["docker", "attributes"]),
    ("[control]", &["control"]),
    ("[multipath]", &["multipath"]),
    ("[kernel]", &["kernel"]),
];

/// Keys whose value in the commented file is an example, and what is so without them.
const EXAMPLES: [(&str, &str); 6] = [
    ("listen", "none"),
    ("name", "none"),
    ("communities", "none"),
    ("interface", "none"),
    ("import", "`\"reject\"`"),
    ("address", "required, but with an `interface`"),
];

/// One key as the code reads it.
struct Key {
    name: String,
    required: bool,
    /// Several of them, in brackets.
    list: bool,
    accepted: String,
}

pub(super) fn page() -> Result<String> {
    let path = workspace().join(EXAMPLE);
    let example = fs::read_to_string(path).with_context(|| format!("read {EXAMPLE}"))?;
    let said = said(&example);
    let keys = keys()?;
    let mut page = format!(
        "# Configuration of the speaker\n\n{NOTE}\n\n`bgplb-speaker run FILE` reads a TOML file. \
         `bgplb-speaker check-config FILE` says what is wrong\nwith one, and where; SIGHUP has a \
         running program read it again. A key that is not below is\nrefused.\n"
    );
    for (table, functions) in TABLES {
        write!(page, "\n## {}\n\n", heading(table))?;
        if table == "[[dynamic-peers]]" {
            page.push_str(
                "Beside these, every key of `[[peers]]` but `address`, `interface`, `port` and \
                 `passive`.\n\n",
            );
        }
        if let Some((_, meaning)) = said.get(&("peers".to_owned(), table_of(table))) {
            write!(page, "{meaning}\n\n")?;
        }
        page.push_str("| key | accepted | without it | meaning |\n| --- | --- | --- | --- |\n");
        let mut seen = BTreeSet::new();
        for function in functions {
            for key in keys.get(*function).map_or(&[][..], Vec::as_slice) {
                if !seen.insert(&key.name) {
                    continue;
                }
                let (default, meaning) = said
                    .get(&(table_of(table), key.name.clone()))
                    .cloned()
                    .unwrap_or_default();
                let example = EXAMPLES.iter().find(|(name, _)| *name == key.name);
                let default = match example {
                    Some((_, without)) => (*without).to_owned(),
                    None if key.required => "required".to_owned(),
                    None => code(&default),
                };
                let many = if key.list { "a list, each item " } else { "" };
                writeln!(
                    page,
                    "| {} | {many}{} | {default} | {} |",
                    code(&key.name),
                    cell(&key.accepted),
                    cell(&meaning)
                )?;
            }
        }
    }
    write!(
        page,
        "\n## A file with every key\n\n```toml\n{}```\n",
        example.trim_start()
    )?;
    Ok(page)
}

fn heading(table: &str) -> String {
    match table.split_once(' ') {
        None => format!("`{table}`"),
        Some((first, rest)) if first.starts_with('[') => format!("`{first}` {rest}"),
        Some((first, rest)) => format!("`{first}` {rest}").replace("[[peers]]", "`[[peers]]`"),
    }
}

/// The name by which the commented file has a table.
fn table_of(table: &str) -> String {
    let words = table.split(' ').next().unwrap_or_default();
    words.trim_matches(['[', ']']).to_owned()
}

/// Default and meaning of the keys in the commented file: by table and key. A commented key has no
/// default. What stands above a key, with no other key between, is about it. A table in one line is
/// shown with the defaults where it comes first.
fn said(example: &str) -> BTreeMap<(String, String), (String, String)> {
    let mut said = BTreeMap::new();
    let mut table = String::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in example.lines() {
        if line.starts_with('[') && !line.contains('=') {
            table = table_of(line);
            comment.clear();
            continue;
        }
        let text = line.strip_prefix("# ").unwrap_or(line);
        let assigned = text.split_once(" = ").filter(|(key, _)| {
            !key.is_empty()
                && key
                    .chars()
                    .all(|it| it.is_ascii_lowercase() || matches!(it, '-' | '0'..='9'))
        });
        match assigned {
            Some((key, value)) => {
                let inline = value
                    .strip_prefix("{ ")
                    .and_then(|it| it.strip_suffix(" }"));
                let name = (table.clone(), key.to_owned());
                if let Some(pairs) = inline.filter(|_| !said.contains_key(&name)) {
                    let pairs = pairs.split(", ").filter_map(|pair| pair.split_once(" = "));
                    for (inner, value) in pairs {
                        said.insert(
                            (key.to_owned(), inner.to_owned()),
                            (value.to_owned(), String::new()),
                        );
                    }
                }
                let is_set = !line.starts_with('#') && inline.is_none();
                let default = if is_set { value } else { "" };
                said.entry(name)
                    .or_insert_with(|| (default.to_owned(), comment.join(" ")));
                comment.clear();
            }
            None if line.starts_with("# ") => comment.push(text),
            None => comment.clear(),
        }
    }
    said
}

/// The keys that each function reads.
fn keys() -> Result<BTreeMap<String, Vec<Key>>> {
    let mut kinds = Kinds::default();
    for name in SOURCES.iter().chain([&KINDS]) {
        let source = Source::read(name)?;
        kinds.visit_file(&source.file);
    }
    let mut functions = BTreeMap::new();
    for name in SOURCES {
        let source = Source::read(name)?;
        for item in &source.file.items {
            let syn::Item::Fn(function) = item else {
                continue;
            };
            let keys = of_function(function, &kinds)?;
            let name = function.sig.ident.to_string();
            let known = TABLES
                .iter()
                .any(|(_, names)| names.contains(&name.as_str()));
            ensure!(
                known || keys.is_empty(),
                "{name}() reads keys of the speaker's file: TABLES in {} has to say of which table",
                file!()
            );
            functions.insert(name, keys);
        }
    }
    Ok(functions)
}

fn of_function(function: &ItemFn, kinds: &Kinds) -> Result<Vec<Key>> {
    let mut reads = Reads(Vec::new());
    reads.visit_block(&function.block);
    let mut keys: Vec<Key> = Vec::new();
    for call in reads.0 {
        let method = call.method.to_string();
        let mut arguments = call.args.iter();
        let Some(name) = arguments.next().and_then(literal) else {
            continue;
        };
        // Read in two ways, it is one key.
        if keys.iter().any(|key| key.name == name) {
            continue;
        }
        let kind = arguments.next().and_then(|argument| match argument {
            syn::Expr::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
            _ => None,
        });
        let accepted = match (kind, name.as_str()) {
            (Some(kind), _) => {
                let accepted = kinds.0.get(&kind);
                accepted.with_context(|| format!("there is no kind {kind}"))?
            }
            // A value of several kinds.
            (None, "import") => kinds.0.get("IMPORT").context("there is no IMPORT")?,
            (None, _) => continue,
        };
        keys.push(Key {
            name,
            required: method == "required",
            list: method == "list",
            accepted: accepted.clone(),
        });
    }
    Ok(keys)
}

/// What each kind of value accepts, by the names of the constants.
#[derive(Default)]
struct Kinds(BTreeMap<String, String>);

impl<'a> Visit<'a> for Kinds {
    fn visit_item_const(&mut self, constant: &'a ItemConst) {
        let mut accepted = Accepted(literal(&constant.expr));
        accepted.visit_expr(&constant.expr);
        if let Some(text) = accepted.0 {
            self.0.insert(constant.ident.to_string(), text);
        }
    }
}

struct Accepted(Option<String>);

impl<'a> Visit<'a> for Accepted {
    fn visit_expr_struct(&mut self, kind: &'a ExprStruct) {
        for field in &kind.fields {
            if matches!(&field.member, syn::Member::Named(ident) if ident == "accepted") {
                self.0 = literal(&field.expr);
            }
        }
    }
}

/// The calls that read a key, in the order of the code.
struct Reads<'a>(Vec<&'a ExprMethodCall>);

impl<'a> Visit<'a> for Reads<'a> {
    fn visit_expr_method_call(&mut self, call: &'a ExprMethodCall) {
        syn::visit::visit_expr_method_call(self, call);
        if ["required", "optional", "list", "any"].contains(&call.method.to_string().as_str()) {
            self.0.push(call);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_above_a_key_is_about_it_alone() {
        let said = said(
            "[a]\n# About b.\nb = 1\nc = 2\n# d = 3\n[[e]]\n# Not\n\nf = 4\n# g = { h = 5, i = true }\n# g = { i = false }\n",
        );
        let of = |table: &str, key: &str| said[&(table.to_owned(), key.to_owned())].clone();
        let pair = |default: &str, meaning: &str| (default.to_owned(), meaning.to_owned());
        assert_eq!(of("a", "b"), pair("1", "About b."));
        assert_eq!(of("a", "c"), pair("2", ""));
        assert_eq!(of("a", "d"), pair("", ""));
        assert_eq!(of("e", "f"), pair("4", ""));
        assert_eq!(of("g", "h"), pair("5", ""));
        assert_eq!(of("g", "i"), pair("true", ""));
    }

    #[test]
    fn every_key_of_the_commented_file_is_on_the_page() {
        let example = fs::read_to_string(workspace().join(EXAMPLE)).unwrap();
        let keys = keys().unwrap();
        let known: Vec<&str> = keys
            .values()
            .flatten()
            .map(|key| key.name.as_str())
            .collect();
        for ((table, key), _) in said(&example) {
            let nested =
                ["graceful-restart", "bfd", "hold-down", "destinations"].contains(&key.as_str());
            assert!(
                nested || known.contains(&key.as_str()),
                "{table}.{key} is read in none of SOURCES"
            );
        }
    }
}
