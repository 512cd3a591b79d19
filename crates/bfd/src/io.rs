//! What goes into a session and what comes out.

use std::fmt;
use std::time::Duration;

use crate::config::Timing;
use crate::number::{Diagnostic, Discriminator, State};
use crate::packet::ControlPacket;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// Look for the peer. Ends AdminDown; while the session runs it is ignored.
    Start,
    /// An operator takes the session down (RFC 5880 section 6.8.16). The peer
    /// is told again and again, until the session is started or dropped, which
    /// is best done after [`farewell_time`](crate::Session::farewell_time).
    AdminDown,
    /// Other intervals or another multiplier, which a running session changes
    /// to without being lost (RFC 5880 section 6.8.3).
    Retime(Timing),
    /// A packet of this session arrived.
    Received {
        /// What it says.
        packet: ControlPacket,
        /// The TTL or hop limit it arrived with.
        ttl: u8,
    },
    /// The driver could not listen for this long, most often because the whole
    /// machine stood still. That was no silence of the peer's: the Detection
    /// Time stops meanwhile. Give it before [`Input::Timeout`].
    Overslept(Duration),
    /// The deadline of [`Session::poll_timeout`](crate::Session::poll_timeout)
    /// came. Too early does no harm.
    Timeout,
}

/// What the driver has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Output {
    /// Send this packet now, with TTL or hop limit 255.
    Transmit(ControlPacket),
    /// Tell whoever is interested.
    Event(Event),
}

/// What the driver may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The session moved between states.
    StateChanged {
        /// The state before.
        from: State,
        /// The state now.
        to: State,
    },
    /// The path works both ways. Follows the change of state.
    Up,
    /// The session was Up and is not any more. Follows the change of state.
    Down(DownReason),
    /// Something else than before follows from what both sides want.
    ParametersChanged(Parameters),
    /// A packet was not believed.
    Discarded(Discard),
}

/// Why a session left Up, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownReason {
    /// Nothing was heard of the peer for this long.
    DetectionTimeExpired(Duration),
    /// The peer says that its session is down, and why.
    PeerDown(Diagnostic),
    /// The peer's operator took its session down. The path may well work.
    PeerAdminDown(Diagnostic),
    /// We were told [`Input::AdminDown`].
    AdminDown,
}

impl DownReason {
    /// Whether the path must be taken for broken. An operator's decision on
    /// either side is no such sign (RFC 5882 section 4.2).
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::DetectionTimeExpired(_) | Self::PeerDown(_))
    }
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DetectionTimeExpired(time) => write!(f, "peer silent for {time:?}"),
            Self::PeerDown(diagnostic) => write!(f, "peer signaled Down ({diagnostic})"),
            Self::PeerAdminDown(diagnostic) => {
                write!(f, "peer signaled AdminDown ({diagnostic})")
            }
            Self::AdminDown => f.write_str("taken down by us"),
        }
    }
}

/// What follows from what both sides want (RFC 5880 sections 6.8.2 to 6.8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// How often we send, jitter apart; `None` while we must not.
    pub transmit_interval: Option<Duration>,
    /// How long the peer may be silent; `None` while it is not known.
    pub detection_time: Option<Duration>,
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transmit_interval {
            Some(interval) => write!(f, "sending every {interval:?}")?,
            None => f.write_str("not sending")?,
        }
        match self.detection_time {
            Some(time) => write!(f, ", detection time {time:?}"),
            None => f.write_str(", peer not known"),
        }
    }
}

/// Why a sound packet was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Discard {
    /// It came from farther away than a peer can be (RFC 5881 section 5).
    #[error("TTL {received}, at least {least} is needed")]
    Ttl {
        /// What it arrived with.
        received: u8,
        /// What it needed.
        least: u8,
    },
    /// It is for a session that does not exist, or not for this one.
    #[error("no session has discriminator {0}")]
    UnknownDiscriminator(Discriminator),
    /// It names no session, and none has its addresses.
    #[error("no session has these addresses")]
    UnknownPath,
    /// It is authenticated, which is not supported.
    #[error("authentication is not supported")]
    Authenticated,
}

/// What is known of the other side, from its last packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its discriminator.
    pub discriminator: Discriminator,
    /// Its state.
    pub state: State,
    /// Why its session last left Up.
    pub diagnostic: Diagnostic,
    /// How often it would like to send.
    pub desired_min_tx: Duration,
    /// How often it can receive; zero for not at all.
    pub required_min_rx: Duration,
    /// How many of its packets may be lost.
    pub detect_multiplier: u8,
    /// Whether it wants no periodic packets while both are Up.
    pub demand: bool,
    /// Whether its BFD survives the loss of its control plane.
    pub control_plane_independent: bool,
}

impl From<&ControlPacket> for Remote {
    fn from(packet: &ControlPacket) -> Self {
        Self {
            discriminator: packet.my_discriminator,
            state: packet.state,
            diagnostic: packet.diagnostic,
            desired_min_tx: packet.desired_min_tx,
            required_min_rx: packet.required_min_rx,
            detect_multiplier: packet.detect_multiplier,
            demand: packet.demand,
            control_plane_independent: packet.control_plane_independent,
        }
    }
}
