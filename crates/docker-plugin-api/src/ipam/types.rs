//! Requests and responses of `IpamDriver`, field by field as Docker sends and reads them.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    error::PluginError,
    id::PoolId,
    text::{self, MacAddress},
};

/// What the driver offers (`IpamDriver.GetCapabilities`). The default asks for nothing special.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct IpamCapabilities {
    /// Whether Docker should make up a hardware address and send it with `RequestAddress`.
    #[serde(rename = "RequiresMACAddress")]
    pub requires_mac_address: bool,
    /// Whether Docker should repeat every pool and address when the daemon starts.
    #[serde(rename = "RequiresRequestReplay")]
    pub requires_request_replay: bool,
}

/// Names of the address spaces used when nobody chose one
/// (`IpamDriver.GetDefaultAddressSpaces`).
///
/// The two should be equal: Docker 27 and newer then leave out a check that makes them call
/// `RequestPool` for ever when a pool holds one of the host's name servers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddressSpaces {
    /// For networks of this host.
    pub local_default_address_space: String,
    /// For networks of a Swarm.
    pub global_default_address_space: String,
}

impl AddressSpaces {
    /// One address space for both purposes.
    pub fn single(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            local_default_address_space: name.clone(),
            global_default_address_space: name,
        }
    }
}

/// `IpamDriver.RequestPool`. It never tells which network the pool is for, and the same pool may be
/// requested again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct RequestPoolRequest {
    /// Address space.
    #[serde(default, deserialize_with = "text::or_default")]
    pub address_space: String,
    /// The user's `--subnet`; `None` leaves the choice to the driver.
    #[serde(default, deserialize_with = "text::optional")]
    pub pool: Option<IpNet>,
    /// The user's `--ip-range`.
    #[serde(default, deserialize_with = "text::optional")]
    pub sub_pool: Option<IpNet>,
    /// The user's `--ipam-opt`s, the same for both families. Swarm adds its own.
    #[serde(default, deserialize_with = "text::or_default")]
    pub options: BTreeMap<String, String>,
    /// Whether an IPv6 pool is wanted.
    #[serde(rename = "V6", default, deserialize_with = "text::or_default")]
    pub v6: bool,
}

/// Answer to `IpamDriver.RequestPool`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PoolResponse {
    /// What Docker calls the pool from now on.
    #[serde(rename = "PoolID")]
    pub pool_id: PoolId,
    /// The pool.
    pub pool: IpNet,
    /// Further facts; see [`GATEWAY`](Self::GATEWAY).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
}

impl PoolResponse {
    /// Key of `data` whose value (`address/length`) is the gateway. Docker then does not ask
    /// for one.
    pub const GATEWAY: &'static str = "com.docker.network.gateway";

    /// A pool without further facts.
    pub fn new(pool_id: PoolId, pool: IpNet) -> Self {
        Self {
            pool_id,
            pool,
            data: BTreeMap::new(),
        }
    }
}

/// `IpamDriver.ReleasePool`. Docker forgets the pool whatever the answer is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ReleasePoolRequest {
    /// The pool.
    #[serde(rename = "PoolID")]
    pub pool_id: PoolId,
}

/// `IpamDriver.RequestAddress`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct RequestAddressRequest {
    /// The pool.
    #[serde(rename = "PoolID")]
    pub pool_id: PoolId,
    /// The address wanted (`--gateway`, `--ip`); `None` leaves the choice to the driver.
    #[serde(default, deserialize_with = "text::optional")]
    pub address: Option<IpAddr>,
    /// What it is for. On a Swarm manager the network's `--ipam-opt`s as well.
    #[serde(default, deserialize_with = "text::or_default")]
    pub options: BTreeMap<String, String>,
}

impl RequestAddressRequest {
    /// Option that tells what the address is for.
    pub const ADDRESS_TYPE: &'static str = "RequestAddressType";
    /// Its value for a gateway.
    pub const GATEWAY: &'static str = "com.docker.network.gateway";
    /// Option with the hardware address.
    pub const MAC_ADDRESS: &'static str = "com.docker.network.endpoint.macaddress";
    /// Option with the container's name.
    pub const ENDPOINT_NAME: &'static str = "com.docker.network.endpoint.name";

    /// Whether the address is for the network's gateway, not for a container.
    pub fn is_gateway(&self) -> bool {
        self.options
            .get(Self::ADDRESS_TYPE)
            .is_some_and(|purpose| purpose == Self::GATEWAY)
    }

    /// Name of the container (Docker 29 and newer).
    pub fn endpoint_name(&self) -> Option<&str> {
        self.options.get(Self::ENDPOINT_NAME).map(String::as_str)
    }

    /// Hardware address of the endpoint, with [`IpamCapabilities::requires_mac_address`].
    ///
    /// # Errors
    ///
    /// When the option is there and is no hardware address.
    pub fn mac_address(&self) -> Result<Option<MacAddress>, PluginError> {
        self.options
            .get(Self::MAC_ADDRESS)
            .map(|value| text::parse(value))
            .transpose()
            .map_err(PluginError::bad_request)
    }
}

/// Answer to `IpamDriver.RequestAddress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddressResponse {
    /// The address, with the length it has on the interface.
    pub address: IpNet,
    /// Further facts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
}

impl AddressResponse {
    /// An address without further facts.
    pub fn new(address: IpNet) -> Self {
        Self {
            address,
            data: BTreeMap::new(),
        }
    }
}

/// `IpamDriver.ReleaseAddress`. Docker forgets the address whatever the answer is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ReleaseAddressRequest {
    /// The pool.
    #[serde(rename = "PoolID")]
    pub pool_id: PoolId,
    /// The address; always there in what Docker sends.
    #[serde(default, deserialize_with = "text::optional")]
    pub address: Option<IpAddr>,
}
