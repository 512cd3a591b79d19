//! One question to the control socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use bytes::{Buf as _, Bytes};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::{self, Runtime};

/// An answer as it comes in: no more of it is held than one piece.
#[derive(Debug)]
pub(crate) struct Answer {
    runtime: Runtime,
    body: Incoming,
    piece: Bytes,
}

/// Asks for `path` at `socket`.
///
/// # Errors
///
/// When nobody answers there, or the answer is a refusal.
pub(crate) fn ask(socket: &Path, path: &str) -> anyhow::Result<Answer> {
    request(socket, Method::GET, path, "")
}

/// Has `path` at `socket` carried out, with `text` as what goes with it.
///
/// # Errors
///
/// As [`ask`].
pub(crate) fn tell(socket: &Path, path: &str, text: &str) -> anyhow::Result<Answer> {
    request(socket, Method::POST, path, text)
}

fn request(socket: &Path, method: Method, path: &str, text: &str) -> anyhow::Result<Answer> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let response = runtime
        .block_on(async {
            let stream = UnixStream::connect(socket).await?;
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // It runs whenever the answer is waited for, on this thread.
            runtime.spawn(connection);
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header(hyper::header::HOST, "localhost")
                .body(Full::new(Bytes::copy_from_slice(text.as_bytes())))?;
            anyhow::Ok(sender.send_request(request).await?)
        })
        .with_context(|| format!("ask the speaker at {}", socket.display()))?;
    let status = response.status();
    let answer = Answer {
        runtime,
        body: response.into_body(),
        piece: Bytes::new(),
    };
    if status.is_success() {
        return Ok(answer);
    }
    match serde_json::from_reader(answer) {
        Ok(Refusal { error }) => bail!("the speaker refuses: {error}"),
        Err(_) => bail!("the speaker answers {status}"),
    }
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Answer {
    /// Writes it as it is.
    pub(crate) fn copy(mut self, to: &mut impl Write) -> io::Result<()> {
        io::copy(&mut self, to).map(drop)
    }

    /// Hands each row of a table to `row`: they stand in a line each.
    ///
    /// # Errors
    ///
    /// When the answer ends before the table does, a row is not one, or `row`
    /// fails.
    pub(crate) fn rows<T: DeserializeOwned>(
        self,
        mut row: impl FnMut(T) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let mut ended = false;
        for line in BufReader::new(self).lines().skip(1) {
            let line = line.context("read the answer")?;
            match line.trim_end_matches(',') {
                "]}" => ended = true,
                text => row(serde_json::from_str(text).context("read a row")?)?,
            }
        }
        ensure!(ended, "the speaker's answer is not complete");
        Ok(())
    }
}

impl Read for Answer {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.runtime.block_on(self.body.frame()) {
                None => return Ok(0),
                Some(frame) => {
                    let frame = frame.map_err(io::Error::other)?;
                    self.piece = frame.into_data().unwrap_or_default();
                }
            }
        }
        let length = buf.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buf[..length]);
        Ok(length)
    }
}
