//! Columns: as wide as their cells, or cut where the screen is narrower.

use std::io::{self, Write};

use super::Screen;

/// A column's heading and the width it has at least.
pub(super) type Column = (&'static str, usize);

/// A cell's text and what it says by its colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

/// What a cell says by its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    /// As it should be.
    Good,
    /// On its way, or wanted so.
    Doubtful,
    /// Not as it should be.
    Bad,
}

impl Cell {
    pub(super) fn new(text: impl AsRef<str>, tone: Tone) -> Self {
        // Peers choose some of the words: what moves a terminal's cursor or
        // worse stays out.
        let harmless = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        Self {
            text: text.as_ref().chars().map(harmless).collect(),
            tone,
        }
    }

    /// The text, or a dash for none.
    pub(super) fn of<T: ToString>(value: Option<T>) -> Self {
        value.map_or_else(|| Self::from("-"), |value| Self::from(value.to_string()))
    }

    /// The text alone.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn length(&self) -> usize {
        self.text.chars().count()
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        let text = text.as_ref();
        Self::new(if text.is_empty() { "-" } else { text }, Tone::Plain)
    }
}

/// Writes a table of which all rows are known.
pub(super) fn write(
    columns: &[Column],
    rows: &[Vec<Cell>],
    screen: &Screen,
    to: &mut impl Write,
) -> io::Result<()> {
    let mut widths: Vec<usize> = columns
        .iter()
        .map(|(name, width)| name.chars().count().max(*width))
        .collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.length().max(*width);
        }
    }
    if let Some(room) = screen.width {
        shrink(&mut widths, room);
    }
    let mut lines = Lines { widths, screen, to };
    lines.head(columns)?;
    rows.iter().try_for_each(|row| lines.line(row))
}

/// Makes the widest columns narrower until all fit, as far as that is of use.
/// The first one, which says what a line is about, stays as it is.
fn shrink(widths: &mut [usize], room: usize) {
    loop {
        let total: usize = widths.iter().map(|width| width + 1).sum();
        let widest = widths.iter_mut().skip(1).max();
        match widest {
            Some(width) if total > room + 1 && *width > NARROWEST => *width -= 1,
            _ => return,
        }
    }
}

/// No column gets narrower than this.
const NARROWEST: usize = 8;

/// A table that is written while it is read.
#[derive(Debug)]
pub(super) struct Lines<'a, W> {
    widths: Vec<usize>,
    screen: &'a Screen,
    to: &'a mut W,
}

impl<'a, W: Write> Lines<'a, W> {
    /// Writes the headings. Longer cells push what follows to the right, since
    /// nothing is known of later rows when one is written.
    pub(super) fn new(columns: &[Column], screen: &'a Screen, to: &'a mut W) -> io::Result<Self> {
        let widths = columns.iter().map(|(_, width)| *width).collect();
        let mut lines = Self { widths, screen, to };
        lines.head(columns)?;
        Ok(lines)
    }

    fn head(&mut self, columns: &[Column]) -> io::Result<()> {
        let cells = columns.iter().map(|(name, _)| Cell::new(name, Tone::Plain));
        self.line(&cells.collect::<Vec<_>>())
    }

    /// Has what was written seen.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// Writes one line. What does not fit into it is cut off.
    pub(super) fn line(&mut self, cells: &[Cell]) -> io::Result<()> {
        let room = self.screen.width.unwrap_or(usize::MAX);
        let mut line = String::new();
        let mut used = 0;
        let last = cells.len().saturating_sub(1);
        for (place, (cell, width)) in cells.iter().zip(&self.widths).enumerate() {
            // A column that was made narrower cuts its cells.
            let most = match self.screen.width {
                Some(_) if place < last => cell.length().min((*width).max(NARROWEST)),
                _ => cell.length(),
            };
            let most = most.min(room.saturating_sub(used));
            let text = cut(&cell.text, most);
            let length = text.chars().count();
            line.push_str(&self.coloured(&text, cell.tone));
            used += length;
            if place < last {
                let gap = (width.saturating_sub(length) + 1).min(room.saturating_sub(used));
                line.extend(std::iter::repeat_n(' ', gap));
                used += gap;
            }
        }
        writeln!(self.to, "{}", line.trim_end())
    }

    fn coloured(&self, text: &str, tone: Tone) -> String {
        let code = match tone {
            _ if !self.screen.colours || text.is_empty() => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Good => 32,
            Tone::Doubtful => 33,
            Tone::Bad => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// At most so many characters of a text; the last one says that there are more.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let Some(kept) = most.checked_sub(1) else {
        return String::new();
    };
    text.chars().take(kept).chain(['…']).collect()
}

/// What a program says, without what a terminal would obey.
pub(crate) fn harmless(text: &str) -> String {
    Cell::from(text).into_text()
}
