//! What one peer was told: pulls changes of the RIB and packs them into UPDATEs.

mod stream;

use std::sync::{Arc, PoisonError, RwLock};

use bgp_wire::{Asn, BgpIdentifier, DecodeContext, Family, MaxMessageLen, NextHop, Role};
use bytes::BytesMut;

pub(crate) use self::stream::Finished;
use self::stream::{Prepared, Stream};
use crate::rib::Rib;
use crate::{Export, PeerCounters, PeerKey};

/// The facts of a session that shape its UPDATEs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionFacts {
    pub(crate) local_as: Asn,
    pub(crate) identifier: BgpIdentifier,
    pub(crate) max_message_len: MaxMessageLen,
    pub(crate) context: DecodeContext,
    /// What we are to an external peer, if that is known.
    pub(crate) role: Option<Role>,
}

/// One session's outgoing side. It begins with nothing sent.
#[derive(Debug)]
pub(crate) struct AdjRibOut {
    reader: usize,
    rib: Arc<RwLock<Rib>>,
    facts: SessionFacts,
    streams: Vec<Stream>,
    prepared: Prepared,
    counters: Arc<PeerCounters>,
}

impl AdjRibOut {
    /// Begins a session that carries `families`; until
    /// [`set_next_hop`](Self::set_next_hop) each of them is empty, and until
    /// [`allow_end_of_rib`](Self::allow_end_of_rib) the first transfer has no
    /// end.
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
            streams,
            prepared: Prepared::default(),
            counters: Arc::default(),
        }
    }

    /// Leaves out what is not for `peer`.
    pub(crate) fn for_peer(mut self, peer: &PeerKey) -> Self {
        for stream in &mut self.streams {
            stream.set_peer(peer.clone());
        }
        self
    }

    /// Counts there what is said.
    pub(crate) fn counted_by(mut self, counters: Arc<PeerCounters>) -> Self {
        self.counters = counters;
        self
    }

    pub(crate) fn with_export(mut self, export: Export) -> Self {
        self.prepared.set_export(export);
        self
    }

    /// Says other things of every route; if that is a change, all are
    /// announced again.
    pub(crate) fn set_export(&mut self, export: Export) {
        if self.prepared.set_export(export) {
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

    /// Withdraws everything, for good.
    pub(crate) fn withdraw_all(&mut self) {
        let rib = self.rib.read().unwrap_or_else(PoisonError::into_inner);
        for stream in &mut self.streams {
            stream.set_next_hop(&rib, self.reader, None);
        }
    }

    /// Whether nothing is announced any more, nor waits to be packed.
    pub(crate) fn is_silent(&self) -> bool {
        self.streams.iter().all(Stream::is_silent)
    }

    /// What is announced now was all that there was to begin with.
    pub(crate) fn allow_end_of_rib(&mut self) {
        let rib = self.rib.read().unwrap_or_else(PoisonError::into_inner);
        for stream in &mut self.streams {
            stream.allow_end(&rib);
        }
    }

    /// Sends everything of `family` again, as ROUTE-REFRESH asks (RFC 2918
    /// section 4).
    pub(crate) fn resend(&mut self, family: Family) {
        let rib = self.rib.read().unwrap_or_else(PoisonError::into_inner);
        for stream in self.streams.iter_mut().filter(|s| s.family == family) {
            stream.refresh(&rib);
        }
    }

    /// Announces everything again, marked as about to go or no longer so (RFC
    /// 8326).
    pub(crate) fn set_shutting_down(&mut self, shutting_down: bool) {
        if self.prepared.set_shutting_down(shutting_down) {
            self.streams.iter_mut().for_each(Stream::start_over);
        }
    }

    /// What the last [`fill`](Self::fill) completed; ask until `None`.
    pub(crate) fn take_finished(&mut self) -> Option<Finished> {
        self.streams.iter_mut().find_map(Stream::take_finished)
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
                if stream.has_pending() {
                    messages += stream.encode(self.facts, &mut self.prepared, &self.counters, out);
                } else {
                    messages += stream.finish(out);
                    if !stream.pull(&self.rib, self.reader) {
                        messages += stream.finish(out);
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

#[cfg(test)]
mod tests;
