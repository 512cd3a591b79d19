//! Waits for the real system to reach a state, with a deadline and a reason.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::sys;

/// Time between two looks. The systems watched here offer no common event to wait for.
const PAUSE: Duration = Duration::from_millis(40);

/// Calls `probe` until it succeeds and gives its value.
///
/// `what` names the awaited state in words, for the error message: "timed out after 10s waiting
/// for …", followed by what the last look showed.
///
/// # Errors
///
/// When the deadline passes or the user interrupts.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<T>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        let last = match probe() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if sys::interrupted() {
            bail!("interrupted while waiting for {what}");
        }
        if start.elapsed() >= limit {
            return Err(last)
                .with_context(|| format!("timed out after {limit:?} waiting for {what}"));
        }
        thread::sleep(PAUSE);
    }
}

/// Seconds, for short call sites.
pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_success_ends_the_wait() {
        let mut looks = 0;
        let value = until("three", secs(10), || {
            looks += 1;
            anyhow::ensure!(looks == 3, "it is {looks}");
            Ok(looks)
        });
        assert_eq!(value.unwrap(), 3);
    }

    #[test]
    fn a_timeout_names_what_was_awaited_and_what_was_seen_last() {
        let error = until("rain", Duration::ZERO, || -> Result<()> {
            bail!("the sun shines")
        });
        let words = format!("{:#}", error.unwrap_err());
        assert_eq!(
            words,
            "timed out after 0ns waiting for rain: the sun shines"
        );
    }
}
