//! One look at a service.
//!
//! Each look is bounded in time by its caller and in memory by itself, and
//! leaves nothing behind when it is dropped.

mod spec;

mod target;

mod tcp;

mod tls;

mod http;

mod redirect;

mod grpc;

mod exec;

mod systemd;

mod file;

mod icmp;

mod echo;

mod dns;

mod question;

use std::pin::Pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::check::{Failure, Outcome};

pub use dns::DnsSpec;
pub use exec::ExecSpec;
pub use file::FileSpec;
pub use grpc::GrpcSpec;
pub use http::HttpSpec;
pub use icmp::IcmpSpec;
pub use question::RecordType;
pub use spec::{ProbeSpec, SpecError};
pub use systemd::SystemdSpec;
pub use tcp::TcpSpec;
pub use tls::TlsSpec;

/// A [`ProbeSpec`] made ready: what can be wrong with it was found, and the
/// certificates it names were read.
#[derive(Debug)]
pub struct Probe(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(tcp::TcpProbe),
    Http(Box<http::HttpProbe>),
    Grpc(grpc::GrpcProbe),
    Exec(exec::ExecProbe),
    Systemd(systemd::SystemdProbe),
    File(file::FileProbe),
    Icmp(icmp::IcmpProbe),
    Dns(dns::DnsProbe),
}

impl Probe {
    /// Checks `spec` and reads the files it names.
    ///
    /// # Errors
    ///
    /// What is not accepted, and what would be.
    pub fn new(spec: ProbeSpec) -> Result<Self, SpecError> {
        Ok(Self(match spec {
            ProbeSpec::Tcp(spec) => Kind::Tcp(tcp::TcpProbe::new(&spec)?),
            ProbeSpec::Http(spec) => Kind::Http(Box::new(http::HttpProbe::new(spec)?)),
            ProbeSpec::Grpc(spec) => Kind::Grpc(grpc::GrpcProbe::new(spec)?),
            ProbeSpec::Exec(spec) => Kind::Exec(exec::ExecProbe::new(spec)?),
            ProbeSpec::Systemd(spec) => Kind::Systemd(systemd::SystemdProbe::new(spec)?),
            ProbeSpec::File(spec) => Kind::File(file::FileProbe::new(spec)?),
            ProbeSpec::Icmp(spec) => Kind::Icmp(icmp::IcmpProbe::new(spec)?),
            ProbeSpec::Dns(spec) => Kind::Dns(dns::DnsProbe::new(spec)?),
        }))
    }

    /// What this looks at, as failures name it: `tcp 127.0.0.1:80`.
    #[must_use]
    pub fn target(&self) -> &str {
        match &self.0 {
            Kind::Tcp(probe) => probe.target(),
            Kind::Http(probe) => probe.target(),
            Kind::Grpc(probe) => probe.target(),
            Kind::Exec(probe) => probe.target(),
            Kind::Systemd(probe) => probe.target(),
            Kind::File(probe) => probe.target(),
            Kind::Icmp(probe) => probe.target(),
            Kind::Dns(probe) => probe.target(),
        }
    }

    /// Boxed, since the kinds differ much in how much they keep meanwhile.
    fn look(&self, limit: Duration) -> Look<'_> {
        match &self.0 {
            Kind::Tcp(probe) => Box::pin(probe.look()),
            Kind::Http(probe) => Box::pin(probe.look()),
            Kind::Grpc(probe) => Box::pin(probe.look(limit)),
            Kind::Exec(probe) => Box::pin(probe.look(limit)),
            Kind::Systemd(probe) => Box::pin(probe.look(limit)),
            Kind::File(probe) => Box::pin(probe.look()),
            Kind::Icmp(probe) => Box::pin(probe.look()),
            Kind::Dns(probe) => Box::pin(probe.look()),
        }
    }
}

type Look<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Looks once, for `limit` at most. Needs a tokio runtime with time and I/O.
///
/// Dropping the future ends the look: connections are closed, and the process
/// group of a program is killed.
///
/// # Errors
///
/// When the service did not do what it should, or nothing within `limit`.
pub async fn look(probe: &Probe, limit: Duration) -> Outcome {
    match timeout(limit, probe.look(limit)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::timeout(probe.target(), limit)),
    }
}
