//! When a link is told of us, and asked for its routers (RFC 4861 section 6.2 and 6.3.7).

use std::time::{Duration, Instant};

use super::message::Message;

/// The times of one link.
#[derive(Debug)]
pub(crate) struct Schedule {
    advertise_at: Instant,
    /// When everybody was last told.
    advertised: Option<Instant>,
    /// When to ask next; `None` when that was done often enough.
    solicit_at: Option<Instant>,
    solicitations: u8,
    random: u64,
}

impl Schedule {
    /// A link that has just come up: both are due at once. `seed` decides the
    /// random times.
    pub(crate) fn new(now: Instant, seed: u64) -> Self {
        Self {
            advertise_at: now,
            advertised: None,
            solicit_at: Some(now),
            solicitations: 0,
            random: seed,
        }
    }

    /// When something is due.
    pub(crate) fn next(&self) -> Instant {
        let solicit = self.solicit_at.unwrap_or(self.advertise_at);
        solicit.min(self.advertise_at)
    }

    /// What is due now; ask until `None`.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Message> {
        if self.advertise_at <= now {
            self.advertised = Some(now);
            self.advertise_at = now + self.between(MIN_INTERVAL, MAX_INTERVAL);
            return Some(Message::Advertisement);
        }
        if self.solicit_at.is_some_and(|at| at <= now) {
            self.solicitations += 1;
            let again = self.solicitations < MAX_SOLICITATIONS;
            self.solicit_at = again.then(|| now + SOLICITATION_INTERVAL);
            return Some(Message::Solicitation);
        }
        None
    }

    /// Somebody asks who is a router, or is new here: everybody is told soon,
    /// but no more often than every three seconds (section 6.2.6).
    pub(crate) fn hasten(&mut self, now: Instant) {
        let soon = now + self.between(Duration::ZERO, MAX_ANSWER_DELAY);
        let at = match self.advertised {
            Some(last) => soon.max(last + MIN_DELAY),
            None => soon,
        };
        self.advertise_at = self.advertise_at.min(at);
    }

    /// A router has answered: there is no need to ask any more.
    pub(crate) fn answered(&mut self) {
        self.solicit_at = None;
    }

    /// Evenly spread (SplitMix64).
    fn between(&mut self, least: Duration, most: Duration) -> Duration {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // 1024 steps are plenty, and keep the arithmetic in integers.
        let step = u32::try_from((z ^ (z >> 31)) >> 54).unwrap_or(0);
        least + most.saturating_sub(least) / 1024 * step
    }
}

/// MaxRtrAdvInterval and MinRtrAdvInterval (section 6.2.1): operators of
/// sessions without configured addresses know ten seconds, and the standard
/// recommends a third of it as the least.
const MAX_INTERVAL: Duration = Duration::from_secs(10);
const MIN_INTERVAL: Duration = Duration::from_millis(3_333);
/// MIN_DELAY_BETWEEN_RAS and MAX_RA_DELAY_TIME (section 10).
const MIN_DELAY: Duration = Duration::from_secs(3);
const MAX_ANSWER_DELAY: Duration = Duration::from_millis(500);
/// RTR_SOLICITATION_INTERVAL and MAX_RTR_SOLICITATIONS (section 10).
const SOLICITATION_INTERVAL: Duration = Duration::from_secs(4);
const MAX_SOLICITATIONS: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// What is sent until `end`, and when after the start.
    fn run(schedule: &mut Schedule, start: Instant, end: Duration) -> Vec<(Duration, Message)> {
        let mut sent = Vec::new();
        while schedule.next() < start + end {
            let now = schedule.next();
            let message = schedule.due(now).unwrap();
            sent.push((now - start, message));
        }
        sent
    }

    fn times(sent: &[(Duration, Message)], of: Message) -> Vec<Duration> {
        let those = sent.iter().filter(|(_, message)| *message == of);
        those.map(|(at, _)| *at).collect()
    }

    #[test]
    fn a_new_link_hears_of_us_at_once_and_then_again_and_again() {
        let start = Instant::now();
        let sent = run(&mut Schedule::new(start, 7), start, 1000 * SECOND);
        let times = times(&sent, Message::Advertisement);
        assert_eq!(times[0], Duration::ZERO);
        assert!(times.len() > 100);
        for pair in times.windows(2) {
            let pause = pair[1] - pair[0];
            assert!((MIN_INTERVAL..=MAX_INTERVAL).contains(&pause), "{pause:?}");
        }
    }

    #[test]
    fn routers_are_asked_for_three_times() {
        let start = Instant::now();
        let sent = run(&mut Schedule::new(start, 7), start, 100 * SECOND);
        let asked = times(&sent, Message::Solicitation);
        assert_eq!(asked, [Duration::ZERO, 4 * SECOND, 8 * SECOND]);
    }

    #[test]
    fn who_was_answered_asks_no_more() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 7);
        schedule.due(start);
        schedule.due(start);
        schedule.answered();
        let sent = run(&mut schedule, start, 100 * SECOND);
        assert_eq!(times(&sent, Message::Solicitation), []);
    }

    #[test]
    fn a_solicitation_is_answered_soon_but_a_flood_of_them_no_more_often() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 7);
        schedule.answered();
        assert_eq!(schedule.due(start), Some(Message::Advertisement));
        let mut sent = Vec::new();
        for tick in 0..2_000 {
            let now = start + tick * (SECOND / 100);
            schedule.hasten(now);
            sent.extend(schedule.due(now).map(|_| now - start));
        }
        assert!(sent.len() >= 5, "{sent:?}");
        assert!(sent[0] <= MIN_DELAY + SECOND, "{sent:?}");
        for pair in sent.windows(2) {
            assert!(pair[1] - pair[0] >= MIN_DELAY, "{sent:?}");
        }
    }

    #[test]
    fn an_answer_to_the_first_question_after_a_pause_takes_half_a_second_at_most() {
        let start = Instant::now();
        for seed in 0..100 {
            let mut schedule = Schedule::new(start, seed);
            schedule.answered();
            schedule.due(start);
            let asked = start + MIN_DELAY;
            schedule.hasten(asked);
            assert!(schedule.next() <= asked + MAX_ANSWER_DELAY);
        }
    }
}
