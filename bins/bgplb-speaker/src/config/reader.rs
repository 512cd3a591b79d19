//! Takes values out of a TOML document, and remembers everything wrong with it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// Something wrong, and where in the text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) text: String,
}

/// Everything wrong so far.
#[derive(Debug, Default)]
pub(super) struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    pub(super) fn add(&self, span: &Range<usize>, text: String) {
        let offset = span.start;
        self.0.borrow_mut().push(Fault { offset, text });
    }

    /// In the order of the text.
    pub(super) fn into_sorted(self) -> Vec<Fault> {
        let mut faults = self.0.into_inner();
        faults.sort_by_key(|fault| fault.offset);
        faults
    }
}

/// What can stand behind a key.
pub(super) struct Kind<T> {
    /// In words that follow “accepted is”.
    pub(super) accepted: &'static str,
    pub(super) read: fn(&DeValue<'_>) -> Option<T>,
}

// Not derived, since that would ask the same of `T`.
impl<T> Clone for Kind<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Kind<T> {}

/// A table of the document; the keys that were asked for are the known ones.
pub(super) struct Section<'a> {
    /// The path of its keys, with a dot at its end unless it is empty.
    path: String,
    table: &'a DeTable<'a>,
    pub(super) span: Range<usize>,
    known: RefCell<BTreeSet<&'static str>>,
    pub(super) faults: &'a Faults,
}

impl<'a> Section<'a> {
    pub(super) fn root(document: &'a Spanned<DeTable<'a>>, faults: &'a Faults) -> Self {
        Self::new(String::new(), document.get_ref(), document.span(), faults)
    }

    fn new(path: String, table: &'a DeTable<'a>, span: Range<usize>, faults: &'a Faults) -> Self {
        Self {
            path,
            table,
            span,
            known: RefCell::default(),
            faults,
        }
    }

    /// The value of `key`, if it is there and can be used.
    pub(super) fn optional<T>(&self, key: &'static str, kind: Kind<T>) -> Option<T> {
        let value = self.value(key)?;
        self.read(&self.path_of(key), value, kind)
    }

    /// The value of `key`, which has to be there.
    pub(super) fn required<T>(&self, key: &'static str, kind: Kind<T>) -> Option<T> {
        let value = self.optional(key, kind);
        if !self.has(key) {
            let Kind { accepted, .. } = kind;
            let what = format!("{}: missing; accepted is {accepted}", self.path_of(key));
            self.faults.add(&self.span, what);
        }
        value
    }

    /// The values of a list, if all of them can be used.
    pub(super) fn list<T>(&self, key: &'static str, kind: Kind<T>) -> Option<Vec<T>> {
        let items = self.items(key, kind.accepted)?;
        let path = self.path_of(key);
        let items = items.iter().enumerate();
        let read = |(n, item)| self.read(&format!("{path}[{n}]"), item, kind);
        // All of them are read, so that everything wrong is found.
        let values: Vec<_> = items.map(read).collect();
        values.into_iter().collect()
    }

    /// The items of a list of tables; none if it is not there.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Self> {
        let path = self.path_of(key);
        let accepted = format!("tables, each under a line [[{path}]]");
        let items = self.items(key, &accepted);
        let items = items.into_iter().flatten().enumerate();
        let section = |(n, item): (usize, &'a Spanned<DeValue<'a>>)| {
            self.table_of(format!("{path}[{n}]"), item)
        };
        items.filter_map(section).collect()
    }

    /// The table behind a key, if it is there.
    pub(super) fn section(&self, key: &'static str) -> Option<Self> {
        let value = self.value(key)?;
        self.table_of(self.path_of(key), value)
    }

    /// A value that may be of several forms, and its path.
    pub(super) fn any(&self, key: &'static str) -> Option<(String, &'a Spanned<DeValue<'a>>)> {
        Some((self.path_of(key), self.value(key)?))
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.table.contains_key(key)
    }

    /// How many items the list behind the key has; none if it is not there.
    pub(super) fn len_of(&self, key: &'static str) -> usize {
        let items = self.table.get(key).and_then(|it| it.get_ref().as_array());
        items.map_or(0, |items| items.len())
    }

    /// Where the key's value is, or the whole table if it is not there.
    pub(super) fn span_of(&self, key: &'static str) -> Range<usize> {
        self.table
            .get(key)
            .map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Something is wrong with the value of `key`.
    pub(super) fn fault(&self, key: &'static str, what: &str) {
        let what = format!("{}: {what}", self.path_of(key));
        self.faults.add(&self.span_of(key), what);
    }

    /// Names the keys that nobody asked for.
    pub(super) fn finish(self) {
        let known = self.known.into_inner();
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if known.contains(name) {
                continue;
            }
            let path = &self.path;
            let hint = match nearest(name, &known) {
                Some(near) => format!("did you mean {near}?"),
                None => {
                    let all: Vec<_> = known.iter().copied().collect();
                    format!("known here are {}", all.join(", "))
                }
            };
            let what = format!("{path}{}: unknown key; {hint}", shown_key(name));
            self.faults.add(&key.span(), what);
        }
    }

    /// Reads a value that may stand anywhere.
    pub(super) fn read<T>(
        &self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        kind: Kind<T>,
    ) -> Option<T> {
        let read = (kind.read)(value.get_ref());
        if read.is_none() {
            self.refuse(path, value, kind.accepted);
        }
        read
    }

    pub(super) fn refuse(&self, path: &str, value: &Spanned<DeValue<'_>>, accepted: &str) {
        let shown = match path.rsplit('.').next() {
            Some("password") => "…".to_owned(),
            _ => shown(value.get_ref()),
        };
        let what = format!("{path} = {shown}: accepted is {accepted}");
        self.faults.add(&value.span(), what);
    }

    pub(super) fn table_of(&self, path: String, value: &'a Spanned<DeValue<'a>>) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(table) => {
                let path = format!("{path}.");
                Some(Section::new(path, table, value.span(), self.faults))
            }
            _ => {
                self.refuse(&path, value, "a table");
                None
            }
        }
    }

    fn items(&self, key: &'static str, accepted: &str) -> Option<&'a DeArray<'a>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Array(items) => Some(items),
            _ => {
                let accepted = format!("a list: {accepted}");
                self.refuse(&self.path_of(key), value, &accepted);
                None
            }
        }
    }

    fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.borrow_mut().insert(key);
        self.table.get(key)
    }

    fn path_of(&self, key: &str) -> String {
        format!("{}{key}", self.path)
    }
}

/// The value as the file has it, where that is short.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => shown_text(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// A key as it is mostly written, without quotes.
fn shown_key(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !key.is_empty() && key.len() <= LONGEST && key.chars().all(plain) {
        true => key.to_owned(),
        false => shown_text(key),
    }
}

/// What is long or unreadable is cut and escaped: it stands in one line.
fn shown_text(text: &str) -> String {
    let mut cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

const LONGEST: usize = 60;

/// The known key that was probably meant.
fn nearest(unknown: &str, known: &BTreeSet<&'static str>) -> Option<&'static str> {
    if unknown.len() > LONGEST {
        return None;
    }
    let near = known
        .iter()
        .map(|key| (distance(unknown, key), *key))
        .min()?;
    let (changes, key) = near;
    (changes <= 1 + key.len() / 4).then_some(key)
}

/// How many letters have to be put in, taken out, replaced or swapped with
/// their neighbours.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut previous = None;
    for (n, letter) in one.chars().enumerate() {
        let mut row = vec![n + 1];
        for (m, (counterpart, changed)) in other.iter().zip(&last).enumerate() {
            let put_in = last.get(m + 1).map_or(usize::MAX, |it| it + 1);
            let taken_out = row.last().map_or(usize::MAX, |it| it + 1);
            let replaced = changed + usize::from(letter != *counterpart);
            let swapped =
                (m > 0 && other.get(m - 1) == Some(&letter) && previous == Some(*counterpart))
                    .then(|| before_last.get(m - 1).map_or(usize::MAX, |it| it + 1));
            let least = put_in.min(taken_out).min(replaced);
            row.push(least.min(swapped.unwrap_or(usize::MAX)));
        }
        before_last = std::mem::replace(&mut last, row);
        previous = Some(letter);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_changed_places_are_one_change() {
        assert_eq!(distance("adress", "address"), 1);
        assert_eq!(distance("prot", "port"), 1);
        assert_eq!(distance("", "as"), 2);
        assert_eq!(distance("hold-time", "hold-time"), 0);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn a_key_far_from_all_is_near_to_none() {
        let known = BTreeSet::from(["as", "name", "import"]);
        assert_eq!(nearest("imports", &known), Some("import"));
        assert_eq!(nearest("colour", &known), None);
    }
}
