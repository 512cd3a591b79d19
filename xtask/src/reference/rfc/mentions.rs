//! RFCs in the comments of a Rust file, and the items that the comments belong to.

use super::Section;

/// One section that a comment names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) rfc: u32,
    /// Empty for the RFC as a whole.
    pub(super) section: Section,
    /// What the comment is about; `None` for the file.
    pub(super) item: Option<String>,
    pub(super) in_tests: bool,
}

/// The mentions in all comments of a file.
pub(super) fn of(text: &str) -> Vec<Mention> {
    let mut mentions = Vec::new();
    // What was declared, with its indentation: what is further in belongs to it.
    let mut declared: Vec<(usize, String)> = Vec::new();
    let mut in_tests = false;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        in_tests |= line == "mod tests {";
        let indentation = indentation(line);
        let Some(first) = comment(line) else {
            // What begins beside a declaration has ended it.
            let text = line.trim_start();
            if !text.is_empty() && !text.starts_with([')', '}', ']']) && !text.starts_with("where")
            {
                declared.retain(|(outer, _)| *outer < indentation);
            }
            if let Some(name) = declaration(line) {
                declared.push((indentation, name.to_owned()));
            }
            continue;
        };
        let of_file = line.trim_start().starts_with("//!");
        let mut said = first.to_owned();
        while let Some(more) = lines.peek().and_then(|line| comment(line)) {
            said.push(' ');
            said.push_str(more);
            lines.next();
        }
        let named = sections(&said);
        if named.is_empty() {
            continue;
        }
        let item = if of_file {
            None
        } else {
            let next = lines
                .clone()
                .find(|line| !line.trim_start().starts_with("#["));
            let next = next.and_then(declaration).map(str::to_owned);
            next.or_else(|| {
                let outer = declared.iter().rev();
                let mut outer = outer.filter(|(outer, _)| *outer < indentation);
                outer.next().map(|(_, name)| name.clone())
            })
        };
        mentions.extend(named.into_iter().map(|(rfc, section)| Mention {
            rfc,
            section,
            item: item.clone(),
            in_tests,
        }));
    }
    mentions
}

/// The RFCs that a text names, with the sections: `RFC 4271 section 6.2`, `RFC 4724 sections 3 and
/// 4`, `RFC 5492, 6286 and 6793`.
pub(super) fn sections(text: &str) -> Vec<(u32, Section)> {
    let mut found = Vec::new();
    for after in text.split("RFC ").skip(1) {
        let mut words = after.split_whitespace();
        let Some(mut rfc) = words.next().and_then(rfc_number) else {
            continue;
        };
        let mut whole = true;
        let mut of_section = false;
        for word in words {
            let bare = word.trim_matches([',', '.', ';', ':', '(', ')', '`']);
            match bare {
                "section" | "sections" => of_section = true,
                "and" | "to" | "or" => {}
                _ if of_section => match section(bare) {
                    Some(section) => {
                        found.push((rfc, section));
                        whole = false;
                    }
                    None => break,
                },
                _ => match rfc_number(word) {
                    Some(next) => {
                        found.push((rfc, Section::new()));
                        rfc = next;
                    }
                    None => break,
                },
            }
            // A sentence or a parenthesis ends here.
            if word.ends_with(['.', ')', ';']) {
                break;
            }
        }
        if whole {
            found.push((rfc, Section::new()));
        }
    }
    found
}

/// `4271`, `4271,` and `4271)` are the numbers of RFCs; `4096` octets are nobody's business here,
/// since a number stands behind `RFC` or another one.
fn rfc_number(word: &str) -> Option<u32> {
    let bare = word.trim_matches([',', '.', ';', ':', '(', ')', '`', '\'']);
    let number = bare.parse().ok()?;
    (bare.len() == 4 && number >= 1000).then_some(number)
}

pub(super) fn section(word: &str) -> Option<Section> {
    let parts: Result<Section, _> = word.split('.').map(str::parse).collect();
    let parts = parts.ok()?;
    // No RFC has so many sections; it is the number of one.
    parts
        .first()
        .is_some_and(|first| *first < 1000)
        .then_some(parts)
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn comment(line: &str) -> Option<&str> {
    let text = line.trim_start().strip_prefix("//")?;
    Some(text.trim_start_matches(['/', '!']).trim())
}

/// The name that a line declares: of a function, a type, a constant, a module.
fn declaration(line: &str) -> Option<&str> {
    const KEYWORDS: [&str; 9] = [
        "fn", "struct", "enum", "trait", "type", "const", "static", "mod", "union",
    ];
    const BEFORE: [&str; 5] = ["pub", "const", "async", "unsafe", "extern"];
    let mut words = line.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let next_is_keyword = words.peek().is_some_and(|next| KEYWORDS.contains(next));
        if KEYWORDS.contains(&word) && !next_is_keyword {
            let name = words.next()?;
            let end = name.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let name = &name[..end.unwrap_or(name.len())];
            return (!name.is_empty()).then_some(name);
        }
        if !BEFORE.contains(&word) && !word.starts_with("pub(") {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_in_sentences() {
        let of = |text: &str| sections(text);
        assert_eq!(of("that (RFC 4271 section 6.2)."), [(4271, vec![6, 2])]);
        assert_eq!(
            of("RFC 4724 sections 3 and 4 say"),
            [(4724, vec![3]), (4724, vec![4])]
        );
        assert_eq!(
            of("RFC 5492, 6286 and 6793. 1234 octets"),
            [(5492, vec![]), (6286, vec![]), (6793, vec![])]
        );
        assert_eq!(
            of("RFC 4271 section 6.3, RFC 7606"),
            [(4271, vec![6, 3]), (7606, vec![])]
        );
        assert_eq!(of("RFC 7606 would disable 4096"), [(7606, vec![])]);
        assert!(of("no RFC known").is_empty());
    }

    #[test]
    fn a_comment_is_about_what_follows_or_what_is_around_it() {
        let text = "//! RFC 1997\n\n/// RFC 2385 over\n/// two lines, section 2\n#[must_use]\npub(crate) const fn a() {\n    // RFC 2918 section 3\n    b();\n}\n\nenum C {\n    /// RFC 4271\n    D,\n}\n\nlist! {\n    /// RFC 4360\n    E = 1,\n}\n";
        let found = of(text);
        let items: Vec<(u32, Option<&str>)> = found
            .iter()
            .map(|mention| (mention.rfc, mention.item.as_deref()))
            .collect();
        assert_eq!(
            items,
            [
                (1997, None),
                (2385, Some("a")),
                (2918, Some("a")),
                (4271, Some("C")),
                (4360, None)
            ]
        );
        assert_eq!(found[2].section, [3]);
    }
}
