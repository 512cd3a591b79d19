//! What each request does, as a row of short turns of the controller with waits
//! for the kernel, the peers and the disk between them.

use std::net::IpAddr;

use bgp_speaker::{RibVersion, SpeakerHandle};
use docker_plugin_api::PluginError;
use netplumb::LinkName;
use tokio::time::timeout;
use tracing::warn;

use crate::controller::requests::{FLUSH_LIMIT, Leaving};
use crate::controller::{Handle, Stopping};
use crate::naming;
use crate::options::ServiceOptions;
use crate::plumber::Plumbed;
use crate::store::{EndpointRecord, NetworkRecord};

/// The sequences, each for one request.
#[derive(Clone)]
pub(super) struct Steps {
    pub(super) controller: Handle,
    pub(super) speaker: SpeakerHandle,
}

impl Steps {
    pub(super) async fn create_network(
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

    pub(super) async fn delete_network(&self, id: String) -> Result<(), PluginError> {
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

    pub(super) async fn create_endpoint(
        &self,
        network: String,
        endpoint: String,
        record: EndpointRecord,
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

    /// Gives the endpoint's gateways, one of each family at most.
    pub(super) async fn join(
        &self,
        network: String,
        endpoint: String,
    ) -> Result<Vec<IpAddr>, PluginError> {
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
        let gateways = self
            .controller
            .ask(move |c| c.commit_join(&n, &e))
            .await??;
        let saved = self.save().await;
        if saved.is_err() {
            self.detach(network, endpoint).await?;
        }
        saved.map(|()| gateways)
    }

    /// Withdraws, waits until that has left, then takes the links away.
    pub(super) async fn detach(
        &self,
        network: String,
        endpoint: String,
    ) -> Result<(), PluginError> {
        let (n, e) = (network.clone(), endpoint.clone());
        let version = self.controller.ask(move |c| c.begin_leave(&n, &e)).await?;
        self.flush(version).await;
        let plumbed = self
            .controller
            .ask(move |c| c.finish_leave(&network, &endpoint))
            .await?;
        done(plumbed).await
    }

    pub(super) async fn delete_endpoint(
        &self,
        network: String,
        endpoint: String,
    ) -> Result<(), PluginError> {
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
