//! What went over a peer's connections, and how its sessions ended, counted
//! where it happens.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use bgp_fsm::{Cause, DownReason};
use bgp_wire::{Family, MessageType, Notification, NotificationCode};

/// Counts of one peer since it is known; they only grow.
#[derive(Debug, Default)]
pub struct PeerCounters {
    sent: MessageCounts,
    received: MessageCounts,
    announced: PrefixCounts,
    withdrawn: PrefixCounts,
    established: AtomicU64,
    /// There are as many as [`ResetReason`] has words.
    resets: Mutex<BTreeMap<ResetReason, u64>>,
}

impl PeerCounters {
    /// The messages the kernel took from us.
    #[must_use]
    pub const fn sent(&self) -> &MessageCounts {
        &self.sent
    }

    /// The messages that came from the peer, whole or begun.
    #[must_use]
    pub const fn received(&self) -> &MessageCounts {
        &self.received
    }

    /// The prefixes that UPDATEs for the peer announced; one that is announced again
    /// counts again.
    #[must_use]
    pub const fn announced(&self) -> &PrefixCounts {
        &self.announced
    }

    /// The prefixes that UPDATEs for the peer took back.
    #[must_use]
    pub const fn withdrawn(&self) -> &PrefixCounts {
        &self.withdrawn
    }

    /// How often a session came up.
    #[must_use]
    pub fn established(&self) -> u64 {
        self.established.load(Ordering::Relaxed)
    }

    /// How often a session ended, by why.
    #[must_use]
    pub fn resets(&self) -> BTreeMap<ResetReason, u64> {
        let resets = self.resets.lock().unwrap_or_else(PoisonError::into_inner);
        resets.clone()
    }

    pub(crate) fn note_established(&self) {
        self.established.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_reset(&self, reason: ResetReason) {
        let mut resets = self.resets.lock().unwrap_or_else(PoisonError::into_inner);
        *resets.entry(reason).or_default() += 1;
    }
}

/// Prefixes by family.
#[derive(Debug, Default)]
pub struct PrefixCounts {
    v4: AtomicU64,
    v6: AtomicU64,
}

impl PrefixCounts {
    /// How many of each.
    #[must_use]
    pub fn by_family(&self) -> [(Family, u64); 2] {
        [
            (Family::IPV4_UNICAST, self.v4.load(Ordering::Relaxed)),
            (Family::IPV6_UNICAST, self.v6.load(Ordering::Relaxed)),
        ]
    }

    /// There are so many more of `family`.
    pub(crate) fn add(&self, family: Family, prefixes: usize) {
        let count = match family {
            Family::IPV4_UNICAST => &self.v4,
            Family::IPV6_UNICAST => &self.v6,
            _ => return,
        };
        count.fetch_add(prefixes as u64, Ordering::Relaxed);
    }
}

/// Why a session ended, in words that do not change between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ResetReason {
    /// Nothing was heard for the hold time (RFC 4271 section 6.5).
    HoldTimer,
    /// The peer stopped reading (RFC 9687).
    SendHoldTimer,
    /// The peer sent a NOTIFICATION.
    NotificationReceived,
    /// The peer broke the protocol or a limit, and was told so.
    NotificationSent,
    /// The connection broke off without a word.
    ConnectionLost,
    /// The peer came back on another connection (RFC 4724 section 5).
    Replaced,
    /// BFD found the path broken (RFC 5882).
    Bfd,
    /// An operator or a changed configuration ended it.
    Local,
}

impl ResetReason {
    /// Every one that there is.
    pub const ALL: [Self; 8] = [
        Self::HoldTimer,
        Self::SendHoldTimer,
        Self::NotificationReceived,
        Self::NotificationSent,
        Self::ConnectionLost,
        Self::Replaced,
        Self::Bfd,
        Self::Local,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::HoldTimer => "hold-timer",
            Self::SendHoldTimer => "send-hold-timer",
            Self::NotificationReceived => "notification-received",
            Self::NotificationSent => "notification-sent",
            Self::ConnectionLost => "connection-lost",
            Self::Replaced => "replaced",
            Self::Bfd => "bfd",
            Self::Local => "local",
        }
    }

    pub(crate) fn of(reason: &DownReason) -> Self {
        match reason {
            DownReason::NotificationReceived(_) => Self::NotificationReceived,
            DownReason::NotificationSent {
                notification,
                cause,
            } => match cause {
                Cause::HoldTimerExpired => Self::HoldTimer,
                Cause::Reset if says_bfd(notification) => Self::Bfd,
                Cause::ManualStop | Cause::Reset => Self::Local,
                _ => Self::NotificationSent,
            },
            DownReason::SendHoldTimerExpired => Self::SendHoldTimer,
            DownReason::Replaced => Self::Replaced,
            DownReason::ManualStop | DownReason::Reset(_) => Self::Local,
            _ => Self::ConnectionLost,
        }
    }
}

/// Whether it says that, within a Hard Reset too (RFC 9384, RFC 8538).
fn says_bfd(notification: &Notification) -> bool {
    let inner = notification.inside_hard_reset();
    let code = inner.map_or(notification.code, |inner| inner.code);
    code == NotificationCode::CEASE_BFD_DOWN
}

/// Messages by type.
#[derive(Debug, Default)]
pub struct MessageCounts {
    counts: [AtomicU64; KINDS.len() + 1],
}

/// The types that are told apart, with what they are called.
const KINDS: [(MessageType, &str); 5] = [
    (MessageType::OPEN, "open"),
    (MessageType::UPDATE, "update"),
    (MessageType::NOTIFICATION, "notification"),
    (MessageType::KEEPALIVE, "keepalive"),
    (MessageType::ROUTE_REFRESH, "route-refresh"),
];

impl MessageCounts {
    /// Each type's word and how many there were; types without a word are
    /// `other`.
    pub fn by_type(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let words = KINDS.iter().map(|(_, word)| *word).chain(["other"]);
        let counts = self.counts.iter().map(|it| it.load(Ordering::Relaxed));
        words.zip(counts)
    }

    fn count(&self, message_type: u8) {
        let mut known = KINDS.iter();
        let place = known.position(|(known, _)| known.0 == message_type);
        if let Some(count) = self.counts.get(place.unwrap_or(KINDS.len())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Finds where messages begin in one direction of a connection. It costs in
/// proportion to the messages, whatever their length.
#[derive(Debug, Default)]
pub(crate) struct Boundaries {
    /// Octets until the next message begins.
    rest: usize,
    /// The header's first octets, as far as they have come.
    header: [u8; HEADER],
    seen: usize,
    /// What follows is no BGP: the state machine will end the connection.
    lost: bool,
}

impl Boundaries {
    /// Counts the messages whose headers end in `octets`, which follow those of
    /// before.
    pub(crate) fn count(&mut self, mut octets: &[u8], counts: &MessageCounts) {
        while !octets.is_empty() && !self.lost {
            let passed = self.rest.min(octets.len());
            self.rest -= passed;
            octets = octets.get(passed..).unwrap_or_default();
            let room = self.header.get_mut(self.seen..).unwrap_or_default();
            let taken = room.len().min(octets.len());
            for (place, octet) in room.iter_mut().zip(octets) {
                *place = *octet;
            }
            self.seen += taken;
            octets = octets.get(taken..).unwrap_or_default();
            if self.seen == HEADER {
                self.seen = 0;
                let [.., high, low, message_type] = self.header;
                let length = usize::from(u16::from_be_bytes([high, low]));
                match length.checked_sub(HEADER) {
                    Some(rest) => self.rest = rest,
                    None => self.lost = true,
                }
                counts.count(message_type);
            }
        }
    }
}

/// Marker, length, type (RFC 4271 section 4.1).
const HEADER: usize = 19;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(message_type: u8, body: usize) -> Vec<u8> {
        let mut octets = vec![0xff; 16];
        let length = u16::try_from(HEADER + body).unwrap();
        octets.extend(length.to_be_bytes());
        octets.push(message_type);
        octets.extend(std::iter::repeat_n(0xff, body));
        octets
    }

    fn counted(counts: &MessageCounts) -> String {
        let counts = counts.by_type().filter(|(_, count)| *count > 0);
        let texts: Vec<_> = counts.map(|(word, n)| format!("{word} {n}")).collect();
        texts.join(", ")
    }

    #[test]
    fn messages_are_counted_alike_in_whatever_pieces_they_come() {
        let stream = [
            message(1, 10),
            message(4, 0),
            message(2, 300),
            message(2, 4),
            message(5, 4),
            message(9, 1),
            message(3, 2),
        ]
        .concat();
        for size in 1..=stream.len() {
            let counts = MessageCounts::default();
            let mut boundaries = Boundaries::default();
            for piece in stream.chunks(size) {
                boundaries.count(piece, &counts);
            }
            let expected =
                "open 1, update 2, notification 1, keepalive 1, route-refresh 1, other 1";
            assert_eq!(counted(&counts), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_length_that_can_not_be_ends_the_counting() {
        let counts = MessageCounts::default();
        let mut boundaries = Boundaries::default();
        boundaries.count(&[0; 100_000], &counts);
        assert_eq!(counted(&counts), "other 1");
    }
}
