//! One family's share of what a peer was told.

use std::sync::{Arc, PoisonError, RwLock};

use bgp_wire::{
    Community, Family, NextHop, PathAttributes, RouteLeak, SessionKind, UpdateWriter,
    encode_end_of_rib,
};
use bytes::BytesMut;
use tracing::warn;

use super::SessionFacts;
use crate::rib::{AttributeSet, Position, Rib, RouteChange, Table};
use crate::{Export, PeerCounters, PeerKey};

/// One family's share of it.
#[derive(Debug)]
pub(super) struct Stream {
    table: Table,
    pub(super) family: Family,
    mode: Mode,
    /// Who is told; `None` for somebody whom everything concerns.
    peer: Option<PeerKey>,
    /// How far the table was pulled.
    position: Position,
    /// Everything up to this version was encoded.
    pub(super) encoded: u64,
    /// What was pulled, in the order it is packed in; `next` is the first not
    /// yet encoded.
    pending: Vec<RouteChange>,
    next: usize,
    /// When everything up to this version was encoded, End-of-RIB is due.
    end_of_rib: Option<u64>,
    /// End-of-RIB may be sent.
    may_end: bool,
    /// When everything up to this version was encoded, a refresh is answered.
    refresh: Option<u64>,
    /// What came to its end and was not told yet.
    finished: Option<Finished>,
}

/// Something that was told as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finished {
    /// Everything for the first time, and End-of-RIB behind it.
    FirstTransfer(Family),
    /// Everything again.
    Refresh(Family),
}

#[derive(Debug)]
enum Mode {
    /// Nothing of the family is announced.
    Off,
    /// Routes are announced with this next hop.
    Announcing(NextHop),
    /// The next hop was lost; what was announced is taken back.
    Withdrawing,
}

impl Stream {
    pub(super) fn new(family: Family) -> Option<Self> {
        let table = match family {
            Family::IPV4_UNICAST => Table::V4,
            Family::IPV6_UNICAST => Table::V6,
            _ => return None,
        };
        Some(Self {
            table,
            family,
            mode: Mode::Off,
            peer: None,
            position: Position::START,
            encoded: 0,
            pending: Vec::new(),
            next: 0,
            end_of_rib: Some(0),
            may_end: false,
            refresh: None,
            finished: None,
        })
    }

    pub(super) fn set_peer(&mut self, peer: PeerKey) {
        self.peer = Some(peer);
    }

    pub(super) fn set_next_hop(&mut self, rib: &Rib, reader: usize, next_hop: Option<NextHop>) {
        self.mode = match (&self.mode, next_hop) {
            (Mode::Off, None) | (Mode::Withdrawing, None) => return,
            (Mode::Announcing(old), Some(new)) if *old == new => return,
            (Mode::Announcing(_), None) => Mode::Withdrawing,
            (Mode::Off, Some(new)) => {
                // The peer knows nothing: what was withdrawn before now is not
                // worth a word, and End-of-RIB ends what is there now.
                let now = rib.version();
                rib.begin(reader, self.table, now);
                self.position = Position::joining(now);
                if self.end_of_rib.is_some() {
                    self.end_of_rib = Some(now.0);
                }
                Mode::Announcing(new)
            }
            (Mode::Announcing(_) | Mode::Withdrawing, Some(new)) => Mode::Announcing(new),
        };
        self.start_over();
    }

    /// What is pending goes on first, so that removals among it are not lost.
    pub(super) fn start_over(&mut self) {
        self.position.start_over();
    }

    /// Lets End-of-RIB follow what is announced now.
    pub(super) fn allow_end(&mut self, rib: &Rib) {
        self.may_end = true;
        if let Some(due) = &mut self.end_of_rib {
            *due = rib.version().0.max(*due);
        }
    }

    /// Sends everything again; what is there now is the answer.
    pub(super) fn refresh(&mut self, rib: &Rib) {
        self.refresh = Some(rib.version().0);
        self.start_over();
    }

    /// Whether changes wait to be encoded.
    pub(super) fn has_pending(&self) -> bool {
        self.next < self.pending.len()
    }

    /// Whether nothing of the family is announced any more, nor pending.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.mode, Mode::Off) && !self.has_pending()
    }

    /// What came to its end since it was asked last.
    pub(super) fn take_finished(&mut self) -> Option<Finished> {
        self.finished.take()
    }

    /// Ends what is complete now that nothing is pending, with End-of-RIB if
    /// it is the first transfer, and returns how many messages that were.
    pub(super) fn finish(&mut self, out: &mut BytesMut) -> usize {
        let Some(pulled) = self.position.read_until() else {
            return 0;
        };
        let complete = |due: &mut u64| *due <= pulled;
        if self.may_end && self.end_of_rib.take_if(complete).is_some() {
            encode_end_of_rib(out, self.family);
            self.finished = Some(Finished::FirstTransfer(self.family));
            return 1;
        }
        if self.finished.is_none() && self.refresh.take_if(complete).is_some() {
            self.finished = Some(Finished::Refresh(self.family));
        }
        0
    }

    /// Takes the next batch of changes; `false` if there are none.
    pub(super) fn pull(&mut self, rib: &RwLock<Rib>, reader: usize) -> bool {
        self.pending.clear();
        self.next = 0;
        let rib = rib.read().unwrap_or_else(PoisonError::into_inner);
        if matches!(self.mode, Mode::Off) {
            self.position = Position::after(rib.version());
        } else {
            let batch = &mut self.pending;
            rib.read(reader, self.table, &mut self.position, BATCH, batch);
            if self.pending.is_empty() && matches!(self.mode, Mode::Withdrawing) {
                self.mode = Mode::Off;
                rib.pause(reader, self.table);
            }
        }
        drop(rib);
        self.hide();
        if self.pending.is_empty() {
            // Most peers have nothing to be told most of the time.
            self.pending = Vec::new();
            self.note_encoded();
            return false;
        }
        // Withdrawals first, then one attribute set after the other, so that
        // prefixes share messages.
        self.pending
            .sort_unstable_by_key(|change| (change.set.as_ref().map(|set| set.id), change.prefix));
        true
    }

    /// What is not for this peer is gone for it; whether it was there is not
    /// remembered.
    fn hide(&mut self) {
        let Some(peer) = &self.peer else { return };
        for change in &mut self.pending {
            change.set.take_if(|set| !set.is_for(peer));
        }
    }

    /// Encodes one message of pending changes; 0 if none could be.
    pub(super) fn encode(
        &mut self,
        facts: SessionFacts,
        prepared: &mut Prepared,
        counters: &PeerCounters,
        out: &mut BytesMut,
    ) -> usize {
        let pending = self.pending.get(self.next..).unwrap_or_default();
        let set = pending.first().and_then(|change| change.set.as_ref());
        let max = facts.max_message_len;
        let mut count = counters.withdrawn();
        let (group, writer) = match (&self.mode, set) {
            (Mode::Announcing(next_hop), Some(set)) => {
                let same =
                    |change: &&RouteChange| change.set.as_ref().is_some_and(|s| s.id == set.id);
                let group = pending.iter().take_while(same).count();
                let (family, context) = (self.family, facts.context);
                let writer = match prepared.attributes(set, facts) {
                    Ok(attributes) => {
                        count = counters.announced();
                        UpdateWriter::announce(out, max, family, next_hop, attributes, context)
                    }
                    // It may have been another route when the peer heard of it.
                    Err(RouteLeak) => UpdateWriter::withdraw(out, max, family, context),
                };
                (group, writer)
            }
            (Mode::Announcing(_), None) => {
                let group = pending
                    .iter()
                    .take_while(|change| change.set.is_none())
                    .count();
                (
                    group,
                    UpdateWriter::withdraw(out, max, self.family, facts.context),
                )
            }
            (Mode::Off | Mode::Withdrawing, _) => (
                pending.len(),
                UpdateWriter::withdraw(out, max, self.family, facts.context),
            ),
        };
        let mut writer = match writer {
            Ok(writer) => writer,
            Err(error) => {
                warn!(%error, prefixes = group, "attributes do not fit into a message; not announced");
                self.advance(group);
                return 0;
            }
        };
        let mut packed = 0;
        for change in pending.iter().take(group) {
            if writer.push(change.prefix).is_err() {
                break;
            }
            packed += 1;
        }
        if packed == 0 {
            drop(writer);
            warn!(prefix = %self.pending[self.next].prefix, "no room for the prefix beside its attributes; not announced");
            self.advance(1);
            return 0;
        }
        writer.finish();
        count.add(self.family, packed);
        self.advance(packed);
        1
    }

    fn advance(&mut self, changes: usize) {
        self.next += changes;
        if self.next >= self.pending.len() {
            self.note_encoded();
        }
    }

    /// Everything that was pulled is encoded.
    fn note_encoded(&mut self) {
        if let Some(pulled) = self.position.read_until() {
            self.encoded = self.encoded.max(pulled);
        }
    }
}

/// The last attribute set in the form that one session sends it in.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// What it is, and what is sent.
    last: Option<(Arc<PathAttributes>, PathAttributes)>,
    export: Export,
    shutting_down: bool,
}

impl Prepared {
    /// What is said of every route beside its own attributes; says whether
    /// that is news.
    pub(super) fn set_export(&mut self, export: Export) -> bool {
        let news = self.export != export;
        if news {
            self.last = None;
            self.export = export;
        }
        news
    }

    /// Whether routes are marked as about to go (RFC 8326); says whether that
    /// is news.
    pub(super) fn set_shutting_down(&mut self, shutting_down: bool) -> bool {
        self.last = None;
        std::mem::replace(&mut self.shutting_down, shutting_down) != shutting_down
    }

    /// `set` as this session sends it: to an external peer the path begins
    /// with our own AS (RFC 4271 section 5.1.2), and routes that are about to
    /// go are the least preferred ones (RFC 8326 section 4).
    ///
    /// # Errors
    ///
    /// The peer must not get the route (RFC 9234 section 5).
    fn attributes<'p>(
        &'p mut self,
        set: &'p AttributeSet,
        facts: SessionFacts,
    ) -> Result<&'p PathAttributes, RouteLeak> {
        let internal = facts.context.session == SessionKind::Internal;
        if internal && !self.shutting_down && self.export.is_neutral() {
            return Ok(&set.attributes);
        }
        let held = set.attributes.only_to_customer;
        let only_to_customer = match facts.role {
            Some(role) => role.only_to_customer_out(held, facts.local_as)?,
            None => held,
        };
        self.last
            .take_if(|(last, _)| !Arc::ptr_eq(last, &set.attributes));
        let (_, attributes) = self.last.get_or_insert_with(|| {
            let mut attributes = PathAttributes::clone(&set.attributes);
            self.export.apply(&mut attributes);
            attributes.only_to_customer = only_to_customer;
            let times = self.export.prepend + u8::from(!internal);
            attributes.as_path.prepend(facts.local_as, times.into());
            if self.shutting_down {
                mark_shutting_down(&mut attributes, internal);
            }
            (Arc::clone(&set.attributes), attributes)
        });
        Ok(attributes)
    }
}

fn mark_shutting_down(attributes: &mut PathAttributes, internal: bool) {
    if !attributes
        .communities
        .contains(&Community::GRACEFUL_SHUTDOWN)
    {
        attributes.communities.push(Community::GRACEFUL_SHUTDOWN);
    }
    if internal {
        attributes.local_pref = Some(0);
    }
}

/// How many changes are pulled at once: enough to fill several messages of one
/// attribute set, few enough to hold the lock for some ten microseconds only
/// and to bound what a peer that never reads keeps in memory.
pub(super) const BATCH: usize = 4096;
