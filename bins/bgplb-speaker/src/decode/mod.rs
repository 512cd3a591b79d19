//! `bgplb-speaker decode`: messages in a file, one line each.

mod capture;
mod connection;
mod hex;
mod input;
mod mrt;
mod packet;
mod report;
mod stream;

use std::io::{self, Read, Write};
use std::path::PathBuf;

use bgp_wire::AsWidth;
use clap::{Args, ValueEnum};
use thiserror::Error;

use self::input::Input;
use self::report::Report;

/// What to decode and how.
#[derive(Args, Debug)]
pub(crate) struct DecodeArgs {
    /// The file; `-` is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// What the file holds; without it, its first octets tell.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// AS numbers in AS_PATH and AGGREGATOR have two octets, where neither the
    /// file nor the OPENs in it tell.
    #[arg(long)]
    two_octet_as: bool,
    /// Print each message as a tree of lines, with every fault where it is.
    #[arg(long)]
    tree: bool,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Hexadecimal digits of whole messages, one after the other.
    Hex,
    /// MRT records (RFC 6396).
    Mrt,
    /// A packet capture, pcap or pcapng, with BGP on TCP port 179, or on another
    /// where a segment begins with a message.
    Pcap,
}

/// Why not everything was decoded.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The file can't be read.
    #[error("{file}: {error}")]
    Read {
        /// The file's name.
        file: String,
        /// Why.
        error: io::Error,
    },
    /// The lines can't be written.
    #[error("standard output: {0}")]
    Write(io::Error),
    /// The file does not hold what it should.
    #[error("{file}: {fault}")]
    Data {
        /// The file's name.
        file: String,
        /// What is wrong.
        fault: Fault,
    },
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    /// A character that no text of hexadecimal digits has.
    #[error("line {0} holds something else than hexadecimal digits")]
    NotHex(usize),
    /// An odd number of digits.
    #[error("the last octet has one digit only")]
    HalfAnOctet,
    /// The file ends within a record or block.
    #[error("the file ends within the record at octet {0}")]
    Truncated(u64),
    /// A record or block claims a length that no real one has.
    #[error("the record at octet {at} claims {length} octets")]
    TooLong {
        /// Where it begins.
        at: u64,
        /// What it claims.
        length: u64,
    },
    /// Neither pcap nor pcapng.
    #[error("this is neither pcap nor pcapng")]
    NotACapture,
    /// A block of a pcapng contradicts itself.
    #[error("the block at octet {0} is malformed")]
    Malformed(u64),
    /// Everything was walked, and some of it was said to be unreadable.
    #[error("not everything could be read (lines in angle brackets: {0})")]
    Unreadable(u64),
}

impl Failure {
    /// The number of `sysexits.h`.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Read { .. } => 66,
            Self::Write(_) => 74,
            Self::Data { .. } => 65,
        }
    }
}

/// Prints every message of the file to `out`.
///
/// # Errors
///
/// See [`Failure`]. That nobody reads `out` any more is none.
pub(crate) fn run(args: &DecodeArgs, out: impl Write) -> Result<(), Failure> {
    let as_width = if args.two_octet_as {
        AsWidth::Two
    } else {
        AsWidth::Four
    };
    let input = Input::open(&args.file)?;
    print(input, args.format, Report::new(out, as_width, args.tree))
}

/// Prints every message of a capture to `out` as soon as it was read.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn capture(
    capture: impl Read + 'static,
    tree: bool,
    out: impl Write,
) -> Result<(), Failure> {
    let input = Input::new("the speaker", Box::new(capture));
    let report = Report::new(out, AsWidth::Four, tree).live();
    print(input, Some(Format::Pcap), report)
}

fn print(
    input: Input,
    format: Option<Format>,
    mut report: Report<impl Write>,
) -> Result<(), Failure> {
    let file = input.name().to_owned();
    let walked = walk(input, format, &mut report);
    // What was found before a failure is worth printing.
    match walked.and_then(|()| report.flush()) {
        Ok(()) if report.unreadable() > 0 => Err(Failure::Data {
            file,
            fault: Fault::Unreadable(report.unreadable()),
        }),
        Err(Failure::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn walk(
    mut input: Input,
    format: Option<Format>,
    report: &mut Report<impl Write>,
) -> Result<(), Failure> {
    let format = match format {
        Some(format) => format,
        None => guess(&mut input)?,
    };
    match format {
        Format::Hex => hex::walk(input, report),
        Format::Mrt => mrt::walk(input, report),
        Format::Pcap => capture::walk(input, report),
    }
}

/// Tells the formats apart: captures begin with a magic number, MRT with the
/// octets of a time, and hexadecimal digits are text.
fn guess(input: &mut Input) -> Result<Format, Failure> {
    input.fill(GUESSED_BY)?;
    let begin = input.octets();
    let begin = begin.get(..GUESSED_BY).unwrap_or(begin);
    Ok(if capture::is_capture(begin) {
        Format::Pcap
    } else if begin.iter().all(|it| it.is_ascii() && *it != 0) {
        Format::Hex
    } else {
        Format::Mrt
    })
}

/// The header of an MRT record has zeroes among these, and no text has.
const GUESSED_BY: usize = 12;
