//! Series of measurements, and what is told of them.

use std::fmt;

use anyhow::Result;

/// Measurements of one thing in one unit, at least one.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    sorted: Vec<f64>,
    unit: &'static str,
}

impl Figures {
    /// Something that is measured once.
    pub(in crate::bench) fn one(value: f64, unit: &'static str) -> Self {
        Self::new(vec![value], unit)
    }

    /// A series in any order.
    pub(in crate::bench) fn new(mut values: Vec<f64>, unit: &'static str) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            sorted: values,
            unit,
        }
    }

    /// The smallest of them that so many percent do not exceed (nearest rank); NaN without any.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.sorted.len() * percent).div_ceil(100);
        let at = rank.saturating_sub(1);
        self.sorted.get(at).copied().unwrap_or(f64::NAN)
    }

    /// As many do not exceed it as are not below it.
    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit;
        match self.sorted.as_slice() {
            [only] => write!(f, "{only:.2} {unit}"),
            several => {
                let [median, p99, max] = [50, 99, 100].map(|percent| self.percentile(percent));
                let count = several.len();
                write!(f, "{median:.2} / {p99:.2} / {max:.2} {unit} ({count})")
            }
        }
    }
}

/// Nanoseconds as milliseconds.
///
/// # Errors
///
/// When they are more than half an hour, which no measurement takes.
pub(in crate::bench) fn milliseconds(nanos: i128) -> Result<f64> {
    Ok(i32::try_from(nanos / 1000).map(f64::from)? / 1000.0)
}

/// From one moment to another, both in nanoseconds since 1970; negative if the other came first.
///
/// # Errors
///
/// As [`milliseconds`].
pub(in crate::bench) fn between(from: u128, to: u128) -> Result<f64> {
    milliseconds(i128::try_from(to)? - i128::try_from(from)?)
}

/// Octets as millions of them.
///
/// # Errors
///
/// When they are more than any program of ours has.
pub(in crate::bench) fn megabytes(octets: u64) -> Result<f64> {
    Ok(f64::from(u32::try_from(octets / 1000)?) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let hundred = Figures::new((1..=100).rev().map(f64::from).collect(), "ms");
        let at = |percent| hundred.percentile(percent);
        assert_eq!([at(50), at(99), at(100)], [50.0, 99.0, 100.0]);
        let two = Figures::new(vec![3.0, 1.0], "ms");
        assert_eq!([two.median(), two.percentile(99)], [1.0, 3.0]);
        assert!(Figures::new(Vec::new(), "ms").median().is_nan());
    }

    #[test]
    fn an_update_before_its_event_is_a_negative_time() {
        assert_eq!(between(2_500_000, 1_000_000).unwrap(), -1.5);
        assert_eq!(megabytes(5_900_499).unwrap(), 5.9);
    }
}
