//! TLS to a service, and streams with or without it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::spec::SpecError;
use super::target::connect;
use crate::check::Failure;

#[cfg(feature = "https")]
mod client;

/// Whom to believe. By default who the system believes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSpec {
    /// Certificates of authorities in PEM, in place of the system's. Read when
    /// the probe is made.
    pub ca_file: Option<PathBuf>,
    /// Believes everybody.
    pub insecure: bool,
}

/// What is to be had at the other end, in the words of ALPN.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Connects with or without TLS.
#[derive(Debug)]
pub(crate) struct Connector {
    #[cfg(feature = "https")]
    client: Option<client::Client>,
}

impl Connector {
    #[cfg(feature = "https")]
    pub(crate) fn new(tls: Option<&TlsSpec>, protocol: Protocol) -> Result<Self, SpecError> {
        let client = tls
            .map(|tls| client::Client::new(tls, protocol))
            .transpose()?;
        Ok(Self { client })
    }

    #[cfg(not(feature = "https"))]
    pub(crate) fn new(tls: Option<&TlsSpec>, _: Protocol) -> Result<Self, SpecError> {
        match tls {
            Some(_) => Err(SpecError::new(NO_TLS)),
            None => Ok(Self {}),
        }
    }

    /// A connection to `address`, over TLS with `name` if `secure`.
    #[cfg_attr(
        not(feature = "https"),
        expect(unused_variables, reason = "names are for certificates")
    )]
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        name: &str,
        secure: bool,
        target: &str,
    ) -> Result<Stream, Failure> {
        let stream = connect(address, target).await?;
        if !secure {
            return Ok(Stream::Plain(stream));
        }
        #[cfg(feature = "https")]
        if let Some(client) = &self.client {
            return client.greet(stream, name, target).await;
        }
        // Only a redirection leads here: everything else was refused before.
        Err(Failure::new(format_args!(
            "{target}: {}",
            if cfg!(feature = "https") {
                "leads to TLS, which this check has no settings for"
            } else {
                NO_TLS
            }
        )))
    }
}

/// A connection that was made.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "https")]
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl Stream {
    /// Sends each piece as it is written.
    pub(crate) fn write_in_pieces(&self) {
        match self {
            Self::Plain(stream) => drop(stream.set_nodelay(true)),
            #[cfg(feature = "https")]
            Self::Tls(stream) => drop(stream.get_ref().0.set_nodelay(true)),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(feature = "https")]
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            #[cfg(feature = "https")]
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "https")]
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "https")]
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(not(feature = "https"))]
const NO_TLS: &str = "needs TLS, which this program was built without";
#[cfg(feature = "https")]
const NO_TLS: &str = "";
