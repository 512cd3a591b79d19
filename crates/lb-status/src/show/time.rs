//! Times for people.

/// How long ago `then` is at `now`, both in seconds since 1970.
pub(super) fn ago(now: u64, then: u64) -> String {
    span(now.saturating_sub(then))
}

/// `3d04h`, `4h05m`, `5m06s`, `7s`.
pub(super) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_two_largest_units() {
        for (seconds, text) in [
            (7, "7s"),
            (306, "5m06s"),
            (4 * 3600 + 300, "4h05m"),
            (3 * 86400 + 4 * 3600 + 59, "3d04h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn what_a_faster_clock_says_is_now() {
        assert_eq!(ago(100, 93), "7s");
        assert_eq!(ago(100, 101), "0s");
    }
}
