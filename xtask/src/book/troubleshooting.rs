//! The page by symptoms: that it has every code the programs find, and quotes what they really say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use syn::parse::{ParseStream, Parser as _};
use syn::visit::Visit;
use syn::{Expr, ExprCall};

use crate::artifacts::workspace;
use crate::reference::source::Source;

const PAGE: &str = "docs/troubleshooting.md";

/// Where every word of the kind is a code.
const CODES: [&str; 2] = [
    "crates/bgp-speaker/src/diagnosis",
    "crates/host-check/src/finding.rs",
];

/// Above a table whose first column quotes sentences.
const SENTENCES: &str = "| the sentence |";

/// What of the page and the programs does not go together, one sentence each.
///
/// # Errors
///
/// When a file cannot be read.
pub(crate) fn findings() -> Result<Vec<String>> {
    let page =
        fs::read_to_string(workspace().join(PAGE)).with_context(|| format!("read {PAGE}"))?;
    let mut sources = Vec::new();
    for folder in ["crates", "bins"] {
        collect(Path::new(folder), &mut sources)?;
    }
    let mut codes = BTreeSet::new();
    let mut said = Vec::new();
    for name in &sources {
        let text = fs::read_to_string(workspace().join(name))
            .with_context(|| format!("read {}", name.display()))?;
        let code = without_tests(&text);
        let texts = literals(code).with_context(|| format!("read {}", name.display()))?;
        if CODES.iter().any(|folder| name.starts_with(folder)) {
            codes.extend(texts.iter().filter(|text| is_code(text)).cloned());
        }
        codes.extend(constructed(&Source::parse(code)?));
        said.extend(texts.iter().map(|text| with_gaps(text)));
    }
    let lacking = codes
        .iter()
        .filter(|code| !page.contains(&format!("`{code}`")))
        .map(|code| format!("{PAGE} does not have the code {code}"));
    let invented = quoted(&page)
        .into_iter()
        .filter(|quote| !is_said(quote, &said))
        .map(|quote| format!("{PAGE} quotes {quote:?}, which no program says"));
    Ok(lacking.chain(invented).collect())
}

/// Rust files that are no tests.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let path = workspace().join(folder);
    for entry in fs::read_dir(&path).with_context(|| format!("list {}", path.display()))? {
        let entry = entry?;
        let name = folder.join(entry.file_name());
        if entry.path().is_dir() {
            if !name.ends_with("tests") && !name.ends_with("examples") {
                collect(&name, files)?;
            }
        } else if name.extension().is_some_and(|it| it == "rs") && !name.ends_with("tests.rs") {
            files.push(name);
        }
    }
    Ok(())
}

fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text)
}

/// Every text in a file, in macros and attributes too.
fn literals(code: &str) -> Result<Vec<String>> {
    fn walk(input: ParseStream<'_>, found: &mut Vec<String>) -> syn::Result<()> {
        while !input.is_empty() {
            let inner;
            if input.peek(syn::LitStr) {
                found.push(input.parse::<syn::LitStr>()?.value());
                continue;
            } else if input.peek(syn::token::Paren) {
                syn::parenthesized!(inner in input);
            } else if input.peek(syn::token::Brace) {
                syn::braced!(inner in input);
            } else if input.peek(syn::token::Bracket) {
                syn::bracketed!(inner in input);
            } else {
                input.step(|cursor| match cursor.token_tree() {
                    Some((_, next)) => Ok(((), next)),
                    None => Err(cursor.error("no token")),
                })?;
                continue;
            }
            walk(&inner, found)?;
        }
        Ok(())
    }
    let parser = |input: ParseStream<'_>| {
        let mut found = Vec::new();
        walk(input, &mut found).map(|()| found)
    };
    Ok(parser.parse_str(code)?)
}

/// `no-answer` and `refused`, but no sentence.
fn is_code(text: &str) -> bool {
    text.len() > 4
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.ends_with(|last: char| last.is_ascii_lowercase())
        && text
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
}

/// The codes with which findings and warnings are made.
fn constructed(source: &Source) -> Vec<String> {
    struct Made<'a>(&'a Source, Vec<String>);
    impl<'a> Visit<'a> for Made<'_> {
        fn visit_expr_call(&mut self, call: &'a ExprCall) {
            if let Expr::Path(path) = call.func.as_ref() {
                let names = path.path.segments.iter().rev().take(2);
                let names: Vec<String> = names.map(|it| it.ident.to_string()).collect();
                let place = match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                    ["new", "Finding"] => Some(1),
                    ["new", "Warning"] => Some(0),
                    _ => None,
                };
                let code = place.and_then(|place| self.0.text(call.args.get(place)?));
                self.1.extend(code);
            }
            syn::visit::visit_expr_call(self, call);
        }
    }
    let mut made = Made(source, Vec::new());
    made.visit_file(&source.file);
    made.1
}

/// A text with `…` in place of what is put into it.
fn with_gaps(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        out.push('…');
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    out + rest
}

/// The sentences that the page quotes.
fn quoted(page: &str) -> Vec<String> {
    let mut quotes = Vec::new();
    let mut in_table = false;
    for line in page.lines() {
        in_table = line.starts_with(SENTENCES) || (in_table && line.starts_with('|'));
        let quote = line.strip_prefix("| `").and_then(|it| it.split_once("` |"));
        if let Some((quote, _)) = quote.filter(|_| in_table) {
            quotes.push(quote.to_owned());
        }
    }
    quotes
}

/// Whether one of the programs' texts has all of it, gaps where it has them.
fn is_said(quote: &str, said: &[String]) -> bool {
    let quote = quote.trim_matches(['…', ' ']);
    said.iter().any(|text| text.contains(quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_in_calls_macros_and_attributes() {
        let code = r##"#[error("a {b} c")] struct D; fn e() { f!("g", [h("i"), r#"j"#]); } const K: char = '"';"##;
        assert_eq!(literals(code).unwrap(), ["a {b} c", "g", "i", "j"]);
    }

    #[test]
    fn a_quote_is_said_if_it_has_the_gaps_of_the_text() {
        let said = [with_gaps("pool {pool:?} is not known: {known}")];
        assert_eq!(said[0], "pool … is not known: …");
        assert!(is_said("pool … is not known: …", &said));
        assert!(is_said("… is not known", &said));
        assert!(!is_said("pool web is not known", &said));
    }

    #[test]
    fn codes_are_words_and_sentences_are_not() {
        assert!(is_code("wrong-as") && is_code("refused") && !is_code("ip neigh"));
        assert!(!is_code("bgplb-") && !is_code("none") && !is_code("Idle"));
        let source = Source::parse(
            "const A: &str = \"a-b\"; fn c() { Finding::new(\"x\", \"d-e\"); Warning::new(A) }",
        );
        assert_eq!(constructed(&source.unwrap()), ["d-e", "a-b"]);
    }

    #[test]
    fn only_tables_of_sentences_are_quotes() {
        let page =
            "| `a` | b |\n\n| the sentence | x |\n| --- | --- |\n| `c …` | d |\n\n| `e` | f |\n";
        assert_eq!(quoted(page), ["c …"]);
    }
}
