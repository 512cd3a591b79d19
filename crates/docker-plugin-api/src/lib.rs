//! Docker network and IPAM plugins: types, traits, router and unix socket server.

mod activation;
mod call;
mod error;
mod id;
mod ipam;
mod limits;
mod listener;
mod network;
mod options;
mod progress;
mod router;
mod serve;
mod text;

pub use activation::activated;
pub use error::{ErrorKind, PluginError};
pub use id::{EndpointId, InvalidId, NetworkId, PoolId};
pub use ipam::{
    AddressResponse, AddressSpaces, IpamCapabilities, IpamDriver, PoolResponse,
    ReleaseAddressRequest, ReleasePoolRequest, RequestAddressRequest, RequestPoolRequest,
    ipam_router,
};
pub use limits::Limits;
pub use listener::{Listener, bind, bind_with_mode};
pub use network::{
    AllocateNetworkRequest, AllocateNetworkResponse, CreateEndpointRequest, CreateEndpointResponse,
    CreateNetworkRequest, DeleteEndpointRequest, DeleteNetworkRequest, DiscoveredNode,
    DiscoveryNotification, EndpointInfoRequest, EndpointInfoResponse, EndpointInterface,
    FreeNetworkRequest, GwAllocCheckRequest, GwAllocCheckResponse, InterfaceName, IpamData,
    JoinRequest, JoinResponse, LeaveRequest, NetworkCapabilities, NetworkDriver,
    ProgramExternalConnectivityRequest, RevokeExternalConnectivityRequest, Scope, StaticRoute,
    network_router,
};
pub use options::{EndpointOptions, ExposedPort, NetworkOptions, PortBinding, Protocol};
pub use router::{Answer, Router};
pub use serve::serve;
pub use text::{InvalidMacAddress, MacAddress};
