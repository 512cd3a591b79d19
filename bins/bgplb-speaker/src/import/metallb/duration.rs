//! Durations as Go writes them: `90s`, `1m30s`, `1.5h`.

use std::time::Duration;

/// Reads one; `None` if it is none, or below zero.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() || text.len() > 64 {
        return None;
    }
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at(end);
        let number: f64 = number.parse().ok()?;
        let end = behind
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number * seconds).ok()?;
        sum = sum.checked_add(part)?;
        rest = behind;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let cases = [
            ("90s", 90_000),
            ("1m30s", 90_000),
            ("0", 0),
            ("0s", 0),
            ("1.5h", 5_400_000),
            ("300ms", 300),
            ("1h0m0s", 3_600_000),
        ];
        for (text, millis) in cases {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "", "90", "s", "-3s", "3 s", "3x", "1..5s", "é", "9e999s", "3s5",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
