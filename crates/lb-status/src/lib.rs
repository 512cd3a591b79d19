//! What a BGP load balancer is doing: one status model for all of its
//! programs, served on a unix socket, and read and shown by their commands.
//!
//! [`model`] is what is said: the program at a glance, its peers with their BFD
//! sessions, its services with the reason for the state of every address, routes,
//! announced and learned, and every gate an address has to pass. It is the same type on both sides, so that
//! what is served can be read. The server answers for a `Source` in JSON over
//! HTTP; tables of any length are made while they are read. The client reads
//! them row by row, and `show` makes lines that fit the terminal.
//!
//! # What it does not do
//!
//! It decides nothing, and keeps nothing but the last events (`EventLog`): every other
//! answer is made of what the program has when it is asked. Over TCP it serves what may
//! be read, and nothing that changes anything.
//!
//! # The contract
//!
//! Every answer says its `version`, which is [`model::VERSION`]. Members and words
//! may be added under the same version; readers pass over members they don't know
//! and read words they don't know as `Other`.
//!
//! ```
//! use lb_status::model::{Peers, VERSION};
//!
//! let text = r#"{"version":1,"peers":[],"added-later":true}"#;
//! let peers: Peers = serde_json::from_str(text)?;
//! assert_eq!(peers.version, VERSION);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! # Features
//!
//! * `serve`: the server, its page for people, and what a
//!   `bgp_speaker::SpeakerHandle` says.
//! * `command`: the client, the tables, and the commands with their arguments.
//! * `schema`: `schema` gives the JSON schemas of all answers.

#[cfg(feature = "command")]
pub mod client;
#[cfg(feature = "serve")]
mod clock;
#[cfg(feature = "command")]
pub mod command;
#[cfg(feature = "serve")]
mod events;
#[cfg(feature = "serve")]
mod explain;
pub mod model;
#[cfg(feature = "serve")]
mod page;
#[cfg(feature = "schema")]
mod schema;
#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "command")]
pub mod show;
#[cfg(feature = "serve")]
mod speaker;
#[cfg(any(feature = "serve", feature = "command"))]
mod time;

#[cfg(feature = "serve")]
pub use clock::ClockWatch;
#[cfg(feature = "serve")]
pub use events::{EVENTS, EventLog, EventPage};
#[cfg(feature = "schema")]
pub use schema::schema;
#[cfg(feature = "serve")]
pub use serve::{
    AddressError, CONNECTIONS, Drained, Gone, Latency, Measures, PoolUse, Refused, RouteFilter,
    Rows, Source, StatusAddress, Steering, host_name, reading, reloading, router, serve, serve_tcp,
    steering,
};
#[cfg(feature = "serve")]
pub use speaker::{
    Advertised, Learned, attributes, covering, diagnose, log_peers, named, peers, summarize, tap,
};
