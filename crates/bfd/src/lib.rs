//! Bidirectional Forwarding Detection (RFC 5880) as a sans-IO codec and session.
//!
//! [`Session`] finds out whether a path to a neighbour works in both
//! directions, and notices within a few of its intervals when it does not.
//! Packets and the time go in; packets to send and [`Event`]s come out.
//! [`ControlPacket`] reads, checks, writes and prints the packets, and
//! [`Sessions`] finds the session a packet belongs to.
//!
//! # What it does not do
//!
//! No sockets, no clock, no threads, no randomness but from the seed. No
//! authentication: packets with an authentication section are not believed,
//! whatever its type (simple password, MD5 or SHA1). No echo packets, and no
//! demand mode of our own; a peer that asks for it is left in peace.
//!
//! # The contract
//!
//! After every [`Session::handle_input`], drain [`Session::poll_output`] to
//! `None`: each packet is to leave at once, with TTL or hop limit 255. Then
//! sleep until something happens, but no longer than
//! [`Session::poll_timeout`] says. Hand in every packet that has arrived
//! before [`Input::Timeout`]: only that input judges the peer's silence, so a
//! driver that woke up late does not take its own delay for the peer's. If the
//! peer runs on the same machine it may have stood still too:
//! [`Input::Overslept`] is for that.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use bfd::{Discriminator, Input, Output, Session, SessionConfig, State, Timing};
//!
//! let ms = Duration::from_millis;
//! let number = Discriminator::new(1).ok_or("zero")?;
//! let config = SessionConfig::new(number).timing(Timing::new(ms(50), ms(50), 3)?);
//! let mut session = Session::new(config, 42);
//!
//! let now = Instant::now();
//! session.handle_input(now, Input::Start);
//! while let Some(output) = session.poll_output() {
//!     if let Output::Transmit(packet) = output {
//!         let octets = packet.encode();
//!         assert_eq!(octets.len(), 24);
//!         assert_eq!(packet.state, State::Down);
//!     }
//! }
//! // Not Up yet: one packet a second, less the jitter.
//! let (at, _) = session.poll_timeout().ok_or("nothing to wait for")?;
//! assert!(at - now <= ms(1000) && at - now >= ms(750));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where it leaves room, and what it chose
//!
//! * Poll Sequences are made while Up. Before that a change of times needs
//!   none: what the peer may not know yet is polled as soon as the session is
//!   Up, and until the answer the longer Detection Time counts.
//! * A change of state, of the diagnostic or of the times is sent at once
//!   instead of with the next periodic packet (RFC 5880 section 6.8.7 advises it).
//! * AdminDown is told to the peer again and again for as long as the session
//!   exists; after [`Session::farewell_time`] the peer must have heard of it.
//! * The diagnostic is cleared when the session is Up again.
//! * What the peer last asked for is forgotten together with its
//!   discriminator, after the Detection Time without a packet.
//! * Intervals below 1 ms can't be configured; a peer's are taken as they
//!   are, since neither side goes faster than both allow.
//!
//! # RFCs
//!
//! Covered: 5880 (asynchronous mode; sections 4.1 and 6 but 6.4, 6.6 for us,
//! 6.7 and 6.8.8), 5881, 5883 (addresses, ports, TTL), 5882 (section 4.2, as
//! [`DownReason::is_failure`]). Omitted: authentication (5880 section 6.7),
//! the Echo function (6.4), demand mode of our own (6.6), 5884, 7130, 7880,
//! 8562, 9747.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod io;

mod config;
mod session;
mod sessions;

mod hops;
mod jitter;
mod number;
mod packet;
mod poll;

pub use config::{ConfigError, MIN_INTERVAL, Role, SessionConfig, Timing};
pub use hops::{Arrival, Hops, MULTIHOP_PORT, Path, SENT_TTL, SINGLE_HOP_PORT, SOURCE_PORTS};
pub use io::{Discard, DownReason, Event, Input, Output, Parameters, Remote};
pub use number::{Diagnostic, Discriminator, State};
pub use packet::{ControlPacket, PACKET_LEN, PacketError};
pub use session::{SLOW_INTERVAL, Session, Timer};
pub use sessions::{PathTaken, Sessions};
