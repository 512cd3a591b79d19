//! `cargo xtask bench`: what the programs take, measured.

pub(crate) mod bfd;
pub(crate) mod codec;
mod events;
pub(crate) mod plugin;
pub(crate) mod services;
pub(crate) mod sink;
