//! Docker's network requests: what each does, in which order.
//!
//! Every sequence runs to its end in a task of its own, even if dockerd stops
//! waiting, so that nothing is left half done.

use std::collections::BTreeMap;

use bgp_speaker::{RibVersion, SpeakerHandle};
use docker_plugin_api as api;
use docker_plugin_api::{NetworkCapabilities, NetworkDriver, PluginError};
use netplumb::LinkName;
use tokio::time::timeout;
use tracing::warn;

use crate::admission;
use crate::background::Background;
use crate::controller::requests::{FLUSH_LIMIT, Leaving};
use crate::controller::{Handle, Stopping};
use crate::naming;
use crate::options::{self, ServiceOptions, Site};
use crate::plumber::Plumbed;
use crate::settings::Scope;
use crate::store::NetworkRecord;

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
        let response = api::JoinResponse {
            interface_name: Some(api::InterfaceName {
                src_name: naming::veth_inside(&endpoint).to_string(),
                dst_prefix: INTERFACE_PREFIX.to_owned(),
            }),
            ..api::JoinResponse::default()
        };
        self.to_the_end(async move { steps.join(network, endpoint).await })
            .await?;
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

/// The sequences, each a row of short turns of the controller with waits for
/// the kernel, the peers and the disk between them.
#[derive(Clone)]
struct Steps {
    controller: Handle,
    speaker: SpeakerHandle,
}

impl Steps {
    async fn create_network(
        &self,
        id: String,
        record: NetworkRecord,
        options: ServiceOptions,
    ) -> Result<(), PluginError> {
        let name = id.clone();
        if let Some(leaving) = self
            .controller
            .ask(move |c| c.drop_remembered(&name))
            .await?
        {
            self.leave(leaving).await?;
        }
        let name = id.clone();
        let plumbed = self
            .controller
            .ask(move |c| c.begin_network(&name, record, options))
            .await??;
        let mut result = made(plumbed, &naming::bridge(&id)).await;
        if result.is_ok() {
            result = self.save().await;
        }
        if result.is_err() {
            // Docker will not have it, so nothing of it may stay.
            self.controller
                .ask(move |c| c.drop_network(&id).map(|leaving| c.plumb(leaving.ops)))
                .await?;
        }
        result
    }

    async fn delete_network(&self, id: String) -> Result<(), PluginError> {
        let Some(leaving) = self.controller.ask(move |c| c.drop_network(&id)).await? else {
            return Ok(());
        };
        let gone = self.leave(leaving).await;
        self.save().await?;
        gone
    }

    /// Takes a dropped network's objects away once its withdrawal has left.
    async fn leave(&self, leaving: Leaving) -> Result<(), PluginError> {
        self.flush(leaving.version).await;
        let plumbed = self.controller.ask(move |c| c.plumb(leaving.ops)).await?;
        done(plumbed).await
    }

    async fn create_endpoint(
        &self,
        network: String,
        endpoint: String,
        record: crate::store::EndpointRecord,
    ) -> Result<(), PluginError> {
        let (n, e) = (network.clone(), endpoint.clone());
        self.controller
            .ask(move |c| c.begin_endpoint(&n, &e, record))
            .await??;
        let saved = self.save().await;
        if saved.is_err() {
            self.controller
                .ask(move |c| c.drop_endpoint(&network, &endpoint))
                .await?;
        }
        saved
    }

    async fn join(&self, network: String, endpoint: String) -> Result<(), PluginError> {
        let (n, e) = (network.clone(), endpoint.clone());
        let plumbed = self.controller.ask(move |c| c.begin_join(&n, &e)).await??;
        if let Err(error) = done(plumbed).await {
            // A veth may exist without its place on the bridge.
            self.controller
                .ask(move |c| c.finish_leave(&network, &endpoint))
                .await?;
            return Err(error);
        }
        let (n, e) = (network.clone(), endpoint.clone());
        self.controller
            .ask(move |c| c.commit_join(&n, &e))
            .await??;
        let saved = self.save().await;
        if saved.is_err() {
            self.detach(network, endpoint).await?;
        }
        saved
    }

    /// Withdraws, waits until that has left, then takes the links away.
    async fn detach(&self, network: String, endpoint: String) -> Result<(), PluginError> {
        let (n, e) = (network.clone(), endpoint.clone());
        let version = self.controller.ask(move |c| c.begin_leave(&n, &e)).await?;
        self.flush(version).await;
        let plumbed = self
            .controller
            .ask(move |c| c.finish_leave(&network, &endpoint))
            .await?;
        done(plumbed).await
    }

    async fn delete_endpoint(&self, network: String, endpoint: String) -> Result<(), PluginError> {
        let gone = self.detach(network.clone(), endpoint.clone()).await;
        self.controller
            .ask(move |c| c.drop_endpoint(&network, &endpoint))
            .await?;
        self.save().await?;
        gone
    }

    async fn flush(&self, version: Option<RibVersion>) {
        let Some(version) = version else { return };
        if timeout(FLUSH_LIMIT, self.speaker.flushed(version))
            .await
            .is_err()
        {
            warn!("a peer has not taken a withdrawal in time; going on without it");
        }
    }

    async fn save(&self) -> Result<(), PluginError> {
        self.controller.save().await
    }
}

async fn done(plumbed: Plumbed) -> Result<(), PluginError> {
    match plumbed.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(PluginError::internal(error.to_string())),
        Err(_) => Err(Stopping.into()),
    }
}

/// [`done`] for a bridge that is made: those of docker-bgp-lb have the same
/// names and no mark.
async fn made(plumbed: Plumbed, bridge: &LinkName) -> Result<(), PluginError> {
    match plumbed.await {
        Ok(Err(error)) if error.is_not_ours() => Err(PluginError::conflict(format!(
            "{error}; if no container uses it, `ip link delete {bridge}` on the host removes it"
        ))),
        Ok(result) => result.map_err(|error| PluginError::internal(error.to_string())),
        Err(_) => Err(Stopping.into()),
    }
}

impl From<Stopping> for PluginError {
    fn from(stopping: Stopping) -> Self {
        Self::unavailable(stopping.to_string())
    }
}

#[cfg(test)]
mod tests;
