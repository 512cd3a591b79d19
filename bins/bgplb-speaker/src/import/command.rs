//! The command: files in, a text out, and words about what is not in it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgAction, Args};

use super::metallb::Target;
use super::origin::Origin;
use super::{Switches, Wishes, import};
use crate::bgp_lb::status_listen;

/// Whose files to turn into ours.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// The files; `-` is standard input. Of MetalLB there may be several.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Whose they are; found out from what they hold unless it is given.
    #[arg(long, value_enum, value_name = "PROGRAM")]
    from: Option<Origin>,
    /// Where to write, instead of to standard output. Nobody else may read a file that
    /// is made, since passwords may be in it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// For which of our programs MetalLB's objects are turned.
    #[arg(
        long = "for",
        value_enum,
        default_value = "speaker",
        value_name = "PROGRAM"
    )]
    target: Target,
    /// The identifier of this host, which MetalLB takes from the node.
    #[arg(long, value_name = "ADDRESS")]
    router_id: Option<Ipv4Addr>,
    /// What bgp-lb was started with: whether it has the address.
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_name = "BOOL")]
    network_setup: bool,
    /// What bgp-lb was started with: whether it balances ports.
    #[arg(long, default_value_t = false, num_args = 0..=1, default_missing_value = "true",
          require_equals = true, action = ArgAction::Set, value_name = "BOOL")]
    ipvs_setup: bool,
    /// What bgp-lb was started with: where metrics are.
    #[arg(long, default_value = ":8081", value_name = "ADDRESS")]
    metrics_address: String,
}

/// Writes what the files are for us.
pub(crate) fn run(args: &ImportArgs) -> ExitCode {
    let status_listen = match status_listen(&args.metrics_address) {
        Ok(listen) => listen,
        Err(sentence) => return unreadable(&format!("--metrics-address: {sentence}")),
    };
    let mut files = Vec::new();
    for path in &args.files {
        let name = path.display().to_string();
        match text_of(path) {
            Ok(text) => files.push((name, text)),
            Err(error) => return unreadable(&format!("{name}: {error}")),
        }
    }
    let wishes = Wishes {
        origin: args.from,
        target: args.target,
        router_id: args.router_id,
        switches: Switches {
            network_setup: args.network_setup,
            ipvs_setup: args.ipvs_setup,
            status_listen,
        },
    };
    let imported = import(&files, &wishes);
    for note in &imported.notes {
        say(&note.to_string());
    }
    let Some(text) = &imported.text else {
        return ExitCode::from(EX_CONFIG);
    };
    if let Err(error) = write(args.output.as_deref(), text) {
        say(&format!("bgplb-speaker: {error}"));
        return ExitCode::from(EX_IOERR);
    }
    match imported.has_left_out() {
        true => ExitCode::from(LEFT_OUT),
        false => ExitCode::SUCCESS,
    }
}

/// The text of a file, or of standard input for `-`. Octets that are no text are
/// replaced, as Go does.
///
/// # Errors
///
/// As the system says, and that it is too large for a configuration.
pub(crate) fn text_of(path: &Path) -> io::Result<String> {
    let from: Box<dyn io::Read> = match path.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(path)?),
    };
    let mut octets = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > LARGEST {
        let what = format!("larger than {LARGEST} octets, which no configuration is");
        return Err(io::Error::other(what));
    }
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

fn write(path: Option<&Path>, text: &str) -> io::Result<()> {
    let Some(path) = path else {
        return io::stdout().lock().write_all(text.as_bytes());
    };
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let named = |error: io::Error| io::Error::other(format!("{}: {error}", path.display()));
    let mut file = options.open(path).map_err(named)?;
    file.write_all(text.as_bytes()).map_err(named)
}

fn unreadable(sentence: &str) -> ExitCode {
    say(&format!("bgplb-speaker: {sentence}"));
    ExitCode::from(EX_CONFIG)
}

fn say(line: &str) {
    // There is nowhere to report that the terminal is gone.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Something has no counterpart, and was told of.
const LEFT_OUT: u8 = 1;

/// Nothing can be made of the files (`EX_CONFIG` of `sysexits.h`).
const EX_CONFIG: u8 = 78;

/// What came of them can't be written (`EX_IOERR`).
const EX_IOERR: u8 = 74;

/// In octets.
const LARGEST: u64 = 16 << 20;
