//! States of RFC 4271 section 8.2.2.

use std::fmt;

use bytes::BytesMut;

use crate::io::Connection;
use crate::negotiate::Negotiated;

/// State of a peer (RFC 4271 section 8.2.2).
///
/// ```text
///                    ManualStart, IdleHoldTimer
///   +------+  ------------------------------------>  +---------+
///   | Idle |                                         | Connect | <-+ ConnectRetryTimer
///   +------+  <-- ManualStop, any protocol error --  +---------+ --+
///      ^  |                                             |   |
///      |  | start, passive           TCP fails          |   | TCP up
///      |  |                +----------------------------+   | (and DelayOpenTimer over):
///      |  |                v                                | send OPEN
///      |  |            +--------+  ConnectRetryTimer        |
///      |  +----------> | Active | ---------> Connect        |
///      |               +--------+                           |
///      |                 |    ^  TCP fails                  |
///      |     TCP up:     v    |                             |
///      |     send OPEN +----------+                         |
///      |               | OpenSent | <-----------------------+
///      |               +----------+
///      |                 |  OPEN received: send KEEPALIVE
///      |                 v
///      |               +-------------+
///      +-------------- | OpenConfirm |
///      |               +-------------+
///      |                 |  KEEPALIVE received
///      |                 v
///      |               +-------------+
///      +-------------- | Established |
///                      +-------------+
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Stopped, or pausing after a failure (IdleHoldTimer).
    #[default]
    Idle,
    /// Dialling, or waiting for DelayOpenTimer on a connection.
    Connect,
    /// Waiting for the peer to dial, or for the next attempt of our own.
    Active,
    /// Our OPEN is sent, the peer's is awaited.
    OpenSent,
    /// The peer's OPEN is accepted, its KEEPALIVE is awaited.
    OpenConfirm,
    /// Routes may be exchanged.
    Established,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        })
    }
}

/// One of the two connections.
#[derive(Clone, Debug, Default)]
pub(crate) enum Slot {
    #[default]
    Closed,
    /// Only outgoing: the driver dials.
    Dialing,
    /// Only incoming, in Idle: the peer has connected before IdleHoldTimer
    /// expired. What it said meanwhile is kept.
    Held(BytesMut),
    /// TCP is up, our OPEN is held back (DelayOpenTimer runs).
    DelayOpen,
    OpenSent,
    OpenConfirm(Box<Negotiated>),
    Established(Box<Negotiated>),
}

impl Slot {
    /// Is there a TCP connection?
    pub(crate) const fn is_connected(&self) -> bool {
        !matches!(self, Self::Closed | Self::Dialing)
    }

    /// What this connection alone would make of the peer's state.
    pub(crate) const fn state(&self, connection: Connection) -> Option<State> {
        match self {
            Self::Closed | Self::Held(_) => None,
            // DelayOpenTimer runs in Connect for the connection we dialled,
            // and in Active for one we were waiting for.
            Self::DelayOpen if matches!(connection, Connection::Incoming) => Some(State::Active),
            Self::Dialing | Self::DelayOpen => Some(State::Connect),
            Self::OpenSent => Some(State::OpenSent),
            Self::OpenConfirm(_) => Some(State::OpenConfirm),
            Self::Established(_) => Some(State::Established),
        }
    }
}
