//! Whether an address answers echo requests.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::echo::{Echo, LENGTH};
use super::spec::SpecError;
use super::target::Cause;
use crate::check::{Failure, Outcome, Success};

/// One echo request to each address; any that answers is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcmpSpec {
    /// 1 to 16 addresses of either family.
    pub addresses: Vec<IpAddr>,
}

#[derive(Debug)]
pub(crate) struct IcmpProbe {
    addresses: Vec<IpAddr>,
    target: String,
    /// Requests of one look have a token that those of no other have.
    token: AtomicU64,
}

impl IcmpProbe {
    pub(crate) fn new(spec: IcmpSpec) -> Result<Self, SpecError> {
        let addresses = spec.addresses;
        if addresses.is_empty() || addresses.len() > MOST {
            return Err(SpecError::new(format!(
                "addresses are {}; accepted are 1 to {MOST}",
                addresses.len()
            )));
        }
        let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        Ok(Self {
            target: format!("icmp {}", shown.join(" ")),
            addresses,
            token: AtomicU64::new(RandomState::new().hash_one("token")),
        })
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) async fn look(&self) -> Outcome {
        // Odd steps reach every value before any comes again.
        let step = 0x9e37_79b9_7f4a_7c15;
        let token = self.token.fetch_add(step, Ordering::Relaxed);
        let mut faults = Vec::new();
        let v4 = self.ask(Domain::IPV4, token, &mut faults).await;
        let v6 = self.ask(Domain::IPV6, token, &mut faults).await;
        if v4.is_none() && v6.is_none() {
            return Err(Failure::new(format_args!(
                "{}: {}",
                self.target,
                faults.join("; ")
            )));
        }
        tokio::select! {
            () = answered(v4.as_ref()) => {}
            () = answered(v6.as_ref()) => {}
        }
        Ok(Success::default())
    }

    /// Sends to all addresses of a family; what waits for their answers, if
    /// any could be sent to.
    async fn ask(&self, family: Domain, token: u64, faults: &mut Vec<String>) -> Option<Asked> {
        let is_v4 = family == Domain::IPV4;
        let mut addresses = self.addresses.clone();
        addresses.retain(|address| address.is_ipv4() == is_v4);
        if addresses.is_empty() {
            return None;
        }
        let (socket, is_raw) = match open(family) {
            Ok(opened) => opened,
            Err(error) => {
                faults.push(if error.kind() == ErrorKind::PermissionDenied {
                    NOT_PERMITTED.into()
                } else {
                    Cause(&error).to_string()
                });
                return None;
            }
        };
        let mut asked = Asked {
            socket,
            is_raw,
            requests: Vec::new(),
        };
        for (address, sequence) in addresses.into_iter().zip(1..) {
            let [.., high, low] = token.to_be_bytes();
            let echo = Echo {
                identifier: u16::from_be_bytes([high, low]),
                sequence,
                token,
            };
            let to = SocketAddr::new(address, 0);
            match asked.socket.send_to(&echo.request(address), to).await {
                Ok(_) => asked.requests.push((address, echo)),
                Err(error) => faults.push(format!("{address}: {}", Cause(&error))),
            }
        }
        (!asked.requests.is_empty()).then_some(asked)
    }
}

/// Requests that wait for an answer.
struct Asked {
    socket: UdpSocket,
    is_raw: bool,
    requests: Vec<(IpAddr, Echo)>,
}

/// Waits for the first answer; for ever where nothing was asked.
async fn answered(asked: Option<&Asked>) {
    let Some(asked) = asked else {
        return std::future::pending().await;
    };
    // An IPv4 header may have 60 octets. What is cut off is not ours.
    let mut packet = [0; 60 + LENGTH];
    loop {
        // A fault is about one packet, if it is about anything of ours.
        let Ok((length, from)) = asked.socket.recv_from(&mut packet).await else {
            continue;
        };
        let packet = packet.get(..length).unwrap_or_default();
        let is_ours = |(address, echo): &(IpAddr, Echo)| {
            *address == from.ip() && echo.is_answered(packet, *address, asked.is_raw)
        };
        if asked.requests.iter().any(is_ours) {
            return;
        }
    }
}

/// A socket for echo messages, and whether it is a raw one.
fn open(family: Domain) -> io::Result<(UdpSocket, bool)> {
    let protocol = if family == Domain::IPV4 {
        Protocol::ICMPV4
    } else {
        Protocol::ICMPV6
    };
    let (socket, is_raw) = match Socket::new(family, Type::DGRAM, Some(protocol)) {
        Ok(socket) => (socket, false),
        Err(_) => (Socket::new(family, Type::RAW, Some(protocol))?, true),
    };
    socket.set_nonblocking(true)?;
    let socket = std::net::UdpSocket::from(socket);
    Ok((UdpSocket::from_std(socket)?, is_raw))
}

/// Addresses of one check.
const MOST: usize = 16;
const NOT_PERMITTED: &str = "needs this group within net.ipv4.ping_group_range, or CAP_NET_RAW";
