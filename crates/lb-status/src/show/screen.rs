//! Where tables are shown: how wide it is, and whether it has colours.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::time::{SystemTime, UNIX_EPOCH};

use super::terminal;

/// What is known of the place where tables are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Screen {
    /// How many characters fit into a line; `None` where lines may be of any
    /// length.
    pub width: Option<usize>,
    /// Whether it shows colours.
    pub colours: bool,
    /// What time it is there, in seconds since 1970.
    pub now: u64,
}

impl Screen {
    /// A file or a pipe: lines of any length, without colours.
    #[must_use]
    pub const fn plain(now: u64) -> Self {
        Self {
            width: None,
            colours: false,
            now,
        }
    }

    /// What `output` is, now. A terminal has colours unless the environment
    /// has a `NO_COLOR` that is not empty, or calls it `dumb`.
    #[must_use]
    pub fn of(output: &(impl IsTerminal + AsFd)) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(0, |since| since.as_secs());
        if !output.is_terminal() {
            return Self::plain(now);
        }
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_none_or(|term| term == "dumb");
        Self {
            width: terminal::width(output.as_fd()),
            colours: set("NO_COLOR").is_none() && !dumb,
            now,
        }
    }
}
