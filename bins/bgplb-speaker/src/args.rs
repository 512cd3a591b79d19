//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::decode::DecodeArgs;
use crate::show::{PeersArgs, RoutesArgs};

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
    Run(RunArgs),
    /// Read the configuration, say whether it can be used, and end.
    CheckConfig(ConfigFile),
    /// Show the peers of the running speaker.
    Peers(PeersArgs),
    /// Show the routes of the running speaker.
    Routes(RoutesArgs),
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

/// How to run.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// The control socket, instead of the one the configuration names.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
}
