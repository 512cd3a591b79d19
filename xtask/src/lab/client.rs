//! The client behind the router: plain HTTP requests, each over a connection of its own, so that
//! ECMP spreads them over the hosts.
//!
//! The requests are made by this very program, started again inside the client's namespace with a
//! hidden subcommand; see [`serve_requests`].

mod hold;

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdout};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::netns::Netns;
use crate::cmd::Cmd;
use crate::sys;

/// A request that is not answered within this time has failed.
const REQUEST_LIMIT: Duration = Duration::from_secs(2);

/// After so many failures the client gives up: the point is made, and each may have taken long.
const FAILURE_LIMIT: usize = 5;

/// The line a running client prints when it has seen enough of the usual state.
const READY: &str = "ready";

/// Answers that are enough for that.
const WARM_UP: u32 = 100;

/// Pause between the requests of a running client.
const PACE: Duration = Duration::from_millis(10);

/// Arguments of the hidden subcommand.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// How many rounds of requests; without it, until standard input ends.
    #[arg(long)]
    count: Option<u32>,
    /// How many hosts must have answered before a client without `--count` says it is ready.
    #[arg(long, default_value_t = 0)]
    hosts: usize,
    /// Go on however many requests fail.
    #[arg(long)]
    endure: bool,
    /// How many connections to each address to hold open, instead of one for each request.
    #[arg(long, default_value_t = 0)]
    hold: u32,
    /// The addresses, each asked once a round.
    addresses: Vec<IpAddr>,
}

/// What a client saw.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Summary {
    /// Answers by host name.
    pub(crate) answers: BTreeMap<String, u32>,
    /// Requests whose connection broke before the answer was whole and that were sent once more,
    /// as an HTTP client may do with a GET (RFC 9110 section 9.2.2).
    pub(crate) resent: u32,
    /// Requests without an answer, in words.
    pub(crate) failures: Vec<String>,
}

impl Summary {
    /// The hosts that answered.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.answers.keys().map(String::as_str)
    }

    /// The number of answered requests.
    pub(crate) fn answered(&self) -> u32 {
        self.answers.values().sum()
    }
}

/// Makes `rounds` requests to each address from inside `netns`.
///
/// # Errors
///
/// When the client cannot run; a request without an answer is no error.
pub(crate) fn requests(netns: &Netns, addresses: &[IpAddr], rounds: u32) -> Result<Summary> {
    let text = command(netns, addresses)
        .arg("--count")
        .arg(rounds.to_string())
        .read()?;
    serde_json::from_str(&text).context("read the client's summary")
}

/// A client that asks over and over until [`Self::finish`].
#[derive(Debug)]
pub(crate) struct RunningClient {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl RunningClient {
    /// Starts it inside `netns` and waits until so many hosts have answered, and often.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or ends because nobody answers.
    pub(crate) fn start(netns: &Netns, addresses: &[IpAddr], hosts: usize) -> Result<Self> {
        Self::run(
            command(netns, addresses)
                .arg("--hosts")
                .arg(hosts.to_string()),
        )
    }

    /// [`Self::start`] for one that goes on however many requests fail.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn start_enduring(
        netns: &Netns,
        addresses: &[IpAddr],
        hosts: usize,
    ) -> Result<Self> {
        Self::run(
            command(netns, addresses)
                .arg("--endure")
                .arg("--hosts")
                .arg(hosts.to_string()),
        )
    }

    /// One that opens `count` connections to each address, port [`TELLING_PORT`], and asks on
    /// each over and over who answers, until [`Self::finish`]; what its summary says is in
    /// [`hold::run`].
    ///
    /// [`TELLING_PORT`]: super::image::TELLING_PORT
    ///
    /// # Errors
    ///
    /// When it cannot be started, or a connection is not answered.
    pub(crate) fn hold(netns: &Netns, addresses: &[IpAddr], count: u32) -> Result<Self> {
        Self::run(
            command(netns, addresses)
                .arg("--hold")
                .arg(count.to_string()),
        )
    }

    fn run(command: Cmd) -> Result<Self> {
        let mut child = command.piped()?;
        let output = BufReader::new(child.stdout.take().context("the client has an output")?);
        let mut client = Self { child, output };
        let mut line = String::new();
        client.output.read_line(&mut line)?;
        ensure!(line.trim_end() == READY, "the client ended early: {line}");
        Ok(client)
    }

    /// Stops it and gives what it saw.
    ///
    /// # Errors
    ///
    /// When its output is not what it should be.
    pub(crate) fn finish(mut self) -> Result<Summary> {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.output.read_to_string(&mut text)?;
        self.child.wait()?;
        let summary = text.lines().last().context("the client said nothing")?;
        serde_json::from_str(summary).context("read the client's summary")
    }
}

impl Drop for RunningClient {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn command(netns: &Netns, addresses: &[IpAddr]) -> Cmd {
    let words = addresses.iter().map(ToString::to_string);
    netns
        .command(&sys::own_program())
        .arg("lab-client")
        .args(words)
}

/// The hidden subcommand: makes the requests and prints the [`Summary`] as JSON.
///
/// # Errors
///
/// When the summary cannot be written.
pub(crate) fn serve_requests(args: &Args) -> Result<()> {
    let (sender, ended) = mpsc::channel::<()>();
    if args.count.is_none() {
        thread::spawn(move || {
            // The end of standard input, whatever comes before, is the sign to stop.
            drop(io::copy(&mut io::stdin(), &mut io::sink()));
            drop(sender);
        });
    }
    if args.hold > 0 {
        let summary = hold::run(&args.addresses, args.hold, &ended)?;
        println!("{}", serde_json::to_string(&summary)?);
        return Ok(());
    }
    let mut summary = Summary::default();
    let mut round = 0;
    let mut ready = args.count.is_some();
    let enough = |summary: &Summary| !args.endure && summary.failures.len() >= FAILURE_LIMIT;
    while args.count.is_none_or(|count| round < count) && !enough(&summary) {
        round += 1;
        for address in &args.addresses {
            summary.note(*address);
        }
        if !ready && summary.answers.len() >= args.hosts && summary.answered() >= WARM_UP {
            println!("{READY}");
            ready = true;
        }
        if args.count.is_none() && ended.recv_timeout(PACE) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
    }
    println!("{}", serde_json::to_string(&summary)?);
    Ok(())
}

impl Summary {
    fn note(&mut self, address: IpAddr) {
        let answer = match request(address) {
            Err(Failure::Broken(_)) => {
                self.resent += 1;
                request(address)
            }
            other => other,
        };
        match answer {
            Ok(name) => *self.answers.entry(name).or_default() += 1,
            Err(Failure::Broken(error) | Failure::Other(error)) => {
                self.failures.push(format!("{address}: {error}"));
            }
        }
    }
}

enum Failure {
    /// The connection was lost before the answer was whole.
    Broken(io::Error),
    Other(io::Error),
}

fn request(address: IpAddr) -> Result<String, Failure> {
    let mut answer = Vec::new();
    exchange(address, &mut answer).map_err(|error| {
        let lost = matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        );
        if lost {
            Failure::Broken(error)
        } else {
            Failure::Other(error)
        }
    })?;
    match whole_answer(&answer) {
        Some((200, body)) => Ok(body.trim().to_owned()),
        _ => {
            let text = String::from_utf8_lossy(&answer);
            let error = io::Error::other(format!("unexpected answer {text:?}"));
            Err(Failure::Other(error))
        }
    }
}

/// Asks and reads until the answer is whole; how the connection ends after that is nobody's loss.
fn exchange(address: IpAddr, answer: &mut Vec<u8>) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(address, 80), REQUEST_LIMIT)?;
    stream.set_read_timeout(Some(REQUEST_LIMIT))?;
    stream.write_all(b"GET /name HTTP/1.0\r\n\r\n")?;
    let mut part = [0; 2048];
    while whole_answer(answer).is_none() {
        let length = stream.read(&mut part)?;
        if length == 0 {
            return Ok(());
        }
        answer.extend(&part[..length]);
    }
    Ok(())
}

/// Status and body of an answer that is as long as its Content-Length says.
fn whole_answer(answer: &[u8]) -> Option<(u16, &str)> {
    let text = str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let length: usize = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())?;
    (body.len() >= length).then_some((status, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_length_is_reached() {
        let whole = "HTTP/1.1 200 OK\r\nContent-length: 3\r\n\r\nh1\n";
        assert_eq!(whole_answer(whole.as_bytes()), Some((200, "h1\n")));
        for length in 0..whole.len() {
            assert_eq!(
                whole_answer(&whole.as_bytes()[..length]),
                None,
                "{length} octets"
            );
        }
    }
}
