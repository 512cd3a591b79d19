//! How many prefixes a peer may announce.

use std::time::Duration;

/// How many prefixes of one family a peer may announce, and what happens when
/// there are more (RFC 4271 section 6.7).
///
/// ```
/// # use bgp_fsm::PrefixLimit;
/// # use std::time::Duration;
/// let limit = PrefixLimit::new(1000)
///     .warning_at(750)
///     .restart_after(Duration::from_secs(300));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixLimit {
    pub(crate) max: u32,
    pub(crate) warning: Option<u32>,
    pub(crate) restart_after: Option<Duration>,
}

impl PrefixLimit {
    /// Up to `max` prefixes; one more ends the session until the next
    /// [`Input::ManualStart`](crate::Input::ManualStart).
    #[must_use]
    pub const fn new(max: u32) -> Self {
        Self {
            max,
            warning: None,
            restart_after: None,
        }
    }

    /// [`Event::PrefixWarning`](crate::Event::PrefixWarning) tells when there
    /// are this many. Default: never.
    #[must_use]
    pub const fn warning_at(mut self, prefixes: u32) -> Self {
        self.warning = Some(prefixes);
        self
    }

    /// After how long the peer is tried again without
    /// [`Input::ManualStart`](crate::Input::ManualStart). Connections it makes
    /// meanwhile are refused.
    #[must_use]
    pub const fn restart_after(mut self, time: Duration) -> Self {
        self.restart_after = Some(time);
        self
    }
}
