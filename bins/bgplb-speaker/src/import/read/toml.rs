//! TOML.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::Syntax;
use crate::import::node::{Node, Value};

/// The table of a file.
pub(in crate::import) fn toml(text: &str) -> Result<Node, Syntax> {
    let document = DeTable::parse(text).map_err(|error| Syntax {
        line: error.span().map(|span| line(text, span.start)),
        text: error.message().replace('\n', ", "),
    })?;
    Ok(Node {
        line: Some(1),
        value: table(text, document.get_ref()),
    })
}

fn table(text: &str, table: &DeTable<'_>) -> Value {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entries = entries.into_iter();
    Value::Map(
        entries
            .map(|(key, value)| (key.get_ref().to_string(), node(text, value)))
            .collect(),
    )
}

/// The parser bounds how deep values are in each other.
fn node(text: &str, from: &Spanned<DeValue<'_>>) -> Node {
    let value = match from.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a huge number"), Value::Integer),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Boolean(yes) => Value::Bool(*yes),
        DeValue::Datetime(_) => Value::Other("a time"),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(text, item)).collect()),
        DeValue::Table(inner) => table(text, inner),
    };
    Node {
        line: Some(line(text, from.span().start)),
        value,
    }
}

fn line(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_lines() {
        let node = toml("[a]\nb = 1\nc = 2.5\n").unwrap();
        let Value::Map(entries) = node.value else {
            panic!("no map");
        };
        let Value::Map(inner) = &entries[0].1.value else {
            panic!("no map");
        };
        let lines: Vec<_> = inner.iter().map(|(_, node)| node.line).collect();
        assert_eq!(lines, [Some(2), Some(3)]);
    }

    #[test]
    fn what_is_no_toml_is_refused_with_its_line_and_without_its_text() {
        let error = toml("a = 1\npassword = hidden\n").unwrap_err();
        assert_eq!(error.line, Some(2));
        assert!(!error.text.contains("hidden"), "{}", error.text);
        assert!(toml(&format!("a = {}", "[".repeat(100_000))).is_err());
    }
}
