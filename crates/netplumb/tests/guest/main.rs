//! What needs a kernel with IPVS, dummy, ipvlan and VRF links: one of its own,
//! which `cargo xtask guest` boots. Elsewhere these tests are ignored.
#![allow(missing_docs, clippy::unwrap_used)]

mod kernel;
mod links;
mod services;
mod traffic;
mod world;
