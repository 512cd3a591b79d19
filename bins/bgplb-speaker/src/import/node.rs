//! What a file of another program holds, whichever notation it is in.

/// A value, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Its line, from 1; `None` where the notation's reader does not tell.
    pub(super) line: Option<usize>,
    pub(super) value: Value,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file; a key may be there several times.
    Map(Vec<(String, Node)>),
    /// Nothing that is wanted anywhere, by what it is called.
    Other(&'static str),
}

impl Node {
    /// A value of which the place is not known.
    pub(super) const fn nowhere(value: Value) -> Self {
        Self { line: None, value }
    }

    /// How a person would call it; texts and numbers as they are, if short.
    pub(super) fn shown(&self) -> String {
        match &self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(yes) => yes.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => shown_text(text),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a table".to_owned(),
            Value::Other(what) => (*what).to_owned(),
        }
    }
}

/// What is long or unreadable is cut and escaped: it stands in one line.
pub(super) fn shown_text(text: &str) -> String {
    let mut cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

const LONGEST: usize = 60;
