//! How late this thread came to look at its sessions: told with every loss, so
//! that a broken path and a machine that stood still can be told apart.

use std::time::{Duration, Instant};

/// The longest delays of late, of which only the last seconds count.
#[derive(Debug)]
pub(super) struct Punctuality {
    begun: Instant,
    /// The longest since then, and in the span before that.
    worst: [Duration; 2],
}

impl Punctuality {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            begun: now,
            worst: [Duration::ZERO; 2],
        }
    }

    /// A look that was due so long before.
    pub(super) fn note(&mut self, now: Instant, late: Duration) {
        self.turn(now);
        let [worst, _] = &mut self.worst;
        *worst = late.max(*worst);
    }

    /// The longest delay of the last one to two spans.
    pub(super) fn worst(&mut self, now: Instant) -> Duration {
        self.turn(now);
        let [worst, before] = self.worst;
        worst.max(before)
    }

    fn turn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.begun);
        if passed >= SPAN {
            let [worst, _] = self.worst;
            let before = if passed < SPAN * 2 {
                worst
            } else {
                Duration::ZERO
            };
            self.worst = [Duration::ZERO, before];
            self.begun = now;
        }
    }
}

/// Longer than most Detection Times.
const SPAN: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_delay_is_remembered_for_a_while() {
        let begin = Instant::now();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let ms = Duration::from_millis;
        let mut punctuality = Punctuality::new(begin);
        assert_eq!(punctuality.worst(begin), Duration::ZERO);
        punctuality.note(at(100), ms(30));
        punctuality.note(at(200), ms(7));
        assert_eq!(punctuality.worst(at(300)), ms(30));
        punctuality.note(at(2_500), ms(9));
        assert_eq!(punctuality.worst(at(2_600)), ms(30));
        assert_eq!(punctuality.worst(at(4_600)), ms(9));
        assert_eq!(punctuality.worst(at(60_000)), Duration::ZERO);
    }
}
