//! The codec octet by octet; sessions in virtual time.
#![allow(clippy::unwrap_used)]

mod demux;
mod packet;
mod parameters;
mod properties;
mod states;
mod support;
