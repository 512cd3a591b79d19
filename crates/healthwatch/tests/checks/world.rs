//! Servers, files and what looks at them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use healthwatch::{Failure, Outcome, Probe, ProbeSpec, look};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

pub const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn seen(spec: ProbeSpec) -> Outcome {
    look(&Probe::new(spec).unwrap(), PATIENCE).await
}

/// What a look that fails says, with the port as `PORT`.
pub async fn complaint(spec: ProbeSpec, port: u16) -> String {
    let failure = seen(spec).await.unwrap_err();
    told(&failure, port)
}

pub fn told(failure: &Failure, port: u16) -> String {
    failure.to_string().replace(&port.to_string(), "PORT")
}

pub fn refusal(spec: ProbeSpec) -> String {
    Probe::new(spec).unwrap_err().to_string()
}

/// An HTTP server that answers each request with what `answer` makes of its head.
pub async fn server(
    ip: IpAddr,
    answer: impl Fn(&str) -> Vec<u8> + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let head = read_head(&mut stream).await;
                let answer = answer(&head);
                let hang = answer.is_empty();
                let _ = stream.write_all(&answer).await;
                if hang {
                    // Says nothing until the other side gives up.
                    let _ = stream.read(&mut [0]).await;
                }
            });
        }
    });
    address
}

pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(octet) => head.push(octet),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

pub fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

/// An address nobody listens at.
pub async fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind((V4, 0)).await.unwrap();
    listener.local_addr().unwrap()
}

/// A directory of its own, removed at the end.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("healthwatch-checks-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A program of the shell.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn shown(path: &Path) -> String {
    path.display().to_string()
}
