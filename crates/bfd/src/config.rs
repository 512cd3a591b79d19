//! What a session is told, checked when it is made.

use std::time::Duration;

use crate::hops::Hops;
use crate::number::Discriminator;
use crate::packet::ControlPacket;

/// The shortest interval that can be configured, 1 ms.
pub const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// One session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    pub(crate) discriminator: Discriminator,
    pub(crate) timing: Timing,
    pub(crate) role: Role,
    pub(crate) hops: Hops,
    pub(crate) control_plane_independent: bool,
}

impl SessionConfig {
    /// An active session over a single hop, with the defaults of [`Timing`].
    pub fn new(discriminator: Discriminator) -> Self {
        Self {
            discriminator,
            timing: Timing::default(),
            role: Role::default(),
            hops: Hops::default(),
            control_plane_independent: false,
        }
    }

    /// How often packets are exchanged, and how many may be lost.
    #[must_use]
    pub const fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Waits for the peer to speak first (RFC 5880 section 6.1).
    #[must_use]
    pub const fn passive(mut self) -> Self {
        self.role = Role::Passive;
        self
    }

    /// One hop or several.
    #[must_use]
    pub const fn hops(mut self, hops: Hops) -> Self {
        self.hops = hops;
        self
    }

    /// Sets the C bit: this session goes on when the control plane restarts
    /// (RFC 5880 section 4.1).
    #[must_use]
    pub const fn control_plane_independent(mut self) -> Self {
        self.control_plane_independent = true;
        self
    }
}

/// Who speaks first (RFC 5880 section 6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Sends whether or not the peer was heard.
    #[default]
    Active,
    /// Sends nothing before the peer was heard.
    Passive,
}

/// Intervals and multiplier of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    desired_min_tx: Duration,
    required_min_rx: Duration,
    multiplier: u8,
}

impl Timing {
    /// `desired_min_tx` is how often we would like to send, `required_min_rx`
    /// how often we can receive, `multiplier` how many of our packets may be
    /// lost before the peer gives us up. Fractions of a microsecond are cut off.
    ///
    /// # Errors
    ///
    /// An interval that is not between [`MIN_INTERVAL`] and
    /// [`ControlPacket::MAX_INTERVAL`], or a multiplier of zero.
    pub fn new(
        desired_min_tx: Duration,
        required_min_rx: Duration,
        multiplier: u8,
    ) -> Result<Self, ConfigError> {
        if multiplier == 0 {
            return Err(ConfigError::MultiplierZero);
        }
        Ok(Self {
            desired_min_tx: interval(desired_min_tx)?,
            required_min_rx: interval(required_min_rx)?,
            multiplier,
        })
    }

    /// How often we would like to send (bfd.DesiredMinTxInterval when Up).
    pub const fn desired_min_tx(&self) -> Duration {
        self.desired_min_tx
    }

    /// How often we can receive (bfd.RequiredMinRxInterval).
    pub const fn required_min_rx(&self) -> Duration {
        self.required_min_rx
    }

    /// How many of our packets may be lost (bfd.DetectMult).
    pub const fn multiplier(&self) -> u8 {
        self.multiplier
    }
}

impl Default for Timing {
    /// 300 ms both ways, three packets.
    fn default() -> Self {
        Self {
            desired_min_tx: Duration::from_millis(300),
            required_min_rx: Duration::from_millis(300),
            multiplier: 3,
        }
    }
}

/// What is wrong with a [`Timing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An interval that packets cannot carry, or that is too short to keep.
    #[error("BFD interval {0:?} is not between 1 ms and 4294 s")]
    Interval(Duration),
    /// With zero the peer could never believe us.
    #[error("BFD multiplier 0 is not between 1 and 255")]
    MultiplierZero,
}

fn interval(time: Duration) -> Result<Duration, ConfigError> {
    if !(MIN_INTERVAL..=ControlPacket::MAX_INTERVAL).contains(&time) {
        return Err(ConfigError::Interval(time));
    }
    u64::try_from(time.as_micros())
        .map(Duration::from_micros)
        .map_err(|_| ConfigError::Interval(time))
}
