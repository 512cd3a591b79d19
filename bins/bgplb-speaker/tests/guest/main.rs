//! Services in a kernel that has dummy links and IPVS: one of its own, which
//! `cargo xtask guest` boots. Elsewhere these tests are ignored.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod balanced;
mod bgp_lb;
mod host;
mod lacking;
mod learn;
mod mended;
mod others;
mod reloading;
mod restarting;
#[path = "../it/router.rs"]
#[allow(dead_code, reason = "not all of it is of use here")]
mod router;
mod speaker;
#[path = "../it/web.rs"]
mod web;
#[path = "../../../../crates/netplumb/tests/guest/world.rs"]
#[allow(dead_code, reason = "not all of it is of use here")]
mod world;
