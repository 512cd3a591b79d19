//! Values of options as they are written.

use std::str::FromStr;
use std::time::Duration;

use lb_plan::HoldDown;

/// More than this is a mistake, and might not fit into a message.
pub(super) const LIST_LIMIT: usize = 32;

pub(super) fn list<T: FromStr>(text: &str) -> Option<Vec<T>> {
    let items = text.split(',').map(|item| item.trim().parse().ok());
    let items = items.collect::<Option<Vec<T>>>()?;
    (items.len() <= LIST_LIMIT).then_some(items)
}

/// Digits alone: no sign, no space.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

pub(super) fn time(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(unit);
    let count: u64 = number(count)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let time = Duration::from_millis(count.checked_mul(millis)?);
    (time <= Duration::from_secs(3600)).then_some(time)
}

pub(super) fn hold_down(text: &str) -> Option<HoldDown> {
    let mut parts = text.split('/');
    let rule = HoldDown {
        times: number(parts.next()?).filter(|times| (1..=100).contains(times))?,
        within: time(parts.next()?)?,
        hold: time(parts.next()?)?,
    };
    parts.next().is_none().then_some(rule)
}
