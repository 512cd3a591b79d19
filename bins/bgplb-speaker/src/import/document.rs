//! What is written: the text of a TOML file, table by table.

use std::fmt::Write as _;

use toml::Value;

/// A text that grows.
#[derive(Debug, Default)]
pub(super) struct Document(String);

impl Document {
    /// A line for people.
    pub(super) fn comment(&mut self, text: &str) {
        for line in text.lines() {
            // Nothing can go wrong when a text is written; so below.
            let _ = writeln!(self.0, "# {}", line.replace(char::is_control, " "));
        }
    }

    /// Begins a table; `header` is all of its line.
    pub(super) fn begin(&mut self, header: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        let _ = writeln!(self.0, "{header}");
    }

    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>) {
        let _ = writeln!(self.0, "{key} = {}", value.into());
    }

    pub(super) fn set_some(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    /// A list, unless it is empty.
    pub(super) fn set_all<T: Into<Value>>(&mut self, key: &str, all: impl IntoIterator<Item = T>) {
        let all: Vec<Value> = all.into_iter().map(Into::into).collect();
        if !all.is_empty() {
            self.set(key, all);
        }
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// A table in a line.
pub(super) fn inline<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let entries = entries.into_iter();
    let entries = entries.filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Table(entries.collect())
}
