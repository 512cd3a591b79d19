//! Times for people.

/// How long ago `then` is at `now`, both in seconds since 1970.
pub(crate) fn ago(now: u64, then: u64) -> String {
    span(now.saturating_sub(then))
}

/// `3d04h`, `4h05m`, `5m06s`, `7s`.
pub(crate) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// `2026-11-22T09:26:40Z` for seconds since 1970 (RFC 3339).
pub(crate) fn clock(at: u64) -> String {
    let (days, second) = (at / 86400, at % 86400);
    // Years that begin in March, so that a leap day is the last one; in eras of 400
    // years, which all have as many days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
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
    fn a_time_is_told_by_the_calendar() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
        ] {
            assert_eq!(clock(at), text);
        }
    }

    #[test]
    fn what_a_faster_clock_says_is_now() {
        assert_eq!(ago(100, 93), "7s");
        assert_eq!(ago(100, 101), "0s");
    }
}
