use std::net::SocketAddr;

use bytes::Bytes;
use h2::server;
use healthwatch::{GrpcSpec, ProbeSpec};
use hyper::{HeaderMap, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::world::{self, V4, V6, answer, complaint, seen};

/// What a server says.
#[derive(Clone)]
pub struct Reply {
    http: u16,
    message: Vec<u8>,
    grpc: Option<&'static str>,
}

impl Reply {
    pub fn status(status: u8) -> Self {
        Self {
            http: 200,
            message: vec![0, 0, 0, 0, 2, 8, status],
            grpc: Some("0"),
        }
    }

    fn failed(code: &'static str) -> Self {
        Self {
            http: 200,
            message: Vec::new(),
            grpc: Some(code),
        }
    }
}

/// A health server; `reply` is given the message it was asked with.
pub async fn serve(
    tls: Option<TlsAcceptor>,
    reply: impl Fn(&[u8]) -> Reply + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind((V4, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let reply = reply.clone();
            match &tls {
                Some(tls) => {
                    let stream = tls.accept(stream).await.unwrap();
                    tokio::spawn(converse(stream, reply));
                }
                None => drop(tokio::spawn(converse(stream, reply))),
            }
        }
    });
    address
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    reply: impl Fn(&[u8]) -> Reply,
) -> Option<()> {
    let mut connection = server::handshake(stream).await.ok()?;
    while let Some(request) = connection.accept().await {
        let (request, mut respond) = request.ok()?;
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
        assert_eq!(request.headers()["content-type"], "application/grpc");
        let mut body = request.into_body();
        let asked = body.data().await.unwrap_or(Ok(Bytes::new())).ok()?;
        let reply = reply(&asked);
        let head = Response::builder().status(reply.http);
        let mut trailers = HeaderMap::new();
        if let Some(grpc) = reply.grpc {
            trailers.insert("grpc-status", grpc.parse().unwrap());
        }
        if reply.message.is_empty() {
            let mut head = head.body(()).unwrap();
            *head.headers_mut() = trailers;
            respond.send_response(head, true).ok()?;
        } else {
            let mut stream = respond.send_response(head.body(()).unwrap(), false).ok()?;
            stream.send_data(reply.message.into(), false).ok()?;
            stream.send_trailers(trailers).ok()?;
        }
    }
    Some(())
}

fn spec(at: SocketAddr, service: &str) -> ProbeSpec {
    let mut spec = GrpcSpec::new(at.ip(), at.port());
    spec.service = service.into();
    ProbeSpec::Grpc(spec)
}

#[tokio::test]
async fn a_server_that_serves_is_fine() {
    let at = serve(None, |_| Reply::status(1)).await;
    seen(spec(at, "")).await.unwrap();
}

#[tokio::test]
async fn each_service_has_its_own_answer() {
    let at = serve(None, |asked| {
        Reply::status(if asked.ends_with(b"shop.Cart") { 1 } else { 2 })
    })
    .await;
    seen(spec(at, "shop.Cart")).await.unwrap();
    assert_eq!(
        complaint(spec(at, "shop.Till"), at.port()).await,
        "grpc 127.0.0.1:PORT shop.Till: NOT_SERVING (SERVING accepted)"
    );
}

#[tokio::test]
async fn what_keeps_a_server_from_answering_is_told() {
    for (reply, sentence) in [
        (Reply::status(0), "UNKNOWN (SERVING accepted)"),
        (Reply::status(3), "SERVICE_UNKNOWN (SERVING accepted)"),
        (Reply::status(9), "status 9 (SERVING accepted)"),
        (
            Reply::failed("5"),
            "grpc-status 5 (not found: the server knows no such service) ",
        ),
        (
            Reply::failed("12"),
            "grpc-status 12 (unimplemented: the server has no health service) ",
        ),
        (
            Reply {
                http: 404,
                ..Reply::status(1)
            },
            "HTTP 404 Not Found (200 accepted)",
        ),
        (
            Reply {
                message: vec![9; 20_000],
                ..Reply::status(1)
            },
            "the answer is longer than 16384 octets",
        ),
        (
            Reply {
                message: vec![9; 20],
                ..Reply::status(1)
            },
            "the answer is no HealthCheckResponse",
        ),
    ] {
        let at = serve(None, move |_| reply.clone()).await;
        assert_eq!(
            complaint(spec(at, ""), at.port()).await,
            format!("grpc 127.0.0.1:PORT: {sentence}")
        );
    }
}

#[tokio::test]
async fn a_server_of_another_protocol_is_told_at_once() {
    for ip in [V4, V6] {
        let at = world::server(ip, |_| answer("400 Bad Request", "", "")).await;
        let failure = seen(spec(at, "")).await.unwrap_err();
        assert!(!failure.is_timeout(), "{failure}");
    }
}
