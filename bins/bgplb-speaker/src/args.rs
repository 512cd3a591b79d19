//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::decode::DecodeArgs;

/// A small BGP speaker: announces prefixes, learns routes, installs ECMP sets
/// in the kernel.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run until SIGTERM or SIGINT.
    Run(ConfigFile),
    /// Read the configuration, say whether it can be used, and end.
    CheckConfig(ConfigFile),
    /// Print the BGP messages in a file, one line each.
    Decode(DecodeArgs),
}

/// Where the configuration is.
#[derive(Args, Debug)]
pub(crate) struct ConfigFile {
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}
