//! Requests and responses of `NetworkDriver`, field by field as Docker sends and reads them.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};
use serde_json::{Map, Value};

use crate::{
    id::{EndpointId, NetworkId},
    options::{EndpointOptions, NetworkOptions},
    text::{self, MacAddress},
};

/// Where a driver's networks are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Each Docker host has networks of its own.
    Local,
    /// A Swarm allocates the networks; its services may use them.
    Global,
}

/// What the driver offers (`NetworkDriver.GetCapabilities`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkCapabilities {
    /// Where its networks are known.
    pub scope: Scope,
    /// How far its connectivity reaches; `None` is the same as `scope`. [`Scope::Global`] makes
    /// Docker tell of the cluster's nodes by `DiscoverNew` and `DiscoverDelete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connectivity_scope: Option<Scope>,
    /// Whether Docker 28 and newer should ask `GwAllocCheck` before it requests gateways.
    pub gw_alloc_checker: bool,
}

impl NetworkCapabilities {
    /// A driver of this scope and nothing special.
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            connectivity_scope: None,
            gw_alloc_checker: false,
        }
    }
}

/// One pool of a network, as the IPAM driver handed it out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct IpamData {
    /// Address space of the pool. Empty on a Swarm manager.
    #[serde(default, deserialize_with = "text::or_default")]
    pub address_space: String,
    /// The pool. May have host bits set before Docker 25, any length with another IPAM driver,
    /// and `0.0.0.0/0` with the `null` one: check it.
    #[serde(default, deserialize_with = "text::optional")]
    pub pool: Option<IpNet>,
    /// The gateway, with the length the IPAM driver gave it; absent when `GwAllocCheck` waived it.
    #[serde(default, deserialize_with = "text::optional")]
    pub gateway: Option<IpNet>,
    /// Addresses set aside with `--aux-address`.
    #[serde(default, deserialize_with = "text::map")]
    pub aux_addresses: BTreeMap<String, IpNet>,
}

/// `NetworkDriver.CreateNetwork`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct CreateNetworkRequest {
    /// The new network.
    #[serde(rename = "NetworkID")]
    pub network_id: NetworkId,
    /// The user's and Docker's options.
    #[serde(default, deserialize_with = "text::or_default")]
    pub options: NetworkOptions,
    /// IPv4 pools; more than one when the user gave several `--subnet`.
    #[serde(rename = "IPv4Data", default, deserialize_with = "text::or_default")]
    pub ipv4_data: Vec<IpamData>,
    /// IPv6 pools.
    #[serde(rename = "IPv6Data", default, deserialize_with = "text::or_default")]
    pub ipv6_data: Vec<IpamData>,
}

/// `NetworkDriver.DeleteNetwork`. Docker forgets the network whatever the answer is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct DeleteNetworkRequest {
    /// The network that goes.
    #[serde(rename = "NetworkID")]
    pub network_id: NetworkId,
}

/// `NetworkDriver.AllocateNetwork`, sent to a Swarm manager. It is repeated after each restart
/// of the manager's daemon.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct AllocateNetworkRequest {
    /// The network of the Swarm; its nodes know it under another id.
    #[serde(rename = "NetworkID")]
    pub network_id: NetworkId,
    /// The user's options, flat.
    #[serde(default, deserialize_with = "text::or_default")]
    pub options: BTreeMap<String, String>,
    /// IPv4 pools.
    #[serde(rename = "IPv4Data", default, deserialize_with = "text::or_default")]
    pub ipv4_data: Vec<IpamData>,
    /// IPv6 pools; Swarm has none as of Docker 29.
    #[serde(rename = "IPv6Data", default, deserialize_with = "text::or_default")]
    pub ipv6_data: Vec<IpamData>,
}

/// Answer to `NetworkDriver.AllocateNetwork`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AllocateNetworkResponse {
    /// What every node receives as the network's generic options. What is left out here is lost
    /// to them.
    pub options: BTreeMap<String, String>,
}

/// `NetworkDriver.FreeNetwork`, the end of what `AllocateNetwork` began.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct FreeNetworkRequest {
    /// The network of the Swarm.
    #[serde(rename = "NetworkID")]
    pub network_id: NetworkId,
}

/// Addresses of an endpoint's interface.
///
/// In a request: what Docker has settled already. In a response: what the driver adds, and only
/// that; Docker treats repeating an address it sent itself as an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct EndpointInterface {
    /// IPv4 address; absent on a network without IPv4.
    #[serde(
        rename = "Address",
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub address: Option<Ipv4Net>,
    /// IPv6 address; absent on a network without IPv6 and for a container that switched it off.
    #[serde(
        rename = "AddressIPv6",
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub address_ipv6: Option<Ipv6Net>,
    /// Hardware address.
    #[serde(
        rename = "MacAddress",
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub mac_address: Option<MacAddress>,
}

/// `NetworkDriver.CreateEndpoint`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct CreateEndpointRequest {
    /// The network.
    #[serde(rename = "NetworkID")]
    pub network_id: NetworkId,
    /// The new endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: EndpointId,
    /// What Docker has settled about its interface.
    #[serde(default, deserialize_with = "text::or_default")]
    pub interface: EndpointInterface,
    /// Ports and the user's options.
    #[serde(default, deserialize_with = "text::or_default")]
    pub options: EndpointOptions,
}

/// Answer to `NetworkDriver.CreateEndpoint`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateEndpointResponse {
    /// What the driver adds to the request's interface; only fields that were absent there.
    pub interface: EndpointInterface,
}

/// `NetworkDriver.DeleteEndpoint`. Docker forgets the endpoint whatever the answer is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct DeleteEndpointRequest {
    /// The network.
    #[serde(rename = "NetworkID")]
    pub network_id: NetworkId,
    /// The endpoint that goes.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: EndpointId,
}

/// `NetworkDriver.EndpointOperInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct EndpointInfoRequest {
    /// The network.
    #[serde(rename = "NetworkID")]
    pub network_id: NetworkId,
    /// The endpoint asked about.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: EndpointId,
}

/// Answer to `NetworkDriver.EndpointOperInfo`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointInfoResponse {
    /// Whatever the driver wants to tell; Docker shows it to nobody.
    pub value: Map<String, Value>,
}

/// `NetworkDriver.Join`: a container takes the endpoint into its network namespace.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct JoinRequest {
    /// The network.
    #[serde(rename = "NetworkID")]
    pub network_id: NetworkId,
    /// The endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: EndpointId,
    /// The namespace, as `docker inspect` shows it in `NetworkSettings.SandboxKey`.
    #[serde(default, deserialize_with = "text::or_default")]
    pub sandbox_key: String,
    /// Ports; the user's options are only in `CreateEndpoint`.
    #[serde(default, deserialize_with = "text::or_default")]
    pub options: EndpointOptions,
}

/// Answer to `NetworkDriver.Join`. The default is an endpoint without an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JoinResponse {
    /// The link Docker moves into the container.
    #[serde(rename = "InterfaceName", skip_serializing_if = "Option::is_none")]
    pub interface_name: Option<InterfaceName>,
    /// Default gateway. Docker refuses to start the container when it is not on-link there.
    #[serde(rename = "Gateway", skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Ipv4Addr>,
    /// The same for IPv6.
    #[serde(rename = "GatewayIPv6", skip_serializing_if = "Option::is_none")]
    pub gateway_ipv6: Option<Ipv6Addr>,
    /// Further routes inside the container.
    #[serde(rename = "StaticRoutes", skip_serializing_if = "Vec::is_empty")]
    pub static_routes: Vec<StaticRoute>,
    /// `true` keeps Docker from attaching its gateway bridge, which otherwise gives a container
    /// without any gateway a way out.
    #[serde(rename = "DisableGatewayService")]
    pub disable_gateway_service: bool,
}

/// The link that becomes a container's interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InterfaceName {
    /// Its name on the host, where it must exist by then.
    pub src_name: String,
    /// What its name inside begins with; Docker appends a number.
    pub dst_prefix: String,
}

/// A route inside the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticRoute {
    /// Where it leads.
    pub destination: IpNet,
    /// The gateway, or `None` when the destination is on the link itself.
    pub next_hop: Option<IpAddr>,
}

impl Serialize for StaticRoute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // libnetwork's types.NEXTHOP and types.CONNECTED.
        const NEXT_HOP: u8 = 0;
        const CONNECTED: u8 = 1;
        let mut route = serializer.serialize_struct("StaticRoute", 3)?;
        route.serialize_field("Destination", &self.destination)?;
        match self.next_hop {
            Some(gateway) => {
                route.serialize_field("RouteType", &NEXT_HOP)?;
                route.serialize_field("NextHop", &gateway)?;
            }
            None => {
                route.serialize_field("RouteType", &CONNECTED)?;
                route.serialize_field("NextHop", "")?;
            }
        }
        route.end()
    }
}

/// `NetworkDriver.Leave`: the container gives the endpoint back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct LeaveRequest {
    /// The network.
    #[serde(rename = "NetworkID")]
    pub network_id: NetworkId,
    /// The endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: EndpointId,
}

/// `NetworkDriver.ProgramExternalConnectivity`, sent only when `Join` gave a gateway and the
/// endpoint became the container's way out.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ProgramExternalConnectivityRequest {
    /// The network.
    #[serde(rename = "NetworkID")]
    pub network_id: NetworkId,
    /// The endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: EndpointId,
    /// Ports to publish.
    #[serde(default, deserialize_with = "text::or_default")]
    pub options: EndpointOptions,
}

/// `NetworkDriver.RevokeExternalConnectivity`, the end of what
/// `ProgramExternalConnectivity` began.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct RevokeExternalConnectivityRequest {
    /// The network.
    #[serde(rename = "NetworkID")]
    pub network_id: NetworkId,
    /// The endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: EndpointId,
}

/// `NetworkDriver.DiscoverNew` and `NetworkDriver.DiscoverDelete`: news of a cluster's node.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DiscoveryNotification {
    /// What was discovered; [`NODE`](Self::NODE) is a node of the cluster.
    pub discovery_type: i64,
    /// What is known about it.
    #[serde(default, deserialize_with = "text::or_default")]
    pub discovery_data: Map<String, Value>,
}

impl DiscoveryNotification {
    /// The discovery type of a node.
    pub const NODE: i64 = 1;

    /// The node, when this is about one.
    pub fn node(&self) -> Option<DiscoveredNode> {
        if self.discovery_type != Self::NODE {
            return None;
        }
        DiscoveredNode::deserialize(&self.discovery_data).ok()
    }
}

/// A node of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DiscoveredNode {
    /// Address it advertises.
    #[serde(default, deserialize_with = "text::optional")]
    pub address: Option<IpAddr>,
    /// Address it binds to.
    #[serde(default, deserialize_with = "text::optional")]
    pub bind_address: Option<IpAddr>,
    /// Whether it is this node.
    #[serde(rename = "Self", default, deserialize_with = "text::or_default")]
    pub is_self: bool,
}

/// `NetworkDriver.GwAllocCheck` (Docker 28 and newer), asked before any address is requested.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct GwAllocCheckRequest {
    /// The options the network is going to have.
    #[serde(default, deserialize_with = "text::or_default")]
    pub options: NetworkOptions,
}

/// Answer to `NetworkDriver.GwAllocCheck`: which gateways are not wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct GwAllocCheckResponse {
    /// `true`: request no IPv4 gateway.
    #[serde(rename = "SkipIPv4")]
    pub skip_ipv4: bool,
    /// `true`: request no IPv6 gateway.
    #[serde(rename = "SkipIPv6")]
    pub skip_ipv6: bool,
}
