//! Docker's address requests: every pool it gets is one address, and every
//! container on the network gets that.

use std::net::IpAddr;
use std::time::Instant;

use docker_plugin_api as api;
use docker_plugin_api::{AddressSpaces, IpamCapabilities, IpamDriver, PluginError, PoolId};
use tokio::time::timeout_at;

use crate::controller::Handle;
use crate::controller::addresses::Leased;
use crate::pool::{ADDRESS_SPACE, Pool, PoolError, Request};

/// The `--ipam-opt` that names the IPv6 service address.
const V6_SUBNET: &str = "v6subnet";

/// The `--ipam-opt` that names the pool to take the addresses from.
const POOL: &str = "pool";

/// How options begin that Docker and Swarm add themselves, such as
/// `com.docker.network.ipam.serial`.
const OF_DOCKER: &str = "com.docker.";

/// Answers the `IpamDriver` methods. What it gives out, the controller
/// remembers.
pub(crate) struct Ipam {
    controller: Handle,
}

impl Ipam {
    pub(crate) const fn new(controller: Handle) -> Self {
        Self { controller }
    }

    /// An address of the named pool: the one chosen, or one of the pool's.
    async fn lease(
        &self,
        space: &str,
        name: String,
        v6: bool,
        chosen: Option<IpAddr>,
    ) -> Result<Pool, PluginError> {
        loop {
            let name = name.clone();
            let leased = self
                .controller
                .ask(move |controller| controller.lease(&name, v6, chosen))
                .await??;
            match leased {
                Leased::Address(address) => return Ok(Pool::of(space, address)),
                Leased::NoIpv4 => return Ok(Pool::placeholder(space)),
                // Its news or the time: either way it is asked again.
                Leased::Later(news, at) => _ = timeout_at(Instant::into(at), news).await,
            }
        }
    }

    /// Grants what is asked for, and has it counted.
    async fn grant(&self, request: api::RequestPoolRequest) -> Result<Pool, PluginError> {
        known(request.options.keys())?;
        let asked = Request {
            space: &request.address_space,
            pool: request.pool,
            sub_pool: request.sub_pool,
            v6subnet: request.options.get(V6_SUBNET).map(String::as_str),
            v6: request.v6,
        };
        let chosen = asked.chosen()?;
        if request.pool.is_none() {
            let (options, v6) = (request.options.clone(), request.v6);
            self.controller
                .ask(move |controller| controller.note_request(&options, v6))
                .await??;
        }
        if let Some(name) = request.options.get(POOL)
            && chosen.is_none_or(|prefix| !crate::pool::is_placeholder(prefix))
        {
            let chosen = chosen.map(|prefix| prefix.addr());
            return self
                .lease(asked.space, name.clone(), request.v6, chosen)
                .await;
        }
        let pool = Pool::request(&asked)?;
        if let Some(address) = pool.service_address() {
            self.controller
                .ask(move |controller| controller.take_address(address))
                .await?;
        }
        Ok(pool)
    }

    async fn remember(&self, pool: &Pool) -> Result<api::PoolResponse, PluginError> {
        let id = PoolId::new(pool.to_string())
            .map_err(|error| PluginError::bad_request(format!("pool id: {error}")))?;
        self.controller.save().await?;
        Ok(api::PoolResponse::new(id, pool.prefix()))
    }

    async fn release(&self, pool: &Pool) -> Result<(), PluginError> {
        if let Some(address) = pool.service_address() {
            self.controller
                .ask(move |controller| controller.release_address(address))
                .await?;
        }
        Ok(())
    }
}

/// Refuses options that nobody reads: a misspelt one would leave a network
/// without its address.
fn known<'a>(mut names: impl Iterator<Item = &'a String>) -> Result<(), PluginError> {
    let read = |name: &str| name == V6_SUBNET || name == POOL || name.starts_with(OF_DOCKER);
    match names.find(|name| !read(name)) {
        None => Ok(()),
        Some(name) => Err(PluginError::bad_request(format!(
            "there is no --ipam-opt {name}: bgplb has {POOL}=<name> and {V6_SUBNET}=<address>/128"
        ))),
    }
}

impl IpamDriver for Ipam {
    fn capabilities(&self) -> IpamCapabilities {
        IpamCapabilities::default()
    }

    fn default_address_spaces(&self) -> AddressSpaces {
        AddressSpaces::single(ADDRESS_SPACE)
    }

    async fn request_pool(
        &self,
        request: api::RequestPoolRequest,
    ) -> Result<api::PoolResponse, PluginError> {
        let pool = self.grant(request).await?;
        let answer = self.remember(&pool).await;
        if answer.is_err() {
            self.release(&pool).await?;
        }
        answer
    }

    async fn release_pool(&self, request: api::ReleasePoolRequest) -> Result<(), PluginError> {
        // Docker forgets the pool whatever we say.
        let Ok(pool) = Pool::from_id(request.pool_id.as_str()) else {
            return Ok(());
        };
        self.release(&pool).await?;
        self.controller.save().await
    }

    async fn request_address(
        &self,
        request: api::RequestAddressRequest,
    ) -> Result<api::AddressResponse, PluginError> {
        let pool = Pool::from_id(request.pool_id.as_str())?;
        // A gateway is never used, and Docker may ask for one by an address of
        // its own choice.
        let asked = request.address.filter(|_| !request.is_gateway());
        Ok(api::AddressResponse::new(pool.address(asked)?))
    }

    async fn release_address(
        &self,
        _request: api::ReleaseAddressRequest,
    ) -> Result<(), PluginError> {
        Ok(())
    }
}

impl From<PoolError> for PluginError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::UnknownId { .. } => Self::not_found(error.to_string()),
            _ => Self::bad_request(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::known;

    fn refusal(names: &[&str]) -> Option<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let error = known(names.iter()).err()?;
        Some(error.message().to_owned())
    }

    #[test]
    fn an_option_that_nobody_reads_is_named_with_those_there_are() {
        for name in ["v6Subnet", "pools", "", "bgplb.pool"] {
            assert_eq!(
                refusal(&["pool", name]),
                Some(format!(
                    "there is no --ipam-opt {name}: bgplb has pool=<name> and v6subnet=<address>/128"
                ))
            );
        }
    }

    #[test]
    fn what_docker_adds_is_none_of_our_business() {
        let swarm = "com.docker.network.ipam.serial";
        assert_eq!(refusal(&["pool", "v6subnet", swarm]), None);
        assert_eq!(refusal(&[]), None);
    }
}
