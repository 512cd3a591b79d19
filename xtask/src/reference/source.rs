//! Rust source as far as the pages need it: texts, constants, and fields of struct expressions.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use syn::visit::Visit;
use syn::{Expr, ExprStruct, Item, ItemConst, Lit, Member};

use crate::artifacts::workspace;

/// One parsed file.
pub(crate) struct Source {
    pub(crate) file: syn::File,
    constants: BTreeMap<String, String>,
}

impl Source {
    /// Reads a file, named from the workspace's root.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is not Rust.
    pub(crate) fn read(name: impl AsRef<Path>) -> Result<Self> {
        let path = workspace().join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("parse {}", path.display()))
    }

    /// The same of a text.
    ///
    /// # Errors
    ///
    /// When it is not Rust.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let file = syn::parse_file(text)?;
        let mut constants = Constants::default();
        constants.visit_file(&file);
        Ok(Self {
            file,
            constants: constants.0,
        })
    }

    /// The text that an expression is: a literal or a constant of this file.
    pub(crate) fn text(&self, expression: &Expr) -> Option<String> {
        match expression {
            Expr::Path(path) => {
                let name = path.path.segments.last()?.ident.to_string();
                self.constants.get(&name).cloned()
            }
            other => literal(other),
        }
    }

    /// The text of a field of a struct expression.
    pub(crate) fn field(&self, of: &ExprStruct, name: &str) -> Option<String> {
        let named = |member: &Member| matches!(member, Member::Named(ident) if ident == name);
        let field = of.fields.iter().find(|field| named(&field.member))?;
        self.text(&field.expr)
    }

    /// The constant of this name.
    pub(crate) fn constant(&self, name: &str) -> Option<&ItemConst> {
        self.file.items.iter().find_map(|item| match item {
            Item::Const(constant) if constant.ident == name => Some(constant),
            _ => None,
        })
    }
}

/// The text of a literal.
pub(crate) fn literal(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// Those of functions, too; a name that means two texts is left to the first.
#[derive(Default)]
struct Constants(BTreeMap<String, String>);

impl<'a> Visit<'a> for Constants {
    fn visit_item_const(&mut self, constant: &'a ItemConst) {
        if let Some(text) = literal(&constant.expr) {
            self.0.entry(constant.ident.to_string()).or_insert(text);
        }
    }
}
