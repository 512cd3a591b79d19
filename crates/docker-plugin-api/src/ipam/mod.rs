//! `IpamDriver`: the trait an address management plugin implements, and its routes.

mod types;

use std::sync::Arc;

use crate::{
    call::{call, query},
    error::PluginError,
    router::{Interface, Router, Table},
};

pub use types::{
    AddressResponse, AddressSpaces, IpamCapabilities, PoolResponse, ReleaseAddressRequest,
    ReleasePoolRequest, RequestAddressRequest, RequestPoolRequest,
};

/// An IPAM driver: what Docker asks of a plugin that implements `IpamDriver`.
///
/// Docker never compares the pools of a plugin with each other and requests the same one more
/// than once: on a Swarm manager that is a worker too, in two address spaces. What
/// [`NetworkDriver`](crate::NetworkDriver) says about dropped futures and about Docker's own API
/// holds here too.
pub trait IpamDriver: Send + Sync + 'static {
    /// What the driver offers; nothing special unless overridden.
    fn capabilities(&self) -> IpamCapabilities {
        IpamCapabilities::default()
    }

    /// The address spaces used when nobody chose one. Docker 27 and newer ask before each
    /// `request_pool`.
    fn default_address_spaces(&self) -> AddressSpaces;

    /// Hands out a pool.
    fn request_pool(
        &self,
        request: RequestPoolRequest,
    ) -> impl Future<Output = Result<PoolResponse, PluginError>> + Send;

    /// Takes a pool back. An unknown one should succeed; Docker only logs an error.
    fn release_pool(
        &self,
        request: ReleasePoolRequest,
    ) -> impl Future<Output = Result<(), PluginError>> + Send;

    /// Hands out an address of a pool.
    fn request_address(
        &self,
        request: RequestAddressRequest,
    ) -> impl Future<Output = Result<AddressResponse, PluginError>> + Send;

    /// Takes an address back. An unknown one should succeed; Docker only logs an error.
    fn release_address(
        &self,
        request: ReleaseAddressRequest,
    ) -> impl Future<Output = Result<(), PluginError>> + Send;
}

/// Every method of `IpamDriver`, answered by `driver`.
pub fn ipam_router<D: IpamDriver>(driver: Arc<D>) -> Router {
    let d = &driver;
    let table: Table = vec![
        query("/IpamDriver.GetCapabilities", d, |d| d.capabilities()),
        query("/IpamDriver.GetDefaultAddressSpaces", d, |d| {
            d.default_address_spaces()
        }),
        call("/IpamDriver.RequestPool", d, |d, r| async move {
            d.request_pool(r).await
        }),
        call("/IpamDriver.ReleasePool", d, |d, r| async move {
            d.release_pool(r).await
        }),
        call("/IpamDriver.RequestAddress", d, |d, r| async move {
            d.request_address(r).await
        }),
        call("/IpamDriver.ReleaseAddress", d, |d, r| async move {
            d.release_address(r).await
        }),
    ];
    Router::of(Interface::IpamDriver, table)
}
