//! The lines that are printed.

use std::fmt;
use std::io::{BufWriter, Write};
use std::time::Duration;

use bgp_wire::{AsWidth, DecodeContext, MessageView, SessionKind};

use super::Failure;

/// Prints lines and counts those that tell of something unreadable.
pub(super) struct Report<W: Write> {
    out: BufWriter<W>,
    as_width: AsWidth,
    as_trees: bool,
    /// Each line is wanted as soon as it is there.
    live: bool,
    unreadable: u64,
}

impl<W: Write> Report<W> {
    pub(super) fn new(out: W, as_width: AsWidth, as_trees: bool) -> Self {
        Self {
            out: BufWriter::new(out),
            as_width,
            as_trees,
            live: false,
            unreadable: 0,
        }
    }

    /// The same for somebody who waits for each line.
    pub(super) fn live(self) -> Self {
        Self { live: true, ..self }
    }

    /// How to read an UPDATE where nothing tells: every attribute is welcome.
    pub(super) const fn default_context(&self) -> DecodeContext {
        DecodeContext::new(self.as_width, SessionKind::Internal)
    }

    pub(super) const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// One line, or a tree that begins with it: `head`, which ends with a space
    /// if it is not empty, and the message as read in this context.
    pub(super) fn message(
        &mut self,
        head: impl fmt::Display,
        ctx: DecodeContext,
        view: MessageView<'_>,
    ) -> Result<(), Failure> {
        match view {
            view if self.as_trees => self.line(head, view.tree(ctx)),
            MessageView::Update(update) => self.line(head, update.display(ctx)),
            other => self.line(head, other),
        }
    }

    /// One line of something that is no message.
    pub(super) fn line(
        &mut self,
        head: impl fmt::Display,
        text: impl fmt::Display,
    ) -> Result<(), Failure> {
        writeln!(self.out, "{head}{text}").map_err(Failure::Write)?;
        if self.live { self.flush() } else { Ok(()) }
    }

    /// One line that says what can't be read.
    pub(super) fn unreadable_line(
        &mut self,
        head: impl fmt::Display,
        what: impl fmt::Display,
    ) -> Result<(), Failure> {
        self.unreadable += 1;
        self.line(head, format_args!("<{what}>"))
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::Write)
    }
}

/// A time since 1970-01-01 00:00 UTC as `2026-11-21T12:08:32.412527Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Utc(pub(super) Duration);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (year, month, day) = date_of(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        let micros = self.0.subsec_micros();
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
        )
    }
}

/// Year, month and day of a day counted from 1970-01-01.
///
/// Years begin in March here, so that the leap day is the last one, and 400 of
/// them have 146097 days. The months from March on take turns of 31 and 30
/// days, five of them 153.
const fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let is_next_year = month_from_march >= 10;
    let month = if is_next_year {
        month_from_march - 9
    } else {
        month_from_march + 3
    };
    (era * 400 + year_of_era + is_next_year as u64, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000001Z"),
            (951_782_399, "2000-02-28T23:59:59.000001Z"),
            (951_868_800, "2000-03-01T00:00:00.000001Z"),
            (951_782_400, "2000-02-29T00:00:00.000001Z"),
            (1_795_262_912, "2026-11-21T12:08:32.000001Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000001Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000001Z"),
            (u64::from(u32::MAX), "2106-02-07T06:28:15.000001Z"),
        ] {
            let time = Duration::from_secs(seconds) + Duration::from_nanos(1999);
            assert_eq!(Utc(time).to_string(), text);
        }
    }

    #[test]
    fn no_time_is_a_panic() {
        assert!(!Utc(Duration::MAX).to_string().is_empty());
    }
}
