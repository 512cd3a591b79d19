//! A table of another program's file; keys that nobody asks for are told.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::str::FromStr;

use super::node::{Node, Value, shown_text};
use super::notes::{Notes, Weight};

/// A table. Keys are compared without regard to case, and to hyphens where the
/// program's own notations differ in nothing else.
#[derive(Debug)]
pub(super) struct Object<'a> {
    entries: &'a [(String, Node)],
    line: Option<usize>,
    /// What the object is called, with a blank behind it unless it is empty.
    name: String,
    /// The path of its keys, with a dot at its end unless it is empty.
    path: String,
    spelling: Spelling,
    known: RefCell<BTreeSet<String>>,
    notes: &'a Notes,
}

/// When two keys are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// But for the case of letters, as Go's decoder of JSON has it.
    AnyCase,
    /// But for hyphens as well: `peer-address` is `peerAddress`.
    AnyHyphens,
}

impl Spelling {
    fn fold(self, key: &str) -> String {
        let folded = key.to_lowercase();
        match self {
            Self::AnyCase => folded,
            Self::AnyHyphens => folded.replace(['-', '_'], ""),
        }
    }
}

impl<'a> Object<'a> {
    /// The table that a file, or a document of it, is; a fault if it is none.
    pub(super) fn root(node: &'a Node, spelling: Spelling, notes: &'a Notes) -> Option<Self> {
        Self::of(node, String::new(), String::new(), spelling, notes)
    }

    fn of(
        node: &'a Node,
        name: String,
        path: String,
        spelling: Spelling,
        notes: &'a Notes,
    ) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let field = format!("{name}{}", path.trim_end_matches('.'));
            let what = format!("{} is there: accepted is a table", node.shown());
            notes.say(Weight::Fault, node.line, &field, &what);
            return None;
        };
        Some(Self {
            entries,
            line: node.line,
            name,
            path,
            spelling,
            known: RefCell::default(),
            notes,
        })
    }

    /// The same by this name, as `BGPPeer/edge`.
    pub(super) fn named(mut self, name: &str) -> Self {
        self.name = format!("{} ", shown_name(name));
        self
    }

    /// Where it begins.
    pub(super) const fn line(&self) -> Option<usize> {
        self.line
    }

    /// What it is called, with its path.
    pub(super) fn name(&self) -> String {
        let name = format!("{}{}", self.name, self.path);
        name.trim_end_matches(['.', ' ']).to_owned()
    }

    /// The value of `key`, unless it is absent or null. Of several the last counts.
    pub(super) fn node(&self, key: &str) -> Option<&'a Node> {
        let folded = self.spelling.fold(key);
        let mut all = self
            .entries
            .iter()
            .filter(|(name, _)| self.spelling.fold(name) == folded);
        let found = all.next_back();
        if all.next().is_some() {
            let what = "it is there several times, and the last one counts";
            self.say(Weight::Differs, key, what);
        }
        self.known.borrow_mut().insert(folded);
        found
            .map(|(_, node)| node)
            .filter(|node| node.value != Value::Null)
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        let node = self.node(key)?;
        match &node.value {
            Value::Text(text) => Some(text),
            _ => self.refuse(key, node, "a text"),
        }
    }

    /// A text that means something.
    pub(super) fn parsed<T: FromStr>(&self, key: &str, accepted: &str) -> Option<T> {
        let node = self.node(key)?;
        match &node.value {
            Value::Text(text) => match text.trim().parse() {
                Ok(value) => Some(value),
                Err(_) => self.refuse(key, node, accepted),
            },
            _ => self.refuse(key, node, accepted),
        }
    }

    pub(super) fn number<T: TryFrom<i64>>(&self, key: &str, accepted: &str) -> Option<T> {
        let node = self.node(key)?;
        match &node.value {
            Value::Integer(number) => match T::try_from(*number) {
                Ok(number) => Some(number),
                Err(_) => self.refuse(key, node, accepted),
            },
            _ => self.refuse(key, node, accepted),
        }
    }

    pub(super) fn yes(&self, key: &str) -> Option<bool> {
        let node = self.node(key)?;
        match &node.value {
            Value::Bool(yes) => Some(*yes),
            _ => self.refuse(key, node, "true or false"),
        }
    }

    /// The table behind a key.
    pub(super) fn object(&self, key: &str) -> Option<Self> {
        let node = self.node(key)?;
        self.inner(node, format!("{}{key}.", self.path))
    }

    /// The tables of a list; none if it is absent.
    pub(super) fn objects(&self, key: &str) -> Vec<Self> {
        let items = self.items(key).iter().enumerate();
        items
            .filter_map(|(n, item)| self.inner(item, format!("{}{key}[{n}].", self.path)))
            .collect()
    }

    /// The texts of a list; none if it is absent.
    pub(super) fn texts(&self, key: &str) -> Vec<&'a str> {
        let items = self.items(key).iter().enumerate();
        let read = |(n, item): (usize, &'a Node)| match &item.value {
            Value::Text(text) => Some(text.as_str()),
            _ => self.refuse(&format!("{key}[{n}]"), item, "a text"),
        };
        items.filter_map(read).collect()
    }

    pub(super) fn items(&self, key: &str) -> &'a [Node] {
        let Some(node) = self.node(key) else {
            return &[];
        };
        match &node.value {
            Value::List(items) => items,
            _ => {
                self.refuse::<()>(key, node, "a list");
                &[]
            }
        }
    }

    /// Every entry, all of which are known then.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Node)> {
        let folded = self.entries.iter().map(|(key, _)| self.spelling.fold(key));
        self.known.borrow_mut().extend(folded);
        self.entries.iter().map(|(key, node)| (key.as_str(), node))
    }

    /// A key that is there, and more than null.
    pub(super) fn has(&self, key: &str) -> bool {
        let folded = self.spelling.fold(key);
        let mut entries = self.entries.iter();
        entries.any(|(name, node)| self.spelling.fold(name) == folded && node.value != Value::Null)
    }

    /// Says why `key` is not taken over, if it is there and not empty.
    pub(super) fn leave_out(&self, key: &str, why: &str) {
        let says_something = |node: &&Node| match &node.value {
            Value::List(items) => !items.is_empty(),
            Value::Map(entries) => !entries.is_empty(),
            Value::Text(text) => !text.is_empty(),
            _ => true,
        };
        if self.node(key).filter(says_something).is_some() {
            self.say(Weight::LeftOut, key, why);
        }
    }

    /// Says something of `key`, or of the object where that is empty.
    pub(super) fn say(&self, weight: Weight, key: &str, what: &str) {
        let folded = self.spelling.fold(key);
        let at = self
            .entries
            .iter()
            .find(|(name, _)| self.spelling.fold(name) == folded);
        let line = at.map_or(self.line, |(_, node)| node.line.or(self.line));
        let field = format!("{}{}{key}", self.name, self.path);
        let field = field.trim_end_matches(['.', ' ']);
        self.notes.say(weight, line, field, what);
    }

    /// Names the keys that nobody asked for.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        for (key, node) in self.entries {
            if node.value == Value::Null || known.contains(&self.spelling.fold(key)) {
                continue;
            }
            let field = format!("{}{}{}", self.name, self.path, shown_name(key));
            let what = "unknown, it has no counterpart";
            let line = node.line.or(self.line);
            self.notes.say(Weight::LeftOut, line, &field, what);
        }
    }

    fn inner(&self, node: &'a Node, path: String) -> Option<Self> {
        Self::of(node, self.name.clone(), path, self.spelling, self.notes)
    }

    /// Says that a value can't be used, without the value of what is secret.
    pub(super) fn refuse<T>(&self, key: &str, node: &Node, accepted: &str) -> Option<T> {
        let folded = Spelling::AnyHyphens.fold(key);
        let shown = match folded.contains("password") || folded.contains("secret") {
            true => "what is there".to_owned(),
            false => node.shown(),
        };
        let field = format!("{}{}{key}", self.name, self.path);
        let what = format!("{shown} can't be used: accepted is {accepted}");
        let line = node.line.or(self.line);
        self.notes.say(Weight::Fault, line, &field, &what);
        None
    }
}

/// A name or key as it is mostly written, without quotes.
pub(super) fn shown_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    match !name.is_empty() && name.len() <= 80 && name.chars().all(plain) {
        true => name.to_owned(),
        false => shown_text(name),
    }
}
