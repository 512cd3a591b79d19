//! Speakers on loopback addresses, and hand-made peers where a real one would
//! not do what a test needs.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod administration;
mod announce;
mod bfd;
mod bfd_peer;
mod bfd_restart;
mod deferral;
mod diagnosis;
mod flush;
mod graceful;
mod import;
mod learn;
mod link_local;
mod news;
mod node;
mod password;
mod peers;
mod raw_peer;
mod reachability;
mod refresh;
mod role;
mod session;
mod settings;
mod tap;
mod unnumbered;
