//! Whether a port takes connections.

use std::net::SocketAddr;

use super::spec::SpecError;
use super::target::connect;
use crate::check::{Outcome, Success};

/// A connection is made and closed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpSpec {
    /// Where to connect to; the port is not 0.
    pub address: SocketAddr,
}

#[derive(Debug)]
pub(crate) struct TcpProbe {
    address: SocketAddr,
    target: String,
}

impl TcpProbe {
    pub(crate) fn new(spec: &TcpSpec) -> Result<Self, SpecError> {
        let address = spec.address;
        SpecError::port(address.port())?;
        let target = format!("tcp {address}");
        Ok(Self { address, target })
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) async fn look(&self) -> Outcome {
        let stream = connect(self.address, &self.target).await?;
        // A reset instead of a farewell: nothing was said, and a thousand
        // checks would leave as many sockets in TIME-WAIT every second.
        drop(stream.set_zero_linger());
        Ok(Success::default())
    }
}
