//! Docker's network requests: what is read from each, and what it is answered.
//!
//! Every sequence runs to its end in a task of its own, even if dockerd stops
//! waiting, so that nothing is left half done.

mod steps;

use std::collections::BTreeMap;
use std::net::IpAddr;

use bgp_speaker::SpeakerHandle;
use docker_plugin_api as api;
use docker_plugin_api::{NetworkCapabilities, NetworkDriver, PluginError};

use self::steps::Steps;
use crate::admission;
use crate::background::Background;
use crate::controller::{Handle, Stopping};
use crate::naming;
use crate::options::{self, GATEWAY, Gateway, ServiceOptions, Site};
use crate::settings::Scope;

/// What the container's interface is called, before Docker's number.
const INTERFACE_PREFIX: &str = "eth";

/// Answers the `NetworkDriver` methods.
pub(crate) struct Driver {
    steps: Steps,
    scope: Scope,
    site: Site,
    background: Background,
}

impl Driver {
    pub(crate) fn new(
        controller: Handle,
        speaker: SpeakerHandle,
        scope: Scope,
        site: Site,
        background: Background,
    ) -> Self {
        Self {
            steps: Steps {
                controller,
                speaker,
            },
            scope,
            site,
            background,
        }
    }

    fn read(&self, given: &BTreeMap<String, String>) -> Result<ServiceOptions, PluginError> {
        ServiceOptions::read(given, &self.site)
            .map_err(|error| PluginError::bad_request(error.to_string()))
    }

    /// Runs a sequence to its end, whether or not Docker waits for it.
    async fn to_the_end<T: Send + 'static>(
        &self,
        sequence: impl Future<Output = Result<T, PluginError>> + Send + 'static,
    ) -> Result<T, PluginError> {
        self.background
            .run(sequence)
            .await
            .unwrap_or_else(|| Err(Stopping.into()))
    }
}

impl NetworkDriver for Driver {
    fn capabilities(&self) -> NetworkCapabilities {
        let mut capabilities = NetworkCapabilities::new(match self.scope {
            Scope::Local => api::Scope::Local,
            Scope::Global => api::Scope::Global,
        });
        // Announced addresses are reachable from everywhere, but no node needs
        // to hear of the others: the routers know.
        capabilities.gw_alloc_checker = true;
        capabilities
    }

    async fn create_network(&self, request: api::CreateNetworkRequest) -> Result<(), PluginError> {
        let mut record = admission::network(&request.ipv4_data, &request.ipv6_data)?;
        record.options = options::ours(request.options.generic()?);
        let options = self.read(&record.options)?;
        if Gateway::of(&record.options) == Gateway::Host && request.options.internal()? {
            return Err(PluginError::bad_request(format!(
                "{GATEWAY}=host can't be used with --internal: one is a way out, and the other says that there is none"
            )));
        }
        let (steps, id) = (self.steps.clone(), request.network_id.to_string());
        self.to_the_end(async move { steps.create_network(id, record, options).await })
            .await
    }

    async fn delete_network(&self, request: api::DeleteNetworkRequest) -> Result<(), PluginError> {
        let (steps, id) = (self.steps.clone(), request.network_id.to_string());
        self.to_the_end(async move { steps.delete_network(id).await })
            .await
    }

    async fn create_endpoint(
        &self,
        request: api::CreateEndpointRequest,
    ) -> Result<api::CreateEndpointResponse, PluginError> {
        let endpoint = request.endpoint_id.to_string();
        let record = admission::endpoint(&endpoint, &request.interface)?;
        let mut response = api::CreateEndpointResponse::default();
        if request.interface.mac_address.is_none() {
            // Docker takes a repeated address for an attempt to change it.
            response.interface.mac_address = Some(api::MacAddress::from(record.mac));
        }
        let (steps, network) = (self.steps.clone(), request.network_id.to_string());
        self.to_the_end(async move { steps.create_endpoint(network, endpoint, record).await })
            .await?;
        Ok(response)
    }

    async fn delete_endpoint(
        &self,
        request: api::DeleteEndpointRequest,
    ) -> Result<(), PluginError> {
        let (steps, network) = (self.steps.clone(), request.network_id.to_string());
        let endpoint = request.endpoint_id.to_string();
        self.to_the_end(async move { steps.delete_endpoint(network, endpoint).await })
            .await
    }

    async fn join(&self, request: api::JoinRequest) -> Result<api::JoinResponse, PluginError> {
        let (steps, network) = (self.steps.clone(), request.network_id.to_string());
        let endpoint = request.endpoint_id.to_string();
        let mut response = api::JoinResponse {
            interface_name: Some(api::InterfaceName {
                src_name: naming::veth_inside(&endpoint).to_string(),
                dst_prefix: INTERFACE_PREFIX.to_owned(),
            }),
            ..api::JoinResponse::default()
        };
        let gateways = self
            .to_the_end(async move { steps.join(network, endpoint).await })
            .await?;
        for gateway in gateways {
            // Docker takes no gateway that the container has no route to.
            response.static_routes.push(api::StaticRoute {
                destination: gateway.into(),
                next_hop: None,
            });
            match gateway {
                IpAddr::V4(gateway) => response.gateway = Some(gateway),
                IpAddr::V6(gateway) => response.gateway_ipv6 = Some(gateway),
            }
        }
        Ok(response)
    }

    async fn leave(&self, request: api::LeaveRequest) -> Result<(), PluginError> {
        let (steps, network) = (self.steps.clone(), request.network_id.to_string());
        let endpoint = request.endpoint_id.to_string();
        self.to_the_end(async move { steps.detach(network, endpoint).await })
            .await
    }

    async fn endpoint_info(
        &self,
        request: api::EndpointInfoRequest,
    ) -> Result<api::EndpointInfoResponse, PluginError> {
        let endpoint = request.endpoint_id.to_string();
        let mut info = api::EndpointInfoResponse::default();
        let outside = naming::veth_outside(&endpoint).to_string();
        info.value.insert("veth_outside".to_owned(), outside.into());
        let network = request.network_id.to_string();
        self.steps
            .controller
            .ask(move |controller| controller.endpoint(&network, &endpoint).map(|_| ()))
            .await??;
        Ok(info)
    }

    async fn allocate_network(
        &self,
        request: api::AllocateNetworkRequest,
    ) -> Result<api::AllocateNetworkResponse, PluginError> {
        // The manager sees only the IPv4 half, which may be the placeholder.
        let prefixes = admission::pools(&request.ipv4_data, &request.ipv6_data)?;
        let given = request.options.iter();
        let given = given.map(|(name, value)| (name.as_str(), value.as_str()));
        self.read(&options::ours(given))?;
        self.steps
            .controller
            .ask(move |controller| controller.allocated(&prefixes))
            .await?;
        Ok(api::AllocateNetworkResponse {
            options: request.options,
        })
    }

    async fn gw_alloc_check(
        &self,
        _request: api::GwAllocCheckRequest,
    ) -> Result<api::GwAllocCheckResponse, PluginError> {
        // The way out is another network's.
        Ok(api::GwAllocCheckResponse {
            skip_ipv4: true,
            skip_ipv6: true,
        })
    }
}

impl From<Stopping> for PluginError {
    fn from(stopping: Stopping) -> Self {
        Self::unavailable(stopping.to_string())
    }
}

#[cfg(test)]
mod tests;
