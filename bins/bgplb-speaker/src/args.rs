//! The command line.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use lb_status::command::{
    DiffArgs, DrainArgs, EventsArgs, ExplainArgs, MaintenanceArgs, MonitorArgs, RoutesArgs,
    ShowArgs, SocketArgs, UndrainArgs,
};

use crate::bgp_lb;
use crate::config::{Config, Unusable};
use crate::decode::DecodeArgs;
use crate::import::{ImportArgs, Switches};
use crate::show::{DownArgs, PeerArgs, ReloadArgs, ShutdownArgs};

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
    /// Run until SIGTERM or SIGINT; SIGHUP reads the configuration again.
    ///
    /// The log goes to standard error. The environment variable LOG_LEVEL is error,
    /// warn, info, debug, trace, or levels by parts of the program, as in
    /// info,bgp_speaker=trace; LOG_FORMAT is human, or json for an object a line.
    /// What can't be used ends the program with exit code 78.
    Run(RunArgs),
    /// Read the configuration, say whether it can be used, and end.
    CheckConfig(CheckedFile),
    /// Show the running speaker at a glance.
    Status(ShowArgs),
    /// Find what is wrong, and say what mends it; ends with 0 if nothing is, 1
    /// for warnings, 2 for errors, 3 if it can't be asked.
    Doctor(ShowArgs),
    /// Print the messages exchanged with a peer from now on, one line each.
    Monitor(Monitored),
    /// Show the peers of the running speaker.
    Peers(ShowArgs),
    /// Show the services of the running speaker.
    Services(ShowArgs),
    /// Show the routes of the running speaker.
    Routes(RoutesArgs),
    /// Show why peers of the running speaker are, or are not, told of an address.
    Explain(ExplainArgs),
    /// Judge the running speaker for monitoring: one line, and 0, 1, 2 or 3 as exit
    /// code.
    Check(SocketArgs),
    /// Have the running speaker ask a peer for all its routes again.
    Refresh(PeerArgs),
    /// Have the running speaker end the session with a peer, and have none until `up`.
    Down(DownArgs),
    /// Have the running speaker undo `down`.
    Up(PeerArgs),
    /// Have the running speaker mark its routes as about to go (GRACEFUL_SHUTDOWN, RFC 8326),
    /// or no longer so.
    GracefulShutdown(ShutdownArgs),
    /// Have the running speaker read its configuration again, as SIGHUP does.
    Reload(ReloadArgs),
    /// Show what `reload` would do, and which sessions that would end.
    Diff(DiffArgs),
    /// Show what has happened of late, and what happens.
    Events(EventsArgs),
    /// Have the running speaker mark its routes as about to go (GRACEFUL_SHUTDOWN, RFC 8326),
    /// and take them back after five seconds.
    Drain(DrainArgs),
    /// Have the running speaker undo `drain`.
    Undrain(UndrainArgs),
    /// The same as `drain host`, for as long as the host is maintained.
    Maintenance(MaintenanceArgs),
    /// Turn configurations of bgp-lb, gobgpd and MetalLB into ours; ends with 0 if
    /// everything is taken over, 1 if something is left out, 78 if nothing can be made
    /// of it. What is left out or means something else is told line by line.
    Import(ImportArgs),
    /// Print the BGP messages in a file, one line each.
    Decode(DecodeArgs),
}

/// Which configuration to look at.
#[derive(Args, Debug)]
pub(crate) struct CheckedFile {
    /// The configuration file (TOML).
    #[arg(value_name = "FILE", required_unless_present = "config")]
    file: Option<PathBuf>,
    /// The same, written as for `run`.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    config: Option<PathBuf>,
}

impl CheckedFile {
    pub(crate) fn path(self) -> PathBuf {
        // One of them is there, as its attributes demand.
        self.file.or(self.config).unwrap_or_default()
    }
}

/// How to run.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// The control socket, instead of the one the configuration names.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// The file is bgp-lb's, and these are its flags.
    #[arg(skip)]
    pub(crate) bgp_lb: Option<Switches>,
}

impl RunArgs {
    /// Reads and checks a file of the kind that the program was started with.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub(crate) fn load(&self, file: &Path) -> Result<Config, Unusable> {
        match &self.bgp_lb {
            None => Config::load(file),
            Some(switches) => bgp_lb::load(file, switches),
        }
    }
}

/// Whom to listen to, and how to show it.
#[derive(Args, Debug)]
pub(crate) struct Monitored {
    #[command(flatten)]
    pub(crate) which: MonitorArgs,
    /// Write a packet capture into this file instead, `-` for standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// Print each message as a tree of lines.
    #[arg(long, conflicts_with = "pcap")]
    pub(crate) tree: bool,
}
