//! Docker's address requests: every pool is one address, and every container
//! on the network gets it.

use docker_plugin_api as api;
use docker_plugin_api::{AddressSpaces, IpamCapabilities, IpamDriver, PluginError, PoolId};

use crate::pool::{ADDRESS_SPACE, Pool, PoolError, Request};

/// The `--ipam-opt` that names the IPv6 service address.
const V6_SUBNET: &str = "v6subnet";

/// Answers the `IpamDriver` methods. It has no state: a pool's id says all.
pub(crate) struct Ipam;

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
        let pool = Pool::request(&Request {
            space: &request.address_space,
            pool: request.pool,
            sub_pool: request.sub_pool,
            v6subnet: request.options.get(V6_SUBNET).map(String::as_str),
            v6: request.v6,
        })?;
        let id = PoolId::new(pool.to_string())
            .map_err(|error| PluginError::bad_request(format!("pool id: {error}")))?;
        Ok(api::PoolResponse::new(id, pool.prefix()))
    }

    async fn release_pool(&self, _request: api::ReleasePoolRequest) -> Result<(), PluginError> {
        Ok(())
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
