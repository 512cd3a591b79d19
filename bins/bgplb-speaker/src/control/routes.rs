//! Routes as rows of JSON.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Bound;

use bgp_speaker::{AnnouncedRoute, LearnedRoute, PeerStatus, SpeakerHandle};
use bgp_wire::{Family, PathAttributes};
use ipnet::IpNet;
use serde::{Deserialize, Serialize, Serializer};

use super::table::{Lines, Rows};

/// How many prefixes are read under one lock.
const PAGE: usize = 256;

/// Which routes are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    /// Only this prefix and those within it.
    prefix: Option<IpNet>,
    /// Only routes from, or to, this peer.
    peer: Option<IpAddr>,
}

impl Filter {
    fn wants(&self, prefix: IpNet) -> bool {
        self.prefix.is_none_or(|within| within.contains(&prefix))
    }

    fn wants_peer(&self, peer: IpAddr) -> bool {
        self.peer.is_none_or(|wanted| wanted == peer)
    }
}

/// The place in a table up to which it was written.
#[derive(Debug)]
struct Cursor {
    from: Bound<IpNet>,
    filter: Filter,
}

impl Cursor {
    fn new(filter: Filter) -> Self {
        let prefix = filter.prefix.map(|prefix| prefix.trunc());
        Self {
            // Prefixes are in the order of their addresses, shorter ones first.
            from: prefix.map_or(Bound::Unbounded, Bound::Included),
            filter,
        }
    }

    /// Moves behind `last`, and tells whether anything can follow there.
    fn pass(&mut self, last: Option<IpNet>) -> bool {
        let Some(last) = last.filter(|last| self.filter.wants(*last)) else {
            return false;
        };
        self.from = Bound::Excluded(last);
        true
    }
}

/// What peers announced to us.
#[derive(Debug)]
pub(crate) struct Learned {
    speaker: SpeakerHandle,
    cursor: Cursor,
}

impl Learned {
    pub(crate) fn new(speaker: SpeakerHandle, filter: Filter) -> Self {
        let cursor = Cursor::new(filter);
        Self { speaker, cursor }
    }
}

impl Rows for Learned {
    fn next(&mut self, lines: &mut Lines) -> bool {
        let page = self.speaker.learned_page(self.cursor.from, PAGE);
        let filter = &self.cursor.filter;
        let wanted = |it: &&LearnedRoute| filter.wants(it.prefix) && filter.wants_peer(it.peer());
        for route in page.iter().filter(wanted) {
            lines.push(&LearnedRow::from(route));
        }
        self.cursor.pass(page.last().map(|it| it.prefix))
    }
}

/// What we announce.
#[derive(Debug)]
pub(crate) struct Advertised {
    speaker: SpeakerHandle,
    cursor: Cursor,
}

impl Advertised {
    pub(crate) fn new(speaker: SpeakerHandle, filter: Filter) -> Self {
        let cursor = Cursor::new(filter);
        Self { speaker, cursor }
    }
}

impl Rows for Advertised {
    fn next(&mut self, lines: &mut Lines) -> bool {
        let page = self.speaker.announced_page(self.cursor.from, PAGE);
        let statuses = self.speaker.peer_status();
        let [v4, v6] =
            [Family::IPV4_UNICAST, Family::IPV6_UNICAST].map(|family| listeners(&statuses, family));
        let filter = &self.cursor.filter;
        for route in page.iter().filter(|it| filter.wants(it.prefix)) {
            let AnnouncedRoute { prefix, .. } = route;
            let peers = if prefix.addr().is_ipv4() { &v4 } else { &v6 };
            if filter.peer.is_none() || peers.iter().any(|peer| peer.is_wanted(filter)) {
                lines.push(&AdvertisedRow {
                    prefix: *prefix,
                    peers: peers.iter().map(|peer| peer.name.as_str()).collect(),
                    attributes: AttributesRow::from(&*route.attributes),
                });
            }
        }
        self.cursor.pass(page.last().map(|it| it.prefix))
    }
}

/// A peer that is told of routes.
struct Listener {
    /// Several peers on interfaces have one address, so it is told by its key.
    name: String,
    address: IpAddr,
}

impl Listener {
    fn is_wanted(&self, filter: &Filter) -> bool {
        filter.wants_peer(self.address)
    }
}

/// The peers that are told of a family's routes.
fn listeners(statuses: &[PeerStatus], family: Family) -> Vec<Listener> {
    let told = |peer: &&PeerStatus| {
        let negotiated = peer.negotiated.as_ref();
        negotiated.is_some_and(|it| it.families.contains(&family))
            && !peer.withheld.iter().any(|(held, _)| *held == family)
    };
    let listeners = statuses.iter().filter(told).map(|peer| Listener {
        name: peer.key().to_string(),
        address: peer.neighbour.unwrap_or(peer.address),
    });
    listeners.collect()
}

#[derive(Serialize)]
struct LearnedRow<'a> {
    prefix: IpNet,
    peer: IpAddr,
    best: bool,
    used: bool,
    stale: bool,
    next_hop: IpAddr,
    #[serde(flatten)]
    attributes: AttributesRow<'a>,
}

impl<'a> From<&'a LearnedRoute> for LearnedRow<'a> {
    fn from(route: &'a LearnedRoute) -> Self {
        Self {
            prefix: route.prefix,
            peer: route.peer(),
            best: route.best,
            used: route.used,
            stale: route.stale,
            next_hop: route.next_hop(),
            attributes: route.attributes().into(),
        }
    }
}

#[derive(Serialize)]
struct AdvertisedRow<'a> {
    prefix: IpNet,
    peers: Vec<&'a str>,
    #[serde(flatten)]
    attributes: AttributesRow<'a>,
}

/// Attributes by their RFCs' names; what a route does not have is left out.
#[derive(Serialize)]
struct AttributesRow<'a> {
    origin: String,
    as_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    med: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_pref: Option<u32>,
    #[serde(skip_serializing_if = "is_false")]
    atomic_aggregate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregator: Option<AggregatorRow>,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "texts")]
    communities: &'a [bgp_wire::Community],
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "texts")]
    extended_communities: &'a [bgp_wire::ExtendedCommunity],
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "texts")]
    large_communities: &'a [bgp_wire::LargeCommunity],
    #[serde(skip_serializing_if = "Option::is_none")]
    originator_id: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cluster_list: &'a [Ipv4Addr],
    #[serde(skip_serializing_if = "Option::is_none")]
    only_to_customer: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<OtherRow>,
}

#[derive(Serialize)]
struct AggregatorRow {
    #[serde(rename = "as")]
    asn: u32,
    identifier: Ipv4Addr,
}

/// An attribute without a name, in octets.
#[derive(Serialize)]
struct OtherRow {
    code: u8,
    flags: String,
    value: String,
}

impl<'a> From<&'a PathAttributes> for AttributesRow<'a> {
    fn from(it: &'a PathAttributes) -> Self {
        Self {
            origin: it.origin.to_string(),
            as_path: it.as_path.to_string(),
            med: it.med,
            local_pref: it.local_pref,
            atomic_aggregate: it.atomic_aggregate,
            aggregator: it.aggregator.map(|it| AggregatorRow {
                asn: it.asn.get(),
                identifier: it.identifier,
            }),
            communities: &it.communities,
            extended_communities: &it.extended_communities,
            large_communities: &it.large_communities,
            originator_id: it.originator_id,
            cluster_list: &it.cluster_list,
            only_to_customer: it.only_to_customer.map(|asn| asn.get()),
            others: it
                .others
                .iter()
                .map(|other| OtherRow {
                    code: other.code().0,
                    flags: format!("{:02x}", other.flags().0),
                    value: other.value().iter().map(|it| format!("{it:02x}")).collect(),
                })
                .collect(),
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn texts<T: ToString, S: Serializer>(items: &&[T], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(items.iter().map(ToString::to_string))
}
