//! What one peer told us: its UPDATEs become candidates for learned routes.

use std::collections::BTreeSet;
use std::mem;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_fsm::Negotiated;
use bgp_wire::{
    Attributes, BgpIdentifier, Disposition, ExtendedValue, Family, MessageView, NextHop,
    NotificationCode, RawMessage, UpdateView,
};
use ipnet::IpNet;
use tracing::{debug, warn};

use crate::adj_rib_out::SessionFacts;
use crate::config::is_link_local;
use crate::decision::{DEFAULT_LOCAL_PREF, Path};
use crate::learned::LearnedShared;
use crate::next_hop::is_global;
use crate::prefix::unroutable;
use crate::{Import, LocalAddresses, PeerSettings};

/// One session's incoming side; dropping it takes its routes back.
#[derive(Debug)]
pub(crate) struct AdjRibIn {
    peer: usize,
    settings: PeerSettings,
    facts: SessionFacts,
    negotiated: Arc<Negotiated>,
    local: IpAddr,
    learned: Arc<LearnedShared>,
    /// The prefixes this peer has a candidate for.
    accepted: BTreeSet<IpNet>,
    /// Emptied and used again for each UPDATE.
    withdrawn: Vec<IpNet>,
    announced: Vec<IpNet>,
}

impl AdjRibIn {
    pub(crate) fn new(
        peer: usize,
        settings: &PeerSettings,
        facts: SessionFacts,
        negotiated: &Arc<Negotiated>,
        local: IpAddr,
        learned: Arc<LearnedShared>,
    ) -> Self {
        Self {
            peer,
            settings: settings.clone(),
            facts,
            negotiated: Arc::clone(negotiated),
            local,
            learned,
            accepted: BTreeSet::new(),
            withdrawn: Vec::new(),
            announced: Vec::new(),
        }
    }

    /// How many prefixes this peer has a candidate for.
    pub(crate) fn len(&self) -> usize {
        self.accepted.len()
    }

    /// Takes an UPDATE whose framing was checked, and returns the family whose
    /// first transfer it ends, if it does.
    ///
    /// # Errors
    ///
    /// The NOTIFICATION to end the session with when the peer announces more
    /// prefixes than it may (RFC 4486 section 4).
    pub(crate) fn receive(
        &mut self,
        message: &RawMessage,
        addresses: &LocalAddresses,
    ) -> Result<Option<Family>, NotificationCode> {
        let Ok(MessageView::Update(update)) = message.view() else {
            return Ok(None);
        };
        if let Some(family) = update.is_end_of_rib() {
            return Ok(Some(family));
        }
        if self.settings.import != Import::Reject {
            self.import(update, addresses)?;
        }
        Ok(None)
    }

    fn import(
        &mut self,
        update: UpdateView<'_>,
        addresses: &LocalAddresses,
    ) -> Result<(), NotificationCode> {
        let judgement = update.judge(self.facts.context);
        let attributes = judgement.attributes();
        let mut unusable = judgement.disposition() >= Some(Disposition::TreatAsWithdraw);
        if let Some(fault) = judgement.fault() {
            warn!(peer = %self.settings.address, error = %fault.error, "faulty UPDATE: {:?}", fault.disposition);
        }
        if attributes
            .as_path()
            .is_some_and(|path| path.contains(self.facts.local_as))
        {
            debug!(peer = %self.settings.address, "our own AS in AS_PATH: the routes are not used");
            unusable = true;
        }

        self.withdrawn.clear();
        if self.carries(Family::IPV4_UNICAST) {
            let prefixes = update.withdrawn_routes().map_while(Result::ok);
            self.withdrawn.extend(prefixes.map(IpNet::V4));
        }
        if let Some(unreach) = attributes.mp_unreach().filter(|u| self.carries(u.family())) {
            self.withdrawn
                .extend(unreach.prefixes().map_while(Result::ok));
        }
        self.withdraw();

        // RFC 4271 section 4.3: a prefix that is withdrawn and announced by
        // one UPDATE is announced, so announcements come second.
        if self.carries(Family::IPV4_UNICAST) {
            let next_hop = attributes.next_hop().map(NextHop::V4).filter(|_| !unusable);
            self.announced.clear();
            let prefixes = update.nlri().map_while(Result::ok);
            self.announced.extend(prefixes.map(IpNet::V4));
            self.announce(attributes, next_hop, addresses)?;
        }
        if let Some(reach) = attributes.mp_reach().filter(|r| self.carries(r.family())) {
            let next_hop = reach.next_hop().filter(|_| !unusable);
            self.announced.clear();
            self.announced
                .extend(reach.prefixes().map_while(Result::ok));
            self.announce(attributes, next_hop, addresses)?;
        }
        Ok(())
    }

    fn carries(&self, family: Family) -> bool {
        self.negotiated.families.contains(&family)
    }

    /// Takes back the candidates for `self.withdrawn`.
    fn withdraw(&mut self) {
        let Self {
            withdrawn,
            accepted,
            ..
        } = self;
        withdrawn.retain(|prefix| accepted.remove(prefix));
        if !withdrawn.is_empty() {
            self.learned.replace(self.peer, withdrawn.drain(..), None);
        }
    }

    /// Makes candidates of `self.announced`, or takes them back if they can't
    /// be used.
    fn announce(
        &mut self,
        attributes: &Attributes<'_>,
        next_hop: Option<NextHop>,
        addresses: &LocalAddresses,
    ) -> Result<(), NotificationCode> {
        if self.announced.is_empty() {
            return Ok(());
        }
        let path = next_hop
            .and_then(|next_hop| self.gateway(next_hop, addresses))
            .and_then(|gateway| self.path(attributes, gateway));
        let Some(path) = path else {
            mem::swap(&mut self.announced, &mut self.withdrawn);
            self.withdraw();
            return Ok(());
        };
        // What is no longer acceptable takes the place of what was.
        let import = &self.settings.import;
        let refused = |prefix: &IpNet| unroutable(*prefix).is_some() || !import.accepts(*prefix);
        self.withdrawn.clear();
        self.withdrawn
            .extend(self.announced.extract_if(.., |prefix| refused(prefix)));
        self.withdraw();
        for prefix in &self.announced {
            self.accepted.insert(*prefix);
            if self.accepted.len() > self.settings.max_prefixes as usize {
                return Err(NotificationCode::CEASE_MAX_PREFIXES);
            }
        }
        let path = Arc::new(path);
        self.learned
            .replace(self.peer, self.announced.drain(..), Some(&path));
        Ok(())
    }

    /// Where packets would go, unless that is nowhere or to ourselves (RFC
    /// 4271 section 5.1.3).
    fn gateway(&self, next_hop: NextHop, addresses: &LocalAddresses) -> Option<IpAddr> {
        let gateway = match next_hop {
            _ if !next_hop.is_host() => None,
            NextHop::V4(address) => Some(IpAddr::V4(address)),
            NextHop::V6 { global, link_local } if !is_global(global) => {
                Some(IpAddr::V6(link_local.unwrap_or(global)))
            }
            NextHop::V6 { global, .. } => Some(IpAddr::V6(global)),
        };
        let gateway = gateway.filter(|g| *g != self.local && !addresses.contains(*g));
        if gateway.is_none() {
            debug!(peer = %self.settings.address, ?next_hop, "next hop of no use: the routes are not used");
        }
        gateway
    }

    fn path(&self, attributes: &Attributes<'_>, next_hop: IpAddr) -> Option<Path> {
        let as_path = attributes.as_path()?;
        Some(Path {
            peer: self.peer,
            session: self.facts.context.session,
            next_hop,
            local_pref: self
                .settings
                .import_preference
                .or_else(|| attributes.local_pref())
                .unwrap_or(DEFAULT_LOCAL_PREF),
            neighbour: as_path.first(),
            as_path: as_path.to_as_path(),
            origin: attributes.origin()?,
            med: attributes.med().unwrap_or(0),
            identifier: attributes
                .originator_id()
                .map_or(self.negotiated.peer_identifier, BgpIdentifier::from),
            reflections: attributes.cluster_list().into_iter().count(),
            rate: rate(attributes),
            interface: self
                .settings
                .interface
                .as_deref()
                .filter(|_| is_link_local(next_hop))
                .map(Arc::from),
            peer_address: self.settings.address,
        })
    }
}

impl Drop for AdjRibIn {
    fn drop(&mut self) {
        // In pieces, so that other peers get at the learned routes in between.
        let mut accepted = mem::take(&mut self.accepted).into_iter().peekable();
        while accepted.peek().is_some() {
            let piece = accepted.by_ref().take(PIECE);
            self.learned.replace(self.peer, piece, None);
        }
    }
}

/// What the link bandwidth communities say, in octets a second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a fraction of an octet does not matter, and the decoder lets no negative rate pass"
)]
fn rate(attributes: &Attributes<'_>) -> Option<u64> {
    let mut rates = attributes.extended_communities().into_iter();
    rates.find_map(|community| match community.value()? {
        ExtendedValue::LinkBandwidth {
            octets_per_second, ..
        } => Some(octets_per_second as u64),
        _ => None,
    })
}

/// How many prefixes are taken back under one lock.
const PIECE: usize = 1024;
