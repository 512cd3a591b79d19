//! The option maps of network requests, kept whole and read through typed accessors.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    error::PluginError,
    text::{self, Excerpt, MacAddress},
};

/// Options of a network: the user's `-o` options and Docker's own switches.
///
/// Labels are never among them; Docker keeps those to itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct NetworkOptions(Map<String, Value>);

impl NetworkOptions {
    /// The map under which the user's options travel.
    pub const GENERIC: &'static str = "com.docker.network.generic";
    /// Switch of IPv4 (Docker 28 and newer).
    pub const ENABLE_IPV4: &'static str = "com.docker.network.enable_ipv4";
    /// Switch of IPv6.
    pub const ENABLE_IPV6: &'static str = "com.docker.network.enable_ipv6";
    /// Set by `--internal`.
    pub const INTERNAL: &'static str = "com.docker.network.internal";

    /// The options as Docker sent them.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The user's options (`docker network create -o key=value`), in Docker's order. In a Swarm
    /// these are what the manager's plugin answered to `AllocateNetwork`.
    ///
    /// # Errors
    ///
    /// When the entry is there and is not an object of texts.
    pub fn generic(&self) -> Result<Vec<(&str, &str)>, PluginError> {
        let Some(value) = present(&self.0, Self::GENERIC) else {
            return Ok(Vec::new());
        };
        let entries = value
            .as_object()
            .ok_or_else(|| wrong(Self::GENERIC, "an object of driver options"))?;
        entries
            .iter()
            .map(|(key, value)| match value.as_str() {
                Some(value) => Ok((key.as_str(), value)),
                None => Err(wrong(key, "a text")),
            })
            .collect()
    }

    /// Whether the network has IPv4. `None` before Docker 28, which means yes.
    ///
    /// # Errors
    ///
    /// When the entry is there and is not a boolean.
    pub fn enable_ipv4(&self) -> Result<Option<bool>, PluginError> {
        boolean(&self.0, Self::ENABLE_IPV4)
    }

    /// Whether the network has IPv6. `None` when Docker does not say, which means no.
    ///
    /// # Errors
    ///
    /// When the entry is there and is not a boolean.
    pub fn enable_ipv6(&self) -> Result<Option<bool>, PluginError> {
        boolean(&self.0, Self::ENABLE_IPV6)
    }

    /// Whether the network was created with `--internal`.
    ///
    /// # Errors
    ///
    /// When the entry is there and is not a boolean.
    pub fn internal(&self) -> Result<bool, PluginError> {
        boolean(&self.0, Self::INTERNAL).map(Option::unwrap_or_default)
    }
}

/// Options of an endpoint: ports, addresses and the user's `--driver-opt`s.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct EndpointOptions(Map<String, Value>);

impl EndpointOptions {
    /// Ports the image or the user exposes.
    pub const EXPOSED_PORTS: &'static str = "com.docker.network.endpoint.exposedports";
    /// Published ports.
    pub const PORT_MAP: &'static str = "com.docker.network.portmap";
    /// Hardware address the user asked for.
    pub const MAC_ADDRESS: &'static str = "com.docker.network.endpoint.macaddress";
    /// Name servers of the container.
    pub const DNS_SERVERS: &'static str = "com.docker.network.endpoint.dnsservers";
    /// Name of the interface inside the container.
    pub const INTERFACE_NAME: &'static str = "com.docker.network.endpoint.ifname";

    const KNOWN: [&'static str; 5] = [
        Self::EXPOSED_PORTS,
        Self::PORT_MAP,
        Self::MAC_ADDRESS,
        Self::DNS_SERVERS,
        Self::INTERFACE_NAME,
    ];

    /// The options as Docker sent them.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The exposed ports, in Docker's order, which is random. Since Docker 29 `CreateEndpoint`
    /// has only the published ones, `Join` has all.
    ///
    /// # Errors
    ///
    /// When the entry is there and is not a list of ports.
    pub fn exposed_ports(&self) -> Result<Vec<ExposedPort>, PluginError> {
        typed(&self.0, Self::EXPOSED_PORTS, "a list of ports")
    }

    /// The published ports (`-p`).
    ///
    /// # Errors
    ///
    /// When the entry is there and is not a list of port bindings.
    pub fn port_map(&self) -> Result<Vec<PortBinding>, PluginError> {
        typed(&self.0, Self::PORT_MAP, "a list of port bindings")
    }

    /// The hardware address given with `--mac-address`. Docker writes it in base 64; text with
    /// colons is understood too.
    ///
    /// # Errors
    ///
    /// When the entry is there and is no hardware address.
    pub fn mac_address(&self) -> Result<Option<MacAddress>, PluginError> {
        let Some(value) = string(&self.0, Self::MAC_ADDRESS)? else {
            return Ok(None);
        };
        mac_from_base64(value)
            .or_else(|| value.parse().ok())
            .map(Some)
            .ok_or_else(|| wrong(Self::MAC_ADDRESS, "a hardware address"))
    }

    /// The name servers given with `--dns`.
    ///
    /// # Errors
    ///
    /// When the entry is there and is not a list of addresses.
    pub fn dns_servers(&self) -> Result<Vec<IpAddr>, PluginError> {
        typed(&self.0, Self::DNS_SERVERS, "a list of addresses")
    }

    /// The name the interface should have inside the container.
    ///
    /// # Errors
    ///
    /// When the entry is there and is not text.
    pub fn interface_name(&self) -> Result<Option<&str>, PluginError> {
        string(&self.0, Self::INTERFACE_NAME)
    }

    /// The user's options for this endpoint (`--driver-opt`): every text that is not one of
    /// Docker's own entries.
    pub fn driver_opts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter(|(key, _)| !Self::KNOWN.contains(&key.as_str()))
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }
}

/// Number of a transport protocol (IANA "Protocol Numbers").
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize,
)]
#[serde(transparent)]
pub struct Protocol(pub u8);

impl Protocol {
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// SCTP.
    pub const SCTP: Self = Self(132);
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TCP => f.write_str("tcp"),
            Self::UDP => f.write_str("udp"),
            Self::SCTP => f.write_str("sctp"),
            Self(other) => write!(f, "protocol {other}"),
        }
    }
}

/// One exposed port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ExposedPort {
    /// Transport protocol.
    #[serde(rename = "Proto")]
    pub protocol: Protocol,
    /// Port inside the container.
    pub port: u16,
}

/// One published port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct PortBinding {
    /// Transport protocol.
    #[serde(rename = "Proto")]
    pub protocol: Protocol,
    /// Address of the container, when Docker knows it already.
    #[serde(rename = "IP", default, deserialize_with = "text::optional")]
    pub ip: Option<IpAddr>,
    /// Port inside the container.
    pub port: u16,
    /// Address of the host to publish on; `None` is all of them.
    #[serde(rename = "HostIP", default, deserialize_with = "text::optional")]
    pub host_ip: Option<IpAddr>,
    /// First port of the host's range; 0 lets the driver choose.
    #[serde(default)]
    pub host_port: u16,
    /// Last port of the host's range.
    #[serde(default)]
    pub host_port_end: u16,
}

/// The entry, unless it is absent or `null`.
fn present<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    map.get(key).filter(|value| !value.is_null())
}

fn boolean(map: &Map<String, Value>, key: &str) -> Result<Option<bool>, PluginError> {
    match present(map, key) {
        None => Ok(None),
        Some(value) => value
            .as_bool()
            .map(Some)
            .ok_or_else(|| wrong(key, "true or false")),
    }
}

fn string<'a>(map: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, PluginError> {
    match present(map, key) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(|| wrong(key, "a text")),
    }
}

fn typed<T: DeserializeOwned + Default>(
    map: &Map<String, Value>,
    key: &str,
    expected: &str,
) -> Result<T, PluginError> {
    match present(map, key) {
        None => Ok(T::default()),
        Some(value) => T::deserialize(value).map_err(|error| {
            PluginError::bad_request(format!("option {key} is not {expected}: {error}"))
        }),
    }
}

fn wrong(key: &str, expected: &str) -> PluginError {
    PluginError::bad_request(format!("option {:?} is not {expected}", Excerpt(key)))
}

/// Six octets are exactly eight characters of base 64 without padding.
fn mac_from_base64(text: &str) -> Option<MacAddress> {
    if text.len() != 8 {
        return None;
    }
    let bits = text.bytes().try_fold(0_u64, |bits, character| {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        Some(bits << 6 | u64::from(value))
    })?;
    let [_, _, octets @ ..] = bits.to_be_bytes();
    Some(MacAddress::new(octets))
}
