//! The crate from outside: recorded requests, wrong requests, and a live socket.
#![allow(missing_docs, clippy::unwrap_used)]

mod activation;
mod answers;
mod bind;
mod captured;
mod driver;
mod socket;
mod total;
