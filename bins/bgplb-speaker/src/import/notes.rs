//! What is to be said of an import, on standard error.

use std::cell::RefCell;
use std::fmt;

/// One thing to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) weight: Weight,
    /// `FILE`, or `FILE:LINE` where the line is known.
    place: String,
    /// The object and the field, as `BGPPeer/edge spec.vrf`.
    field: String,
    text: String,
}

/// What it means for what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// It was taken over, and is not quite the same.
    Differs,
    /// It has no counterpart.
    LeftOut,
    /// Nothing can be written with it.
    Fault,
}

impl Weight {
    const fn word(self) -> &'static str {
        match self {
            Self::Differs => "differs",
            Self::LeftOut => "left out",
            Self::Fault => "unusable",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.place, self.weight.word())?;
        match self.field.as_str() {
            "" => f.write_str(&self.text),
            field => write!(f, "{field}: {}", self.text),
        }
    }
}

/// Everything said so far.
#[derive(Debug)]
pub(super) struct Notes {
    /// The names of the files, each with the line that is behind its last one, as
    /// if they were one text.
    files: Vec<(String, usize)>,
    /// With their lines.
    all: RefCell<Vec<(Option<usize>, Note)>>,
}

impl Notes {
    /// Of files by these names and with these texts.
    pub(super) fn of(files: &[(String, String)]) -> Self {
        let mut end = 0;
        let files = files.iter().map(|(name, text)| {
            end += lines(text);
            (name.clone(), end)
        });
        Self {
            files: files.collect(),
            all: RefCell::default(),
        }
    }

    /// Whether nothing can be written.
    pub(super) fn has_fault(&self) -> bool {
        let all = self.all.borrow();
        all.iter().any(|(_, it)| it.weight == Weight::Fault)
    }

    pub(super) fn say(&self, weight: Weight, line: Option<usize>, field: &str, text: &str) {
        let place = self.place(line);
        let note = Note {
            weight,
            place,
            field: field.to_owned(),
            text: text.to_owned(),
        };
        self.all.borrow_mut().push((line, note));
    }

    fn place(&self, line: Option<usize>) -> String {
        let Some(line) = line else {
            let names: Vec<_> = self.files.iter().map(|it| it.0.as_str()).collect();
            return names.join(", ");
        };
        let mut before = 0;
        for (name, end) in &self.files {
            if line <= *end {
                return format!("{name}:{}", line.saturating_sub(before));
            }
            before = *end;
        }
        // Behind the last line, where a text ends too early.
        let last = self.files.last().map_or("", |it| it.0.as_str());
        format!("{last}, at its end")
    }

    /// In the order of the text.
    pub(super) fn into_all(self) -> Vec<Note> {
        let mut all = self.all.into_inner();
        all.sort_by_key(|(line, _)| line.unwrap_or_default());
        all.into_iter().map(|(_, note)| note).collect()
    }
}

/// How many lines a text has, as they are counted for [`Notes`].
pub(super) fn lines(text: &str) -> usize {
    text.matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_several_texts_is_one_of_its_own_file() {
        let files = [("a", "1\n2\n"), ("b", "1\n2")];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let notes = Notes::of(&files);
        let places: Vec<_> = [1, 3, 4, 5].map(|line| notes.place(Some(line))).into();
        assert_eq!(places, ["a:1", "a:3", "b:1", "b:2"]);
        assert_eq!(notes.place(None), "a, b");
    }
}
