//! The commands that have the running program do something, or say what it would do.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Asked, Format, ShowArgs, SocketArgs, on_stdout};
use crate::client::{Answer, ClientError, encoded};
use crate::model::{Diff, Done};
use crate::show;

/// What to drain.
#[derive(Args, Clone, Debug)]
pub struct DrainArgs {
    /// A service, by its network's name, the beginning of that one's number or an
    /// address; `host` is everything on this host.
    #[arg(value_name = "SERVICE|host")]
    what: String,
    /// Wait until what was under way has had its time.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    at: SocketArgs,
}

/// What to drain no longer.
#[derive(Args, Clone, Debug)]
pub struct UndrainArgs {
    /// What was drained, named as for `drain`.
    #[arg(value_name = "SERVICE|host")]
    what: String,
    #[command(flatten)]
    at: SocketArgs,
}

/// Whether the host is in maintenance.
#[derive(Args, Clone, Debug)]
pub struct MaintenanceArgs {
    /// Whether it is.
    state: Switch,
    #[command(flatten)]
    at: SocketArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// What to compare what runs with.
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// A file to compare with, instead of the one that a reload would read.
    file: Option<PathBuf>,
    #[command(flatten)]
    show: ShowArgs,
}

/// The same for a program with files that have their places.
#[derive(Args, Clone, Debug)]
pub struct PlainDiffArgs {
    #[command(flatten)]
    show: ShowArgs,
}

/// Has something drained, and says what is the case then.
///
/// # Errors
///
/// As [`status`](super::status), and when the program refuses.
pub fn drain(args: &DrainArgs, asked: Asked<'_>) -> Result<(), ClientError> {
    let (what, wait) = (encoded(&args.what), args.wait);
    let path = format!("/v1/drain?what={what}&wait={wait}");
    say(args.at.client(asked).tell(&path, "")?)
}

/// Has a drain taken back.
///
/// # Errors
///
/// As [`drain`].
pub fn undrain(args: &UndrainArgs, asked: Asked<'_>) -> Result<(), ClientError> {
    let path = format!("/v1/undrain?what={}", encoded(&args.what));
    say(args.at.client(asked).tell(&path, "")?)
}

/// Has the host taken into maintenance, or out of it.
///
/// # Errors
///
/// As [`drain`].
pub fn maintenance(args: &MaintenanceArgs, asked: Asked<'_>) -> Result<(), ClientError> {
    let state = match args.state {
        Switch::On => "on",
        Switch::Off => "off",
    };
    let path = format!("/v1/maintenance?state={state}");
    say(args.at.client(asked).tell(&path, "")?)
}

/// Has a program whose answer to that is a sentence read its files again.
///
/// # Errors
///
/// As [`drain`].
pub fn reload(args: &SocketArgs, asked: Asked<'_>) -> Result<(), ClientError> {
    say(args.client(asked).tell("/v1/reload", "")?)
}

/// Shows what a reload would do.
///
/// # Errors
///
/// As [`status`](super::status).
pub fn diff(args: &DiffArgs, asked: Asked<'_>) -> Result<(), ClientError> {
    // The program that reads it may run elsewhere.
    let file = args.file.as_deref().map(std::path::absolute).transpose()?;
    let file = file.map(|file| format!("?file={}", encoded(&file.display().to_string())));
    compare(
        &args.show,
        &format!("/v1/diff{}", file.unwrap_or_default()),
        asked,
    )
}

/// The same for a program with files that have their places.
///
/// # Errors
///
/// As [`diff`].
pub fn plain_diff(args: &PlainDiffArgs, asked: Asked<'_>) -> Result<(), ClientError> {
    compare(&args.show, "/v1/diff", asked)
}

fn compare(args: &ShowArgs, path: &str, asked: Asked<'_>) -> Result<(), ClientError> {
    let answer = args.socket.client(asked).ask(path)?;
    on_stdout(|_, to| match args.output {
        Format::Json => answer.copy(to),
        Format::Table => {
            let diff: Diff = answer.whole()?;
            Ok(show::diff(&diff, to)?)
        }
    })
}

fn say(answer: Answer) -> Result<(), ClientError> {
    let done: Done = answer.whole()?;
    on_stdout(|_, to| Ok(writeln!(to, "{}", show::harmless(&done.text))?))
}
