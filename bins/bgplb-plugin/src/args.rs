//! The command line. Settings come from the environment, as Docker gives them
//! to a managed plugin.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use lb_status::command::{
    DrainArgs, EventsArgs, ExplainArgs, MaintenanceArgs, MonitorArgs, PlainDiffArgs, RoutesArgs,
    ShowArgs, SocketArgs, UndrainArgs,
};

/// Docker network and IPAM plugin: routed, load-balanced container addresses
/// over BGP.
///
/// The settings are environment variables: ROUTER_ID, PEER_ADDRESS and PEER_AS
/// are required; ROUTER_PORT, LOCAL_AS, PEER_PASSWORD, PEER_PASSWORD_FILE,
/// PEER_BFD, SIGUSR2_HANDLER, SIGUSR2_ACTION, STOP_ACTION, MEND_HOST, GLOBAL_SCOPE,
/// NEXT_HOP_IPV6, POOLS, POOLS_FILE, DOCKER_HOST, STATUS_SOCKET, STATUS_LISTEN, LOG_LEVEL and
/// LOG_FORMAT have defaults.
///
/// Without a command the plugin serves; the commands ask one that does.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The socket to serve Docker on.
    #[arg(long, default_value = "/run/docker/plugins/bgplb.sock")]
    pub(crate) socket: PathBuf,

    /// Where state is kept across restarts [default: /data where it exists,
    /// else /var/lib/bgplb].
    #[arg(long)]
    pub(crate) state_dir: Option<PathBuf>,

    /// Check the settings and exit.
    #[arg(long)]
    pub(crate) check: bool,
}

/// What to ask the running plugin.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the running plugin at a glance.
    Status(ShowArgs),
    /// Find what is wrong, and say what mends it; ends with 0 if nothing is, 1
    /// for warnings, 2 for errors, 3 if it can't be asked.
    Doctor(ShowArgs),
    /// Write the BGP messages exchanged with a peer from now on into a packet
    /// capture, for Wireshark or `bgplb-speaker decode`.
    Monitor(MonitoredFile),
    /// Show its peers.
    Peers(ShowArgs),
    /// Show its services: every address with its state and the reason.
    Services(ShowArgs),
    /// Show why routers are, or are not, told of an address: every gate in order,
    /// what is in the way and what would unblock it.
    Explain(ExplainArgs),
    /// Judge the running plugin for monitoring: one line, and 0, 1, 2 or 3 as exit
    /// code.
    Check(SocketArgs),
    /// Show routes, learned or advertised.
    Routes(RoutesArgs),
    /// Show what has happened of late, and what happens.
    Events(EventsArgs),
    /// Take a service back from the routers, or all of this host, and keep it back; no
    /// container is stopped.
    Drain(DrainArgs),
    /// Undo `drain`.
    Undrain(UndrainArgs),
    /// Take everything of this host back from the routers, over restarts, until that is
    /// off.
    Maintenance(MaintenanceArgs),
    /// Read the files of passwords and pools again.
    Reload(SocketArgs),
    /// Show what `reload` would do, and which sessions that would end.
    Diff(PlainDiffArgs),
}

/// What to write, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct MonitoredFile {
    #[command(flatten)]
    pub(crate) which: MonitorArgs,
    /// The file to write; `-` is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) pcap: PathBuf,
}

impl Args {
    pub(crate) fn state_dir(&self) -> PathBuf {
        // A managed plugin has its propagated mount at /data.
        let managed = Path::new("/data");
        match &self.state_dir {
            Some(path) => path.clone(),
            None if managed.is_dir() => managed.to_owned(),
            None => PathBuf::from("/var/lib/bgplb"),
        }
    }
}

/// The engine's socket. A managed plugin sees the host's /run at /host-run,
/// where a socket that was made anew after a restart of Docker is found again.
pub(crate) fn docker_socket(setting: Option<PathBuf>) -> PathBuf {
    let managed = Path::new("/host-run");
    match setting {
        Some(path) => path,
        None if managed.is_dir() => managed.join("docker.sock"),
        None => PathBuf::from("/var/run/docker.sock"),
    }
}
