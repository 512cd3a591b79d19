//! A live server on a unix socket, spoken to in octets.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use docker_plugin_api::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{bind::Folder, captured::engines, driver::Recorder};

struct Server {
    folder: Folder,
    shutdown: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    fn start(router: Router) -> Self {
        let folder = Folder::new();
        let listener = bind(folder.join("p.sock")).unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, router, shutdown.clone()));
        Self {
            folder,
            shutdown,
            task,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("p.sock")
    }

    async fn connect(&self) -> Client {
        Client::connect(&self.path()).await
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
        assert!(!self.folder.join("p.sock").exists());
    }
}

struct Client {
    stream: UnixStream,
    received: Vec<u8>,
}

impl Client {
    async fn connect(path: &Path) -> Self {
        Self {
            stream: UnixStream::connect(path).await.unwrap(),
            received: Vec::new(),
        }
    }

    async fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.stream.write_all(octets.as_ref()).await.unwrap();
    }

    /// One answer: its head and its body.
    async fn answer(&mut self) -> (String, String) {
        let head = loop {
            if let Some(end) = self
                .received
                .windows(4)
                .position(|octets| octets == b"\r\n\r\n")
            {
                break self.received.drain(..end + 4).collect::<Vec<_>>();
            }
            self.fill().await;
        };
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let (_, rest) = head
            .split_once("content-length: ")
            .expect("a length in every answer");
        let length: usize = rest.split("\r\n").next().unwrap().parse().unwrap();
        while self.received.len() < length {
            self.fill().await;
        }
        let body = self.received.drain(..length).collect();
        (head, String::from_utf8(body).unwrap())
    }

    async fn fill(&mut self) {
        let count = bounded(self.stream.read_buf(&mut self.received))
            .await
            .unwrap();
        assert_ne!(count, 0, "connection closed after {:?}", self.received);
    }

    /// Everything until the server closes the connection, with or without having read all of it.
    async fn rest(&mut self) -> Vec<u8> {
        while matches!(
            bounded(self.stream.read_buf(&mut self.received)).await,
            Ok(1..)
        ) {}
        std::mem::take(&mut self.received)
    }
}

/// A test that waits for ever should say so.
async fn bounded<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future)
        .await
        .expect("an answer within 20 s")
}

fn request(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: \r\nUser-Agent: Go-http-client/1.1\r\n\
         Content-Length: {}\r\nAccept: application/vnd.docker.plugins.v1.2+json\r\n\r\n{body}",
        body.len()
    )
}

const LEAVE: &str = r#"{"NetworkID":"n","EndpointID":"e"}"#;

#[tokio::test]
async fn captured_requests_are_answered_over_one_connection_whatever_the_host() {
    let driver = Arc::new(Recorder::default());
    let server = Server::start(driver.router());
    let mut client = server.connect().await;
    for (version, requests) in engines() {
        for host in ["", "plugin.moby.localhost", "/run/docker/plugins/p.sock"] {
            for request in &requests {
                let mut octets = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
                for (name, value) in &request.headers {
                    let value = if name == "Host" { host } else { value };
                    octets += &format!("{name}: {value}\r\n");
                }
                client.send(octets + "\r\n" + &request.body).await;
                let (head, body) = client.answer().await;
                assert!(
                    head.starts_with("http/1.1 200 ok\r\n"),
                    "{version} {head} {body}"
                );
                let content_type = "content-type: application/vnd.docker.plugins.v1.1+json\r\n";
                assert!(head.contains(content_type), "{head}");
                assert_ne!(body, "");
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_order() {
    let driver = Arc::new(Recorder::default());
    let server = Server::start(driver.router());
    let mut client = server.connect().await;
    let octets = request("/NetworkDriver.Leave", LEAVE)
        + &request("/NetworkDriver.Join", "")
        + &request("/Nothing", "{}")
        + &request("/NetworkDriver.DeleteEndpoint", LEAVE);
    client.send(octets).await;
    for status in ["200", "400", "404", "200"] {
        let (head, _) = client.answer().await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{head}");
    }
    let calls: Vec<_> = driver.take().into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        calls,
        ["/NetworkDriver.Leave", "/NetworkDriver.DeleteEndpoint"]
    );
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_request_changes_nothing() {
    let driver = Arc::new(Recorder::default());
    let server = Server::start(driver.router());
    let whole = request("/NetworkDriver.Leave", LEAVE);
    for sent in [0, 1, 30, whole.len() - LEAVE.len(), whole.len() - 1] {
        let mut client = server.connect().await;
        client.send(&whole[..sent]).await;
        drop(client);
    }
    let mut client = server.connect().await;
    client.send(request("/Plugin.Activate", "")).await;
    client.answer().await;
    server.stop().await;
    assert_eq!(driver.take(), []);
}

#[tokio::test]
async fn a_claimed_or_real_excess_of_body_is_refused() {
    let server = Server::start(Arc::new(Recorder::default()).router());
    let mut client = server.connect().await;
    let head = "POST /NetworkDriver.Leave HTTP/1.1\r\nHost: \r\n";
    client
        .send(format!("{head}Content-Length: 99999999999\r\n\r\n"))
        .await;
    let (head_received, body) = client.answer().await;
    assert!(head_received.starts_with("http/1.1 413"), "{head_received}");
    assert!(
        body.contains(r#""Error":"request body is larger"#),
        "{body}"
    );

    let mut client = server.connect().await;
    client
        .send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"))
        .await;
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    // One more than fits; the server may stop reading before the last one is sent.
    for _ in 0..=16 {
        if client.stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let (head_received, _) = client.answer().await;
    assert!(head_received.starts_with("http/1.1 413"), "{head_received}");
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_http_ends_its_own_connection_only() {
    let server = Server::start(Arc::new(Recorder::default()).router());
    for octets in [
        b"\x16\x03\x01\x02\x00".as_slice(),
        b"HELO\r\n\r\n",
        &[0xff; 16],
        b"POST /\r\n\r\n",
    ] {
        let mut client = server.connect().await;
        client.send(octets).await;
        let answer = client.rest().await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"),
            "{answer:?}"
        );
    }
    let mut client = server.connect().await;
    let endless = format!("POST / HTTP/1.1\r\nX: {}", "x".repeat(1024 * 1024));
    let _ = client.stream.write_all(endless.as_bytes()).await;
    assert!(client.rest().await.starts_with(b"HTTP/1.1 431"));
    let mut client = server.connect().await;
    client.send(request("/Plugin.Activate", "")).await;
    client.answer().await;
    server.stop().await;
}

/// Lets `Leave` wait until the test allows it to go on.
struct Gate {
    entered: Semaphore,
    open: Semaphore,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            entered: Semaphore::new(0),
            open: Semaphore::new(0),
        })
    }

    async fn entered(&self) {
        bounded(self.entered.acquire()).await.unwrap().forget();
    }
}

impl NetworkDriver for Gate {
    fn capabilities(&self) -> NetworkCapabilities {
        NetworkCapabilities::new(Scope::Local)
    }

    async fn create_network(&self, _: CreateNetworkRequest) -> Result<(), PluginError> {
        panic!("on purpose")
    }

    async fn delete_network(&self, _: DeleteNetworkRequest) -> Result<(), PluginError> {
        Ok(())
    }

    async fn create_endpoint(
        &self,
        _: CreateEndpointRequest,
    ) -> Result<CreateEndpointResponse, PluginError> {
        Ok(CreateEndpointResponse::default())
    }

    async fn delete_endpoint(&self, _: DeleteEndpointRequest) -> Result<(), PluginError> {
        Ok(())
    }

    async fn join(&self, _: JoinRequest) -> Result<JoinResponse, PluginError> {
        Ok(JoinResponse::default())
    }

    async fn leave(&self, _: LeaveRequest) -> Result<(), PluginError> {
        self.entered.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        Ok(())
    }
}

#[tokio::test]
async fn a_panic_ends_neither_connection_nor_server() {
    let server = Server::start(network_router(Gate::new()));
    let mut client = server.connect().await;
    for _ in 0..2 {
        client
            .send(request(
                "/NetworkDriver.CreateNetwork",
                r#"{"NetworkID":"n"}"#,
            ))
            .await;
        let (head, body) = client.answer().await;
        assert!(head.starts_with("http/1.1 500"), "{head}");
        assert!(
            body.contains(r#""Err":"NetworkDriver.CreateNetwork ended in a panic"#),
            "{body}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn one_slow_call_holds_up_no_other() {
    let gate = Gate::new();
    let server = Server::start(network_router(Arc::clone(&gate)));
    let mut slow = server.connect().await;
    slow.send(request("/NetworkDriver.Leave", LEAVE)).await;
    gate.entered().await;
    let mut quick = server.connect().await;
    quick.send(request("/NetworkDriver.Join", LEAVE)).await;
    assert!(quick.answer().await.0.starts_with("http/1.1 200"));
    gate.open.add_permits(1);
    assert!(slow.answer().await.0.starts_with("http/1.1 200"));
    server.stop().await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_one_to_end() {
    let gate = Gate::new();
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let server = Server::start(network_router(Arc::clone(&gate)).with_limits(limits));
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = server.connect().await;
        client.send(request("/NetworkDriver.Leave", LEAVE)).await;
        clients.push(client);
    }
    gate.entered().await;
    gate.entered().await;
    // The third has been sent, and is not being answered while two are.
    assert!(
        timeout(Duration::from_millis(50), gate.entered.acquire())
            .await
            .is_err()
    );
    gate.open.add_permits(3);
    let mut third = clients.pop().unwrap();
    for mut client in clients {
        assert!(client.answer().await.0.starts_with("http/1.1 200"));
        drop(client);
    }
    assert!(third.answer().await.0.starts_with("http/1.1 200"));
    server.stop().await;
}

#[tokio::test]
async fn shutdown_finishes_what_is_in_flight_and_refuses_the_rest() {
    let gate = Gate::new();
    let server = Server::start(network_router(Arc::clone(&gate)));
    let mut idle = server.connect().await;
    idle.send(request("/NetworkDriver.Join", LEAVE)).await;
    idle.answer().await;
    let mut busy = server.connect().await;
    busy.send(request("/NetworkDriver.Leave", LEAVE)).await;
    gate.entered().await;

    server.shutdown.cancel();
    assert!(idle.rest().await.is_empty());
    let refused = bounded(async {
        loop {
            match UnixStream::connect(server.path()).await {
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => break error,
            }
        }
    })
    .await;
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    gate.open.add_permits(1);
    assert!(busy.answer().await.0.starts_with("http/1.1 200"));
    assert!(busy.rest().await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_request_waiting_to_be_accepted_at_shutdown_is_still_answered() {
    let gate = Gate::new();
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let server = Server::start(network_router(Arc::clone(&gate)).with_limits(limits));
    let mut first = server.connect().await;
    first.send(request("/NetworkDriver.Leave", LEAVE)).await;
    gate.entered().await;
    let mut waiting = server.connect().await;
    waiting.send(request("/NetworkDriver.Leave", LEAVE)).await;
    server.shutdown.cancel();
    gate.entered().await;
    gate.open.add_permits(2);
    assert!(first.answer().await.0.starts_with("http/1.1 200"));
    assert!(waiting.answer().await.0.starts_with("http/1.1 200"));
    server.stop().await;
}

#[tokio::test]
async fn shutdown_waits_for_a_stuck_request_only_so_long() {
    let gate = Gate::new();
    let limits = Limits {
        drain: Duration::from_millis(20),
        ..Limits::default()
    };
    let server = Server::start(network_router(Arc::clone(&gate)).with_limits(limits));
    let mut stuck = server.connect().await;
    stuck.send(request("/NetworkDriver.Leave", LEAVE)).await;
    gate.entered().await;
    bounded(server.stop()).await;
    assert!(stuck.rest().await.is_empty());
}

#[tokio::test]
async fn a_server_is_followed_by_another_on_the_same_path() {
    let folder = Folder::new();
    let path = folder.join("p.sock");
    for _ in 0..3 {
        let shutdown = CancellationToken::new();
        let router = Arc::new(Recorder::default()).router();
        let server = tokio::spawn(serve(bind(&path).unwrap(), router, shutdown.clone()));
        let mut client = Client::connect(&path).await;
        client.send(request("/Plugin.Activate", "")).await;
        client.answer().await;
        shutdown.cancel();
        bounded(server).await.unwrap().unwrap();
    }
}
