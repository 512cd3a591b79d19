//! Why a session, or an attempt at one, ended.

use std::fmt;

use bgp_wire::{
    Asn, BgpIdentifier, DecodeError, Family, MessageType, Notification, NotificationCode, Role,
};

use crate::state::State;

/// Why a session, or an attempt at one, ended; `Display` is one line in the
/// RFC's words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownReason {
    /// The peer ended it.
    NotificationReceived(Notification),
    /// We ended it.
    NotificationSent {
        /// What the peer was told.
        notification: Notification,
        /// Why, with what the NOTIFICATION can't carry.
        cause: Cause,
    },
    /// The connection could not be made, or was closed or reset without a
    /// word (TcpConnectionFails, event 18). The driver knows the details.
    TcpConnectionFails {
        /// How far the session had come.
        state: State,
    },
    /// The attempt to connect got no answer in time.
    ConnectTimedOut,
    /// The peer, which restarts gracefully, has opened another connection: it
    /// has lost this one (RFC 4724 section 5).
    Replaced,
    /// The peer stopped reading (RFC 9687); nothing could be sent any more.
    SendHoldTimerExpired,
    /// ManualStop, and nothing was open.
    ManualStop,
    /// [`Input::Reset`](crate::Input::Reset), and nothing was open.
    Reset(NotificationCode),
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotificationReceived(notification) => {
                write!(f, "received {}", Words(notification))
            }
            Self::NotificationSent {
                notification,
                cause,
            } => match cause {
                // The notification says it all.
                Cause::ManualStop | Cause::Reset | Cause::Collision | Cause::HoldTimerExpired => {
                    write!(f, "sent {}", Words(notification))
                }
                cause => write!(f, "sent {}: {cause}", notification.code),
            },
            Self::TcpConnectionFails { state } => write!(f, "TCP connection failed in {state}"),
            Self::Replaced => f.write_str("peer opened another connection"),
            Self::ConnectTimedOut => f.write_str("TCP connection attempt timed out"),
            Self::SendHoldTimerExpired => {
                f.write_str("Send Hold Timer Expired: the peer stopped reading")
            }
            Self::ManualStop => f.write_str("stopped"),
            Self::Reset(code) => write!(f, "reset: {code}"),
        }
    }
}

/// A NOTIFICATION, with what is inside if it is a Hard Reset.
struct Words<'a>(&'a Notification);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.inside_hard_reset() {
            Some(inner) => write!(f, "{}: {inner}", self.0.code),
            None => self.0.fmt(f),
        }
    }
}

/// Why we sent a NOTIFICATION.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// A message could not be read.
    Decode(DecodeError),
    /// The peer is in another AS than configured.
    BadPeerAs {
        /// The configured one.
        expected: Asn,
        /// What its OPEN says.
        received: Asn,
    },
    /// The peer is in our own AS and should be in any other.
    NotExternal(Asn),
    /// The peer has our own identifier on an internal session (RFC 6286
    /// section 2.2).
    SameBgpIdentifier(BgpIdentifier),
    /// No address family is configured here and supported there.
    NoCommonFamily,
    /// The peer's role does not fit ours (RFC 9234).
    RoleMismatch {
        /// Ours.
        local: Role,
        /// The peer's, if it told one; of several, one that differs.
        received: Option<Role>,
    },
    /// The peer announced more prefixes than it may.
    PrefixLimit {
        /// Of which family.
        family: Family,
        /// How many there were.
        count: u32,
        /// How many are allowed.
        max: u32,
    },
    /// A message of this type is not expected in this state.
    UnexpectedMessage {
        /// The connection's state.
        state: State,
        /// The message's type.
        message_type: MessageType,
    },
    /// Nothing was heard for the hold time.
    HoldTimerExpired,
    /// The other connection stays (RFC 4271 section 6.8).
    Collision,
    /// [`Input::ManualStop`](crate::Input::ManualStop).
    ManualStop,
    /// [`Input::Reset`](crate::Input::Reset).
    Reset,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::BadPeerAs { expected, received } => {
                write!(f, "peer is in AS {received}, configured is AS {expected}")
            }
            Self::NotExternal(asn) => {
                write!(
                    f,
                    "peer is in our own AS {asn}, configured is an external one"
                )
            }
            Self::SameBgpIdentifier(identifier) => write!(
                f,
                "peer has our own BGP identifier {identifier} on an internal session"
            ),
            Self::NoCommonFamily => {
                f.write_str("peer supports none of the configured address families")
            }
            Self::RoleMismatch {
                local,
                received: Some(received),
            } => write!(f, "peer is a {received} to us, who are a {local} to it"),
            Self::RoleMismatch {
                local,
                received: None,
            } => write!(f, "peer tells no role, we are a {local} to it"),
            Self::PrefixLimit { family, count, max } => {
                write!(f, "{count} prefixes of {family}, {max} are allowed")
            }
            Self::UnexpectedMessage {
                state,
                message_type,
            } => write!(f, "{message_type} received in {state}"),
            Self::HoldTimerExpired => f.write_str("nothing received for the hold time"),
            Self::Collision => f.write_str("the other connection stays"),
            Self::ManualStop => f.write_str("stopped"),
            Self::Reset => f.write_str("reset"),
        }
    }
}
