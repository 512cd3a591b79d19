//! Completions and manual pages of a program, from its command line's definition.
//!
//! A program has a feature for this, which nobody ships: with it, the program writes what belongs
//! to it and ends, when its first argument is `manual` and its second a folder. So all of it comes
//! from the definition the program itself is parsed with, and nothing of it is in the program
//! people install.
//!
//! ```
//! use clap::Parser;
//!
//! /// Greets people.
//! #[derive(Parser)]
//! #[command(name = "greet")]
//! struct Arguments {
//!     /// Whom.
//!     #[arg(long)]
//!     name: String,
//! }
//!
//! // Nobody asks here for a manual, so the program would go on.
//! assert!(program_manual::written::<Arguments>("1").is_none());
//! ```

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;

/// Shells whose completions are written.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

/// Writes the manual of the program whose arguments are `P`, if its own arguments ask for that;
/// gives what it is to exit with then. The pages are of this `section`, such as "8".
///
/// A failure ends in a sentence on standard error.
#[must_use]
#[expect(
    clippy::print_stderr,
    reason = "the program has done nothing else yet, and ends"
)]
pub fn written<P: CommandFactory>(section: &str) -> Option<ExitCode> {
    let folder = asked(std::env::args_os().skip(1))?;
    match write(P::command(), section, &folder) {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!(
                "the manual can't be written to {}: {error}",
                folder.display()
            );
            Some(ExitCode::FAILURE)
        }
    }
}

/// The folder, if these arguments ask for the manual.
fn asked(mut arguments: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    let asked = arguments.next()? == "manual";
    let folder = arguments.next().filter(|_| asked)?;
    arguments.next().is_none().then(|| folder.into())
}

/// Writes completions (`NAME.bash`, `_NAME`, `NAME.fish`) and one page for each command
/// (`NAME-COMMAND.SECTION`) into `folder`, which is made if it is missing.
///
/// # Errors
///
/// When the file system refuses.
fn write(program: Command, section: &str, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let name = program.get_name().to_owned();
    for shell in SHELLS {
        generate_to(shell, &mut program.clone(), &name, folder)?;
    }
    // `help` and what it says of each command again would be pages of their own.
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let release = format!("{name} {}", program.get_version().unwrap_or_default());
    pages(&program, section, &release, folder)
}

fn pages(command: &Command, section: &str, release: &str, folder: &Path) -> io::Result<()> {
    let commands = command.get_subcommands();
    for one in commands.filter(|one| !one.is_hide_set()) {
        pages(one, section, release, folder)?;
    }
    let page = Man::new(command.clone()).section(section).source(release);
    let mut file = File::create(folder.join(page.get_filename()))?;
    page.render(&mut file)
}

#[cfg(test)]
mod tests;
