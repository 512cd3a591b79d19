//! A driver that writes down what it was asked.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
};

use docker_plugin_api::*;

#[derive(Default)]
pub(crate) struct Recorder {
    calls: Mutex<Vec<(&'static str, String)>>,
}

impl Recorder {
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        network_router(Arc::clone(self)).merge(ipam_router(Arc::clone(self)))
    }

    /// What was asked since the last time: path and request.
    pub(crate) fn take(&self) -> Vec<(&'static str, String)> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    fn note(&self, path: &'static str, request: &impl Debug) {
        self.calls
            .lock()
            .unwrap()
            .push((path, format!("{request:?}")));
    }
}

impl NetworkDriver for Recorder {
    fn capabilities(&self) -> NetworkCapabilities {
        self.note("/NetworkDriver.GetCapabilities", &());
        NetworkCapabilities::new(Scope::Local)
    }

    async fn create_network(&self, request: CreateNetworkRequest) -> Result<(), PluginError> {
        self.note("/NetworkDriver.CreateNetwork", &request);
        Ok(())
    }

    async fn delete_network(&self, request: DeleteNetworkRequest) -> Result<(), PluginError> {
        self.note("/NetworkDriver.DeleteNetwork", &request);
        Ok(())
    }

    async fn create_endpoint(
        &self,
        request: CreateEndpointRequest,
    ) -> Result<CreateEndpointResponse, PluginError> {
        self.note("/NetworkDriver.CreateEndpoint", &request);
        Ok(CreateEndpointResponse::default())
    }

    async fn delete_endpoint(&self, request: DeleteEndpointRequest) -> Result<(), PluginError> {
        self.note("/NetworkDriver.DeleteEndpoint", &request);
        Ok(())
    }

    async fn join(&self, request: JoinRequest) -> Result<JoinResponse, PluginError> {
        self.note("/NetworkDriver.Join", &request);
        Ok(JoinResponse::default())
    }

    async fn leave(&self, request: LeaveRequest) -> Result<(), PluginError> {
        self.note("/NetworkDriver.Leave", &request);
        Ok(())
    }

    async fn endpoint_info(
        &self,
        request: EndpointInfoRequest,
    ) -> Result<EndpointInfoResponse, PluginError> {
        self.note("/NetworkDriver.EndpointOperInfo", &request);
        Ok(EndpointInfoResponse::default())
    }

    async fn allocate_network(
        &self,
        request: AllocateNetworkRequest,
    ) -> Result<AllocateNetworkResponse, PluginError> {
        self.note("/NetworkDriver.AllocateNetwork", &request);
        Ok(AllocateNetworkResponse {
            options: request.options,
        })
    }

    async fn free_network(&self, request: FreeNetworkRequest) -> Result<(), PluginError> {
        self.note("/NetworkDriver.FreeNetwork", &request);
        Ok(())
    }

    async fn discover_new(&self, request: DiscoveryNotification) -> Result<(), PluginError> {
        self.note("/NetworkDriver.DiscoverNew", &request);
        Ok(())
    }
}

impl IpamDriver for Recorder {
    fn capabilities(&self) -> IpamCapabilities {
        self.note("/IpamDriver.GetCapabilities", &());
        IpamCapabilities::default()
    }

    fn default_address_spaces(&self) -> AddressSpaces {
        self.note("/IpamDriver.GetDefaultAddressSpaces", &());
        AddressSpaces::single("test")
    }

    async fn request_pool(&self, request: RequestPoolRequest) -> Result<PoolResponse, PluginError> {
        self.note("/IpamDriver.RequestPool", &request);
        let pool = request
            .pool
            .unwrap_or_else(|| "192.0.2.1/32".parse().unwrap());
        Ok(PoolResponse::new(PoolId::new(pool.to_string())?, pool))
    }

    async fn release_pool(&self, request: ReleasePoolRequest) -> Result<(), PluginError> {
        self.note("/IpamDriver.ReleasePool", &request);
        Ok(())
    }

    async fn request_address(
        &self,
        request: RequestAddressRequest,
    ) -> Result<AddressResponse, PluginError> {
        self.note("/IpamDriver.RequestAddress", &request);
        Ok(AddressResponse::new("192.0.2.1/32".parse().unwrap()))
    }

    async fn release_address(&self, request: ReleaseAddressRequest) -> Result<(), PluginError> {
        self.note("/IpamDriver.ReleaseAddress", &request);
        Ok(())
    }
}
