//! How often a check looks, and how many results make a verdict.

use std::fmt;
use std::time::Duration;

/// When a check looks and how it judges.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// From the start of one look to the start of the next; 1 s by default.
    pub interval: Duration,
    /// How long one look may take; 1 s by default. One that is longer than
    /// the interval delays the looks after it.
    pub timeout: Duration,
    /// How many successes in a row make a service that is down serve; 2 by default.
    pub rise: u32,
    /// How many failures in a row make a service that serves go down; 3 by default.
    pub fall: u32,
    /// The interval while the looks disagree with the health told so far, or
    /// there was none yet; `interval` where it is `None`, as it is by default.
    pub fast_interval: Option<Duration>,
    /// The share of the interval, from 0 to 0.5, by which a look may come
    /// earlier than its turn; 0 by default. Drawn anew for each look.
    pub jitter: f32,
    /// What is assumed before the first look.
    pub start: StartState,
    /// How long the weight of a service takes to grow to 100 after it was down
    /// by its own failing; not at all by default.
    pub slow_start: Option<Duration>,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            rise: 2,
            fall: 3,
            fast_interval: None,
            jitter: 0.0,
            start: StartState::default(),
            slow_start: None,
        }
    }
}

impl Timing {
    /// Whether a check can be run so.
    ///
    /// # Errors
    ///
    /// The first value that is not accepted.
    pub fn validate(&self) -> Result<(), TimingError> {
        within("interval", self.interval, SHORTEST, LONGEST)?;
        within("timeout", self.timeout, SHORTEST_TIMEOUT, LONGEST)?;
        if let Some(fast) = self.fast_interval {
            within("fast-interval", fast, SHORTEST, self.interval)?;
        }
        if let Some(slow_start) = self.slow_start {
            within("slow-start", slow_start, SHORTEST, LONGEST)?;
        }
        for (name, value) in [("rise", self.rise), ("fall", self.fall)] {
            if !(1..=MOST_IN_A_ROW).contains(&value) {
                return Err(TimingError::Count { name, value });
            }
        }
        if !(0.0..=0.5).contains(&self.jitter) {
            return Err(TimingError::Jitter(self.jitter));
        }
        Ok(())
    }
}

fn within(
    name: &'static str,
    value: Duration,
    min: Duration,
    max: Duration,
) -> Result<(), TimingError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(TimingError::Duration {
        name,
        value,
        min,
        max,
    })
}

/// What is assumed of a service before anybody has looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartState {
    /// It does not serve until `rise` looks in a row succeeded.
    #[default]
    Down,
    /// It serves until `fall` looks in a row failed.
    Up,
    /// It does not serve; the first look alone decides.
    Unknown,
}

/// A timing that no check can have.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TimingError {
    /// A duration is too short or too long.
    #[error("{name} is {}; accepted is {} to {}", Seconds(*.value), Seconds(*.min), Seconds(*.max))]
    Duration {
        /// The setting.
        name: &'static str,
        /// What it is.
        value: Duration,
        /// The least that is accepted.
        min: Duration,
        /// The most that is accepted.
        max: Duration,
    },
    /// Nothing or too much in a row is asked for.
    #[error("{name} is {value}; accepted is 1 to {MOST_IN_A_ROW}")]
    Count {
        /// The setting.
        name: &'static str,
        /// What it is.
        value: u32,
    },
    /// The jitter is no share of up to a half.
    #[error("jitter is {0}; accepted is 0 to 0.5, as a share of the interval")]
    Jitter(f32),
}

/// Prints a duration as people write it in configuration files.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

const SHORTEST: Duration = Duration::from_millis(10);
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
const MOST_IN_A_ROW: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn complaint(change: impl FnOnce(&mut Timing)) -> String {
        let mut timing = Timing::default();
        change(&mut timing);
        timing.validate().unwrap_err().to_string()
    }

    #[test]
    fn what_no_check_can_have_is_refused_with_what_is_accepted() {
        assert_eq!(
            complaint(|t| t.interval = ms(9)),
            "interval is 0.009 s; accepted is 0.01 s to 86400 s"
        );
        assert_eq!(
            complaint(|t| t.interval = Duration::MAX).split(';').nth(1),
            Some(" accepted is 0.01 s to 86400 s")
        );
        assert_eq!(
            complaint(|t| t.timeout = ms(0)),
            "timeout is 0 s; accepted is 0.001 s to 86400 s"
        );
        assert_eq!(
            complaint(|t| t.rise = 0),
            "rise is 0; accepted is 1 to 10000"
        );
        assert_eq!(
            complaint(|t| t.fall = 0),
            "fall is 0; accepted is 1 to 10000"
        );
        assert_eq!(
            complaint(|t| t.fast_interval = Some(ms(1001))),
            "fast-interval is 1.001 s; accepted is 0.01 s to 1 s"
        );
        assert_eq!(
            complaint(|t| t.slow_start = Some(ms(0))),
            "slow-start is 0 s; accepted is 0.01 s to 86400 s"
        );
        for jitter in [-0.1, 0.51, f32::NAN, f32::INFINITY] {
            assert_eq!(
                complaint(|t| t.jitter = jitter),
                format!("jitter is {jitter}; accepted is 0 to 0.5, as a share of the interval")
            );
        }
    }

    #[test]
    fn the_defaults_and_the_limits_are_accepted() {
        Timing::default().validate().unwrap();
        let limits = Timing {
            interval: LONGEST,
            timeout: SHORTEST_TIMEOUT,
            rise: 1,
            fall: MOST_IN_A_ROW,
            fast_interval: Some(SHORTEST),
            jitter: 0.5,
            start: StartState::Unknown,
            slow_start: Some(LONGEST),
        };
        limits.validate().unwrap();
    }
}
