//! What went wrong with a peer, for people and for programs.

use std::time::SystemTime;

use bgp_fsm::{DownReason, State};

/// Something that went wrong with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerError {
    /// When.
    pub at: SystemTime,
    /// What, in one line.
    pub text: String,
    /// The same for programs.
    pub trouble: Trouble,
}

impl PeerError {
    pub(crate) fn now(text: impl Into<String>, trouble: Trouble) -> Self {
        Self {
            at: SystemTime::now(),
            text: text.into(),
            trouble,
        }
    }

    /// Whether one side has told the other.
    pub(crate) const fn is_notification(&self) -> bool {
        matches!(
            self.trouble,
            Trouble::Ended(
                DownReason::NotificationReceived(_) | DownReason::NotificationSent { .. }
            )
        )
    }
}

/// The kinds of what can go wrong with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// No connection could be made; the system's error number if it was the
    /// system that failed.
    Connect(Option<i32>),
    /// A connection broke off without a NOTIFICATION.
    Lost {
        /// The system's error number; `None` if the peer closed it.
        errno: Option<i32>,
        /// How far the session had come.
        state: State,
    },
    /// The session, or the attempt at one, was ended by one of both sides.
    Ended(DownReason),
    /// Something that only the text tells.
    Other,
}
