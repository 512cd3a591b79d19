//! Which of the routers on a link is our peer there.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

/// The neighbour that was taken on one interface: the first one heard, until
/// it is gone.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    current: Option<Heard>,
    /// It does not answer the kernel, and has not spoken since.
    unreachable: bool,
    /// The last one that was heard and not taken.
    other: Option<Heard>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    address: Ipv6Addr,
    /// When it spoke; `None` if it was only told of.
    at: Option<Instant>,
}

/// What hearing a router means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the neighbour already.
    Known,
    /// It is the neighbour from now on.
    Taken,
    /// There is another one, who stays. It was not mentioned before if
    /// `news` is set.
    Refused { by: Ipv6Addr, news: bool },
}

impl Choice {
    /// The neighbour, if there is one.
    pub(crate) fn current(&self) -> Option<Ipv6Addr> {
        self.current.map(|heard| heard.address)
    }

    /// The link is gone, and everybody on it.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// A router has spoken. `established` tells that the session with the
    /// neighbour is: then nobody takes its place by speaking, and without one
    /// only when the neighbour was silent for a while. One who does not
    /// answer the kernel keeps nothing.
    pub(crate) fn hear(&mut self, now: Instant, address: Ipv6Addr, established: bool) -> Verdict {
        let heard = Heard {
            address,
            at: Some(now),
        };
        match self.current {
            Some(current) if current.address == address => {
                self.take(heard);
                Verdict::Known
            }
            Some(current) if !self.unreachable && (established || current.is_fresh(now)) => {
                let before = self.other.replace(heard);
                Verdict::Refused {
                    by: current.address,
                    news: before.is_none_or(|before| before.address != address),
                }
            }
            _ => {
                self.take(heard);
                self.other = None;
                Verdict::Taken
            }
        }
    }

    /// The kernel knows of these routers, and of those who do not answer it.
    /// One who is told of is taken if there is none; one who does not answer
    /// goes as soon as another one was heard.
    pub(crate) fn learn(&mut self, now: Instant, routers: &[Ipv6Addr], unreachable: &[Ipv6Addr]) {
        let answers = |address: &Ipv6Addr| !unreachable.contains(address);
        match self.current {
            None => {
                let first = routers.iter().copied().find(answers);
                self.current = first.map(|address| Heard { address, at: None });
            }
            Some(current) => {
                self.unreachable = !answers(&current.address);
                let other = self
                    .other
                    .filter(|it| it.is_fresh(now) && answers(&it.address));
                if let Some(other) = other.filter(|_| self.unreachable) {
                    self.take(other);
                    self.other = None;
                }
            }
        }
    }

    fn take(&mut self, heard: Heard) {
        self.current = Some(heard);
        self.unreachable = false;
    }
}

impl Heard {
    fn is_fresh(&self, now: Instant) -> bool {
        self.at
            .is_some_and(|at| now.saturating_duration_since(at) < SILENCE)
    }
}

/// Three times the interval in which routers of such links speak.
const SILENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    const TWO: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_one_heard_is_kept_and_the_second_one_mentioned_once() {
        let start = Instant::now();
        let mut choice = Choice::default();
        assert_eq!(choice.hear(start, ONE, false), Verdict::Taken);
        for second in 0..60 {
            let now = start + second * SECOND;
            assert_eq!(choice.hear(now, ONE, false), Verdict::Known);
            let refused = Verdict::Refused {
                by: ONE,
                news: second == 0,
            };
            assert_eq!(choice.hear(now, TWO, false), refused);
        }
        assert_eq!(choice.current(), Some(ONE));
    }

    #[test]
    fn who_was_silent_for_a_while_and_has_no_session_is_replaced() {
        let start = Instant::now();
        let mut choice = Choice::default();
        choice.hear(start, ONE, false);
        let refused = choice.hear(start + 29 * SECOND, TWO, false);
        assert_eq!(
            refused,
            Verdict::Refused {
                by: ONE,
                news: true
            }
        );
        let taken = choice.hear(start + 30 * SECOND, TWO, false);
        assert_eq!(taken, Verdict::Taken);
        assert_eq!(choice.current(), Some(TWO));
    }

    #[test]
    fn nobody_takes_a_session_by_speaking() {
        let start = Instant::now();
        let mut choice = Choice::default();
        choice.hear(start, ONE, false);
        let refused = choice.hear(start + 3600 * SECOND, TWO, true);
        assert_eq!(
            refused,
            Verdict::Refused {
                by: ONE,
                news: true
            }
        );
    }

    #[test]
    fn who_does_not_answer_the_kernel_goes_when_another_one_was_heard() {
        let start = Instant::now();
        let mut choice = Choice::default();
        choice.hear(start, ONE, false);
        choice.learn(start, &[], &[ONE]);
        assert_eq!(choice.current(), Some(ONE), "there is nobody else");
        assert_eq!(choice.hear(start, ONE, true), Verdict::Known, "it is back");
        choice.hear(start + SECOND, TWO, true);
        choice.learn(start + SECOND, &[TWO], &[ONE, TWO]);
        assert_eq!(choice.current(), Some(ONE), "neither answers");
        choice.learn(start + SECOND, &[TWO], &[ONE]);
        assert_eq!(choice.current(), Some(TWO));
    }

    #[test]
    fn who_does_not_answer_the_kernel_gives_way_to_who_is_heard_after_that() {
        let start = Instant::now();
        let mut choice = Choice::default();
        choice.hear(start, ONE, false);
        choice.learn(start, &[], &[ONE]);
        assert_eq!(choice.hear(start, TWO, true), Verdict::Taken);
        let refused = choice.hear(start, ONE, true);
        assert_eq!(
            refused,
            Verdict::Refused {
                by: TWO,
                news: true
            }
        );
    }

    #[test]
    fn whom_the_kernel_tells_of_gives_way_to_who_speaks() {
        let start = Instant::now();
        let mut choice = Choice::default();
        choice.learn(start, &[], &[]);
        choice.learn(start, &[ONE], &[ONE]);
        assert_eq!(choice.current(), None);
        choice.learn(start, &[ONE], &[]);
        assert_eq!(choice.current(), Some(ONE));
        choice.learn(start, &[TWO], &[]);
        assert_eq!(choice.current(), Some(ONE), "one is there");
        assert_eq!(choice.hear(start, TWO, false), Verdict::Taken);
    }

    #[test]
    fn a_link_that_went_has_nobody() {
        let start = Instant::now();
        let mut choice = Choice::default();
        choice.hear(start, ONE, false);
        choice.forget();
        assert_eq!(choice.current(), None);
        assert_eq!(choice.hear(start, TWO, false), Verdict::Taken);
    }
}
