//! Whether a server says that it serves (`grpc.health.v1.Health/Check`).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client;
use hyper::header::{CONTENT_TYPE, HeaderMap, TE, USER_AGENT};
use hyper::{Request, Uri};

use super::redirect::Place;
use super::spec::SpecError;
use super::target::Cause;
use super::tls::{Connector, Protocol, TlsSpec};
use crate::check::{Failure, Outcome, Success};

/// One call over HTTP/2, which without TLS is spoken from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrpcSpec {
    /// Where the server is.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// TLS, if set.
    pub tls: Option<TlsSpec>,
    /// The host that is asked for; the address if not set.
    pub host: Option<String>,
    /// The service that is asked about; empty for the server as a whole.
    pub service: String,
}

impl GrpcSpec {
    /// The server as a whole.
    #[must_use]
    pub const fn new(address: IpAddr, port: u16) -> Self {
        Self {
            address,
            port,
            tls: None,
            host: None,
            service: String::new(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct GrpcProbe {
    place: Place,
    uri: Uri,
    message: Bytes,
    connector: Connector,
    target: String,
}

impl GrpcProbe {
    pub(crate) fn new(spec: GrpcSpec) -> Result<Self, SpecError> {
        SpecError::port(spec.port)?;
        if spec.service.len() > LONGEST_SERVICE {
            return Err(SpecError::new(format!(
                "service has {} octets; accepted is up to {LONGEST_SERVICE}",
                spec.service.len()
            )));
        }
        let address = SocketAddr::new(spec.address, spec.port);
        let host = match &spec.host {
            Some(host) => super::http::bare_host(host)?,
            None => super::http::shown_host(spec.address),
        };
        let place = Place {
            address,
            secure: spec.tls.is_some(),
            host,
            path: METHOD.into(),
        };
        let scheme = if place.secure { "https" } else { "http" };
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(place.authority())
            .path_and_query(METHOD)
            .build()
            .map_err(|error| SpecError::new(format!("host: {error}")))?;
        let target = if spec.service.is_empty() {
            format!("grpc {address}")
        } else {
            format!("grpc {address} {}", spec.service)
        };
        Ok(Self {
            connector: Connector::new(spec.tls.as_ref(), Protocol::Http2)?,
            message: request_message(&spec.service),
            place,
            uri,
            target,
        })
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) async fn look(&self, limit: Duration) -> Outcome {
        let target = &self.target;
        let place = &self.place;
        let stream = self
            .connector
            .connect(place.address, place.tls_name(), place.secure, target)
            .await?;
        let fault = |error: h2::Error| Failure::new(format_args!("{target}: {}", Cause(&error)));
        // What is written in pieces waits for no acknowledgement.
        stream.write_in_pieces();
        let (sender, connection) = client::Builder::new()
            .enable_push(false)
            .max_header_list_size(LONGEST_HEAD)
            .handshake(stream)
            .await
            .map_err(fault)?;
        let exchange = async {
            let mut sender = sender.ready().await.map_err(fault)?;
            let (response, mut body) = sender
                .send_request(self.request(limit), false)
                .map_err(fault)?;
            body.send_data(self.message.clone(), true).map_err(fault)?;
            let response = response.await.map_err(fault)?;
            let status = response.status();
            if status != 200 {
                return Err(Failure::new(format_args!(
                    "{target}: HTTP {status} (200 accepted)"
                )));
            }
            // A call that failed at once has no trailers but in the head.
            self.judge_call(response.headers())?;
            let mut body = response.into_body();
            let mut text = BytesMut::new();
            while let Some(data) = body.data().await {
                let data = data.map_err(fault)?;
                drop(body.flow_control().release_capacity(data.len()));
                if text.len() + data.len() > LONGEST_ANSWER {
                    return Err(Failure::new(format_args!(
                        "{target}: the answer is longer than {LONGEST_ANSWER} octets"
                    )));
                }
                text.extend_from_slice(&data);
            }
            let trailers = body.trailers().await.map_err(fault)?.unwrap_or_default();
            self.judge_call(&trailers)?;
            self.judge(&text)
        };
        let mut exchange = std::pin::pin!(exchange);
        tokio::select! {
            biased;
            outcome = &mut exchange => return outcome,
            // Its fault is told by the exchange, which ends too.
            _ = connection => {}
        }
        exchange.await
    }

    fn request(&self, limit: Duration) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = hyper::Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = hyper::Version::HTTP_2;
        let headers = request.headers_mut();
        let text = hyper::header::HeaderValue::from_static;
        headers.insert(CONTENT_TYPE, text("application/grpc"));
        headers.insert(TE, text("trailers"));
        headers.insert(USER_AGENT, text("bgplb-check"));
        if let Ok(limit) = format!("{}m", limit.as_millis().min(99_999_999)).parse() {
            headers.insert("grpc-timeout", limit);
        }
        request
    }

    /// Whether the call succeeded, as far as `headers` say.
    fn judge_call(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let Some(status) = headers.get("grpc-status") else {
            return Ok(());
        };
        let status = String::from_utf8_lossy(status.as_bytes());
        let why = match &*status {
            "0" => return Ok(()),
            "5" => " (not found: the server knows no such service)",
            "12" => " (unimplemented: the server has no health service)",
            _ => "",
        };
        let message = headers
            .get("grpc-message")
            .map_or(&[][..], |it| it.as_bytes());
        Err(Failure::new(format_args!(
            "{}: grpc-status {status}{why} {}",
            self.target,
            String::from_utf8_lossy(message)
        )))
    }

    fn judge(&self, text: &[u8]) -> Outcome {
        let target = &self.target;
        let state = match serving_status(text) {
            Some(1) => return Ok(Success::default()),
            Some(0) => "UNKNOWN",
            Some(2) => "NOT_SERVING",
            Some(3) => "SERVICE_UNKNOWN",
            Some(other) => {
                return Err(Failure::new(format_args!(
                    "{target}: status {other} (SERVING accepted)"
                )));
            }
            None => {
                return Err(Failure::new(format_args!(
                    "{target}: the answer is no HealthCheckResponse"
                )));
            }
        };
        Err(Failure::new(format_args!(
            "{target}: {state} (SERVING accepted)"
        )))
    }
}

/// `HealthCheckRequest { string service = 1 }` in the frame of a gRPC message:
/// one octet that says whether it is compressed, four of length.
fn request_message(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(1 << 3 | LENGTH_DELIMITED);
        put_varint(&mut message, service.len() as u64);
        message.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put(message);
    framed.freeze()
}

/// `status` of a framed `HealthCheckResponse { ServingStatus status = 1 }`.
fn serving_status(framed: &[u8]) -> Option<u64> {
    let (head, message) = framed.split_at_checked(5)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    if head[0] != 0 || usize::try_from(length) != Ok(message.len()) {
        return None;
    }
    let mut rest = message;
    // What is not there is 0.
    let mut status = 0;
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        match (key >> 3, u8::try_from(key & 7).ok()?) {
            (1, VARINT) => status = varint(&mut rest)?,
            (_, VARINT) => drop(varint(&mut rest)?),
            (_, LENGTH_DELIMITED) => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            (_, FIXED64) => rest = rest.get(8..)?,
            (_, FIXED32) => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&octet, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_varint(out: &mut BytesMut, mut value: u64) {
    while value > 0x7f {
        out.put_u8(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.put_u8(u8::try_from(value).unwrap_or(0));
}

const METHOD: &str = "/grpc.health.v1.Health/Check";
const LONGEST_SERVICE: usize = 1024;
const LONGEST_ANSWER: usize = 16 * 1024;
const LONGEST_HEAD: u32 = 16 * 1024;
/// Wire types of protobuf.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;
const FIXED32: u8 = 5;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_service_is_asked_for_by_name() {
        assert_eq!(&request_message("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(
            &request_message("ab")[..],
            [0, 0, 0, 0, 4, 10, 2, b'a', b'b']
        );
        let long = request_message(&"x".repeat(200));
        assert_eq!(&long[..8], [0, 0, 0, 0, 203, 10, 0xc8, 1]);
    }

    #[test]
    fn the_status_is_found_among_other_fields() {
        assert_eq!(serving_status(&[0, 0, 0, 0, 2, 8, 1]), Some(1));
        assert_eq!(serving_status(&[0, 0, 0, 0, 0]), Some(0));
        let others = [0, 0, 0, 0, 8, 0x12, 2, 9, 9, 0x18, 7, 8, 2];
        assert_eq!(serving_status(&others), Some(2));
        assert_eq!(serving_status(&[1, 0, 0, 0, 2, 8, 1]), None);
        assert_eq!(serving_status(&[0, 0, 0, 0, 3, 8, 1]), None);
        assert_eq!(serving_status(&[0, 0, 0, 0, 2, 8, 0x81]), None);
    }

    proptest! {
        #[test]
        fn any_answer_is_read_to_its_end(text in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut framed = vec![0, 0, 0, 0, u8::try_from(text.len()).unwrap()];
            framed.extend(&text);
            let _ = serving_status(&framed);
            let _ = serving_status(&text);
        }
    }
}
