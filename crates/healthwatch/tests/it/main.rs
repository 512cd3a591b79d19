//! The watch and the client against a Docker that misbehaves on demand.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod client;
mod fake;
mod watch;
