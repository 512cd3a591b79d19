//! What goes into the machine and what comes out.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use bgp_wire::{Family, NotificationCode, RawMessage, RouteRefresh};
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
    /// open, and no attempt until the next [`Input::ManualStart`]. It is inside
    /// a Hard Reset where NOTIFICATIONs count as restarts (RFC 8538): a peer
    /// that is stopped shall not be waited for.
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
    /// IdleHoldTimer, and start anew. Too many prefixes, a shutdown, a peer
    /// that is configured no more, and BFD's verdict leave no stale routes
    /// behind: they are said inside a Hard Reset where NOTIFICATIONs count as
    /// restarts (RFC 8538).
    Reset(NotificationCode),
    /// What forwards for the peer has failed while it restarts: routes of the
    /// session before, which were kept because that goes on, go at once (RFC
    /// 5882 section 4.3.1). A session that is up is not touched.
    ForwardingFailed,
    /// What [`RestartConfig::restarting`](crate::RestartConfig::restarting)
    /// waits for: all routes that were there before the restart are known.
    InitialTableComplete,
    /// The driver queued End-of-RIB of this family, as
    /// [`Event::SendEndOfRib`] allowed.
    EndOfRibSent(Family),
    /// Ask the peer for this family's routes again (RFC 2918); ignored unless
    /// the session is up, carries the family, and the peer can be asked.
    RequestRefresh(Family),
    /// The driver queued everything that [`Event::RouteRefresh`] asked for.
    RefreshSent(Family),
    /// The driver now holds this many prefixes of the family from the peer.
    /// Of use after an UPDATE that changed the number; a number above the
    /// configured [`PrefixLimit`](crate::PrefixLimit) ends the session.
    PrefixCount(Family, u32),
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
    /// The first transfer may be ended: queue End-of-RIB of every agreed
    /// family behind its routes, and say so with [`Input::EndOfRibSent`]. Once
    /// a session: with [`Event::Established`], or later after a restart of
    /// ours.
    SendEndOfRib,
    /// The peer asks for this family's routes again (RFC 2918): queue them all
    /// and say so with [`Input::RefreshSent`]. What marks begin and end (RFC
    /// 7313) is sent by the machine. Requests that come meanwhile are answered
    /// together, afterwards.
    RouteRefresh(Family),
    /// The peer begins to repeat this family's routes (BoRR, RFC 7313).
    RefreshBegun(Family),
    /// It has repeated them, or took too long: what it announced before
    /// [`Event::RefreshBegun`] and not again is gone.
    RefreshEnded(Family),
    /// A ROUTE-REFRESH was ignored, as RFC 7313 asks, and should be looked
    /// into: its subtype is unknown (section 5), or it begins to repeat a
    /// family whose first transfer was not ended (section 4). Told once a
    /// session, however many there are.
    RefreshIgnored(RouteRefresh),
    /// The session ends, but the peer's routes of these families stay in use
    /// for a while (RFC 4724 section 4.2), each until [`Event::StaleEnded`].
    /// Routes of other families go. Without this event before [`Event::Down`]
    /// all routes go.
    /// It may come again before they ended, where NOTIFICATIONs count as
    /// restarts (RFC 8538 section 4.1): then what both sessions have left
    /// stays.
    RoutesRetained {
        /// The families.
        families: BTreeSet<Family>,
        /// How long the peer has to come back.
        time: Duration,
    },
    /// Routes of this family that are left from the session before go now.
    StaleEnded(Family, StaleEnd),
    /// The peer has announced nearly as many prefixes as it may.
    PrefixWarning {
        /// Of which family.
        family: Family,
        /// How many there are.
        count: u32,
        /// How many are allowed.
        max: u32,
    },
    /// One of two connections ended while the other goes on: most often the
    /// loser of a collision.
    ConnectionClosed(Connection, DownReason),
    /// The session, or an attempt at one, ended.
    Down(DownReason),
}

/// Why routes of an earlier session go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StaleEnd {
    /// The peer has told everything again.
    EndOfRib,
    /// It is back, but did not keep its forwarding state, or does not say so.
    NotKept,
    /// It did not come back, or did not end its first transfer, in time.
    Expired,
    /// The session was lost again before the first transfer's end.
    LostAgain,
    /// [`Input::ManualStop`].
    Stopped,
    /// [`Input::ForwardingFailed`].
    ForwardingFailed,
}

impl fmt::Display for StaleEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndOfRib => "End-of-RIB",
            Self::NotKept => "forwarding state not kept",
            Self::Expired => "time is over",
            Self::LostAgain => "session lost again",
            Self::Stopped => "stopped",
            Self::ForwardingFailed => "forwarding failed",
        })
    }
}
