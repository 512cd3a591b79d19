//! Scenarios in virtual time; what the machine did is the assertion.
#![allow(missing_docs, clippy::unwrap_used)]

mod restarts;
mod support;

mod start;

mod collision;
mod negotiation;
mod notification;
mod stop;
mod timers;

mod graceful;
mod prefix_limit;
mod refresh;
mod replaced;
mod restarting;
mod role;

mod two_peers;

mod properties;
