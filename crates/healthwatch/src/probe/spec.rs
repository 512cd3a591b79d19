//! What is looked at, as a configuration says it.

use super::{DnsSpec, ExecSpec, FileSpec, GrpcSpec, HttpSpec, IcmpSpec, SystemdSpec, TcpSpec};

/// What a probe looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProbeSpec {
    /// A port takes connections.
    Tcp(TcpSpec),
    /// A server answers a request over HTTP or HTTPS.
    Http(HttpSpec),
    /// A server says that it serves, as `grpc.health.v1` has it.
    Grpc(GrpcSpec),
    /// A program exits with 0.
    Exec(ExecSpec),
    /// A unit of systemd is active.
    Systemd(SystemdSpec),
    /// A file is there, or is not.
    File(FileSpec),
    /// An address answers echo requests.
    Icmp(IcmpSpec),
    /// A name server answers.
    Dns(DnsSpec),
}

/// A specification that cannot be looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpecError(String);

impl SpecError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    pub(crate) fn port(port: u16) -> Result<(), Self> {
        if port == 0 {
            return Err(Self::new("port is 0; accepted is 1 to 65535"));
        }
        Ok(())
    }
}
