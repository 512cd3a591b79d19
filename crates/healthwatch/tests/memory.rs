//! What a Docker that says too much costs: a bound on this process' memory.
//!
//! A test binary of its own, with one test, because the kernel counts memory by
//! process.

#![allow(clippy::unwrap_used)]

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use healthwatch::{DockerClient, DockerConfig, DockerWatch, Observation};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const MIB: usize = 1024 * 1024;

/// The most this process has had in memory, in octets.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB").trim();
    kib.parse::<usize>().unwrap() * 1024
}

/// What a daemon answers a request with, written piece by piece so that it is
/// nowhere whole. An error ends the connection.
type Speech = fn(&mut UnixStream, &AtomicU64) -> io::Result<()>;

/// A daemon that answers `/containers/json` and `/events` so, and nothing to
/// the purpose otherwise.
struct Talker {
    directory: PathBuf,
    /// How many octets or lines were said, as the speech counts.
    said: Arc<AtomicU64>,
}

impl Talker {
    fn start(name: &str, containers: Speech, events: Speech) -> Self {
        let name = format!("healthwatch-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        let listener = UnixListener::bind(directory.join("docker.sock")).unwrap();
        let said = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&said);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let counter = Arc::clone(&counter);
                // It ends with the connection, which the other side does.
                thread::spawn(move || answer(stream, containers, events, &counter));
            }
        });
        Self { directory, said }
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("docker.sock")
    }

    fn client(&self) -> DockerClient {
        DockerClient::new(self.socket(), Duration::from_secs(120))
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn answer(
    mut stream: UnixStream,
    containers: Speech,
    events: Speech,
    said: &AtomicU64,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet)?;
        head.extend(octet);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    stream.write_all(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nConnection: close\r\n\r\n")?;
    if head.contains("/events") {
        events(&mut stream, said)
    } else if head.contains("/containers/json") {
        containers(&mut stream, said)
    } else {
        stream.write_all(b"[]")
    }
}

fn repeat(stream: &mut UnixStream, piece: &str, times: usize) -> io::Result<()> {
    let some = 1 + 64 * 1024 / piece.len();
    let many = piece.repeat(some);
    for _ in 0..times / some {
        stream.write_all(many.as_bytes())?;
    }
    stream.write_all(piece.repeat(times % some).as_bytes())
}

fn nobody(stream: &mut UnixStream, _: &AtomicU64) -> io::Result<()> {
    stream.write_all(b"[]")
}

fn silence(stream: &mut UnixStream, _: &AtomicU64) -> io::Result<()> {
    stream.read_exact(&mut [0])
}

/// One container with a label of 24 MiB, 200,000 further ones and all ports.
fn hostile_list(stream: &mut UnixStream, _: &AtomicU64) -> io::Result<()> {
    stream.write_all(br#"[{"Id":"web","State":"running","Status":"Up (healthy)","Ports":[{}"#)?;
    repeat(stream, r#",{"PrivatePort":80,"Type":"tcp"}"#, 131_072)?;
    stream.write_all(br#"],"Labels":{"big":""#)?;
    repeat(stream, "<>&", 24 * MIB / 3)?;
    stream.write_all(br#"""#)?;
    repeat(stream, r#","label":"value""#, 200_000)?;
    stream.write_all(br#","signal":"12"},"NetworkSettings":{"Networks":{"lb":{"NetworkID":"n1","EndpointID":"e1"}}}}]"#)
}

fn endless_list(stream: &mut UnixStream, _: &AtomicU64) -> io::Result<()> {
    stream.write_all(br#"[{"Id":"web"}"#)?;
    let another = format!(r#",{{"Id":"another","Command":"{}"}}"#, "x".repeat(2000));
    loop {
        repeat(stream, &another, 100)?;
    }
}

/// An event with a label of 24 MiB, a line of 24 MiB that is no event, and an
/// event.
fn long_lines(stream: &mut UnixStream, _: &AtomicU64) -> io::Result<()> {
    const HEAD: &str = r#"{"Type":"container","Action":"kill","Actor":{"ID":"web","Attributes":{"signal":"15","x":""#;
    stream.write_all(HEAD.as_bytes())?;
    repeat(stream, "<>&", 24 * MIB / 3)?;
    stream.write_all(b"\"}}}\n")?;
    repeat(stream, "x", 24 * MIB)?;
    stream.write_all(b"\n")?;
    stream.write_all(HEAD.replace("15", "10").as_bytes())?;
    stream.write_all(b"\"}}}\n")?;
    stream.read_exact(&mut [0])
}

const STORM: usize = 50_000;

/// Far more than 10,000 events a second.
fn storm(stream: &mut UnixStream, said: &AtomicU64) -> io::Result<()> {
    for number in 0..STORM {
        let words = [
            "health_status: healthy",
            "health_status: unhealthy",
            "pause",
        ];
        let (action, id) = (words[number % 3], number % 1000);
        writeln!(
            stream,
            r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"c{id}","Attributes":{{}}}}}}"#
        )?;
        said.fetch_add(1, Ordering::Relaxed);
    }
    stream.read_exact(&mut [0])
}

fn thousand(stream: &mut UnixStream, _: &AtomicU64) -> io::Result<()> {
    stream.write_all(b"[")?;
    for id in 0..1000 {
        let comma = if id == 0 { "" } else { "," };
        write!(
            stream,
            r#"{comma}{{"Id":"c{id}","State":"running","Status":"Up"}}"#
        )?;
    }
    stream.write_all(b"]")
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(120);
    timeout(limit, future).await.expect("within two minutes")
}

#[tokio::test]
async fn no_amount_of_words_takes_more_than_a_bound() {
    let before = peak();
    let grown = |what: &str, most: usize| {
        let grown = peak() - before;
        assert!(grown < most, "{what} took {} MiB", grown / MIB);
    };

    let docker = Talker::start("list", hostile_list, silence);
    let containers = soon(docker.client().containers()).await.unwrap();
    assert_eq!(containers.len(), 1);
    assert!(containers[0].level.is_serving());
    assert_eq!(containers[0].endpoints[0].endpoint_id, "e1");
    assert!(containers[0].labels.contains_key("…"), "it is told");
    grown("a container with too many labels", 16 * MIB);

    let docker = Talker::start("lines", nobody, long_lines);
    let (watch, mut observations) = DockerWatch::new(DockerConfig::new(docker.socket()));
    let stop = CancellationToken::new();
    let watching = tokio::spawn(watch.run(stop.clone()));
    while !matches!(
        soon(observations.recv()).await.unwrap(),
        Observation::Listed { .. }
    ) {}
    // The garbled line has everything listed again, after the first event.
    while !matches!(
        soon(observations.recv()).await.unwrap(),
        Observation::Listed { .. }
    ) {}
    stop.cancel();
    soon(watching).await.unwrap();
    grown("lines without an end", 16 * MIB);

    let docker = Talker::start("storm", thousand, storm);
    let (watch, mut observations) = DockerWatch::new(DockerConfig::new(docker.socket()));
    let stop = CancellationToken::new();
    let watching = tokio::spawn(watch.run(stop.clone()));
    // Nobody reads meanwhile.
    soon(async {
        while docker.said.load(Ordering::Relaxed) < STORM as u64 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    grown("a storm of events", 64 * MIB);
    assert!(soon(observations.recv()).await.is_some());
    stop.cancel();
    soon(watching).await.unwrap();

    let docker = Talker::start("endless", endless_list, silence);
    let error = soon(docker.client().containers()).await.unwrap_err();
    assert!(error.to_string().contains("is longer than"), "{error}");
    grown("a list without an end", 320 * MIB);
}
