//! The options of a network, from the table by which the plugin reads them.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use syn::ExprStruct;
use syn::visit::Visit;

use super::source::Source;
use super::{NOTE, cell, code};

const TABLE: &str = "bins/bgplb-plugin/src/options.rs";
const GATEWAY: &str = "bins/bgplb-plugin/src/options/gateway.rs";

pub(super) fn page() -> Result<String> {
    let options = options()?;
    let mut page = format!(
        "# Options of a network\n\n{NOTE}\n\nWhat `docker network create -o NAME=VALUE` takes. \
         [Networks and their containers](../networks.md#options)\nsays what each does, and what is so \
         without it.\n\n| option | accepted |\n| --- | --- |\n"
    );
    for (name, accepted) in options {
        writeln!(page, "| {} | {} |", code(&name), cell(&accepted))?;
    }
    Ok(page)
}

/// Each option with what it accepts, in the order of the table.
fn options() -> Result<Vec<(String, String)>> {
    let (table, gateway) = (Source::read(TABLE)?, Source::read(GATEWAY)?);
    let known = table.constant("KNOWN").context("options.rs has no KNOWN")?;
    let mut entries = Entries(Vec::new());
    entries.visit_expr(&known.expr);
    let text = |of: &ExprStruct, name: &str| {
        let here = table.field(of, name);
        here.or_else(|| {
            let field = of.fields.iter().find(
                |field| matches!(&field.member, syn::Member::Named(ident) if ident == name),
            )?;
            gateway.text(&field.expr)
        })
    };
    let options: Vec<(String, String)> = entries
        .0
        .iter()
        .filter_map(|entry| Some((text(entry, "name")?, text(entry, "accepted")?)))
        .collect();
    ensure!(
        !options.is_empty() && options.len() == entries.0.len(),
        "only {options:?} of KNOWN in {TABLE} are understood"
    );
    Ok(options)
}

struct Entries<'a>(Vec<&'a ExprStruct>);

impl<'a> Visit<'a> for Entries<'a> {
    fn visit_expr_struct(&mut self, entry: &'a ExprStruct) {
        self.0.push(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::workspace;
    use crate::book::markdown::Page;

    #[test]
    fn the_page_for_readers_explains_every_option() {
        let page = std::fs::read_to_string(workspace().join("docs/networks.md")).unwrap();
        for (name, _) in options().unwrap() {
            let row = format!("\n| `{name}` |");
            assert!(page.contains(&row), "docs/networks.md lacks {name}");
        }
        let anchors = Page::of(&page).anchors();
        assert!(anchors.iter().any(|anchor| anchor == "options"));
    }
}
