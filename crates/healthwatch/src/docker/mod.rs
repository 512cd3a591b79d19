//! Everything that knows Docker: its API, its events and what they mean.

pub(crate) mod model;

pub(crate) mod level;

pub(crate) mod event;

pub(crate) mod state;

mod settle;

pub(crate) mod outbox;

pub(crate) mod wire;

pub(crate) mod http;

pub(crate) mod stream;

pub(crate) mod client;

pub(crate) mod watch;

mod backoff;

#[cfg(test)]
mod fixtures;
