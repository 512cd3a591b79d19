//! Whether a name server answers.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::UdpSocket;

use super::question::{Answer, Question, RecordType};
use super::spec::SpecError;
use super::target::Cause;
use crate::check::{Failure, Outcome, Success};

/// One question over UDP.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DnsSpec {
    /// Where the name server is.
    pub address: IpAddr,
    /// Its port; 53 by default.
    pub port: u16,
    /// The name that is asked for; the root by default.
    pub name: String,
    /// The type that is asked for; SOA by default.
    pub record_type: RecordType,
    /// An address that should be among the answers.
    pub answer: Option<IpAddr>,
}

impl DnsSpec {
    /// Asks for the SOA record of the root.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self {
            address,
            port: 53,
            name: ".".into(),
            record_type: RecordType::SOA,
            answer: None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct DnsProbe {
    server: SocketAddr,
    question: Question,
    answer: Option<IpAddr>,
    /// Of the next query.
    id: AtomicU16,
    target: String,
}

impl DnsProbe {
    pub(crate) fn new(spec: DnsSpec) -> Result<Self, SpecError> {
        SpecError::port(spec.port)?;
        let server = SocketAddr::new(spec.address, spec.port);
        let Some(question) = Question::new(&spec.name, spec.record_type) else {
            return Err(SpecError::new(format!(
                "name is \"{}\"; accepted are labels of 1 to 63 octets, 253 in all",
                spec.name.escape_debug()
            )));
        };
        let wants = match spec.answer {
            Some(IpAddr::V4(_)) => Some((RecordType::A, "A")),
            Some(IpAddr::V6(_)) => Some((RecordType::AAAA, "AAAA")),
            None => None,
        };
        if let (Some(answer), Some((wanted, shown))) = (spec.answer, wants)
            && spec.record_type != wanted
        {
            return Err(SpecError::new(format!(
                "answer is {answer} for type {}; accepted is type {shown}",
                spec.record_type
            )));
        }
        let seed = RandomState::new().hash_one(server).to_be_bytes();
        Ok(Self {
            target: format!("dns {server} {} {}", spec.name, spec.record_type),
            server,
            question,
            answer: spec.answer,
            id: AtomicU16::new(u16::from_be_bytes([seed[0], seed[1]])),
        })
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) async fn look(&self) -> Outcome {
        let target = &self.target;
        let id = self.id.fetch_add(1, Ordering::Relaxed);
        let fault =
            |error: std::io::Error| Failure::new(format_args!("{target}: {}", Cause(&error)));
        let any = match self.server {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let socket = UdpSocket::bind((any, 0)).await.map_err(fault)?;
        // Only what comes from there is heard, its refusals too.
        socket.connect(self.server).await.map_err(fault)?;
        socket.send(&self.question.query(id)).await.map_err(fault)?;
        let mut message = vec![0; LONGEST];
        let answer = loop {
            let length = socket.recv(&mut message).await.map_err(fault)?;
            let message = message.get(..length).unwrap_or_default();
            // What does not fit the question may be late or forged.
            if let Some(answer) = self.question.answer(id, message) {
                break answer;
            }
        };
        self.judge(&answer)
    }

    fn judge(&self, answer: &Answer) -> Outcome {
        let target = &self.target;
        if answer.code != 0 {
            let name = RCODES.get(usize::from(answer.code)).copied();
            return Err(Failure::new(format_args!(
                "{target}: {} (NOERROR accepted)",
                name.map_or_else(|| format!("RCODE {}", answer.code), str::to_owned)
            )));
        }
        match self.answer {
            Some(wanted) if !answer.addresses.contains(&wanted) => {
                let found: Vec<_> = answer.addresses.iter().map(ToString::to_string).collect();
                let found = if found.is_empty() {
                    "no address".into()
                } else {
                    found.join(" ")
                };
                Err(Failure::new(format_args!(
                    "{target}: {found} ({wanted} accepted)"
                )))
            }
            _ => Ok(Success::default()),
        }
    }
}

/// Octets of a message that are read.
const LONGEST: usize = 4096;
/// RFC 6895 section 2.3.
const RCODES: [&str; 11] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
    "NXRRSET", "NOTAUTH", "NOTZONE",
];
