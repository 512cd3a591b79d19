//! The plugin's settings: names, defaults and meanings from `config.json`, which Docker reads too,
//! what each accepts from the refusals in the code.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use syn::visit::Visit;
use syn::{Expr, ExprCall, ExprStruct, ItemFn};

use super::source::{Source, literal};
use super::{NOTE, cell, code};
use crate::artifacts::workspace;

const CONFIG: &str = "bins/bgplb-plugin/plugin/config.json";
const SETTINGS: &str = "bins/bgplb-plugin/src/settings.rs";

/// What reads a switch never refuses it.
const SWITCH: (&str, &str) = ("exactly_true", "`true` or `false`");

#[derive(Deserialize)]
struct Config {
    env: Vec<Setting>,
}

#[derive(Deserialize)]
struct Setting {
    name: String,
    description: String,
    value: String,
}

pub(super) fn page() -> Result<String> {
    let accepted = accepted(&Source::read(SETTINGS)?);
    let mut page = format!(
        "# Settings of the plugin\n\n{NOTE}\n\n`docker plugin set bgplb NAME=VALUE` for the managed \
         plugin, while it is disabled; a line\n`NAME=VALUE` in `/etc/bgplb/plugin.env` for the \
         service of systemd. An empty value counts\nas none. What can't be used ends the plugin at \
         its start, with one sentence that names it\nand exit code 78.\n\n\
         | setting | default | meaning | accepted |\n| --- | --- | --- | --- |\n"
    );
    for Setting {
        name,
        description,
        value,
    } in settings()?
    {
        let accepted = accepted.get(&name).map_or("–", String::as_str);
        writeln!(
            page,
            "| {} | {} | {} | {} |",
            code(&name),
            code(&value),
            cell(&description),
            cell(accepted)
        )?;
    }
    Ok(page)
}

fn settings() -> Result<Vec<Setting>> {
    let path = workspace().join(CONFIG);
    let text = fs::read_to_string(&path).with_context(|| format!("read {CONFIG}"))?;
    let config: Config = serde_json::from_str(&text).with_context(|| format!("parse {CONFIG}"))?;
    Ok(config.env)
}

/// What the first refusal of each setting says is accepted.
fn accepted(source: &Source) -> BTreeMap<String, String> {
    let mut refusals = Refusals {
        source,
        function: String::new(),
        named: BTreeMap::new(),
        by_caller: BTreeMap::from([(SWITCH.0.to_owned(), SWITCH.1.to_owned())]),
    };
    refusals.visit_file(&source.file);
    let Refusals {
        mut named,
        by_caller,
        ..
    } = refusals;
    let mut calls = Calls(Vec::new());
    calls.visit_file(&source.file);
    for (function, setting) in calls.0 {
        if let Some(accepted) = by_caller.get(&function) {
            named.entry(setting).or_insert_with(|| accepted.clone());
        }
    }
    named
}

/// Struct expressions with `name` and `accepted`. Where the name is the caller's, the function
/// stands for it.
struct Refusals<'a> {
    source: &'a Source,
    function: String,
    named: BTreeMap<String, String>,
    by_caller: BTreeMap<String, String>,
}

impl<'a> Visit<'a> for Refusals<'a> {
    fn visit_item_fn(&mut self, function: &'a ItemFn) {
        self.function = function.sig.ident.to_string();
        // A constant of the function means what it does there.
        let block = &function.block;
        let inner = quoted_constants(block);
        let mut inside = Inside {
            outer: self,
            constants: inner,
        };
        inside.visit_block(block);
    }
}

struct Inside<'a, 'b> {
    outer: &'b mut Refusals<'a>,
    constants: BTreeMap<String, String>,
}

impl<'a> Visit<'a> for Inside<'a, '_> {
    fn visit_expr_struct(&mut self, refusal: &'a ExprStruct) {
        let text = |name: &str| {
            let field = refusal.fields.iter().find(
                |field| matches!(&field.member, syn::Member::Named(ident) if ident == name),
            )?;
            let own = match &field.expr {
                Expr::Path(path) => path
                    .path
                    .get_ident()
                    .and_then(|ident| self.constants.get(&ident.to_string()).cloned()),
                _ => None,
            };
            own.or_else(|| self.outer.source.text(&field.expr))
        };
        let Some(accepted) = text("accepted") else {
            return;
        };
        match text("name") {
            Some(name) => _ = self.outer.named.entry(name).or_insert(accepted),
            None => {
                let function = self.outer.function.clone();
                self.outer.by_caller.entry(function).or_insert(accepted);
            }
        }
    }
}

fn quoted_constants(block: &syn::Block) -> BTreeMap<String, String> {
    let constants = block.stmts.iter().filter_map(|statement| match statement {
        syn::Stmt::Item(syn::Item::Const(constant)) => {
            Some((constant.ident.to_string(), literal(&constant.expr)?))
        }
        _ => None,
    });
    constants.collect()
}

/// Calls whose first argument is the name of a setting.
struct Calls(Vec<(String, String)>);

impl<'a> Visit<'a> for Calls {
    fn visit_expr_call(&mut self, call: &'a ExprCall) {
        if let Expr::Path(path) = call.func.as_ref()
            && let Some(function) = path.path.get_ident()
            && let Some(name) = call.args.first().and_then(literal)
        {
            self.0.push((function.to_string(), name));
        }
        syn::visit::visit_expr_call(self, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_accepts_what_its_refusal_says() {
        let source = Source::parse(
            r#"
            const ONE: &str = "one";
            fn a() { const NAME: &str = "A"; E::Missing { name: NAME, accepted: ONE } }
            fn b(name: &str) { E::Invalid { name, value, accepted: "two" } }
            fn c() { b("B", 1); exactly_true("C"); }
            "#,
        )
        .unwrap();
        let pair = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
        let wanted = [("A", "one"), ("B", "two"), ("C", SWITCH.1)].map(pair);
        assert_eq!(accepted(&source), BTreeMap::from(wanted));
    }

    #[test]
    fn readme_lists_every_setting_with_its_default() {
        let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
        for Setting { name, value, .. } in settings().unwrap() {
            let row = format!("\n| `{name}` | ");
            let Some((_, row)) = readme.split_once(&row) else {
                panic!("README.md lacks {name}");
            };
            let default = format!("`{value}` |");
            let said = value.is_empty() || row.starts_with(&default);
            assert!(said, "README.md has another default of {name}");
        }
    }
}
