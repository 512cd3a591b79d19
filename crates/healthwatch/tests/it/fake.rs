//! A stand-in for dockerd on a unix socket, told by the test what to answer.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What the daemon answers; the test changes it as it likes.
pub struct Script {
    pub version: String,
    pub minimum: u16,
    pub containers: Vec<Value>,
    pub networks: Vec<Value>,
    /// Answers for the next requests whose path ends with the key, in order.
    pub answers: BTreeMap<&'static str, VecDeque<Answer>>,
    /// Every request's method and target without the version.
    pub requests: Vec<String>,
    listeners: Vec<mpsc::UnboundedSender<Bytes>>,
}

/// One prepared answer.
pub enum Answer {
    Status(u16, &'static str),
    /// This body, then the connection breaks.
    Truncated(&'static str),
    /// This body again and again, without end.
    Endless(&'static str),
    /// No answer at all.
    Silence,
    /// Headers at once, this body only when `gate` has a permit.
    Late(&'static str, Arc<Semaphore>),
    /// What the script says at the request, given when `gate` has a permit.
    Held(Arc<Semaphore>),
}

/// A running daemon; dropping it stops it and removes its directory.
pub struct FakeDocker {
    pub script: Arc<Mutex<Script>>,
    directory: PathBuf,
    running: Option<DropGuard>,
}

impl FakeDocker {
    pub fn start() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "healthwatch-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        let script = Script {
            version: "1.41".to_owned(),
            minimum: 12,
            containers: Vec::new(),
            networks: Vec::new(),
            answers: BTreeMap::new(),
            requests: Vec::new(),
            listeners: Vec::new(),
        };
        let mut docker = Self {
            script: Arc::new(Mutex::new(script)),
            directory,
            running: None,
        };
        docker.resume();
        docker
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.join("docker.sock")
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// Stops: every connection breaks and the socket file goes.
    pub fn stop(&mut self) {
        self.running = None;
        self.script().listeners.clear();
        let _ = std::fs::remove_file(self.socket());
    }

    /// Starts (again) on a new socket file.
    pub fn resume(&mut self) {
        let listener = UnixListener::bind(self.socket()).unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, Arc::clone(&self.script), stop.clone()));
        self.running = Some(stop.drop_guard());
    }

    /// Ends the event streams and nothing else.
    pub fn end_streams(&self) {
        self.script().listeners.clear();
    }

    /// Sends a line, or any octets, to every open event stream.
    pub fn send(&self, octets: impl Into<Bytes>) {
        let octets = octets.into();
        self.script()
            .listeners
            .retain(|listener| listener.send(octets.clone()).is_ok());
    }

    pub fn event(&self, id: &str, action: &str) {
        self.event_with(id, action, json!({"name": "x", "image": "y"}));
    }

    pub fn event_with(&self, id: &str, action: &str, attributes: Value) {
        let event = json!({"Type": "container", "Action": action,
            "Actor": {"ID": id, "Attributes": attributes}, "scope": "local", "timeNano": 1_795_246_154_999_563_093u64});
        self.send(format!("{event}\n"));
    }

    pub fn answer(&self, path: &'static str, answer: Answer) {
        self.script()
            .answers
            .entry(path)
            .or_default()
            .push_back(answer);
    }

    pub fn requests(&self, part: &str) -> usize {
        self.script()
            .requests
            .iter()
            .filter(|request| request.contains(part))
            .count()
    }
}

impl Drop for FakeDocker {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

pub fn container(id: &str, status: &str) -> Value {
    let state = match status {
        up if up.starts_with("Up") => "running",
        "Created" => "created",
        _ => "exited",
    };
    json!({"Id": id, "Names": [format!("/{id}")], "State": state, "Status": status, "Labels": {},
        "NetworkSettings": {"Networks": {"lb": {"NetworkID": "n1", "EndpointID": format!("e-{id}")}}}})
}

async fn serve(listener: UnixListener, script: Arc<Mutex<Script>>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted.unwrap().0,
        };
        let script = Arc::clone(&script);
        connections.spawn(async move {
            let service = service_fn(move |request| respond(Arc::clone(&script), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            // A client that goes away is none of the daemon's business.
            let _ = connection.await;
        });
    }
}

async fn respond(
    script: Arc<Mutex<Script>>,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Infallible> {
    let target = request.uri().to_string();
    let (version, rest) = split_version(&target);
    let path = rest.split('?').next().unwrap().to_owned();
    let (prepared, usual) = {
        let mut script = script.lock().unwrap();
        script.requests.push(format!("{} {rest}", request.method()));
        if let Some(refusal) = refusal(&script, version) {
            return Ok(reply(
                400,
                Reply::text(json!({"message": refusal}).to_string()),
            ));
        }
        let key = script
            .answers
            .keys()
            .find(|key| path.ends_with(**key))
            .copied();
        let prepared = key.and_then(|key| script.answers.get_mut(key)?.pop_front());
        (prepared, usual(&mut script, &path, rest))
    };
    Ok(match prepared {
        None => usual,
        Some(Answer::Status(status, body)) => reply(status, Reply::text(body.to_owned())),
        Some(Answer::Truncated(body)) => reply(200, Reply::Truncated(Some(body.into()))),
        Some(Answer::Endless(piece)) => reply(200, Reply::Endless(piece.into())),
        Some(Answer::Silence) => std::future::pending().await,
        Some(Answer::Held(gate)) => {
            gate.acquire().await.unwrap().forget();
            usual
        }
        Some(Answer::Late(body, gate)) => {
            let (sender, receiver) = mpsc::unbounded_channel();
            tokio::spawn(async move {
                // The client may have given up; then nobody listens.
                let _ = tokio::time::timeout(Duration::from_secs(30), gate.acquire()).await;
                let _ = sender.send(Bytes::from_static(body.as_bytes()));
            });
            reply(200, Reply::Stream(receiver))
        }
    })
}

fn split_version(target: &str) -> (Option<u16>, &str) {
    let Some(rest) = target.strip_prefix("/v1.") else {
        return (None, target);
    };
    let (version, path) = rest.split_at(rest.find('/').unwrap());
    (version.parse().ok(), path)
}

fn refusal(script: &Script, version: Option<u16>) -> Option<String> {
    let newest: u16 = script.version.strip_prefix("1.")?.parse().ok()?;
    match version? {
        v if v > newest => Some(format!(
            "client version 1.{v} is too new. Maximum supported API version is 1.{newest}"
        )),
        v if v < script.minimum => Some(format!(
            "client version 1.{v} is too old. Minimum supported API version is 1.{}",
            script.minimum
        )),
        _ => None,
    }
}

fn usual(script: &mut Script, path: &str, target: &str) -> Response<Reply> {
    let body = match path {
        "/_ping" => {
            let mut response = reply(200, Reply::text("OK".to_owned()));
            response
                .headers_mut()
                .insert("api-version", script.version.parse().unwrap());
            return response;
        }
        "/events" => {
            let (sender, receiver) = mpsc::unbounded_channel();
            script.listeners.push(sender);
            return reply(200, Reply::Stream(receiver));
        }
        "/containers/json" => {
            let wanted = |c: &&Value| {
                !target.contains("filters=") || target.contains(c["Id"].as_str().unwrap())
            };
            Value::Array(script.containers.iter().filter(wanted).cloned().collect())
        }
        "/networks" => Value::Array(script.networks.clone()),
        _ => {
            return reply(
                404,
                Reply::text(r#"{"message":"page not found"}"#.to_owned()),
            );
        }
    };
    reply(200, Reply::text(body.to_string()))
}

fn reply(status: u16, body: Reply) -> Response<Reply> {
    Response::builder().status(status).body(body).unwrap()
}

/// The bodies a daemon may send.
enum Reply {
    Whole(Option<Bytes>),
    Truncated(Option<Bytes>),
    Endless(Bytes),
    Stream(mpsc::UnboundedReceiver<Bytes>),
}

impl Reply {
    fn text(text: String) -> Self {
        Self::Whole(Some(text.into()))
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let some = |octets: Bytes| Poll::Ready(Some(Ok(Frame::data(octets))));
        match self.get_mut() {
            Self::Whole(body) => body.take().map_or(Poll::Ready(None), some),
            Self::Truncated(body) => match body.take() {
                Some(octets) => some(octets),
                None => Poll::Ready(Some(Err(std::io::Error::other("broken on purpose")))),
            },
            Self::Endless(piece) => some(piece.clone()),
            Self::Stream(receiver) => receiver
                .poll_recv(cx)
                .map(|octets| octets.map(|o| Ok(Frame::data(o)))),
        }
    }
}

/// A path that exists but where nobody listens.
pub fn deaf(path: &Path) {
    drop(std::os::unix::net::UnixListener::bind(path).unwrap());
}
