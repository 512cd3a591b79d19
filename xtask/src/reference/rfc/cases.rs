//! The cases of the conformance table: an id and the clause that governs it, side by side in a call.

use std::collections::BTreeMap;

use anyhow::Result;
use syn::visit::Visit;
use syn::{Expr, ExprCall, ItemFn, Local, Pat};

use super::Section;
use super::mentions::section;
use crate::reference::source::{Source, literal};

/// Each case of a file with the clauses that govern it.
///
/// # Errors
///
/// When the file is not Rust.
pub(super) fn of(text: &str) -> Result<Vec<(String, u32, Section)>> {
    let source = Source::parse(text)?;
    let mut cases = Cases {
        source: &source,
        bound: BTreeMap::new(),
        found: Vec::new(),
    };
    cases.visit_file(&source.file);
    let clauses = cases.found.into_iter();
    Ok(clauses
        .flat_map(|(id, clause)| {
            let named = clauses_of(&clause).into_iter();
            named
                .map(|(rfc, section)| (id.clone(), rfc, section))
                .collect::<Vec<_>>()
        })
        .collect())
}

/// `RFC 4271 6.2`, or several of them with commas.
fn clauses_of(clause: &str) -> Vec<(u32, Section)> {
    let named = clause.split("RFC ").skip(1).filter_map(|after| {
        let mut words = after.split_whitespace();
        let rfc = words.next()?.trim_matches([',', ';']).parse().ok()?;
        let place = words
            .next()
            .and_then(|word| section(word.trim_matches([',', ';'])));
        Some((rfc, place.unwrap_or_default()))
    });
    named.collect()
}

struct Cases<'a> {
    source: &'a Source,
    /// Names that stand for a text in the function at hand.
    bound: BTreeMap<String, String>,
    found: Vec<(String, String)>,
}

impl Cases<'_> {
    fn text(&self, expression: &Expr) -> Option<String> {
        let bound = match expression {
            Expr::Path(path) => {
                let name = path.path.get_ident();
                name.and_then(|name| self.bound.get(&name.to_string()).cloned())
            }
            _ => None,
        };
        bound.or_else(|| self.source.text(expression))
    }

    fn bind(&mut self, pattern: &Pat, value: &Expr) {
        match (pattern, value) {
            (Pat::Ident(name), value) => {
                if let Some(text) = literal(value) {
                    self.bound.insert(name.ident.to_string(), text);
                }
            }
            (Pat::Tuple(names), Expr::Tuple(values)) => {
                for (name, value) in names.elems.iter().zip(&values.elems) {
                    self.bind(name, value);
                }
            }
            _ => {}
        }
    }
}

impl<'a> Visit<'a> for Cases<'_> {
    fn visit_item_fn(&mut self, function: &'a ItemFn) {
        self.bound.clear();
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_local(&mut self, local: &'a Local) {
        if let Some(value) = &local.init {
            self.bind(&local.pat, &value.expr);
        }
        syn::visit::visit_local(self, local);
    }

    fn visit_expr_call(&mut self, call: &'a ExprCall) {
        let mut arguments = call.args.iter();
        let id = arguments.next().and_then(literal).filter(|id| is_id(id));
        let clause = arguments.next().and_then(|clause| self.text(clause));
        if let (Some(id), Some(clause)) = (id, clause) {
            self.found.push((id, clause));
        }
        syn::visit::visit_expr_call(self, call);
    }

    fn visit_macro(&mut self, list: &'a syn::Macro) {
        // The cases stand in `vec![…]`, which is a macro: not yet expressions.
        let parser = syn::punctuated::Punctuated::<Expr, syn::Token![,]>::parse_terminated;
        if let Ok(items) = list.parse_body_with(parser) {
            // What is parsed here lives no longer, so it is visited by itself.
            for item in &items {
                let mut inner = Cases {
                    source: self.source,
                    bound: self.bound.clone(),
                    found: Vec::new(),
                };
                inner.visit_expr(item);
                self.found.append(&mut inner.found);
            }
        }
    }
}

/// Capital letters and a number.
fn is_id(text: &str) -> bool {
    let number = text.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
    number.len() < text.len()
        && !number.is_empty()
        && number
            .chars()
            .all(|letter| letter.is_ascii_digit() || letter.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_found_by_name_and_in_lists() {
        let text = r#"
            fn a() -> Vec<Case> {
                let (one, two) = ("RFC 7607 2", "RFC 6793 4.1");
                vec![case("O1", one, 1), case("O2", two, 2).external(), x("no", one)]
            }
            fn b() { case("P10", "RFC 4271 6.3, RFC 7606 7.1", 3); }
        "#;
        let found = of(text).unwrap();
        let case = |id: &str, rfc, section: &[u32]| (id.to_owned(), rfc, section.to_vec());
        assert_eq!(
            found,
            [
                case("O1", 7607, &[2]),
                case("O2", 6793, &[4, 1]),
                case("P10", 4271, &[6, 3]),
                case("P10", 7606, &[7, 1]),
            ]
        );
    }
}
