//! What one peer told us: its UPDATEs become candidates for learned routes.

mod accepted;
mod faulty;
mod leak;

use std::mem;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bgp_fsm::Negotiated;
use bgp_wire::{
    Attributes, BgpIdentifier, Community, Disposition, ExtendedValue, Family, MessageView, NextHop,
    PathAttributes, RawMessage, UpdateView,
};
use ipnet::IpNet;
use tracing::debug;

use self::accepted::Accepted;
use crate::adj_rib_out::SessionFacts;
use crate::config::is_link_local;
use crate::decision::{DEFAULT_LOCAL_PREF, Path};
use crate::learned::{LearnedShared, Walk};
use crate::next_hop::is_global;
use crate::prefix::unroutable;
use crate::rib::Table;
use crate::{Import, LocalAddresses, PeerSettings};

/// The routes of one peer, whichever session brought them; dropping it takes
/// them back, unless they were [left](Self::leave_in_place).
#[derive(Debug)]
pub(crate) struct AdjRibIn {
    peer: usize,
    settings: PeerSettings,
    learned: Arc<LearnedShared>,
    v4: Accepted,
    v6: Accepted,
    /// Emptied and used again for each UPDATE.
    withdrawn: Vec<IpNet>,
    announced: Vec<IpNet>,
    left: bool,
    /// How many sessions were lost whose routes stayed in use.
    epoch: u32,
}

/// The session that an UPDATE came by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Via<'a> {
    pub(crate) facts: SessionFacts,
    pub(crate) negotiated: &'a Negotiated,
    /// Our own address on it.
    pub(crate) local: IpAddr,
    pub(crate) addresses: &'a LocalAddresses,
}

impl Via<'_> {
    fn carries(&self, family: Family) -> bool {
        self.negotiated.families.contains(&family)
    }
}

impl AdjRibIn {
    pub(crate) fn new(peer: usize, settings: &PeerSettings, learned: Arc<LearnedShared>) -> Self {
        Self {
            peer,
            settings: settings.clone(),
            learned,
            v4: Accepted::default(),
            v6: Accepted::default(),
            withdrawn: Vec::new(),
            announced: Vec::new(),
            left: false,
            epoch: 0,
        }
    }

    /// Where a peer that was configured without an address is.
    pub(crate) fn set_peer_address(&mut self, address: IpAddr) {
        self.settings.address = address;
    }

    /// How many prefixes this peer has a candidate for.
    pub(crate) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// How many of them are of `family`.
    pub(crate) fn len_of(&self, family: Family) -> usize {
        match family {
            Family::IPV4_UNICAST => self.v4.len(),
            Family::IPV6_UNICAST => self.v6.len(),
            _ => 0,
        }
    }

    /// Takes an UPDATE whose framing was checked, and returns the family whose
    /// first transfer it ends, if it does.
    pub(crate) fn receive(&mut self, via: Via<'_>, message: &RawMessage) -> Option<Family> {
        let Ok(MessageView::Update(update)) = message.view() else {
            return None;
        };
        let ended = update.is_end_of_rib();
        if ended.is_none() && self.settings.import != Import::Reject {
            self.import(via, update);
        }
        ended
    }

    /// From now on these settings hold; what they refuse goes.
    pub(crate) fn set_import(&mut self, settings: &PeerSettings) {
        self.settings = settings.clone();
        let refused = |prefix| !settings.import.accepts(prefix);
        for (table, accepted) in [(Table::V4, &mut self.v4), (Table::V6, &mut self.v6)] {
            let mut walk = Walk::Begin;
            while let Some(gone) = self
                .learned
                .take_back_where(self.peer, table, &mut walk, PIECE, refused)
            {
                accepted.remove(gone);
            }
        }
    }

    /// The session is lost: routes of `families` stay in use for a while, the
    /// others go.
    pub(crate) fn retain(&mut self, families: impl Fn(Family) -> bool) {
        self.epoch = self.epoch.saturating_add(1);
        for family in FAMILIES {
            let Some(accepted) = self.accepted(family) else {
                continue;
            };
            if families(family) {
                accepted.retain();
            } else {
                accepted.end();
                self.take_back(family, None);
            }
        }
    }

    /// Routes of earlier epochs are left from a session before.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Routes of `family` that are left from a session before go.
    pub(crate) fn end_retention(&mut self, family: Family) {
        if let Some(accepted) = self.accepted(family) {
            let oldest = accepted.end_retention();
            self.take_back(family, Some(oldest));
        }
    }

    /// The peer begins to repeat its routes of `family`.
    pub(crate) fn begin_refresh(&mut self, family: Family) {
        if let Some(accepted) = self.accepted(family) {
            accepted.refresh();
        }
    }

    /// The peer has repeated them, and what it did not repeat goes.
    pub(crate) fn end_refresh(&mut self, family: Family) {
        if let Some(accepted) = self.accepted(family) {
            let oldest = accepted.end_refresh();
            self.take_back(family, Some(oldest));
        }
    }

    /// Every route goes.
    pub(crate) fn clear(&mut self) {
        self.retain(|_| false);
    }

    /// The program ends for a restart: nobody shall hear that the routes go.
    pub(crate) fn leave_in_place(&mut self) {
        self.left = true;
    }

    /// Takes routes back, all or those of generations before one, in pieces, so
    /// that other peers get at the learned routes in between.
    fn take_back(&mut self, family: Family, before: Option<u32>) {
        let (accepted, table) = match family {
            Family::IPV4_UNICAST => (&mut self.v4, Table::V4),
            Family::IPV6_UNICAST => (&mut self.v6, Table::V6),
            _ => return,
        };
        loop {
            let gone = self.learned.take_back(self.peer, table, before, PIECE);
            accepted.remove(gone);
            if gone < PIECE {
                return;
            }
        }
    }

    fn accepted(&mut self, family: Family) -> Option<&mut Accepted> {
        match family {
            Family::IPV4_UNICAST => Some(&mut self.v4),
            Family::IPV6_UNICAST => Some(&mut self.v6),
            _ => None,
        }
    }

    fn import(&mut self, via: Via<'_>, update: UpdateView<'_>) {
        let judgement = update.judge(via.facts.context);
        let attributes = judgement.attributes();
        let mut unusable = judgement.disposition() >= Some(Disposition::TreatAsWithdraw);
        if let Some(fault) = judgement.fault() {
            faulty::report(self.settings.address, update, attributes, fault);
        }
        if let Some(what) = went_round(attributes, via.facts) {
            debug!(peer = %self.settings.address, "{what}: the routes are not used");
            unusable = true;
        }
        if let Err(leak) = via.only_to_customer(attributes) {
            leak::report(self.settings.address, update, attributes, leak);
            unusable = true;
        }

        self.withdrawn.clear();
        if via.carries(Family::IPV4_UNICAST) {
            let prefixes = update.withdrawn_routes().map_while(Result::ok);
            self.withdrawn.extend(prefixes.map(IpNet::V4));
        }
        if let Some(unreach) = attributes.mp_unreach().filter(|u| via.carries(u.family())) {
            self.withdrawn
                .extend(unreach.prefixes().map_while(Result::ok));
        }
        self.withdraw();

        // RFC 4271 section 4.3: a prefix that is withdrawn and announced by
        // one UPDATE is announced, so announcements come second.
        if via.carries(Family::IPV4_UNICAST) {
            let next_hop = attributes.next_hop().map(NextHop::V4).filter(|_| !unusable);
            self.announced.clear();
            let prefixes = update.nlri().map_while(Result::ok);
            self.announced.extend(prefixes.map(IpNet::V4));
            self.announce(via, attributes, next_hop);
        }
        if let Some(reach) = attributes.mp_reach().filter(|r| via.carries(r.family())) {
            let next_hop = reach.next_hop().filter(|_| !unusable);
            self.announced.clear();
            self.announced
                .extend(reach.prefixes().map_while(Result::ok));
            self.announce(via, attributes, next_hop);
        }
    }

    /// Takes back the candidates for `self.withdrawn`.
    fn withdraw(&mut self) {
        if !self.withdrawn.is_empty() {
            let gone = self.learned.withdraw(self.peer, self.withdrawn.drain(..));
            self.v4.remove(gone.v4);
            self.v6.remove(gone.v6);
        }
    }

    /// Makes candidates of `self.announced`, or takes them back if they can't
    /// be used.
    fn announce(&mut self, via: Via<'_>, attributes: &Attributes<'_>, next_hop: Option<NextHop>) {
        if self.announced.is_empty() {
            return;
        }
        let path = next_hop
            .and_then(|next_hop| self.gateway(via, next_hop))
            .and_then(|gateway| self.path(via, attributes, gateway));
        let Some(path) = path else {
            mem::swap(&mut self.announced, &mut self.withdrawn);
            self.withdraw();
            return;
        };
        // What is no longer acceptable takes the place of what was.
        let import = &self.settings.import;
        let refused = |prefix: &IpNet| unroutable(*prefix).is_some() || !import.accepts(*prefix);
        self.withdrawn.clear();
        self.withdrawn
            .extend(self.announced.extract_if(.., |prefix| refused(prefix)));
        self.withdraw();
        let generation = |table| match table {
            Table::V4 => self.v4.generation(),
            Table::V6 => self.v6.generation(),
        };
        let announced = self.announced.drain(..);
        let more = self
            .learned
            .announce(&Arc::new(path), announced, generation);
        self.v4.add(more.v4);
        self.v6.add(more.v6);
    }

    /// Where packets would go, unless that is nowhere or to ourselves (RFC
    /// 4271 section 5.1.3).
    fn gateway(&self, via: Via<'_>, next_hop: NextHop) -> Option<IpAddr> {
        let gateway = match next_hop {
            _ if !next_hop.is_host() => None,
            NextHop::V4(address) => Some(IpAddr::V4(address)),
            NextHop::V6 { global, link_local } if !is_global(global) => {
                Some(IpAddr::V6(link_local.unwrap_or(global)))
            }
            NextHop::V6 { global, .. } => Some(IpAddr::V6(global)),
        };
        let gateway = gateway.filter(|g| *g != via.local && !via.addresses.contains(*g));
        if gateway.is_none() {
            debug!(peer = %self.settings.address, ?next_hop, "next hop of no use: the routes are not used");
        }
        gateway
    }

    fn path(&self, via: Via<'_>, attributes: &Attributes<'_>, next_hop: IpAddr) -> Option<Path> {
        let as_path = attributes.as_path()?;
        // Routes that are about to go are used while there is nothing else
        // (RFC 8326 section 4).
        let going = attributes
            .communities()
            .any(|it| it == Community::GRACEFUL_SHUTDOWN);
        let local_pref = match going {
            true => 0,
            false => self
                .settings
                .import_preference
                .or_else(|| attributes.local_pref())
                .unwrap_or(DEFAULT_LOCAL_PREF),
        };
        Some(Path {
            peer: self.peer,
            session: via.facts.context.session,
            next_hop,
            local_pref,
            neighbour: as_path.first(),
            identifier: attributes
                .originator_id()
                .map_or(via.negotiated.peer_identifier, BgpIdentifier::from),
            rate: rate(attributes),
            interface: self
                .settings
                .interface
                .as_deref()
                .filter(|_| is_link_local(next_hop))
                .map(Arc::from),
            epoch: self.epoch,
            peer_address: self.settings.address,
            attributes: PathAttributes {
                only_to_customer: via.only_to_customer(attributes).ok()?,
                ..attributes.to_path_attributes()?
            },
        })
    }
}

/// Why routes with these attributes have been here already, if they have.
fn went_round(attributes: &Attributes<'_>, facts: SessionFacts) -> Option<&'static str> {
    let path = attributes.as_path();
    if path.is_some_and(|path| path.contains(facts.local_as)) {
        return Some("our own AS in AS_PATH");
    }
    let ours = Ipv4Addr::from(facts.identifier.get());
    if attributes.originator_id() == Some(ours) {
        // RFC 4456 section 8: a route reflector sends us our own back.
        return Some("our own identifier in ORIGINATOR_ID");
    }
    None
}

impl Drop for AdjRibIn {
    fn drop(&mut self) {
        if !self.left {
            self.clear();
        }
    }
}

const FAMILIES: [Family; 2] = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];
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
