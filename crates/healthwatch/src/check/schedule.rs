//! When the next look is due.

use std::time::{Duration, Instant};

/// Turns at a fixed phase, of which those that were missed are left out.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// A turn from which all others are counted, so that none drifts.
    phase: Instant,
    /// When the next look is due, unless one is under way.
    next: Instant,
    /// When the look under way began.
    began: Option<Instant>,
    /// Another look is wanted as soon as the one under way has ended.
    again: bool,
    seed: u64,
}

/// How far apart turns are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) interval: Duration,
    /// The share of the interval by which a turn may be early.
    pub(crate) jitter: f32,
    /// Set while results are wanted sooner than at the next turn.
    pub(crate) hurry: Option<Duration>,
}

impl Schedule {
    /// The first look is due at `first`; `seed` is the only source of randomness.
    pub(crate) const fn new(first: Instant, seed: u64) -> Self {
        Self {
            phase: first,
            next: first,
            began: None,
            again: false,
            seed,
        }
    }

    /// As [`Self::new`], with turns counted from `phase`.
    pub(crate) const fn spread(phase: Instant, first: Instant, seed: u64) -> Self {
        let mut schedule = Self::new(first, seed);
        schedule.phase = phase;
        schedule
    }

    /// When to look next; `None` while a look is under way.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.began.is_none().then_some(self.next)
    }

    pub(crate) const fn is_looking(&self) -> bool {
        self.began.is_some()
    }

    pub(crate) const fn begin(&mut self, now: Instant) {
        self.began = Some(now);
        self.again = false;
    }

    /// The look has ended. A turn that came while it was under way is due at
    /// once, but only one.
    pub(crate) fn end(&mut self, now: Instant, pace: Pace) {
        let Some(began) = self.began.take() else {
            return;
        };
        self.next = if self.again {
            now
        } else {
            self.after(began, pace)
        };
    }

    /// A look is wanted now. One that is under way may have begun before what
    /// the caller knows, so another follows it.
    pub(crate) fn hasten(&mut self, now: Instant) {
        if self.is_looking() {
            self.again = true;
        } else {
            self.next = self.next.min(now);
        }
    }

    /// The pace has changed.
    pub(crate) fn repace(&mut self, now: Instant, pace: Pace) {
        self.next = self.next.min(self.after(now, pace));
    }

    /// The first turn after `began`.
    fn after(&self, began: Instant, pace: Pace) -> Instant {
        if let Some(hurry) = pace.hurry {
            return began + hurry;
        }
        // Turns before the phase count too: it may lie within the first interval.
        let phase = self.phase.checked_sub(pace.interval).unwrap_or(self.phase);
        let since = began.saturating_duration_since(phase).as_nanos();
        let interval = pace.interval.as_nanos().max(1);
        let into = u64::try_from(since % interval).unwrap_or(0);
        let mut turn = began + pace.interval.saturating_sub(Duration::from_nanos(into));
        let mut number = u64::try_from(since / interval).unwrap_or(u64::MAX);
        loop {
            number = number.wrapping_add(1);
            let due = turn - pace.interval.mul_f32(pace.jitter * self.share(number));
            if due > began {
                return due;
            }
            // This one's look, which was early, has just been.
            turn += pace.interval;
        }
    }

    /// From 0 to 1, by chance.
    fn share(&self, number: u64) -> f32 {
        random_share(self.seed, number)
    }
}

/// From 0 to 1, drawn from `seed` for the purpose `number`.
#[expect(clippy::cast_precision_loss, reason = "24 bits fit into an f32")]
pub(crate) const fn random_share(seed: u64, number: u64) -> f32 {
    // SplitMix64's step and mix.
    let mut mixed = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (mixed >> 40) as f32 / (1_u32 << 24) as f32
}
