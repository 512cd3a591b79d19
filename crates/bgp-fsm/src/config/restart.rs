//! Graceful restart as it is offered to a peer.

use std::collections::BTreeSet;
use std::time::Duration;

use bgp_wire::{Family, GracefulRestart};

use super::Support;

/// Graceful restart (RFC 4724) as this side offers it, both as the one that
/// restarts and as the one that helps a restarting peer.
///
/// The defaults name no families: then peers keep nothing while we are away,
/// but we keep what theirs ask for.
///
/// ```
/// # use bgp_fsm::RestartConfig;
/// # use bgp_wire::Family;
/// # use std::time::Duration;
/// let config = RestartConfig::new(Duration::from_secs(120))
///     .forwarding_kept([Family::IPV4_UNICAST, Family::IPV6_UNICAST])
///     .restarting(Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartConfig {
    restart_seconds: u16,
    forwarding_kept: BTreeSet<Family>,
    forwarding_lost: bool,
    pub(crate) notification: Support,
    pub(crate) deferral_time: Option<Duration>,
    pub(crate) stale_time: Duration,
}

impl RestartConfig {
    /// With the Restart Time that peers are asked to wait for us: at most
    /// 4095 s can be said, and whole seconds only.
    #[must_use]
    pub fn new(restart_time: Duration) -> Self {
        let longest = GracefulRestart::MAX_RESTART_SECONDS;
        let seconds = u16::try_from(restart_time.as_secs()).unwrap_or(longest);
        Self {
            restart_seconds: seconds.min(longest),
            forwarding_kept: BTreeSet::new(),
            forwarding_lost: false,
            notification: Support::Supported,
            deferral_time: None,
            stale_time: DEFAULT_STALE_TIME,
        }
    }

    /// The families for which packets are forwarded while we restart: peers
    /// keep our routes of these. Families that the session does not offer do
    /// not count.
    #[must_use]
    pub fn forwarding_kept(mut self, families: impl IntoIterator<Item = Family>) -> Self {
        self.forwarding_kept = families.into_iter().collect();
        self
    }

    /// The restart that is going on did lose the forwarding state, as that of a
    /// whole machine does: peers shall drop our old routes at once. Of use with
    /// [`restarting`](Self::restarting) only.
    #[must_use]
    pub const fn forwarding_lost(mut self) -> Self {
        self.forwarding_lost = true;
        self
    }

    /// This program has restarted and does not know all of its routes yet:
    /// End-of-RIB is held back until
    /// [`Input::InitialTableComplete`](crate::Input::InitialTableComplete).
    /// OPENs have the Restart State bit until then and until there was a first
    /// session. Neither lasts longer than `deferral_time`
    /// (Selection_Deferral_Timer, RFC 4724 section 4.1).
    #[must_use]
    pub const fn restarting(mut self, deferral_time: Duration) -> Self {
        self.deferral_time = Some(deferral_time);
        self
    }

    /// Whether NOTIFICATIONs and the HoldTimer's expiry count as restarts too
    /// (the N bit, RFC 8538). Default: yes.
    #[must_use]
    pub const fn notification(mut self, support: Support) -> Self {
        self.notification = support;
        self
    }

    /// How long stale routes of a peer are kept at most, counted from the
    /// session's end, or from the first one's where several were lost before
    /// End-of-RIB, whatever Restart Time the peer asked for and whether or not
    /// it came back. Default 360 s.
    #[must_use]
    pub const fn stale_time(mut self, time: Duration) -> Self {
        self.stale_time = time;
        self
    }

    /// The capability (RFC 4724 section 3) in an OPEN that offers `families`.
    pub(super) fn capability(
        &self,
        families: &BTreeSet<Family>,
        restarting: bool,
    ) -> GracefulRestart {
        let mut capability = GracefulRestart::new(self.restart_seconds);
        capability.restarted = restarting;
        capability.notification = self.notification == Support::Supported;
        // A session's end that is no restart of ours leaves forwarding as it
        // is, which the F bit says too.
        let kept = !(restarting && self.forwarding_lost);
        capability.families = self
            .forwarding_kept
            .intersection(families)
            .map(|family| (*family, kept))
            .collect();
        capability
    }
}

const DEFAULT_STALE_TIME: Duration = Duration::from_secs(360);
