//! Virtual clock, octet pipes and BGP peers in one thread, for tests.
//!
//! [`Sim`] joins pairs of [`Peer`](bgp_fsm::Peer)s by paths with a latency,
//! which may refuse, swallow or cut connections. [`Solo`] holds one peer and
//! lets a test be the network; [`Oracle`] watches it while anything may happen.
//! All keep a transcript: what every peer did,
//! when, one line each. Hours pass in milliseconds, and the same seeds give
//! the same transcript.
//!
//! # What it does not do
//!
//! TCP: no windows, no losses inside a connection. Octets arrive in order,
//! whole or cut into pieces, or the connection ends. No sockets, no threads,
//! and the real clock is read once, as the arbitrary origin of time.
//!
//! # The contract
//!
//! The simulation is the strictest possible driver: it panics if a peer
//! transmits on a connection that is closed, or does not let time pass.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use std::time::Duration;
//!
//! use bgp_fsm::{PeerConfig, State};
//! use bgp_sim::Sim;
//! use bgp_wire::Asn;
//!
//! let config = |host, local, peer| {
//!     PeerConfig::new(Asn::new(local), Ipv4Addr::new(192, 0, 2, host).into(), Asn::new(peer))
//! };
//! let mut sim = Sim::new();
//! let (a, b) = sim.pair(("a", config(1, 65001, 65002)?), ("b", config(2, 65002, 65001)?));
//! sim.start(a);
//! sim.start(b);
//! sim.run_for(Duration::from_secs(3600));
//! assert_eq!(sim.peer(a).state(), State::Established);
//! assert_eq!(sim.peer(b).state(), State::Established);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod oracle;
mod sim;
mod solo;
mod transcript;

pub use oracle::{Operation, Oracle};
pub use sim::{NodeId, Path, Sim};
pub use solo::Solo;
pub use transcript::Transcript;
