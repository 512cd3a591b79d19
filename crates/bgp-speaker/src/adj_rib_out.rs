//! What one peer was told: pulls changes of the RIB and packs them into UPDATEs.

use std::sync::{Arc, PoisonError, RwLock};

use bgp_wire::{
    Asn, DecodeContext, Family, MaxMessageLen, NextHop, PathAttributes, SessionKind, UpdateWriter,
    encode_end_of_rib,
};
use bytes::BytesMut;
use tracing::warn;

use crate::Export;
use crate::rib::{AttributeSet, Rib, RouteChange, Table};

/// The facts of a session that shape its UPDATEs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionFacts {
    pub(crate) local_as: Asn,
    pub(crate) max_message_len: MaxMessageLen,
    pub(crate) context: DecodeContext,
}

/// One session's outgoing side. It begins with nothing sent.
#[derive(Debug)]
pub(crate) struct AdjRibOut {
    reader: usize,
    rib: Arc<RwLock<Rib>>,
    facts: SessionFacts,
    export: Export,
    streams: Vec<Stream>,
    /// The last attribute set in the form this session sends it in.
    prepared: Option<(u64, PathAttributes)>,
}

/// One family's share of it.
#[derive(Debug)]
struct Stream {
    table: Table,
    family: Family,
    mode: Mode,
    /// Everything up to this version was pulled.
    pulled: u64,
    /// Everything up to this version was encoded.
    encoded: u64,
    /// What was pulled, in the order it is packed in; `next` is the first not
    /// yet encoded.
    pending: Vec<RouteChange>,
    next: usize,
    /// When everything up to this version was encoded, End-of-RIB is due.
    end_of_rib: Option<u64>,
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

impl AdjRibOut {
    /// Begins a session that carries `families`; until
    /// [`set_next_hop`](Self::set_next_hop) each of them is empty.
    pub(crate) fn new(
        reader: usize,
        rib: Arc<RwLock<Rib>>,
        facts: SessionFacts,
        families: impl IntoIterator<Item = Family>,
    ) -> Self {
        let streams = families.into_iter().filter_map(Stream::new).collect();
        Self {
            reader,
            rib,
            facts,
            export: Export::default(),
            streams,
            prepared: None,
        }
    }

    pub(crate) fn with_export(mut self, export: Export) -> Self {
        self.export = export;
        self
    }

    /// Says other things of every route; if that is a change, all are
    /// announced again.
    pub(crate) fn set_export(&mut self, export: Export) {
        if self.export != export {
            self.export = export;
            self.prepared = None;
            self.streams.iter_mut().for_each(Stream::start_over);
        }
    }

    /// Whether the session carries `family`.
    pub(crate) fn carries(&self, family: Family) -> bool {
        self.streams.iter().any(|s| s.family == family)
    }

    /// Announces `family` with another next hop, or no longer at all.
    pub(crate) fn set_next_hop(&mut self, family: Family, next_hop: Option<NextHop>) {
        let reader = self.reader;
        let rib = self.rib.read().unwrap_or_else(PoisonError::into_inner);
        for stream in self.streams.iter_mut().filter(|s| s.family == family) {
            stream.set_next_hop(&rib, reader, next_hop);
        }
    }

    /// Sends everything of `family` again, as ROUTE-REFRESH asks (RFC 2918
    /// section 4).
    pub(crate) fn resend(&mut self, family: Family) {
        for stream in self.streams.iter_mut().filter(|s| s.family == family) {
            stream.start_over();
        }
    }

    /// Packs UPDATEs into `out` until nothing is left to say or `out` holds
    /// `limit` octets or more, and returns how many messages it wrote.
    pub(crate) fn fill(&mut self, out: &mut BytesMut, limit: usize) -> usize {
        let mut messages = 0;
        for stream in &mut self.streams {
            loop {
                if out.len() >= limit {
                    return messages;
                }
                if stream.next < stream.pending.len() {
                    messages += stream.encode(self.facts, &self.export, &mut self.prepared, out);
                } else {
                    messages += stream.end_first_transfer(out);
                    if !stream.pull(&self.rib, self.reader) {
                        messages += stream.end_first_transfer(out);
                        break;
                    }
                }
            }
        }
        messages
    }

    /// The version up to which everything was encoded.
    pub(crate) fn encoded(&self) -> u64 {
        let encoded = self.streams.iter().map(|s| s.encoded);
        encoded.min().unwrap_or(u64::MAX)
    }
}

impl Drop for AdjRibOut {
    fn drop(&mut self) {
        let rib = self.rib.read().unwrap_or_else(PoisonError::into_inner);
        rib.end(self.reader);
    }
}

impl Stream {
    fn new(family: Family) -> Option<Self> {
        let table = match family {
            Family::IPV4_UNICAST => Table::V4,
            Family::IPV6_UNICAST => Table::V6,
            _ => return None,
        };
        Some(Self {
            table,
            family,
            mode: Mode::Off,
            pulled: 0,
            encoded: 0,
            pending: Vec::new(),
            next: 0,
            end_of_rib: Some(0),
        })
    }

    fn set_next_hop(&mut self, rib: &Rib, reader: usize, next_hop: Option<NextHop>) {
        self.mode = match (&self.mode, next_hop) {
            (Mode::Off, None) | (Mode::Withdrawing, None) => return,
            (Mode::Announcing(old), Some(new)) if *old == new => return,
            (Mode::Announcing(_), None) => Mode::Withdrawing,
            (Mode::Off, Some(new)) => {
                // The peer knows nothing: what was withdrawn before now is not
                // worth a word, and End-of-RIB ends what is there now.
                let now = rib.version().0;
                rib.begin(reader, self.table, now);
                if self.end_of_rib.is_some() {
                    self.end_of_rib = Some(now);
                }
                Mode::Announcing(new)
            }
            (Mode::Announcing(_) | Mode::Withdrawing, Some(new)) => Mode::Announcing(new),
        };
        self.start_over();
    }

    /// What is pending goes on first, so that removals among it are not lost.
    fn start_over(&mut self) {
        self.pulled = 0;
    }

    /// Writes End-of-RIB if it is due, and returns how many messages that were.
    fn end_first_transfer(&mut self, out: &mut BytesMut) -> usize {
        if self.end_of_rib.take_if(|due| *due <= self.pulled).is_none() {
            return 0;
        }
        encode_end_of_rib(out, self.family);
        1
    }

    /// Takes the next batch of changes; `false` if there are none.
    fn pull(&mut self, rib: &RwLock<Rib>, reader: usize) -> bool {
        self.pending.clear();
        self.next = 0;
        let rib = rib.read().unwrap_or_else(PoisonError::into_inner);
        if matches!(self.mode, Mode::Off) {
            self.pulled = rib.version().0;
        } else {
            self.pulled = rib.read(reader, self.table, self.pulled, BATCH, &mut self.pending);
            if self.pending.is_empty() && matches!(self.mode, Mode::Withdrawing) {
                self.mode = Mode::Off;
                rib.begin(reader, self.table, u64::MAX);
            }
        }
        drop(rib);
        if self.pending.is_empty() {
            self.encoded = self.encoded.max(self.pulled);
            return false;
        }
        // Withdrawals first, then one attribute set after the other, so that
        // prefixes share messages.
        self.pending
            .sort_unstable_by_key(|change| (change.value.as_ref().map(|set| set.id), change.key));
        true
    }

    /// Encodes one message of pending changes; 0 if none could be.
    fn encode(
        &mut self,
        facts: SessionFacts,
        export: &Export,
        prepared: &mut Option<(u64, PathAttributes)>,
        out: &mut BytesMut,
    ) -> usize {
        let pending = self.pending.get(self.next..).unwrap_or_default();
        let set = pending.first().and_then(|change| change.value.as_ref());
        let max = facts.max_message_len;
        let (group, writer) = match (&self.mode, set) {
            (Mode::Announcing(next_hop), Some(set)) => {
                let attributes = prepare(prepared, set, facts, export);
                let same =
                    |change: &&RouteChange| change.value.as_ref().is_some_and(|s| s.id == set.id);
                let group = pending.iter().take_while(same).count();
                let writer = UpdateWriter::announce(
                    out,
                    max,
                    self.family,
                    next_hop,
                    attributes,
                    facts.context,
                );
                (group, writer)
            }
            (Mode::Announcing(_), None) => {
                let group = pending
                    .iter()
                    .take_while(|change| change.value.is_none())
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
            if writer.push(change.key).is_err() {
                break;
            }
            packed += 1;
        }
        if packed == 0 {
            drop(writer);
            warn!(prefix = %self.pending[self.next].key, "no room for the prefix beside its attributes; not announced");
            self.advance(1);
            return 0;
        }
        writer.finish();
        self.advance(packed);
        1
    }

    fn advance(&mut self, changes: usize) {
        self.next += changes;
        if self.next >= self.pending.len() {
            self.encoded = self.encoded.max(self.pulled);
        }
    }
}

/// `set` as this session sends it: to an external peer the path begins with
/// our own AS (RFC 4271 section 5.1.2).
fn prepare<'p>(
    prepared: &'p mut Option<(u64, PathAttributes)>,
    set: &'p AttributeSet,
    facts: SessionFacts,
    export: &Export,
) -> &'p PathAttributes {
    let external = facts.context.session == SessionKind::External;
    if !external && export.is_neutral() {
        return &set.attributes;
    }
    prepared.take_if(|(id, _)| *id != set.id);
    let (_, attributes) = prepared.get_or_insert_with(|| {
        let mut attributes = PathAttributes::clone(&set.attributes);
        export.apply(&mut attributes);
        let times = export.prepend + u8::from(external);
        attributes.as_path.prepend(facts.local_as, times.into());
        (set.id, attributes)
    });
    attributes
}

/// How many changes are pulled at once: enough to fill messages of several
/// attribute sets, few enough to hold the lock for microseconds only and to
/// bound what a peer that never reads keeps in memory.
const BATCH: usize = 1024;

#[cfg(test)]
mod tests;
