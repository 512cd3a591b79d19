//! One question to a program's socket.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use bytes::{Buf as _, Bytes};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::{self, Runtime};

use crate::model::Refusal;

/// A program to be asked, and where it listens.
#[derive(Clone, Debug)]
pub struct Client {
    /// What it is called in sentences: `the speaker`.
    program: &'static str,
    socket: PathBuf,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody can be asked.
    #[error("ask {program} at {}", socket.display())]
    Unreachable {
        /// Who was to be asked.
        program: &'static str,
        /// Where.
        socket: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The program does not do it.
    #[error("{program} refuses: {reason}")]
    Refused {
        /// Who was asked.
        program: &'static str,
        /// Why it does not.
        reason: String,
    },
    /// What it says is no answer.
    #[error("{program} answers {status}")]
    Status {
        /// Who was asked.
        program: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// What it says is not understood.
    #[error("{program}'s answer is not understood")]
    Content {
        /// Who was asked.
        program: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The answer ended before it was complete.
    #[error("{program}'s answer is not complete")]
    Incomplete {
        /// Who was asked.
        program: &'static str,
    },
    /// The answer could not be read or passed on.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Client {
    /// One that asks `program`, as sentences call it, at `socket`.
    #[must_use]
    pub fn new(program: &'static str, socket: impl Into<PathBuf>) -> Self {
        let socket = socket.into();
        Self { program, socket }
    }

    /// Asks for `path`.
    ///
    /// # Errors
    ///
    /// When nobody answers there, or the answer is a refusal.
    pub fn ask(&self, path: &str) -> Result<Answer, ClientError> {
        self.request(Method::GET, path, "")
    }

    /// Has `path` carried out, with `text` as what goes with it.
    ///
    /// # Errors
    ///
    /// As [`Self::ask`].
    pub fn tell(&self, path: &str, text: &str) -> Result<Answer, ClientError> {
        self.request(Method::POST, path, text)
    }

    fn request(&self, method: Method, path: &str, text: &str) -> Result<Answer, ClientError> {
        let unreachable = |source| ClientError::Unreachable {
            program: self.program,
            socket: self.socket.clone(),
            source,
        };
        let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
        let response = runtime.block_on(async {
            let stream = connect(&self.socket).await?;
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // It runs whenever the answer is waited for, on this thread.
            runtime.spawn(connection);
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header(hyper::header::HOST, "localhost")
                .body(Full::new(Bytes::copy_from_slice(text.as_bytes())))?;
            Ok(sender.send_request(request).await?)
        });
        let response = response.map_err(unreachable)?;
        let status = response.status();
        let answer = Answer {
            program: self.program,
            runtime,
            body: response.into_body(),
            piece: Bytes::new(),
        };
        if status.is_success() {
            return Ok(answer);
        }
        let program = self.program;
        Err(match answer.whole() {
            Ok(Refusal { error, .. }) => ClientError::Refused {
                program,
                reason: error,
            },
            Err(_) => ClientError::Status {
                program,
                status: status.as_u16(),
            },
        })
    }
}

/// A path below the state of a managed plugin is longer than a socket's address
/// may be, so a long one is reached by its opened folder.
async fn connect(socket: &Path) -> io::Result<UnixStream> {
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return UnixStream::connect(socket).await;
    };
    if socket.as_os_str().len() <= LONGEST_ADDRESS {
        return UnixStream::connect(socket).await;
    }
    let folder = File::open(folder)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    UnixStream::connect(short).await
}

/// The longest path `sun_path` has room for, its end apart (unix(7)).
const LONGEST_ADDRESS: usize = 107;

/// An answer as it comes in: no more of it is held than one piece.
#[derive(Debug)]
pub struct Answer {
    program: &'static str,
    runtime: Runtime,
    body: Incoming,
    piece: Bytes,
}

impl Answer {
    /// Writes it as it is.
    ///
    /// # Errors
    ///
    /// When it breaks off, or `to` takes no more.
    pub fn copy(mut self, to: &mut impl Write) -> Result<(), ClientError> {
        io::copy(&mut self, to)?;
        Ok(())
    }

    /// The whole answer.
    ///
    /// # Errors
    ///
    /// When it breaks off or is something else.
    pub fn whole<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let program = self.program;
        serde_json::from_reader(BufReader::new(self))
            .map_err(|source| ClientError::Content { program, source })
    }

    /// Hands each row of a table to `row`: they stand in a line each.
    ///
    /// # Errors
    ///
    /// When the answer ends before the table does, a row is not one, or `row`
    /// fails.
    pub fn rows<T: DeserializeOwned>(
        self,
        mut row: impl FnMut(T) -> io::Result<()>,
    ) -> Result<(), ClientError> {
        let program = self.program;
        let mut ended = false;
        for line in BufReader::new(self).lines().skip(1) {
            match line?.trim_end_matches(',') {
                "]}" => ended = true,
                text => row(serde_json::from_str(text)
                    .map_err(|source| ClientError::Content { program, source })?)?,
            }
        }
        if ended {
            Ok(())
        } else {
            Err(ClientError::Incomplete { program })
        }
    }
}

impl Answer {
    /// Hands what each line of an answer of lines says to `said`, as soon as it is there.
    ///
    /// # Errors
    ///
    /// When it breaks off, a line is something else, or `said` fails.
    pub fn lines<T: DeserializeOwned>(
        self,
        mut said: impl FnMut(T) -> io::Result<()>,
    ) -> Result<(), ClientError> {
        let program = self.program;
        for line in BufReader::new(self).lines() {
            let line = line.map_err(|error| broken_off(error, program))?;
            let event = serde_json::from_str(&line)
                .map_err(|source| ClientError::Content { program, source })?;
            said(event)?;
        }
        Ok(())
    }

    /// Writes each line as it is, as soon as it is there.
    ///
    /// # Errors
    ///
    /// When it breaks off, or `to` takes no more.
    pub fn copy_lines(self, to: &mut impl Write) -> Result<(), ClientError> {
        let program = self.program;
        for line in BufReader::new(self).lines() {
            let line = line.map_err(|error| broken_off(error, program))?;
            writeln!(to, "{line}")?;
            to.flush()?;
        }
        Ok(())
    }
}

/// The connection's end in the middle of an answer has no other kind.
fn broken_off(error: io::Error, program: &'static str) -> ClientError {
    match error.kind() {
        io::ErrorKind::Other => ClientError::Incomplete { program },
        _ => error.into(),
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

/// `text` as it may stand behind a question mark: names of interfaces are of
/// almost any octets (RFC 3986 sections 2.1 and 3.4).
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~:".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            encoded.push_str(&format!("%{octet:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_peers_survive_the_way_to_the_program() {
        assert_eq!(encoded("2001:db8::1"), "2001:db8::1");
        assert_eq!(encoded("fe80::1%eth0.7"), "fe80::1%25eth0.7");
        assert_eq!(encoded("a&b=c#d+e é"), "a%26b%3Dc%23d%2Be%20%C3%A9");
    }
}
