//! A thousand TCP checks and a thousand HTTP checks every second: what the checker takes.
//!
//! Servers and checker are processes of their own, so that only the checker is counted.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use healthwatch::{CheckId, CheckSpec, Checks, ChecksConfig, HttpSpec, ProbeSpec, TcpSpec, Timing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::speaker::process::Process;

/// Checks of each kind.
const CHECKS: u64 = 1000;

/// How long they are watched, after the first looks.
const WATCHED: Duration = Duration::from_secs(20);

pub(crate) fn run() -> Result<()> {
    let server = start("check-server", &[])?;
    println!(
        "{:>6} {:>8} {:>8} {:>16} {:>10}",
        "", "checks", "looks/s", "one core's time", "memory"
    );
    for (kind, tcp, http) in [
        ("none", 0, 0),
        ("tcp", CHECKS, 0),
        ("http", 0, CHECKS),
        ("both", CHECKS, CHECKS),
    ] {
        let checker = start("check", &[tcp.to_string(), http.to_string()])?;
        // All first looks, and the second ones.
        thread::sleep(Duration::from_secs(3));
        let (cpu, since) = (checker.cpu()?, Instant::now());
        thread::sleep(WATCHED);
        let share = (checker.cpu()? - cpu).as_secs_f64() / since.elapsed().as_secs_f64();
        println!(
            "{kind:>6} {:>8} {:>8} {:>14.2} % {:>6.1} MiB",
            tcp + http,
            tcp + http,
            share * 100.0,
            mebibytes(checker.memory()?)
        );
    }
    drop(server);
    Ok(())
}

fn start(role: &str, words: &[String]) -> Result<Process> {
    let child = Command::new(env::current_exe()?)
        .arg(role)
        .args(words)
        .stdout(Stdio::null())
        .spawn()
        .context("start this program once more")?;
    Ok(Process::new(child, Vec::new()))
}

#[expect(clippy::cast_precision_loss, reason = "printed with one decimal")]
fn mebibytes(octets: u64) -> f64 {
    octets as f64 / (1024.0 * 1024.0)
}

/// Answers every connection as a small HTTP server does.
#[tokio::main]
pub(crate) async fn server() -> Result<()> {
    let listener = TcpListener::bind(SERVER).await.context("listen")?;
    loop {
        let (stream, _) = listener.accept().await.context("accept")?;
        tokio::spawn(answer(stream));
    }
}

async fn answer(mut stream: TcpStream) -> Option<()> {
    let mut head = [0; 1024];
    // A connection without a request is a TCP check.
    if stream.read(&mut head).await.ok()? > 0 {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        stream.write_all(answer).await.ok()?;
    }
    Some(())
}

/// Checks the server until it is killed, with one thread.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn checker(tcp: u64, http: u64) -> Result<()> {
    let (checks, handle, mut news) = Checks::new(ChecksConfig::default());
    let running = tokio::spawn(checks.run(CancellationToken::new()));
    tokio::spawn(async move { while news.recv().await.is_some() {} });
    let mut request = HttpSpec::new(SERVER.ip(), SERVER.port());
    request.path = "/health".into();
    let tcp_spec = ProbeSpec::Tcp(TcpSpec { address: SERVER });
    let http_spec = ProbeSpec::Http(request);
    let all = (0..tcp)
        .map(|_| &tcp_spec)
        .chain((0..http).map(|_| &http_spec));
    for (id, probe) in (0..).map(CheckId).zip(all) {
        let spec = CheckSpec {
            probe: probe.clone(),
            timing: Timing::default(),
        };
        handle.set(id, spec).await?;
    }
    running.await.context("the checks ended")
}

const SERVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)), 18080);
