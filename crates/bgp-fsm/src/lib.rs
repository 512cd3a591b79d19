//! One BGP peer as a sans-IO state machine (RFC 4271 section 8).
//!
//! [`Peer`] holds the whole machine: all six states, both connections that may
//! exist at once with their collision, every timer with jitter, back-off and
//! damping, the negotiation of two OPENs, and the NOTIFICATION for every
//! error; graceful restart from both ends, route refresh, and limits of
//! prefixes. Octets, connection events and the time go in; octets to send,
//! connections to make and to close, and [`Event`]s come out.
//!
//! # What it does not do
//!
//! No sockets, no clock, no threads, no randomness but from the seed. It
//! neither keeps nor makes routes: an UPDATE whose framing is sound is handed
//! out as it came, and while Established the driver sends its own. Which of
//! the peer's routes go or stay, the machine says; how many there are, the
//! driver.
//!
//! # The contract
//!
//! After every [`Peer::handle_input`], drain [`Peer::poll_output`] to `None`:
//! the order is the order on the wire. Then sleep until something happens, but
//! no longer than [`Peer::poll_timeout`] says. One socket of each
//! [`Connection`] at most; after [`Output::Close`] a socket is dead, and after
//! [`Input::TcpFailed`] it is gone. Flush what was transmitted before closing,
//! for a bounded time.
//!
//! While Established the driver sends all its routes, then End-of-RIB once
//! [`Event::SendEndOfRib`] has come, then changes. It keeps the peer's routes
//! until [`Event::Down`], or past it if [`Event::RoutesRetained`] came first:
//! those go with [`Event::StaleEnded`], unless they were announced again.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use std::time::Instant;
//!
//! use bgp_fsm::{Connection, Event, Input, Output, Peer, PeerConfig, State};
//! use bgp_wire::Asn;
//!
//! let identifier = Ipv4Addr::new(192, 0, 2, 1).into();
//! let config = PeerConfig::new(Asn::new(65001), identifier, Asn::new(65000))?;
//! let mut peer = Peer::new(config, 42);
//!
//! peer.handle_input(Instant::now(), Input::ManualStart);
//! // The driver dials, and says that it worked.
//! while let Some(output) = peer.poll_output() {
//!     match output {
//!         Output::Connect => {}
//!         Output::Event(Event::StateChanged { to, .. }) => assert_eq!(to, State::Connect),
//!         other => panic!("too early for {other:?}"),
//!     }
//! }
//! peer.handle_input(Instant::now(), Input::TcpConnected(Connection::Outgoing));
//! let Some(Output::Transmit(Connection::Outgoing, open)) = peer.poll_output() else {
//!     panic!("no OPEN");
//! };
//! assert_eq!(open[18], 1);
//! assert_eq!(peer.state(), State::OpenSent);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where it leaves room, and what it chose
//!
//! * The first attempt is made at ManualStart. A refused one is repeated after
//!   about 1 s, and twice that after each further one up to ConnectRetryTime,
//!   which is 30 s by default where RFC 4271 suggests 120 s: service addresses
//!   should not wait for two minutes after a router's restart.
//! * A connection that can't be made or is lost before the OPENs were
//!   exchanged leads to Active, not to Idle: nothing the peer said was wrong,
//!   and in Active it may dial. Errors lead to Idle for IdleHoldTime, 1 s at
//!   first, doubled with each failure up to 60 s.
//! * A connection the peer makes during that pause is not refused but held
//!   open, without a word, until the pause is over: many speakers wait for
//!   minutes after a refusal.
//! * A passive peer never dials, not even when ConnectRetryTimer would expire.
//! * NOTIFICATIONs are sent before the OPEN too, if DelayOpen makes that
//!   possible (SendNOTIFICATIONwithoutOPEN).
//! * With hold time zero the large value of the HoldTimer runs on until the
//!   first KEEPALIVE, so that no state waits for ever.
//! * The HoldTimer is restarted by any message. It has expired when
//!   [`Input::Timeout`] says so: a driver that reads what has arrived before
//!   it looks at the clock never drops a peer for its own delay.
//! * An Established session is not given up for a new connection
//!   (CollisionDetectEstablishedState is off unless configured), unless its
//!   peer restarts gracefully: then it has lost the session. RFC 4724 asks for that as soon
//!   as TCP is up; here the new connection's OPEN has to be acceptable too,
//!   where both can exist, and the session at least 10 s old, so that neither
//!   a probe of the port nor two speakers that dial at once end a session.
//! * All that a restarting program withholds is End-of-RIB; the routes it
//!   knows are sent at once.
//! * Stale routes go after 360 s in any case, counted from the session's end.
//! * A stop, a peer configured no more, too many prefixes and BFD's verdict are
//!   Hard Resets (RFC 8538) where NOTIFICATIONs count as restarts.
//! * ROUTE-REFRESHes that come while one is answered get one answer together,
//!   so that asking often costs no more than asking twice.
//! * A peer over its limit of prefixes is refused connections for the
//!   configured time, or until the next ManualStart.
//! * Faults for which RFC 7606 would disable a family end the session.
//!
//! # RFCs
//!
//! Covered: 4271 (sections 4.2, 6, 8, 10), 4486, 4724 and 8538 (both roles),
//! 4760 and 5492 (negotiation), 2918, 6286, 6608, 6793 (negotiation), 7313,
//! 7607 (OPEN), 7606 (session reset), 8654, 9003, 9072, 9234 (negotiation),
//! 9687.
//! Omitted: authentication (the driver's sockets do it), 7911, 9494, and the
//! DynamicCapability drafts.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod io;

mod config;
mod peer;
mod state;

mod collision;
mod hard_reset;
mod negotiate;
mod timer;

mod error;

pub use config::{ConfigError, PeerConfig, PrefixLimit, RestartConfig, RoleCheck, Support};
pub use error::{Cause, DownReason};
pub use io::{Connection, Event, Input, Output, StaleEnd};
pub use negotiate::{Negotiated, PeerRestart};
pub use peer::Peer;
pub use state::State;
pub use timer::Timer;
