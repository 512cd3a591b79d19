//! One BGP peer as a sans-IO state machine (RFC 4271 section 8).
#![forbid(unsafe_code)]

mod collision;
mod config;
mod connection;
mod error;
mod io;
mod negotiate;
mod peer;
mod state;
mod timer;

pub use config::{ConfigError, PeerConfig, Support};
pub use error::{Cause, DownReason};
pub use io::{Connection, Event, Input, Output};
pub use negotiate::Negotiated;
pub use peer::Peer;
pub use state::State;
pub use timer::Timer;
