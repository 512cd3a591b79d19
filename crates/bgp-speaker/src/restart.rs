//! Settings of graceful restart.

use std::time::Duration;

use bgp_fsm::{RestartConfig, Support};
use bgp_wire::Family;

/// Graceful restart with one peer (RFC 4724), whichever side restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracefulRestart {
    /// How long the peer is asked to wait for us: 120 s unless changed, up to
    /// 4095 s.
    pub restart_time: Duration,
    /// How long routes of the peer are kept at most when it restarts: 360 s
    /// unless changed.
    pub stale_time: Duration,
    /// Whether NOTIFICATIONs and the HoldTimer's expiry count as restarts too
    /// (RFC 8538); yes unless changed.
    pub notification: bool,
}

impl Default for GracefulRestart {
    fn default() -> Self {
        Self {
            restart_time: Duration::from_secs(120),
            stale_time: Duration::from_secs(360),
            notification: true,
        }
    }
}

/// A speaker whose program is back after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restarting {
    /// How long End-of-RIB waits at most for
    /// [`SpeakerHandle::initial_table_complete`](crate::SpeakerHandle::initial_table_complete),
    /// and the selection of learned routes for the peers
    /// ([`SpeakerHandle::selection_deferred`](crate::SpeakerHandle::selection_deferred)).
    pub deferral_time: Duration,
    /// Whether packets were forwarded all the while, as they are when only the
    /// program has restarted. If not, peers drop our old routes at once.
    pub forwarding_kept: bool,
}

impl GracefulRestart {
    pub(crate) fn machine(
        self,
        families: impl IntoIterator<Item = Family>,
        restarting: Option<Restarting>,
    ) -> RestartConfig {
        let notification = match self.notification {
            true => Support::Supported,
            false => Support::Unsupported,
        };
        let config = RestartConfig::new(self.restart_time)
            .forwarding_kept(families)
            .notification(notification)
            .stale_time(self.stale_time);
        match restarting {
            None => config,
            Some(it) if it.forwarding_kept => config.restarting(it.deferral_time),
            Some(it) => config.restarting(it.deferral_time).forwarding_lost(),
        }
    }
}
