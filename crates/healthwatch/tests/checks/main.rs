//! Probes against servers that misbehave on demand, and the checks that use them.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod dns;
mod exec;
mod file;
mod grpc;
mod http;
mod icmp;
mod runner;
mod systemd;
mod tcp;
mod tls;
mod world;
