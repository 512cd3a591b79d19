//! The server over a real unix socket.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{Notify, oneshot};

use super::{Drained, Gone, Refused, RouteFilter, Rows, Source};
use crate::EventLog;
use crate::model::{
    AdvertisedRoute, Configuration, Diff, Done, Event, EventKind, Finding, Findings, Host,
    LearnedRoute, Network, Peers, Program, Reason, Service, ServiceState, Severity, Status,
};

/// A program with so many services; its routes break off at once.
#[derive(Clone)]
struct Fake {
    services: Option<usize>,
    /// How many were asked for.
    read: Arc<AtomicUsize>,
    events: EventLog,
}

struct Count {
    left: usize,
    read: Arc<AtomicUsize>,
}

impl Rows for Count {
    type Row = Service;

    async fn next(&mut self) -> Result<Option<Vec<Service>>, Gone> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        self.read.fetch_add(1, Ordering::Relaxed);
        let network = Network::new("n".repeat(64), None);
        let prefix = "10.0.0.1/32".parse().unwrap();
        let (state, reason) = (ServiceState::Withheld, Reason::NoEndpoint);
        Ok(Some(vec![Service::new(prefix, network, state, reason)]))
    }
}

/// A table that breaks off at once.
pub(super) struct Broken<T>(pub(super) std::marker::PhantomData<T>);

impl<T: serde::Serialize + Send + Unpin + 'static> Rows for Broken<T> {
    type Row = T;

    async fn next(&mut self) -> Result<Option<Vec<T>>, Gone> {
        Err(Gone)
    }
}

impl Source for Fake {
    async fn status(&self) -> Result<Status, Refused> {
        let program = Program::new("fake", "1", 7);
        let host = Host::new("h1".to_owned(), [192, 0, 2, 1].into(), 64512);
        Ok(Status::new(9, program, host, Configuration::new(None, 8)))
    }

    async fn peers(&self) -> Result<Peers, Refused> {
        Err(Gone.into())
    }

    async fn findings(&self) -> Result<Findings, Refused> {
        let (severity, text) = (Severity::Error, "no session");
        let finding = Finding::new("peer 192.0.2.1", "refused", severity, 7, text);
        Ok(Findings::new(vec![finding]))
    }

    fn events(&self) -> &EventLog {
        &self.events
    }

    fn tap(&self, _: Option<&str>) -> Result<bgp_speaker::Tap, Refused> {
        Err(Refused::not_found("no peers here"))
    }

    fn services(&self) -> Option<impl Rows<Row = Service>> {
        self.services.map(|left| Count {
            left,
            read: Arc::clone(&self.read),
        })
    }

    fn covering(&self, _: IpAddr) -> Option<AdvertisedRoute> {
        None
    }

    fn learned(&self, _: RouteFilter) -> impl Rows<Row = LearnedRoute> {
        Broken(std::marker::PhantomData)
    }

    fn advertised(&self, _: RouteFilter) -> impl Rows<Row = AdvertisedRoute> {
        Broken(std::marker::PhantomData)
    }
}

/// Says what it was told.
#[derive(Clone)]
struct Obedient;

impl super::Steering for Obedient {
    async fn drain(&self, what: Drained, wait: bool) -> Result<Done, Refused> {
        Ok(Done::new(true, format!("drain {what:?} {wait}")))
    }

    async fn undrain(&self, what: Drained) -> Result<Done, Refused> {
        Err(Refused::not_found(format!("no {what:?}")))
    }

    async fn maintenance(&self, on: bool) -> Result<Done, Refused> {
        Ok(Done::new(false, format!("maintenance {on}")))
    }

    async fn diff(&self, file: Option<&str>) -> Result<Diff, Refused> {
        let mut diff = Diff::none();
        diff.changes.extend(file.map(str::to_owned));
        Ok(diff)
    }
}

/// A server on a socket of its own.
pub(super) struct Running {
    path: PathBuf,
    events: EventLog,
    read: Arc<AtomicUsize>,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Running {
    fn start(name: &str, services: Option<usize>) -> Self {
        let read = Arc::new(AtomicUsize::new(0));
        let events = EventLog::default();
        let source = Fake {
            services,
            read: Arc::clone(&read),
            events: events.clone(),
        };
        Self {
            events,
            read,
            ..Self::of(name, source)
        }
    }

    pub(super) fn of(name: &str, source: impl Source) -> Self {
        let name = format!("lb-status-{name}-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = guarded_socket::bind(&path, 0o600).unwrap();
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(super::serve(
            listener,
            super::router(source).merge(super::steering(Obedient)),
            async {
                let _ = stopped.await;
            },
        ));
        Self {
            path,
            events: EventLog::default(),
            read: Arc::default(),
            stop,
            ended,
        }
    }

    async fn begin(&self, path: &str) -> UnixStream {
        self.request("GET", path).await
    }

    async fn request(&self, method: &str, path: &str) -> UnixStream {
        let mut stream = UnixStream::connect(&self.path).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    pub(super) async fn ask(&self, path: &str) -> String {
        let mut answer = String::new();
        let mut stream = self.begin(path).await;
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    pub(super) async fn end(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap().unwrap();
        assert!(!self.path.exists(), "the socket's file was left");
    }
}

/// What follows the head.
pub(super) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn answers_are_json_and_refusals_too() {
    let running = Running::start("answers", None);
    let answer = running.ask("/v1/status").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let status: Status = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(status.program.name, "fake");
    for (path, code, error) in [
        ("/v1/peers", 503, "the program is stopping"),
        ("/v1/services", 404, "this program has no services"),
        ("/v1/explain?address=10.0.0.0/8", 400, "address"),
        ("/v1/elsewhere", 404, "no such path"),
        ("/v1/routes/learned?prefix=x", 400, "prefix"),
        ("/v1/routes/advertised?what=x", 400, "what"),
        ("/metrics", 503, "the program is stopping"),
    ] {
        let answer = running.ask(path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{answer}");
        let refusal: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
        assert_eq!(refusal["version"], 1);
        let said = refusal["error"].as_str().unwrap();
        assert!(said.contains(error), "{said}");
    }
    running.end().await;
}

#[tokio::test]
async fn every_row_has_a_line_of_its_own() {
    for count in [0, 1, 3] {
        let running = Running::start(&format!("rows-{count}"), Some(count));
        let answer = running.ask("/v1/services").await;
        let lines = body(&answer)
            .lines()
            .filter(|line| line.starts_with("{\"prefix"));
        assert_eq!(lines.count(), count, "{answer}");
        running.end().await;
    }
}

#[tokio::test]
async fn what_breaks_off_is_not_an_answer_that_is_complete() {
    let running = Running::start("broken", None);
    let answer = running.ask("/v1/routes/learned").await;
    // The last piece of a body in pieces is the empty one (RFC 9112 section 7.1).
    assert!(!answer.contains("\r\n0\r\n"), "{answer}");
    running.end().await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_holds_a_bounded_part_of_a_table() {
    const MANY: usize = 1_000_000;
    let running = Running::start("slow", Some(MANY));
    let mut slow = running.begin("/v1/services").await;
    let mut first = [0; 1];
    slow.read_exact(&mut first).await.unwrap();
    // Others are answered meanwhile, until the table no longer moves.
    let mut before = 0;
    loop {
        running.ask("/v1/status").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let read = running.read.load(Ordering::Relaxed);
        if read == before {
            break;
        }
        before = read;
    }
    assert!(before < MANY / 100, "{before} rows were made for nobody");
    drop(slow);
    running.end().await;
}

/// What comes until a line has this in it.
async fn until_line(stream: &mut UnixStream, wanted: &str) -> String {
    let mut said = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).await.unwrap();
        said.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&said);
        assert_ne!(read, 0, "it ended without {wanted}: {text}");
        if text.contains(wanted) {
            return text.into_owned();
        }
    }
}

#[tokio::test]
async fn events_end_with_the_newest_unless_they_are_followed() {
    let running = Running::start("events", None);
    for word in ["one", "two", "three"] {
        running.events.write(Event::new(EventKind::BfdUp, word));
    }
    let answer = running.ask("/v1/events?since=1").await;
    assert!(answer.contains("application/x-ndjson"), "{answer}");
    let lines = answer.lines().filter(|line| line.starts_with("{\"version"));
    let events: Vec<Event> = lines.map(|it| serde_json::from_str(it).unwrap()).collect();
    let numbers: Vec<u64> = events.iter().map(|it| it.sequence).collect();
    assert_eq!(numbers, [2, 3]);

    let mut followed = running.begin("/v1/events?since=2&follow=true").await;
    let said = until_line(&mut followed, "three").await;
    assert!(!said.contains("\"two\""), "{said}");
    running.events.write(Event::new(EventKind::BfdDown, "four"));
    until_line(&mut followed, "\"kind\":\"bfd-down\"").await;

    let refused = running.ask("/v1/events?since=x").await;
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    running.end().await;
}

#[tokio::test]
async fn a_reader_that_missed_events_is_told_how_many() {
    let running = Running::start("events-lost", None);
    for _ in 0..crate::EVENTS + 7 {
        running.events.write(Event::new(EventKind::BfdUp, "x"));
    }
    let answer = running.ask("/v1/events").await;
    let lines = answer.lines().filter(|line| line.starts_with("{\"version"));
    let events: Vec<Event> = lines.map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(events.len(), crate::EVENTS);
    assert_eq!((events[0].sequence, events[0].lost), (8, Some(7)));
    assert!(events[1..].iter().all(|event| event.lost.is_none()));
    running.end().await;
}

#[tokio::test]
async fn what_is_to_be_done_is_passed_on_and_nonsense_is_not() {
    let running = Running::start("steering", None);
    for (method, path, code, said) in [
        ("POST", "/v1/drain?what=web1&wait=true", 200, "web1"),
        ("POST", "/v1/drain?what=web1&wait=true", 200, "true"),
        ("POST", "/v1/drain?what=host", 200, "drain Host false"),
        ("POST", "/v1/undrain?what=host", 404, "no Host"),
        ("POST", "/v1/maintenance?state=on", 200, "maintenance true"),
        (
            "POST",
            "/v1/maintenance?state=off",
            200,
            "maintenance false",
        ),
        (
            "GET",
            "/v1/diff?file=/etc/x",
            200,
            "\"changes\":[\"/etc/x\"]",
        ),
        ("GET", "/v1/diff", 200, "\"changes\":[]"),
        ("POST", "/v1/drain", 400, "what"),
        ("POST", "/v1/maintenance?state=perhaps", 400, "state"),
        ("POST", "/v1/undrain?what=host&wait=true", 400, "wait"),
        ("GET", "/v1/drain?what=host", 405, ""),
    ] {
        let mut answer = String::new();
        let mut stream = running.request(method, path).await;
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {code}")),
            "{path}: {answer}"
        );
        assert!(body(&answer).contains(said), "{path}: {answer}");
    }
    running.end().await;
}

#[tokio::test]
async fn an_answer_under_way_may_end_after_the_program_did() {
    let (begun, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (telling, released) = (Arc::clone(&begun), Arc::clone(&release));
    let answer = async move || {
        telling.notify_one();
        released.notified().await;
        "the last words"
    };
    let router = axum::Router::new().route("/", axum::routing::get(answer));
    let name = format!("lb-status-last-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let listener = guarded_socket::bind(&path, 0o600).unwrap();
    let (stop, stopped) = oneshot::channel();
    let (hearing, heard) = oneshot::channel();
    let ended = tokio::spawn(super::serve(listener, router, async {
        let _ = stopped.await;
        hearing.send(()).unwrap();
    }));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    begun.notified().await;
    stop.send(()).unwrap();
    // There is one thread: whoever comes to run after this finds that the server has acted on it.
    heard.await.unwrap();
    assert!(!ended.is_finished(), "it did not wait for the answer");
    release.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("the last words"), "{answer}");
    ended.await.unwrap().unwrap();
}
