//! A network driver that agrees to everything and does nothing: containers get no interface.
//!
//! ```text
//! cargo run -p docker-plugin-api --example do_nothing -- /run/docker/plugins/nothing.sock &
//! docker network create --driver nothing n1
//! docker run --rm --network n1 busybox ip link
//! ```
#![allow(clippy::print_stdout)]

use std::{env, error::Error, sync::Arc};

use docker_plugin_api::{
    CreateEndpointRequest, CreateEndpointResponse, CreateNetworkRequest, DeleteEndpointRequest,
    DeleteNetworkRequest, JoinRequest, JoinResponse, LeaveRequest, NetworkCapabilities,
    NetworkDriver, PluginError, Scope, activated, bind, network_router, serve,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

struct Nothing;

impl NetworkDriver for Nothing {
    fn capabilities(&self) -> NetworkCapabilities {
        NetworkCapabilities::new(Scope::Local)
    }

    async fn create_network(&self, request: CreateNetworkRequest) -> Result<(), PluginError> {
        println!(
            "create network {} {:?}",
            request.network_id,
            request.options.generic()?
        );
        Ok(())
    }

    async fn delete_network(&self, request: DeleteNetworkRequest) -> Result<(), PluginError> {
        println!("delete network {}", request.network_id);
        Ok(())
    }

    async fn create_endpoint(
        &self,
        request: CreateEndpointRequest,
    ) -> Result<CreateEndpointResponse, PluginError> {
        println!(
            "create endpoint {} {:?}",
            request.endpoint_id, request.interface
        );
        Ok(CreateEndpointResponse::default())
    }

    async fn delete_endpoint(&self, request: DeleteEndpointRequest) -> Result<(), PluginError> {
        println!("delete endpoint {}", request.endpoint_id);
        Ok(())
    }

    async fn join(&self, request: JoinRequest) -> Result<JoinResponse, PluginError> {
        println!("join {} {}", request.endpoint_id, request.sandbox_key);
        Ok(JoinResponse::default())
    }

    async fn leave(&self, request: LeaveRequest) -> Result<(), PluginError> {
        println!("leave {}", request.endpoint_id);
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = match activated()? {
        Some(listener) => listener,
        None => bind(
            env::args_os()
                .nth(1)
                .ok_or("usage: do_nothing <path of the socket>")?,
        )?,
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    });
    serve(listener, network_router(Arc::new(Nothing)), shutdown).await?;
    Ok(())
}
