//! Docker network and IPAM plugins: request and response types, driver traits, router and unix
//! socket server.
//!
//! A plugin implements [`NetworkDriver`], [`IpamDriver`] or both, turns them into a [`Router`] and
//! [`serve`](serve())s it on the socket where dockerd looks for it. Every method of libnetwork's two remote
//! interfaces is there, as engines 20.10 to 29 really speak them.
//!
//! It deliberately does not decide anything: no pool is allocated, no link made, nothing stored. It
//! does not talk to Docker, and must not: dockerd holds locks while it waits for an answer, so a
//! driver that calls Docker's API from within a request hangs both.
//!
//! # The contract to know
//!
//! **The future of a request may be dropped at any `.await`.** That happens when it takes longer
//! than [`Limits::handler`] (dockerd itself may wait for ever) and when dockerd closes its
//! connection. What must not stop half way belongs into a task of its own, which the request only
//! waits for.
//!
//! # Example
//!
//! ```rust
//! use std::sync::Arc;
//!
//! use docker_plugin_api::{
//!     AddressResponse, AddressSpaces, IpamDriver, PluginError, PoolId, PoolResponse,
//!     ReleaseAddressRequest, ReleasePoolRequest, RequestAddressRequest, RequestPoolRequest,
//!     ipam_router,
//! };
//!
//! /// Hands out the one address of a /32 or /128.
//! struct HostAddresses;
//!
//! impl IpamDriver for HostAddresses {
//!     fn default_address_spaces(&self) -> AddressSpaces {
//!         AddressSpaces::single("host-addresses")
//!     }
//!
//!     async fn request_pool(&self, request: RequestPoolRequest) -> Result<PoolResponse, PluginError> {
//!         let pool = request.pool.filter(|pool| pool.prefix_len() == pool.max_prefix_len());
//!         let pool = pool.ok_or_else(|| PluginError::bad_request("--subnet must be a /32 or /128"))?;
//!         Ok(PoolResponse::new(PoolId::new(pool.to_string())?, pool))
//!     }
//!
//!     async fn release_pool(&self, _: ReleasePoolRequest) -> Result<(), PluginError> {
//!         Ok(())
//!     }
//!
//!     async fn request_address(
//!         &self,
//!         request: RequestAddressRequest,
//!     ) -> Result<AddressResponse, PluginError> {
//!         let pool = request.pool_id.as_str().parse();
//!         pool.map(AddressResponse::new).map_err(|_| PluginError::not_found("no such pool"))
//!     }
//!
//!     async fn release_address(&self, _: ReleaseAddressRequest) -> Result<(), PluginError> {
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let router = ipam_router(Arc::new(HostAddresses));
//! let answer = router.call("POST", "/IpamDriver.RequestPool", r#"{"Pool":"10.0.0.101/32"}"#).await;
//! assert_eq!(answer.body, r#"{"PoolID":"10.0.0.101/32","Pool":"10.0.0.101/32"}"#);
//! let answer = router.call("POST", "/IpamDriver.RequestPool", r#"{"Pool":"10.0.0.0/24"}"#).await;
//! assert_eq!(answer.status, 400);
//! # });
//! ```
//!
//! `examples/do_nothing.rs` is a whole plugin on a socket.
//!
//! # What the server holds to
//!
//! * Bodies are taken raw: dockerd sends no `Content-Type`, and before 20.10.26 an empty `Host`.
//! * A request that needs arguments and has none is refused. dockerd repeats a request whose
//!   connection broke with an empty body (moby issue 39331).
//! * Every answer is JSON: success an object, `{}` at least; anything else
//!   `{"Err": message, "Error": message}` with a status of 400 or above, because Docker reads one
//!   key for networks and the other for IPAM. Only octets that are not HTTP get hyper's bare 400 or
//!   431.
//! * `null` and an absent key are the same, unknown keys are ignored, ids and addresses are checked.
//! * A panic of a driver is answered with 500 and ends nothing.
//! * Size of bodies and heads, time for each part of a request and number of connections are bounded
//!   ([`Limits`]). Connections between two requests stay open: closing one just when it is used
//!   again causes the empty repetition.
//! * A live socket of another process is never taken over; a dead one is replaced; systemd's is
//!   accepted ([`activated`]).
//!
//! Not covered: the `docker plugin` package around a managed plugin, volume, log and authorization
//! plugins, TCP and TLS.

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
