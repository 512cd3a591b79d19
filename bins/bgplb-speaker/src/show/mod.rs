//! `bgplb-speaker peers` and `bgplb-speaker routes`: what the control socket
//! says, as it is or as a table. `refresh`, `down` and other commands: what it does.

mod client;
mod commands;
mod table;

use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;

pub(crate) use self::commands::{
    DownArgs, PeerArgs, ReloadArgs, ShutdownArgs, down, graceful_shutdown, refresh, reload, up,
};
use self::table::{AdvertisedRow, LearnedRow, PeerList, Table};
use crate::control::DEFAULT_SOCKET;

/// Whom to ask, and how to show the answer.
#[derive(Args, Debug)]
pub(crate) struct PeersArgs {
    #[command(flatten)]
    common: CommonArgs,
}

/// Which routes to show.
#[derive(Args, Debug)]
pub(crate) struct RoutesArgs {
    #[command(subcommand)]
    table: RouteTable,
}

#[derive(Debug, Subcommand)]
enum RouteTable {
    /// What peers announced and we accepted.
    Learned(FilterArgs),
    /// What we announce.
    Advertised(FilterArgs),
}

#[derive(Args, Debug)]
struct FilterArgs {
    /// Only this prefix and those within it.
    prefix: Option<IpNet>,
    /// Only routes from this peer, or told to it.
    #[arg(long, value_name = "ADDRESS")]
    peer: Option<IpAddr>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args, Debug)]
struct CommonArgs {
    /// The control socket of the running speaker.
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    socket: PathBuf,
    /// The form of the answer.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns, for people.
    Table,
    /// What the control socket says, for programs.
    Json,
}

/// Shows the peers.
pub(crate) fn peers(args: &PeersArgs, to: impl Write) -> anyhow::Result<()> {
    let CommonArgs { socket, output } = &args.common;
    let answer = client::ask(socket, "/v1/peers")?;
    forgiving(to, |to| match output {
        Format::Json => Ok(answer.copy(to)?),
        Format::Table => {
            let list: PeerList = serde_json::from_reader(answer)?;
            Ok(table::peers(&list, to)?)
        }
    })
}

/// Shows routes, each as soon as it was read.
pub(crate) fn routes(args: &RoutesArgs, to: impl Write) -> anyhow::Result<()> {
    let (path, filter) = match &args.table {
        RouteTable::Learned(filter) => ("/v1/routes/learned", filter),
        RouteTable::Advertised(filter) => ("/v1/routes/advertised", filter),
    };
    let FilterArgs {
        prefix,
        peer,
        common,
    } = filter;
    // Colons and slashes may stand behind the question mark (RFC 3986
    // section 3.4).
    let wishes = [
        prefix.map(|prefix| format!("prefix={prefix}")),
        peer.map(|peer| format!("peer={peer}")),
    ];
    let wishes = Vec::from_iter(wishes.into_iter().flatten()).join("&");
    let path = format!("{path}?{wishes}");
    let answer = client::ask(&common.socket, &path)?;
    forgiving(to, |to| match (common.output, &args.table) {
        (Format::Json, _) => Ok(answer.copy(to)?),
        (Format::Table, RouteTable::Learned(_)) => {
            let mut table = Table::new(to, &table::LEARNED)?;
            answer.rows(|row: LearnedRow| table.line(&row.cells()))
        }
        (Format::Table, RouteTable::Advertised(_)) => {
            let mut table = Table::new(to, &table::ADVERTISED)?;
            answer.rows(|row: AdvertisedRow| table.line(&row.cells()))
        }
    })
}

/// Who reads us, `head` for example, may have read enough.
fn forgiving<W: Write>(
    to: W,
    show: impl FnOnce(&mut BufWriter<W>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut to = BufWriter::new(to);
    match show(&mut to).and_then(|()| Ok(to.flush()?)) {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        result => result,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
