//! The public interface against a real kernel, in a network namespace of each
//! test's own.
#![allow(missing_docs, clippy::unwrap_used)]

mod addresses;
mod bulk;
mod errors;
mod firewall;
mod ipvs;
mod links;
mod lookup;
mod neighbours;
mod next_hops;
mod objects;
mod routers;
mod routes;
mod watch;
mod whole;
mod world;
