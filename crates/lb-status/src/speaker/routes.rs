//! Both tables of the speaker, page by page.

use std::net::IpAddr;
use std::ops::Bound;

use bgp_speaker::{AnnouncedRoute, LearnedRoute, PeerKey, PeerStatus, SpeakerHandle};
use bgp_wire::{Family, PathAttributes};
use ipnet::IpNet;

use crate::model::{self, Aggregator, Attributes, OtherAttribute};
use crate::serve::{Gone, RouteFilter, Rows};

/// How many prefixes are read under one lock.
const PAGE: usize = 256;

/// The place in a table up to which it was written.
#[derive(Debug)]
struct Cursor {
    from: Option<Bound<IpNet>>,
    filter: RouteFilter,
}

impl Cursor {
    fn new(filter: RouteFilter) -> Self {
        let prefix = filter.prefix.map(|prefix| prefix.trunc());
        Self {
            // Prefixes are in the order of their addresses, shorter ones first.
            from: Some(prefix.map_or(Bound::Unbounded, Bound::Included)),
            filter,
        }
    }

    /// Moves behind `last`, where anything can follow there.
    fn pass(&mut self, last: Option<IpNet>) {
        let last = last.filter(|last| self.filter.wants(*last));
        self.from = last.map(Bound::Excluded);
    }
}

/// What peers announced to us.
#[derive(Debug)]
pub struct Learned {
    speaker: SpeakerHandle,
    cursor: Cursor,
}

impl Learned {
    /// The routes that are asked for.
    #[must_use]
    pub fn new(speaker: SpeakerHandle, filter: RouteFilter) -> Self {
        let cursor = Cursor::new(filter);
        Self { speaker, cursor }
    }
}

impl Rows for Learned {
    type Row = model::LearnedRoute;

    async fn next(&mut self) -> Result<Option<Vec<Self::Row>>, Gone> {
        let Some(from) = self.cursor.from else {
            return Ok(None);
        };
        let page = self.speaker.learned_page(from, PAGE);
        let filter = &self.cursor.filter;
        let wanted = |it: &&LearnedRoute| filter.wants(it.prefix) && filter.wants_peer(it.peer());
        let rows = page.iter().filter(wanted).map(learned).collect();
        self.cursor.pass(page.last().map(|it| it.prefix));
        Ok(Some(rows))
    }
}

fn learned(route: &LearnedRoute) -> model::LearnedRoute {
    model::LearnedRoute {
        prefix: route.prefix,
        peer: route.peer(),
        best: route.best,
        used: route.used,
        stale: route.stale,
        next_hop: route.next_hop(),
        attributes: attributes(route.attributes()),
    }
}

/// What we announce.
#[derive(Debug)]
pub struct Advertised {
    speaker: SpeakerHandle,
    cursor: Cursor,
}

impl Advertised {
    /// The routes that are asked for.
    #[must_use]
    pub fn new(speaker: SpeakerHandle, filter: RouteFilter) -> Self {
        let cursor = Cursor::new(filter);
        Self { speaker, cursor }
    }
}

impl Rows for Advertised {
    type Row = model::AdvertisedRoute;

    async fn next(&mut self) -> Result<Option<Vec<Self::Row>>, Gone> {
        let Some(from) = self.cursor.from else {
            return Ok(None);
        };
        let page = self.speaker.announced_page(from, PAGE);
        let statuses = self.speaker.peer_status();
        let [v4, v6] =
            [Family::IPV4_UNICAST, Family::IPV6_UNICAST].map(|family| listeners(&statuses, family));
        let filter = &self.cursor.filter;
        let told = |route: &AnnouncedRoute| {
            let peers = if route.prefix.addr().is_ipv4() {
                &v4
            } else {
                &v6
            };
            let peers = || peers.iter().filter(|peer| peer.is_told(route));
            let wanted = filter.peer.is_none() || peers().any(|peer| peer.is_wanted(filter));
            (wanted && filter.wants(route.prefix)).then(|| model::AdvertisedRoute {
                prefix: route.prefix,
                // Several peers on interfaces have one address, so they are told
                // by their keys.
                peers: peers().map(|peer| peer.key.to_string()).collect(),
                attributes: attributes(&route.attributes),
            })
        };
        let rows = page.iter().filter_map(told).collect();
        self.cursor.pass(page.last().map(|it| it.prefix));
        Ok(Some(rows))
    }
}

/// The route of ours that covers `address`, the longest one.
#[must_use]
pub fn covering(speaker: &SpeakerHandle, address: IpAddr) -> Option<model::AdvertisedRoute> {
    let lengths = 0..=IpNet::from(address).max_prefix_len();
    let mut prefixes = lengths
        .rev()
        .filter_map(|length| IpNet::new(address, length).ok());
    let route = prefixes.find_map(|prefix| {
        let prefix = prefix.trunc();
        let page = speaker.announced_page(Bound::Included(prefix), 1);
        page.into_iter().find(|route| route.prefix == prefix)
    })?;
    let family = if address.is_ipv4() {
        Family::IPV4_UNICAST
    } else {
        Family::IPV6_UNICAST
    };
    let listeners = listeners(&speaker.peer_status(), family);
    let told = listeners.iter().filter(|peer| peer.is_told(&route));
    Some(model::AdvertisedRoute {
        prefix: route.prefix,
        peers: told.map(|peer| peer.key.to_string()).collect(),
        attributes: attributes(&route.attributes),
    })
}

/// A peer that is told of routes.
struct Listener {
    key: PeerKey,
    address: IpAddr,
}

impl Listener {
    fn is_told(&self, route: &AnnouncedRoute) -> bool {
        let audience = route.audience.as_ref();
        audience.is_none_or(|audience| audience.contains(&self.key))
    }

    fn is_wanted(&self, filter: &RouteFilter) -> bool {
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
        key: peer.key(),
        address: peer.neighbour.unwrap_or(peer.address),
    });
    listeners.collect()
}

/// Attributes as they are shown.
#[must_use]
pub fn attributes(it: &PathAttributes) -> Attributes {
    Attributes {
        origin: it.origin.to_string(),
        as_path: it.as_path.to_string(),
        med: it.med,
        local_pref: it.local_pref,
        atomic_aggregate: it.atomic_aggregate,
        aggregator: it.aggregator.map(|it| Aggregator {
            asn: it.asn.get(),
            identifier: it.identifier,
        }),
        communities: texts(&it.communities),
        extended_communities: texts(&it.extended_communities),
        large_communities: texts(&it.large_communities),
        originator_id: it.originator_id,
        cluster_list: it.cluster_list.clone(),
        only_to_customer: it.only_to_customer.map(|asn| asn.get()),
        others: it
            .others
            .iter()
            .map(|other| OtherAttribute {
                code: other.code().0,
                flags: format!("{:02x}", other.flags().0),
                value: other.value().iter().map(|it| format!("{it:02x}")).collect(),
            })
            .collect(),
    }
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}
