//! How often a session sends, and how long either side may be silent.

use std::time::{Duration, Instant};

use super::{SLOW_INTERVAL, Session};
use crate::config::Role;
use crate::number::State;
use crate::poll::Poll;

impl Session {
    /// How long a session that was told [`Input::AdminDown`](crate::Input::AdminDown)
    /// has to go on until the peer must have heard of it: the Detection Time
    /// that the peer has by what our packets say now (RFC 5880 section 6.8.16).
    /// Zero if there is nobody to tell.
    pub fn farewell_time(&self) -> Duration {
        let Some(remote) = &self.remote else {
            return Duration::ZERO;
        };
        let interval = self.desired_min_tx().max(remote.required_min_rx);
        interval * u32::from(self.config.timing.multiplier())
    }

    /// bfd.DesiredMinTxInterval, which is slow while not Up (RFC 5880 section
    /// 6.8.3).
    pub(super) fn desired_min_tx(&self) -> Duration {
        let wanted = self.config.timing.desired_min_tx();
        if self.state == State::Up {
            wanted
        } else {
            wanted.max(SLOW_INTERVAL)
        }
    }

    /// What every packet says of our times.
    pub(super) fn advertised(&self) -> (Duration, Duration, u8) {
        let timing = &self.config.timing;
        let (rx, multiplier) = (timing.required_min_rx(), timing.multiplier());
        (self.desired_min_tx(), rx, multiplier)
    }

    /// Our wishes have changed. What makes the peer wait longer for us, or us
    /// less long for the peer, counts once the peer knows (RFC 5880 section
    /// 6.8.3).
    pub(super) fn retime(&mut self) {
        let desired = self.desired_min_tx();
        let required = self.config.timing.required_min_rx();
        let differs = desired != self.desired_tx_in_use || required != self.required_rx_in_use;
        if self.state == State::Up {
            self.desired_tx_in_use = self.desired_tx_in_use.min(desired);
            if differs || self.poll.is_some() {
                self.poll = Some(Poll::begin(self.poll));
            }
        } else {
            self.desired_tx_in_use = desired;
        }
        self.required_rx_in_use = self.required_rx_in_use.max(required);
    }

    /// How often we send, jitter apart (RFC 5880 sections 6.8.2 and 6.8.7);
    /// `None` while we must not.
    pub(super) fn transmit_interval(&self) -> Option<Duration> {
        if !self.started {
            return None;
        }
        let Some(remote) = &self.remote else {
            let may_begin = self.config.role == Role::Active;
            return may_begin.then_some(self.desired_tx_in_use);
        };
        let left_in_peace = remote.demand
            && self.state == State::Up
            && remote.state == State::Up
            && self.poll.is_none();
        if remote.required_min_rx.is_zero() || left_in_peace {
            return None;
        }
        Some(self.desired_tx_in_use.max(remote.required_min_rx))
    }

    /// How long the peer may be silent (RFC 5880 section 6.8.4).
    pub(super) fn detection_time(&self) -> Option<Duration> {
        let remote = self.remote.as_ref()?;
        let interval = self.required_rx_in_use.max(remote.desired_min_tx);
        Some(interval * u32::from(remote.detect_multiplier))
    }

    /// A time beyond what [`Instant`] can hold is as good as none.
    pub(super) fn detection_deadline(&self) -> Option<Instant> {
        self.last_received?.checked_add(self.detection_time()?)
    }
}
