//! Poll Sequences (RFC 5880 section 6.5).

/// A Poll Sequence under way: our packets carry P until the peer answers
/// with F one that had the newest values.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Poll {
    /// Packets with P and these values that were sent.
    sent: u32,
    /// Answers that may still come for packets with older values.
    stale: u32,
}

impl Poll {
    /// A new sequence; answers to `replaced` do not count for it.
    pub(crate) fn begin(replaced: Option<Self>) -> Self {
        let stale = replaced.map_or(0, |old| old.sent.saturating_add(old.stale));
        Self { sent: 0, stale }
    }

    /// A packet with P left.
    pub(crate) const fn note_sent(&mut self) {
        self.sent = self.sent.saturating_add(1);
    }

    /// A packet with F came; `true` if that ends the sequence.
    pub(crate) const fn note_final(&mut self) -> bool {
        let counts = self.stale == 0 && self.sent > 0;
        self.stale = self.stale.saturating_sub(1);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_nothing_ends_nothing() {
        assert!(!Poll::begin(None).note_final());
    }

    #[test]
    fn answers_to_older_packets_do_not_end_a_newer_sequence() {
        let mut old = Poll::begin(None);
        old.note_sent();
        old.note_sent();
        let mut new = Poll::begin(Some(old));
        new.note_sent();
        assert!(!new.note_final());
        assert!(!new.note_final());
        assert!(new.note_final());
    }
}
