//! Timers of one peer, and the jitter that keeps peers apart.

use std::fmt;
use std::time::{Duration, Instant};

use crate::io::Connection;

/// A timer of RFC 4271 section 8 (and RFC 9687).
///
/// HoldTimer, KeepaliveTimer, DelayOpenTimer and SendHoldTimer belong to one
/// connection, since two may exist until a collision is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// ConnectRetryTimer: the next connection attempt, or the end of this one.
    ConnectRetry,
    /// IdleHoldTimer: the end of the pause after a failure (RFC 4271 section
    /// 8.1.1, DampPeerOscillations).
    IdleHold,
    /// HoldTimer: the peer has been silent for too long.
    Hold(Connection),
    /// KeepaliveTimer: we have been silent for too long.
    Keepalive(Connection),
    /// DelayOpenTimer: how long the peer may send its OPEN first.
    DelayOpen(Connection),
    /// SendHoldTimer: the peer has not been reading for too long (RFC 9687).
    SendHold(Connection),
    /// Restart Timer: the peer has been away for too long (RFC 4724 section
    /// 4.2).
    Restart,
    /// The limit for which stale routes are kept (RFC 4724 section 4.2).
    StalePath,
    /// Selection_Deferral_Timer: our own first transfer has been held back for
    /// too long (RFC 4724 section 4.1).
    Deferral,
    /// The answer to a ROUTE-REFRESH has not ended (RFC 7313 section 4).
    Refresh,
    /// The end of the pause after a peer announced too many prefixes.
    PrefixLimit,
}

impl Timer {
    /// How many there are.
    pub(crate) const COUNT: usize = TIMERS;

    /// Every timer, in the order in which those due at one instant fire:
    /// an expired HoldTimer wins over a KEEPALIVE that would be sent anyway.
    const ALL: [Self; TIMERS] = [
        Self::Hold(Connection::Outgoing),
        Self::Hold(Connection::Incoming),
        Self::SendHold(Connection::Outgoing),
        Self::SendHold(Connection::Incoming),
        Self::DelayOpen(Connection::Outgoing),
        Self::DelayOpen(Connection::Incoming),
        Self::Keepalive(Connection::Outgoing),
        Self::Keepalive(Connection::Incoming),
        Self::ConnectRetry,
        Self::IdleHold,
        Self::Restart,
        Self::StalePath,
        Self::Deferral,
        Self::Refresh,
        Self::PrefixLimit,
    ];

    /// Position in [`Timer::ALL`].
    const fn index(self) -> usize {
        match self {
            Self::Hold(c) => c.index(),
            Self::SendHold(c) => 2 + c.index(),
            Self::DelayOpen(c) => 4 + c.index(),
            Self::Keepalive(c) => 6 + c.index(),
            Self::ConnectRetry => 8,
            Self::IdleHold => 9,
            Self::Restart => 10,
            Self::StalePath => 11,
            Self::Deferral => 12,
            Self::Refresh => 13,
            Self::PrefixLimit => 14,
        }
    }
}

impl fmt::Display for Timer {
    /// The RFC's name, with the connection where there may be two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectRetry => f.write_str("ConnectRetryTimer"),
            Self::IdleHold => f.write_str("IdleHoldTimer"),
            Self::Hold(c) => write!(f, "HoldTimer ({c})"),
            Self::Keepalive(c) => write!(f, "KeepaliveTimer ({c})"),
            Self::DelayOpen(c) => write!(f, "DelayOpenTimer ({c})"),
            Self::SendHold(c) => write!(f, "SendHoldTimer ({c})"),
            Self::Restart => f.write_str("Restart Timer"),
            Self::StalePath => f.write_str("limit of stale routes"),
            Self::Deferral => f.write_str("Selection_Deferral_Timer"),
            Self::Refresh => f.write_str("limit of the refresh"),
            Self::PrefixLimit => f.write_str("pause after too many prefixes"),
        }
    }
}

/// The deadlines that are set.
#[derive(Clone, Debug, Default)]
pub(crate) struct TimerTable {
    deadlines: [Option<Instant>; TIMERS],
}

impl TimerTable {
    /// Starts or restarts a timer.
    ///
    /// A deadline beyond what [`Instant`] can hold is as good as none.
    pub(crate) fn set(&mut self, timer: Timer, now: Instant, after: Duration) {
        if let Some(slot) = self.deadlines.get_mut(timer.index()) {
            *slot = now.checked_add(after);
        }
    }

    /// Starts a timer that ends at `at`.
    pub(crate) fn set_at(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.deadlines.get_mut(timer.index()) {
            *slot = Some(at);
        }
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.take(timer);
    }

    /// Stops a timer; says when it would have fired.
    pub(crate) fn take(&mut self, timer: Timer) -> Option<Instant> {
        self.deadlines.get_mut(timer.index())?.take()
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.at(timer).is_some()
    }

    /// How long a timer that is set has to run.
    pub(crate) fn time_left(&self, timer: Timer, now: Instant) -> Option<Duration> {
        Some(self.at(timer)?.saturating_duration_since(now))
    }

    fn at(&self, timer: Timer) -> Option<Instant> {
        *self.deadlines.get(timer.index())?
    }

    /// Stops every timer that belongs to one connection.
    pub(crate) fn stop_connection(&mut self, connection: Connection) {
        self.stop(Timer::Hold(connection));
        self.stop(Timer::Keepalive(connection));
        self.stop(Timer::DelayOpen(connection));
        self.stop(Timer::SendHold(connection));
    }

    pub(crate) fn stop_all(&mut self) {
        self.deadlines = [None; TIMERS];
    }

    /// Stops every timer but those that a session's end does not end.
    pub(crate) fn stop_session(&mut self) {
        let lasting = [Timer::Restart, Timer::StalePath, Timer::Deferral];
        for timer in Timer::ALL {
            if !lasting.contains(&timer) {
                self.stop(timer);
            }
        }
    }

    /// The next deadline.
    pub(crate) fn next(&self) -> Option<(Instant, Timer)> {
        Timer::ALL
            .iter()
            .zip(&self.deadlines)
            .filter_map(|(timer, at)| at.map(|at| (at, *timer)))
            .min_by_key(|(at, timer)| (*at, timer.index()))
    }

    /// Takes the next timer that is due, stopping it.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = self.next()?;
        if at > now {
            return None;
        }
        self.stop(timer);
        Some(timer)
    }
}

/// Pseudo-random numbers for jitter; the seed decides them all (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Jitter {
    state: u64,
}

impl Jitter {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// `time` times a factor between 0.75 and 1.0 (RFC 4271 section 10).
    pub(crate) fn apply(&mut self, time: Duration) -> Duration {
        let quarter = time / 4;
        // 1024 steps are plenty, and keep the arithmetic in integers.
        let step = u32::try_from(self.next() >> 54).unwrap_or(0);
        time - quarter + quarter * step / 1024
    }

    const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// `first`, doubled with every failure after the first, up to `longest`.
pub(crate) fn back_off(first: Duration, failures: u32, longest: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    first.saturating_mul(1 << doublings).min(longest)
}

const TIMERS: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_timer_has_its_own_place() {
        for (position, timer) in Timer::ALL.iter().enumerate() {
            assert_eq!(timer.index(), position, "{timer}");
        }
    }

    #[test]
    fn jitter_stays_between_three_quarters_and_the_whole() {
        let mut jitter = Jitter::new(7);
        let whole = Duration::from_secs(120);
        let mut seen = Vec::new();
        for _ in 0..1000 {
            let time = jitter.apply(whole);
            assert!(time >= whole * 3 / 4 && time <= whole, "{time:?}");
            seen.push(time);
        }
        assert!(seen.iter().any(|time| *time < whole * 77 / 100));
        assert!(seen.iter().any(|time| *time > whole * 98 / 100));
    }

    #[test]
    fn jitter_of_the_longest_duration_does_not_overflow() {
        let longest = Duration::from_secs(u64::from(u32::MAX));
        assert!(Jitter::new(1).apply(longest) <= longest);
    }

    #[test]
    fn back_off_doubles_up_to_its_limit() {
        let s = Duration::from_secs;
        let steps: Vec<_> = (0..8).map(|n| back_off(s(1), n, s(30)).as_secs()).collect();
        assert_eq!(steps, [1, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(back_off(s(1), u32::MAX, s(60)), s(60));
    }
}
