//! One check without its probe: when it is due, and what its results mean.
//!
//! Reads no clock and does nothing: time is an argument.

mod timing;

mod level;

mod failure;

mod schedule;

mod machine;

mod slow_start;

pub use failure::Failure;
pub use level::{CheckLevel, Counts, Health, Transition};
pub use machine::{Check, Outcome, Success};
pub use timing::{StartState, Timing, TimingError};
