//! `NetworkDriver`: the trait a network plugin implements, and its routes.

mod types;

use std::sync::Arc;

use crate::{
    call::{call, query},
    error::PluginError,
    router::{Interface, Router, Table},
};

pub use types::{
    AllocateNetworkRequest, AllocateNetworkResponse, CreateEndpointRequest, CreateEndpointResponse,
    CreateNetworkRequest, DeleteEndpointRequest, DeleteNetworkRequest, DiscoveredNode,
    DiscoveryNotification, EndpointInfoRequest, EndpointInfoResponse, EndpointInterface,
    FreeNetworkRequest, GwAllocCheckRequest, GwAllocCheckResponse, InterfaceName, IpamData,
    JoinRequest, JoinResponse, LeaveRequest, NetworkCapabilities,
    ProgramExternalConnectivityRequest, RevokeExternalConnectivityRequest, Scope, StaticRoute,
};

/// A network driver: what Docker asks of a plugin that implements `NetworkDriver`.
///
/// Calls for different containers arrive at the same time and in any order; a release may come
/// for something that was never created, and a creation may be repeated.
///
/// **A returned future may be dropped at any `.await`**: when it takes longer than
/// [`Limits::handler`](crate::Limits::handler), or when dockerd closes its connection. Work that must not
/// stop half way belongs into a task of its own that the future only waits for. No call to
/// Docker's own API may be made while answering; dockerd holds locks meanwhile.
pub trait NetworkDriver: Send + Sync + 'static {
    /// What the driver offers. Asked at every start of the plugin and of the daemon.
    fn capabilities(&self) -> NetworkCapabilities;

    /// Creates a network. This is the place to refuse pools and options.
    fn create_network(
        &self,
        request: CreateNetworkRequest,
    ) -> impl Future<Output = Result<(), PluginError>> + Send;

    /// Removes a network. An unknown one should succeed; Docker only logs an error.
    fn delete_network(
        &self,
        request: DeleteNetworkRequest,
    ) -> impl Future<Output = Result<(), PluginError>> + Send;

    /// Creates an endpoint, the first half of attaching a container. Calls about one network
    /// come one after the other.
    fn create_endpoint(
        &self,
        request: CreateEndpointRequest,
    ) -> impl Future<Output = Result<CreateEndpointResponse, PluginError>> + Send;

    /// Removes an endpoint. An unknown one should succeed; Docker only logs an error.
    fn delete_endpoint(
        &self,
        request: DeleteEndpointRequest,
    ) -> impl Future<Output = Result<(), PluginError>> + Send;

    /// Gives the interface and routes of an endpoint to a container that starts.
    fn join(
        &self,
        request: JoinRequest,
    ) -> impl Future<Output = Result<JoinResponse, PluginError>> + Send;

    /// Takes an endpoint back from a container that has ended. Docker only logs an error.
    fn leave(&self, request: LeaveRequest) -> impl Future<Output = Result<(), PluginError>> + Send;

    /// Tells about an endpoint; nothing unless overridden.
    fn endpoint_info(
        &self,
        _request: EndpointInfoRequest,
    ) -> impl Future<Output = Result<EndpointInfoResponse, PluginError>> + Send {
        async { Ok(EndpointInfoResponse::default()) }
    }

    /// Publishes ports of the endpoint that is the container's way out; nothing unless
    /// overridden.
    fn program_external_connectivity(
        &self,
        _request: ProgramExternalConnectivityRequest,
    ) -> impl Future<Output = Result<(), PluginError>> + Send {
        async { Ok(()) }
    }

    /// Ends what `program_external_connectivity` began; nothing unless overridden.
    fn revoke_external_connectivity(
        &self,
        _request: RevokeExternalConnectivityRequest,
    ) -> impl Future<Output = Result<(), PluginError>> + Send {
        async { Ok(()) }
    }

    /// Allocates a network for a whole Swarm, on its manager. Unless overridden the user's
    /// options are passed on to every node as they are.
    fn allocate_network(
        &self,
        request: AllocateNetworkRequest,
    ) -> impl Future<Output = Result<AllocateNetworkResponse, PluginError>> + Send {
        async {
            Ok(AllocateNetworkResponse {
                options: request.options,
            })
        }
    }

    /// Ends what `allocate_network` began; nothing unless overridden.
    fn free_network(
        &self,
        _request: FreeNetworkRequest,
    ) -> impl Future<Output = Result<(), PluginError>> + Send {
        async { Ok(()) }
    }

    /// A node joined the cluster; ignored unless overridden.
    fn discover_new(
        &self,
        _notification: DiscoveryNotification,
    ) -> impl Future<Output = Result<(), PluginError>> + Send {
        async { Ok(()) }
    }

    /// A node left the cluster; ignored unless overridden.
    fn discover_delete(
        &self,
        _notification: DiscoveryNotification,
    ) -> impl Future<Output = Result<(), PluginError>> + Send {
        async { Ok(()) }
    }

    /// Says which gateways are not wanted; both are unless overridden. Asked only with
    /// [`NetworkCapabilities::gw_alloc_checker`].
    fn gw_alloc_check(
        &self,
        _request: GwAllocCheckRequest,
    ) -> impl Future<Output = Result<GwAllocCheckResponse, PluginError>> + Send {
        async { Ok(GwAllocCheckResponse::default()) }
    }
}

/// Every method of `NetworkDriver`, answered by `driver`.
pub fn network_router<D: NetworkDriver>(driver: Arc<D>) -> Router {
    let d = &driver;
    let table: Table = vec![
        query("/NetworkDriver.GetCapabilities", d, |d| d.capabilities()),
        call("/NetworkDriver.CreateNetwork", d, |d, r| async move {
            d.create_network(r).await
        }),
        call("/NetworkDriver.DeleteNetwork", d, |d, r| async move {
            d.delete_network(r).await
        }),
        call("/NetworkDriver.AllocateNetwork", d, |d, r| async move {
            d.allocate_network(r).await
        }),
        call("/NetworkDriver.FreeNetwork", d, |d, r| async move {
            d.free_network(r).await
        }),
        call("/NetworkDriver.CreateEndpoint", d, |d, r| async move {
            d.create_endpoint(r).await
        }),
        call("/NetworkDriver.DeleteEndpoint", d, |d, r| async move {
            d.delete_endpoint(r).await
        }),
        call("/NetworkDriver.EndpointOperInfo", d, |d, r| async move {
            d.endpoint_info(r).await
        }),
        call(
            "/NetworkDriver.Join",
            d,
            |d, r| async move { d.join(r).await },
        ),
        call(
            "/NetworkDriver.Leave",
            d,
            |d, r| async move { d.leave(r).await },
        ),
        call(
            "/NetworkDriver.ProgramExternalConnectivity",
            d,
            |d, r| async move { d.program_external_connectivity(r).await },
        ),
        call(
            "/NetworkDriver.RevokeExternalConnectivity",
            d,
            |d, r| async move { d.revoke_external_connectivity(r).await },
        ),
        call("/NetworkDriver.DiscoverNew", d, |d, r| async move {
            d.discover_new(r).await
        }),
        call("/NetworkDriver.DiscoverDelete", d, |d, r| async move {
            d.discover_delete(r).await
        }),
        call("/NetworkDriver.GwAllocCheck", d, |d, r| async move {
            d.gw_alloc_check(r).await
        }),
    ];
    Router::of(Interface::NetworkDriver, table)
}
