//! The log of a program: lines for people, or an object a line.
//!
//! The environment says what is told and how. `LOG_LEVEL` is `error`, `warn`, `info`, `debug`,
//! `trace`, or levels by parts of the program as in `info,bgp_speaker=trace`; it is `info` unless
//! given. `LOG_FORMAT` is `human`, or `json` for an object a line with the fields as members. What
//! can't be used is refused, with what is accepted.
//!
//! ```
//! program_log::start(program_log::Output::Stderr)?;
//! tracing::info!(peer = "192.0.2.1", "session established");
//! # Ok::<(), program_log::Unusable>(())
//! ```

#![forbid(unsafe_code)]

use std::io::{self, IsTerminal as _};

use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Where lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// All to standard error, with the part of the program that tells it, and with colours where
    /// that is a terminal.
    Stderr,
    /// Errors to standard error, which Docker shows as errors, and the rest to standard output.
    Split,
}

/// A setting that can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// `LOG_LEVEL` is no level, and no list of levels.
    #[error(
        "LOG_LEVEL={setting} can't be used ({part} has no level): give error, warn, info, debug or trace"
    )]
    Level {
        /// What it is.
        setting: String,
        /// What of it is not understood.
        part: String,
    },
    /// `LOG_FORMAT` is no format.
    #[error("LOG_FORMAT={0} can't be used: give human, or json for an object a line")]
    Format(String),
}

/// Begins the log of this process as `LOG_LEVEL` and `LOG_FORMAT` say.
///
/// # Errors
///
/// A setting that can't be used, in one sentence. Nothing is written then.
///
/// # Panics
///
/// When the process has a log already.
pub fn start(output: Output) -> Result<(), Unusable> {
    let level = std::env::var_os("LOG_LEVEL").unwrap_or_default();
    start_at(output, &level.to_string_lossy())
}

/// The same with a level, or a list of them, that is said otherwise than by
/// `LOG_LEVEL`.
///
/// # Errors
///
/// As for [`start`].
///
/// # Panics
///
/// As for [`start`].
pub fn start_at(output: Output, level: &str) -> Result<(), Unusable> {
    let setting = |name| std::env::var_os(name).unwrap_or_default();
    let filter = filter(level)?;
    let format = format(&setting("LOG_FORMAT").to_string_lossy())?;
    match output {
        Output::Stderr => {
            let style = Style {
                format,
                names_parts: true,
                has_colours: io::stderr().is_terminal(),
            };
            lines(style, filter, io::stderr).init();
        }
        Output::Split => {
            let style = Style {
                format,
                names_parts: false,
                has_colours: false,
            };
            lines(style, filter, split(io::stdout, io::stderr)).init();
        }
    }
    Ok(())
}

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Human,
    Json,
}

/// How they look.
#[derive(Clone, Copy, Debug)]
struct Style {
    format: Format,
    /// Whether lines for people say which part of the program tells them.
    names_parts: bool,
    /// Whether lines for people have colours.
    has_colours: bool,
}

/// What is written where.
fn split<O, E>(out: O, err: E) -> impl for<'a> MakeWriter<'a>
where
    O: for<'a> MakeWriter<'a>,
    E: for<'a> MakeWriter<'a>,
{
    err.with_max_level(Level::ERROR).or_else(out)
}

fn lines<W>(style: Style, filter: Targets, to: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(to);
    let all = tracing_subscriber::registry().with(filter);
    match style.format {
        Format::Human => {
            let lines = lines.with_ansi(style.has_colours);
            Box::new(all.with(lines.with_target(style.names_parts)))
        }
        Format::Json => Box::new(all.with(lines.json().flatten_event(true))),
    }
}

fn format(setting: &str) -> Result<Format, Unusable> {
    match setting.trim() {
        "" | "human" => Ok(Format::Human),
        "json" => Ok(Format::Json),
        other => Err(Unusable::Format(other.to_owned())),
    }
}

/// What `LOG_LEVEL` asks for: a level, or levels by parts of the program.
fn filter(setting: &str) -> Result<Targets, Unusable> {
    let setting = match setting.trim() {
        "" => "info",
        setting => setting,
    };
    let mut filter = Targets::new();
    for part in setting.split(',').map(str::trim) {
        // A word alone would be taken for a part of the program, and all else be silent.
        let (of, level) = match part.split_once('=') {
            Some((of, level)) => (Some(of.trim()), level.trim()),
            None => (None, part),
        };
        // No word at all is read as “error”.
        let read = level.parse::<LevelFilter>().ok();
        let Some(level) = read.filter(|_| !level.is_empty()) else {
            let (setting, part) = (setting.to_owned(), part.to_owned());
            return Err(Unusable::Level { setting, part });
        };
        filter = match of {
            Some(of) => filter.with_target(of, level),
            None => filter.with_default(level),
        };
    }
    Ok(filter)
}

#[cfg(test)]
mod tests;
