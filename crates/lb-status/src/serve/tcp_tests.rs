//! The server over TCP: who may ask for what, and for how long.

use std::future::pending;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::metrics::tests::Full;
use super::{CONNECTIONS, StatusAddress, reading, serve_tcp};

/// A server on a port of its own.
async fn start() -> SocketAddr {
    let address: StatusAddress = "127.0.0.1:0".parse().unwrap();
    let socket = address.bind().unwrap();
    let listens = socket.local_addr().unwrap();
    let router = reading(Full::default());
    tokio::spawn(serve_tcp(socket, address, router, pending()));
    listens
}

async fn ask(server: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn code(server: SocketAddr, line: &str, host: &str) -> u16 {
    let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let answer = ask(server, &request).await;
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_is_read_is_served_and_nothing_else() {
    let server = start().await;
    for path in ["/metrics", "/healthz", "/v1/status", "/v1/services"] {
        assert_eq!(code(server, &format!("GET {path}"), "localhost").await, 200);
    }
    for path in ["/v1/monitor", "/v1/reload", "/v1/down", "/v1/refresh"] {
        assert_eq!(code(server, &format!("GET {path}"), "localhost").await, 404);
        let post = code(server, &format!("POST {path}"), "localhost").await;
        assert_eq!(post, 404, "{path}");
    }
    assert_eq!(code(server, "POST /v1/status", "localhost").await, 405);
}

#[tokio::test]
async fn a_page_that_had_its_name_resolved_to_us_learns_nothing() {
    let server = start().await;
    for host in ["evil.example", "evil.example:9179", "", "a b", "192.0.2.1"] {
        assert_eq!(code(server, "GET /metrics", host).await, 403, "{host}");
    }
    for host in ["127.0.0.1:9179", "[::1]:9179", "LocalHost"] {
        assert_eq!(code(server, "GET /metrics", host).await, 200, "{host}");
    }
    let answer = ask(server, "GET /metrics HTTP/1.0\r\n\r\n").await;
    assert!(answer.contains(" 403 "), "{answer}");
    let named = "GET http://evil.example/metrics";
    assert_eq!(code(server, named, "localhost").await, 403);
}

/// Time passes by itself here while everybody waits.
#[tokio::test(start_paused = true)]
async fn clients_that_say_nothing_lose_their_places() {
    let server = start().await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(server).await.unwrap();
        stream.write_all(b"GET /me").await.unwrap();
        silent.push(stream);
    }
    assert_eq!(code(server, "GET /healthz", "localhost").await, 200);
}
