//! What goes into the machine and what comes out.

use std::fmt;

use bgp_wire::{Family, NotificationCode, RawMessage};
use bytes::{Bytes, BytesMut};

use crate::error::DownReason;
use crate::negotiate::Negotiated;
use crate::state::State;

/// The two connections that may exist at once (RFC 4271 section 6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connection {
    /// The one we dialled.
    Outgoing,
    /// The one the peer dialled.
    Incoming,
}

impl Connection {
    pub(crate) const BOTH: [Self; 2] = [Self::Outgoing, Self::Incoming];

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Outgoing => Self::Incoming,
            Self::Incoming => Self::Outgoing,
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Outgoing => 0,
            Self::Incoming => 1,
        }
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outgoing => "outgoing",
            Self::Incoming => "incoming",
        })
    }
}

/// What happened (the events of RFC 4271 section 8.1 that come from outside).
#[derive(Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// ManualStart (event 1), or event 4 when the peer is configured passive.
    /// While the IdleHoldTimer runs it ends the pause and forgets earlier
    /// failures; while the peer runs it is ignored, as the RFC asks.
    ManualStart,
    /// ManualStop (event 2): Cease / Administrative Shutdown on whatever is
    /// open, and no attempt until the next [`Input::ManualStart`].
    ManualStop {
        /// Why, in words for the peer's operator (RFC 9003).
        communication: Option<String>,
    },
    /// A TCP connection is up (events 16 and 17). The driver holds at most
    /// one of each kind; before it replaces one it reports the old one as
    /// [`Input::TcpFailed`].
    TcpConnected(Connection),
    /// The attempt failed, or the connection was closed or reset (event 18).
    /// The driver has dropped the socket.
    TcpFailed(Connection),
    /// Octets were read. Whole messages are split off the front; a partial
    /// one stays for next time. At most one message stays, so a driver that
    /// always appends to the same buffer needs no limit of its own.
    Received(Connection, &'a mut BytesMut),
    /// The driver queued an UPDATE or ROUTE-REFRESH of its own on the
    /// Established connection; restarts the KeepaliveTimer.
    UpdateSent,
    /// The socket takes no more octets while some are waiting; starts the
    /// SendHoldTimer unless it runs already (RFC 9687).
    WriteBlocked(Connection),
    /// The socket took octets again; stops the SendHoldTimer.
    WriteProgress(Connection),
    /// AutomaticStop (event 8): end the session with this code, pause for the
    /// IdleHoldTimer, and start anew.
    Reset(NotificationCode),
    /// The deadline of [`Peer::poll_timeout`](crate::Peer::poll_timeout)
    /// came. Too early does no harm.
    Timeout,
}

/// What the driver has to do. The order is the order on the wire.
#[derive(Clone, Debug)]
#[must_use]
#[non_exhaustive]
pub enum Output {
    /// Dial the peer; answer with [`Input::TcpConnected`] or
    /// [`Input::TcpFailed`] for [`Connection::Outgoing`].
    Connect,
    /// Send these octets.
    Transmit(Connection, Bytes),
    /// Flush what was transmitted (for a bounded time: the peer may have
    /// stopped reading), then close; or give up dialling. No `Transmit` for
    /// this connection follows until it is reported as connected again, and
    /// no input for the old one is expected.
    Close(Connection),
    /// Tell whoever is interested.
    Event(Event),
}

/// What the driver may want to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The peer moved between states of RFC 4271 section 8.2.2. With two
    /// connections, the one that is further counts.
    StateChanged {
        /// The state before.
        from: State,
        /// The state now.
        to: State,
    },
    /// The session is up: this was agreed.
    Established(Box<Negotiated>),
    /// An UPDATE whose framing is sound. Its routes may still call for
    /// treat-as-withdraw (RFC 7606): judge it before use.
    Update(RawMessage),
    /// The peer asks for this family's routes again (RFC 2918).
    RouteRefresh(Family),
    /// One of two connections ended while the other goes on: most often the
    /// loser of a collision.
    ConnectionClosed(Connection, DownReason),
    /// The session, or an attempt at one, ended.
    Down(DownReason),
}
