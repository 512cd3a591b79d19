//! How one peer's task is told to end, and what it says to the peer.

use std::sync::{Arc, OnceLock};

use bgp_wire::NotificationCode;
use tokio_util::sync::CancellationToken;

/// Both ends hold one: the roster, which dismisses, and the task, which goes.
#[derive(Clone, Debug)]
pub(crate) struct Dismissal {
    cancel: CancellationToken,
    code: Arc<OnceLock<NotificationCode>>,
}

impl Dismissal {
    /// One that comes with the speaker's end at the latest.
    pub(crate) fn within(speaker: &CancellationToken) -> Self {
        Self {
            cancel: speaker.child_token(),
            code: Arc::default(),
        }
    }

    /// Has the task end its session with this code; the first one counts.
    pub(crate) fn dismiss(&self, code: NotificationCode) {
        // Whoever is to go already has been told why.
        let _ = self.code.set(code);
        self.cancel.cancel();
    }

    /// Whether the task is to end.
    pub(crate) fn has_come(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Completes when it is.
    pub(crate) async fn comes(&self) {
        self.cancel.cancelled().await;
    }

    /// What to say, unless it is the speaker that ends.
    pub(crate) fn code(&self) -> Option<NotificationCode> {
        self.code.get().copied()
    }
}
