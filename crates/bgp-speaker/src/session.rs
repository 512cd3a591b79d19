//! What belongs to one Established session: what the peer is told, and what was flushed.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_fsm::{Connection, Negotiated};
use bgp_wire::{Afi, Capability, Family};

use crate::adj_rib_in::Via;
use crate::adj_rib_out::{AdjRibOut, Finished, SessionFacts};
use crate::rib::RibVersion;
use crate::speaker::Shared;
use crate::wire::Wire;
use crate::{LocalAddresses, NextHops, PeerSettings};

/// An Established session.
#[derive(Debug)]
pub(crate) struct Session {
    index: usize,
    shared: Arc<Shared>,
    connection: Connection,
    facts: SessionFacts,
    negotiated: Arc<Negotiated>,
    local: IpAddr,
    next_hops: NextHops,
    /// The peer takes IPv6 next hops of IPv4 prefixes (RFC 8950 section 4).
    extended_next_hop: bool,
    adj_rib_out: AdjRibOut,
    /// Everything is being withdrawn, for good.
    leaving: bool,
    /// Positions in the stream, with the version that is complete before each.
    marks: VecDeque<(u64, u64)>,
    marked: u64,
}

impl Session {
    pub(crate) fn new(
        index: usize,
        settings: &PeerSettings,
        facts: SessionFacts,
        negotiated: &Arc<Negotiated>,
        local: IpAddr,
        shared: Arc<Shared>,
    ) -> Self {
        let families = negotiated.families.iter().copied();
        shared.set_sent(index, Some(RibVersion::default()));
        let counters = shared.counters(index);
        shared.update_status(index, |status| {
            status.negotiated = Some(Arc::clone(negotiated));
            status.local_address = Some(local);
            status.end_of_rib.clear();
        });
        Self {
            index,
            connection: negotiated.connection,
            facts,
            negotiated: Arc::clone(negotiated),
            local,
            next_hops: settings.next_hops,
            extended_next_hop: negotiated.capabilities.iter().any(|capability| {
                let form = (Family::IPV4_UNICAST, Afi::IPV6);
                matches!(capability, Capability::ExtendedNextHop(forms) if forms.contains(&form))
            }),
            adj_rib_out: AdjRibOut::new(index, Arc::clone(&shared.rib), facts, families)
                .for_peer(&settings.key())
                .with_export(settings.export.clone())
                .counted_by(counters),
            leaving: false,
            shared,
            marks: VecDeque::new(),
            marked: 0,
        }
    }

    /// Which connection carries the session.
    pub(crate) fn connection(&self) -> Connection {
        self.connection
    }

    /// Derives the next hops anew; what they change is announced again.
    pub(crate) fn resolve_next_hops(&mut self, addresses: &LocalAddresses) {
        if self.leaving {
            return;
        }
        let v4 = self
            .next_hops
            .announced_v4(self.local, addresses, self.extended_next_hop);
        let v6 = self.next_hops.announced_v6(self.local, addresses);
        let mut withheld = Vec::new();
        for (family, next_hop) in [(Family::IPV4_UNICAST, v4), (Family::IPV6_UNICAST, v6)] {
            if !self.adj_rib_out.carries(family) {
                continue;
            }
            if let Err(reason) = &next_hop {
                withheld.push((family, reason.to_string()));
            }
            self.adj_rib_out.set_next_hop(family, next_hop.ok());
        }
        self.shared
            .update_status(self.index, |status| status.withheld = withheld);
    }

    /// Takes over what can change while the session goes on, and announces
    /// again what that changes.
    pub(crate) fn update(&mut self, settings: &PeerSettings, addresses: &LocalAddresses) {
        self.next_hops = settings.next_hops;
        self.adj_rib_out.set_export(settings.export.clone());
        self.resolve_next_hops(addresses);
    }

    /// Packs what is to be said into the connection's bounded buffer and
    /// returns how many messages that were.
    pub(crate) fn fill(&mut self, wire: &mut Wire) -> usize {
        let messages = self.adj_rib_out.fill(&mut wire.unsent, WRITE_BUFFER);
        let encoded = self.adj_rib_out.encoded();
        if encoded > self.marked {
            self.marked = encoded;
            let position = wire.queued();
            // Of several versions that end at one place only the last counts.
            self.marks.pop_back_if(|(at, _)| *at == position);
            self.marks.push_back((position, encoded));
        }
        self.note_written(wire.written());
        messages
    }

    /// The kernel took our octets up to this position.
    pub(crate) fn note_written(&mut self, position: u64) {
        let mut sent = None;
        while let Some((_, version)) = self.marks.pop_front_if(|(at, _)| *at <= position) {
            sent = Some(RibVersion(version));
        }
        if sent.is_some() {
            self.shared.set_sent(self.index, sent);
        }
    }

    /// What the peer's UPDATEs have to be judged by.
    pub(crate) fn via<'a>(&'a self, addresses: &'a LocalAddresses) -> Via<'a> {
        Via {
            facts: self.facts,
            negotiated: &self.negotiated,
            local: self.local,
            addresses,
        }
    }

    /// What is announced now was all there was to begin with.
    pub(crate) fn allow_end_of_rib(&mut self) {
        self.adj_rib_out.allow_end_of_rib();
    }

    /// Marks everything as about to go, or no longer so (RFC 8326).
    pub(crate) fn set_shutting_down(&mut self, shutting_down: bool) {
        self.adj_rib_out.set_shutting_down(shutting_down);
    }

    /// Withdraws everything; nothing is announced on this session any more.
    pub(crate) fn leave(&mut self) {
        self.leaving = true;
        self.adj_rib_out.withdraw_all();
    }

    /// Whether everything that [`leave`](Self::leave) has to say is packed.
    pub(crate) fn has_left(&self) -> bool {
        self.leaving && self.adj_rib_out.is_silent()
    }

    /// What the last [`fill`](Self::fill) completed; ask until `None`.
    pub(crate) fn take_finished(&mut self) -> Option<Finished> {
        self.adj_rib_out.take_finished()
    }

    /// The peer asks for everything of a family again.
    pub(crate) fn resend(&mut self, family: Family) {
        self.adj_rib_out.resend(family);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.set_sent(self.index, None);
        self.shared.update_status(self.index, |status| {
            status.negotiated = None;
            status.local_address = None;
            status.withheld.clear();
            status.end_of_rib.clear();
        });
    }
}

/// When this many octets wait for the socket, no more are packed.
pub(crate) const WRITE_BUFFER: usize = 64 * 1024;
