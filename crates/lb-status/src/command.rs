//! The commands both programs have: what the running one says of itself.

mod events;
mod steering;

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;

use crate::client::{Answer, Client, ClientError, encoded};
use crate::model::{self, Findings, Service, Status};
use crate::show::{self, Routes, Screen, Severity};

pub use events::{EventsArgs, events};
pub use steering::{
    DiffArgs, DrainArgs, MaintenanceArgs, PlainDiffArgs, UndrainArgs, diff, drain, maintenance,
    plain_diff, reload, undrain,
};

/// Which program is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "programs say what they are")]
pub struct Asked<'a> {
    /// What it is called in sentences: `the speaker`.
    pub program: &'static str,
    /// Where it listens if the command line does not say otherwise.
    pub socket: &'a Path,
}

/// Where the running program listens.
#[derive(Args, Clone, Debug, Default)]
pub struct SocketArgs {
    /// The socket of the running program, if it is not where programs have it by
    /// default.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl SocketArgs {
    /// Whom to ask.
    #[must_use]
    pub fn client(&self, asked: Asked<'_>) -> Client {
        let socket = self.socket.as_deref().unwrap_or(asked.socket);
        Client::new(asked.program, socket)
    }
}

/// Whom to ask, and how to show the answer.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    #[command(flatten)]
    socket: SocketArgs,
    /// The form of the answer.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns, for people.
    Table,
    /// What the program says, for programs.
    Json,
}

/// Which routes to show.
#[derive(Args, Clone, Debug)]
pub struct RoutesArgs {
    #[command(subcommand)]
    table: RouteTable,
}

#[derive(Clone, Debug, Subcommand)]
enum RouteTable {
    /// What peers announced and we accepted.
    Learned(FilterArgs),
    /// What we announce.
    Advertised(FilterArgs),
}

#[derive(Args, Clone, Debug)]
struct FilterArgs {
    /// Only this prefix and those within it.
    prefix: Option<IpNet>,
    /// Only routes from this peer, or told to it.
    #[arg(long, value_name = "ADDRESS")]
    peer: Option<IpAddr>,
    #[command(flatten)]
    show: ShowArgs,
}

/// Which address to explain.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// The address.
    address: IpAddr,
    #[command(flatten)]
    show: ShowArgs,
}

/// Shows why routers are, or are not, told of an address: every gate in order,
/// what is in the way and what would unblock it.
///
/// # Errors
///
/// As [`status`].
pub fn explain(args: &ExplainArgs, asked: Asked<'_>) -> Result<(), ClientError> {
    let client = args.show.socket.client(asked);
    let answer = client.ask(&format!("/v1/explain?address={}", args.address))?;
    on_stdout(|screen, to| match args.show.output {
        Format::Json => answer.copy(to),
        Format::Table => Ok(show::explanation(&answer.whole()?, screen, to)?),
    })
}

/// Shows the program at a glance.
///
/// # Errors
///
/// When it can't be asked or does not answer so.
pub fn status(args: &ShowArgs, asked: Asked<'_>) -> Result<(), ClientError> {
    let answer = args.socket.client(asked).ask("/v1/status")?;
    on_stdout(|screen, to| match args.output {
        Format::Json => answer.copy(to),
        Format::Table => {
            let status: Status = answer.whole()?;
            Ok(show::status(&status, screen, to)?)
        }
    })
}

/// Judges the program for monitoring, in one line; the exit code says how bad it
/// is.
///
/// # Errors
///
/// When the line can't be written.
pub fn check(args: &SocketArgs, asked: Asked<'_>) -> Result<Severity, ClientError> {
    let answer = args.client(asked).ask("/v1/status");
    let checked = match answer.and_then(Answer::whole) {
        Ok(status) => show::check(&status),
        Err(error) => show::unanswered(&chain(&error)),
    };
    on_stdout(|_, to| Ok(writeln!(to, "{}", checked.line)?))?;
    Ok(checked.severity)
}

/// An error with what it comes from, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    let mut line = error.to_string();
    for cause in causes {
        line.push_str(&format!(": {cause}"));
    }
    line
}

/// Shows its peers.
///
/// # Errors
///
/// As [`status`].
pub fn peers(args: &ShowArgs, asked: Asked<'_>) -> Result<(), ClientError> {
    let answer = args.socket.client(asked).ask("/v1/peers")?;
    on_stdout(|screen, to| match args.output {
        Format::Json => answer.copy(to),
        Format::Table => Ok(show::peers(&answer.whole()?, screen, to)?),
    })
}

/// Shows what is wrong, and what mends it.
///
/// # Errors
///
/// As [`status`].
pub fn doctor(args: &ShowArgs, asked: Asked<'_>) -> Result<Health, ClientError> {
    let answer = args.socket.client(asked).ask("/v1/doctor")?;
    let found: Findings = answer.whole()?;
    on_stdout(|screen, to| match args.output {
        Format::Json => {
            serde_json::to_writer(&mut *to, &found).map_err(io::Error::from)?;
            Ok(writeln!(to)?)
        }
        Format::Table => Ok(show::findings(&found.findings, screen, to)?),
    })?;
    Ok(Health::of(&found))
}

/// Which peer to listen to.
#[derive(Args, Clone, Debug)]
pub struct MonitorArgs {
    /// The peer, as `peers` calls it; all without one.
    peer: Option<String>,
    #[command(flatten)]
    socket: SocketArgs,
}

/// What goes over the connections of the program from now on, as a packet
/// capture without an end.
///
/// # Errors
///
/// As [`status`].
pub fn monitor(args: &MonitorArgs, asked: Asked<'_>) -> Result<Answer, ClientError> {
    let peer = args
        .peer
        .as_deref()
        .map(|peer| format!("?peer={}", encoded(peer)));
    let path = format!("/v1/monitor{}", peer.unwrap_or_default());
    args.socket.client(asked).ask(&path)
}

/// Writes a capture into a file, `-` for standard output, packet by packet.
///
/// # Errors
///
/// When the capture breaks off, or the file takes no more.
pub fn capture(mut answer: Answer, file: &Path) -> Result<(), ClientError> {
    let mut to: Box<dyn Write> = if file.as_os_str() == "-" {
        Box::new(io::stdout().lock())
    } else {
        Box::new(File::create(file)?)
    };
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = match answer.read(&mut piece)? {
            0 => return Ok(()),
            read => piece.get(..read).unwrap_or_default(),
        };
        match to.write_all(read).and_then(|()| to.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
}

/// What `doctor` ends with if there is no answer.
pub const UNKNOWN: u8 = 3;

/// How a program is, by what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "exit codes are few")]
pub enum Health {
    /// Nothing is wrong.
    Well,
    /// Something does not work as it should.
    Warned,
    /// Something does not work at all.
    Failing,
}

impl Health {
    fn of(found: &Findings) -> Self {
        let error = |it: &model::Finding| it.severity == model::Severity::Error;
        match &found.findings[..] {
            [] => Self::Well,
            found if found.iter().any(error) => Self::Failing,
            _ => Self::Warned,
        }
    }

    /// What a program that was asked ends with: 0, 1, or 2.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Warned => 1,
            Self::Failing => 2,
        }
    }
}

/// Shows its services.
///
/// # Errors
///
/// As [`status`].
pub fn services(args: &ShowArgs, asked: Asked<'_>) -> Result<(), ClientError> {
    let answer = args.socket.client(asked).ask("/v1/services")?;
    on_stdout(|screen, to| match args.output {
        Format::Json => answer.copy(to),
        Format::Table => {
            let mut all: Vec<Service> = Vec::new();
            answer.rows(|service| {
                all.push(service);
                Ok(())
            })?;
            Ok(show::services(&all, screen, to)?)
        }
    })
}

/// Shows routes, each as soon as it was read.
///
/// # Errors
///
/// As [`status`].
pub fn routes(args: &RoutesArgs, asked: Asked<'_>) -> Result<(), ClientError> {
    let (path, filter) = match &args.table {
        RouteTable::Learned(filter) => ("/v1/routes/learned", filter),
        RouteTable::Advertised(filter) => ("/v1/routes/advertised", filter),
    };
    // Colons and slashes may stand behind the question mark (RFC 3986
    // section 3.4).
    let wishes = [
        filter.prefix.map(|prefix| format!("prefix={prefix}")),
        filter.peer.map(|peer| format!("peer={peer}")),
    ];
    let wishes = Vec::from_iter(wishes.into_iter().flatten()).join("&");
    let client = filter.show.socket.client(asked);
    let answer = client.ask(&format!("{path}?{wishes}"))?;
    on_stdout(|screen, to| match (filter.show.output, &args.table) {
        (Format::Json, _) => answer.copy(to),
        (Format::Table, RouteTable::Learned(_)) => {
            let mut table = Routes::learned(screen, to)?;
            answer.rows(|route| table.write_learned(&route))
        }
        (Format::Table, RouteTable::Advertised(_)) => {
            let mut table = Routes::advertised(screen, to)?;
            answer.rows(|route| table.write_advertised(&route))
        }
    })
}

/// Who reads us, `head` for example, may have read enough.
fn on_stdout(
    show: impl FnOnce(&Screen, &mut BufWriter<io::StdoutLock<'_>>) -> Result<(), ClientError>,
) -> Result<(), ClientError> {
    let stdout = io::stdout();
    let screen = Screen::of(&stdout);
    let mut to = BufWriter::new(stdout.lock());
    match show(&screen, &mut to).and_then(|()| Ok(to.flush()?)) {
        Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
