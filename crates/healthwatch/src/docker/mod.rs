//! Everything that knows Docker: its API, its events and what they mean.

pub(crate) mod model;

pub(crate) mod level;

pub(crate) mod event;

pub(crate) mod state;

mod settle;
mod squeeze;

mod doubt;

pub(crate) mod question;

pub(crate) mod outbox;

pub(crate) mod wire;

pub(crate) mod http;

mod query;

pub(crate) mod stream;

pub(crate) mod client;

pub(crate) mod watch;

mod backoff;

#[cfg(test)]
mod fixtures;
