//! Whether a server answers a request over HTTP/1.1 as it should.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;

use super::file::contains;
use super::redirect::{self, Place};
use super::spec::SpecError;
use super::target::Cause;
use super::tls::{Connector, Protocol, Stream, TlsSpec};
use crate::check::{Failure, Outcome, Success};

/// One request without a body, on a connection of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpSpec {
    /// Where the server is. Names are not looked up.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// HTTPS, if set.
    pub tls: Option<TlsSpec>,
    /// The path, with the query if there is one; a leading `/` may be left out.
    pub path: String,
    /// The host that is asked for, in the header and to TLS; the address if
    /// not set.
    pub host: Option<String>,
    /// GET by default.
    pub method: String,
    /// Further headers. They go to `address` and `port` only, wherever
    /// redirections lead.
    pub headers: Vec<(String, String)>,
    /// What is accepted; 200 to 299 by default.
    pub status: Vec<RangeInclusive<u16>>,
    /// What the beginning of the answer's body should contain.
    pub body: Option<String>,
    /// How many octets of the body are searched; 64 KiB by default.
    pub body_limit: usize,
    /// How many redirections are followed; none by default.
    pub redirects: u8,
}

impl HttpSpec {
    /// GET `/` at `address` and `port`.
    #[must_use]
    pub fn new(address: IpAddr, port: u16) -> Self {
        Self {
            address,
            port,
            tls: None,
            path: "/".into(),
            host: None,
            method: "GET".into(),
            headers: Vec::new(),
            status: vec![200..=299],
            body: None,
            body_limit: 64 * 1024,
            redirects: 0,
        }
    }
}

#[derive(Debug)]
pub(crate) struct HttpProbe {
    spec: HttpSpec,
    start: Place,
    method: Method,
    headers: HeaderMap,
    connector: Connector,
    target: String,
}

impl HttpProbe {
    pub(crate) fn new(mut spec: HttpSpec) -> Result<Self, SpecError> {
        SpecError::port(spec.port)?;
        if !spec.path.starts_with('/') {
            spec.path.insert(0, '/');
        }
        let path: Uri = parsed("path", &spec.path, "a path of a URL")?;
        let host = match &spec.host {
            Some(host) => bare_host(host)?,
            None => shown_host(spec.address),
        };
        let start = Place {
            address: SocketAddr::new(spec.address, spec.port),
            secure: spec.tls.is_some(),
            host,
            path: path.to_string(),
        };
        let method = parsed("method", &spec.method, "GET, HEAD and the like")?;
        let connector = Connector::new(spec.tls.as_ref(), Protocol::Http1)?;
        accepted_statuses(&spec.status)?;
        if spec.body_limit > LONGEST_BODY {
            return Err(SpecError::new(format!(
                "body-limit is {}; accepted is up to {LONGEST_BODY}",
                spec.body_limit
            )));
        }
        if spec.redirects > MOST_REDIRECTS {
            return Err(SpecError::new(format!(
                "redirects is {}; accepted is 0 to {MOST_REDIRECTS}",
                spec.redirects
            )));
        }
        Ok(Self {
            headers: headers(&spec.headers)?,
            target: start.to_string(),
            start,
            method,
            connector,
            spec,
        })
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) async fn look(&self) -> Outcome {
        let mut place = self.start.clone();
        let mut method = self.method.clone();
        for _ in 0..=self.spec.redirects {
            let Some((status, location)) = self.ask(&place, &method).await? else {
                return Ok(Success::default());
            };
            place = redirect::follow(&place, &self.start, &location)
                .map_err(|why| Failure::new(format_args!("{}: {why}", self.target)))?;
            if status == StatusCode::SEE_OTHER && method != Method::HEAD {
                method = Method::GET;
            }
        }
        Err(Failure::new(format_args!(
            "{}: more than {} redirections, now to {place}",
            self.target, self.spec.redirects
        )))
    }

    /// Asks at `place`: fine, or a redirection to be followed.
    async fn ask(
        &self,
        place: &Place,
        method: &Method,
    ) -> Result<Option<(StatusCode, String)>, Failure> {
        let shown = place.to_string();
        let stream = self
            .connector
            .connect(place.address, place.tls_name(), place.secure, &shown)
            .await?;
        let request = self
            .request(place, method)
            .map_err(|error| Failure::new(format_args!("{shown}: not to be asked for: {error}")))?;
        let fault = |error: hyper::Error| Failure::new(format_args!("{shown}: {}", Cause(&error)));
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(LONGEST_HEAD)
            .handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(fault)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(fault)?;
            self.judge(response, &shown).await
        };
        drive(connection, exchange).await
    }

    fn request(
        &self,
        place: &Place,
        method: &Method,
    ) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(&place.path)
            .body(Empty::new())?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::try_from(place.authority())?);
        headers.insert(USER_AGENT, HeaderValue::from_static("bgplb-check"));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        // What is meant for one server is no other's business.
        if place.address == self.start.address && place.secure == self.start.secure {
            for (name, value) in &self.headers {
                headers.insert(name, value.clone());
            }
        }
        Ok(request)
    }

    async fn judge(
        &self,
        response: Response<Incoming>,
        shown: &str,
    ) -> Result<Option<(StatusCode, String)>, Failure> {
        let status = response.status();
        if !self
            .spec
            .status
            .iter()
            .any(|range| range.contains(&status.as_u16()))
        {
            if let Some(location) = redirection(&response)
                && self.spec.redirects > 0
            {
                return Ok(Some((status, location)));
            }
            return Err(Failure::new(format_args!(
                "{shown}: {status} ({} accepted)",
                Statuses(&self.spec.status)
            )));
        }
        if let Some(wanted) = &self.spec.body {
            self.search(response.into_body(), wanted, shown).await?;
        }
        Ok(None)
    }

    /// Reads `body` until it contains `wanted`.
    async fn search(&self, mut body: Incoming, wanted: &str, shown: &str) -> Result<(), Failure> {
        let mut text = Vec::new();
        while text.len() < self.spec.body_limit {
            let Some(frame) = body.frame().await else {
                break;
            };
            let frame = frame
                .map_err(|error| Failure::new(format_args!("{shown}: body: {}", Cause(&error))))?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            let room = self.spec.body_limit - text.len();
            // What was searched is not searched again.
            let seen = text.len().saturating_sub(wanted.len());
            text.extend(data.iter().take(room));
            if contains(text.get(seen..).unwrap_or_default(), wanted.as_bytes()) {
                return Ok(());
            }
        }
        if contains(&text, wanted.as_bytes()) {
            return Ok(());
        }
        Err(Failure::new(format_args!(
            "{shown}: \"{wanted}\" is not in the body, which begins with \"{}\"",
            Beginning(&text)
        )))
    }
}

/// Moves the connection on until `exchange` has ended. Nothing is left behind:
/// no task, and no connection.
async fn drive<T>(
    connection: http1::Connection<TokioIo<Stream>, Empty<Bytes>>,
    exchange: impl Future<Output = T>,
) -> T {
    let mut exchange = pin!(exchange);
    tokio::select! {
        biased;
        done = &mut exchange => return done,
        // Its fault is told by the exchange, which ends too.
        _ = connection => {}
    }
    exchange.await
}

fn redirection(response: &Response<Incoming>) -> Option<String> {
    let leads = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(hyper::header::LOCATION)?;
    let location = String::from_utf8_lossy(location.as_bytes()).into_owned();
    leads.then_some(location)
}

fn parsed<T: std::str::FromStr>(name: &str, value: &str, accepted: &str) -> Result<T, SpecError> {
    value
        .parse()
        .map_err(|_| SpecError::new(format!("{name} is \"{value}\"; accepted is {accepted}")))
}

/// A host as it stands in a URL, without a port.
pub(crate) fn bare_host(host: &str) -> Result<String, SpecError> {
    let authority: hyper::http::uri::Authority =
        parsed("host", host, "a name or an address, without a port")?;
    if authority.host() != host {
        return Err(SpecError::new(format!(
            "host is \"{host}\"; accepted is a name or an address, without a port"
        )));
    }
    Ok(host.to_owned())
}

/// An address as it stands in a URL.
pub(crate) fn shown_host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, SpecError> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let header: HeaderName = parsed("header", name, "a name of a header")?;
        let value = HeaderValue::from_str(value).map_err(|_| {
            SpecError::new(format!(
                "header {name} is \"{}\"; accepted is text on one line",
                value.escape_debug()
            ))
        })?;
        headers.append(header, value);
    }
    Ok(headers)
}

fn accepted_statuses(ranges: &[RangeInclusive<u16>]) -> Result<(), SpecError> {
    let fits = |range: &RangeInclusive<u16>| {
        *range.start() >= 100 && *range.end() <= 599 && !range.is_empty()
    };
    if ranges.is_empty() || !ranges.iter().all(fits) {
        return Err(SpecError::new(format!(
            "status is \"{}\"; accepted are ranges within 100-599",
            Statuses(ranges)
        )));
    }
    Ok(())
}

/// Prints ranges as a configuration has them: `200-299, 404`.
struct Statuses<'a>(&'a [RangeInclusive<u16>]);

impl fmt::Display for Statuses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{}", range.start())?;
            if range.start() != range.end() {
                write!(f, "-{}", range.end())?;
            }
        }
        Ok(())
    }
}

/// Prints the first words of what was received.
struct Beginning<'a>(&'a [u8]);

impl fmt::Display for Beginning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.get(..40).unwrap_or(self.0);
        write!(f, "{}", String::from_utf8_lossy(text).trim())
    }
}

/// Octets of the head of an answer.
const LONGEST_HEAD: usize = 64 * 1024;
const LONGEST_BODY: usize = 16 * 1024 * 1024;
const MOST_REDIRECTS: u8 = 10;
