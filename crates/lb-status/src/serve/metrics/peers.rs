//! What there is of peers.

use std::fmt;

use super::families::Metric;
use crate::model::{BfdState, Peer, PeerState};

/// One family over all peers.
pub(super) type OfPeer = fn(&mut Metric<'_>, &Peer, u64) -> fmt::Result;

/// What there is of peers: name, whether it counts, help, samples.
pub(super) const OF_PEERS: [(&str, bool, &str, OfPeer); 16] = [
    (
        "bgplb_peer_info",
        false,
        "A peer and what it is called; always 1",
        |to, it, _| {
            let asn = it.asn.map(|asn| asn.to_string());
            let name = it.name.as_deref().unwrap_or_default();
            let labels = [
                ("peer", &*it.peer),
                ("name", name),
                ("as", asn.as_deref().unwrap_or_default()),
            ];
            to.add(&labels, 1_u64)
        },
    ),
    (
        "bgplb_peer_up",
        false,
        "Whether the session is established",
        |to, it, _| to.add(&of(it), it.state == PeerState::Established),
    ),
    (
        "bgplb_peer_state",
        false,
        "The state of RFC 4271 the peer is in: 1 for that one",
        |to, it, _| {
            STATES.iter().try_for_each(|state| {
                let labels = [("peer", &*it.peer), ("state", state.word())];
                to.add(&labels, it.state == *state)
            })
        },
    ),
    (
        "bgplb_peer_administratively_down",
        false,
        "Whether an operator wants no session",
        |to, it, _| to.add(&of(it), it.administratively_down),
    ),
    (
        "bgplb_peer_graceful_shutdown",
        false,
        "Whether the peer is told that our routes are about to go",
        |to, it, _| to.add(&of(it), it.graceful_shutdown),
    ),
    (
        "bgplb_peer_uptime_seconds",
        false,
        "How long the session is established; 0 without one",
        |to, it, at| {
            let up = it.state == PeerState::Established;
            to.add(&of(it), if up { at.saturating_sub(it.since) } else { 0 })
        },
    ),
    (
        "bgplb_peer_hold_seconds",
        false,
        "The agreed hold time; 0 for none",
        |to, it, _| {
            it.session.as_ref().map_or(Ok(()), |session| {
                to.add(&of(it), u64::from(session.hold_time))
            })
        },
    ),
    (
        "bgplb_peer_established",
        true,
        "How often a session came up",
        |to, it, _| to.add(&of(it), it.counters.established),
    ),
    (
        "bgplb_peer_resets",
        true,
        "How often a session ended, by why",
        |to, it, _| {
            it.counters.resets.iter().try_for_each(|(reason, count)| {
                to.add(&[("peer", &*it.peer), ("reason", reason)], *count)
            })
        },
    ),
    (
        "bgplb_peer_last_error_timestamp_seconds",
        false,
        "When something went wrong last",
        |to, it, _| {
            it.last_error
                .as_ref()
                .map_or(Ok(()), |error| to.add(&of(it), error.at))
        },
    ),
    (
        "bgplb_peer_messages",
        true,
        "Messages by direction and type",
        |to, it, _| {
            let both = [
                ("sent", &it.counters.sent),
                ("received", &it.counters.received),
            ];
            both.into_iter().try_for_each(|(direction, counts)| {
                counts.iter().try_for_each(|(kind, count)| {
                    let labels = [
                        ("peer", &*it.peer),
                        ("direction", direction),
                        ("type", kind),
                    ];
                    to.add(&labels, *count)
                })
            })
        },
    ),
    (
        "bgplb_peer_prefixes_sent",
        true,
        "Prefixes in UPDATEs for the peer by family and change; one that is sent again counts again",
        |to, it, _| {
            let both = [
                ("announce", &it.counters.announced),
                ("withdraw", &it.counters.withdrawn),
            ];
            both.into_iter().try_for_each(|(change, counts)| {
                counts.iter().try_for_each(|(family, count)| {
                    let labels = [("peer", &*it.peer), ("family", family), ("change", change)];
                    to.add(&labels, *count)
                })
            })
        },
    ),
    (
        "bgplb_peer_prefixes",
        false,
        "Prefixes of the peer that are held, by family",
        |to, it, _| {
            it.accepted_by_family
                .iter()
                .try_for_each(|(family, count)| {
                    let labels = [
                        ("peer", &*it.peer),
                        ("family", family),
                        ("kind", "accepted"),
                    ];
                    to.add(&labels, *count)
                })
        },
    ),
    (
        "bgplb_bfd_up",
        false,
        "Whether the BFD session is up",
        |to, it, _| {
            it.bfd
                .as_ref()
                .map_or(Ok(()), |bfd| to.add(&of(it), bfd.state == BfdState::Up))
        },
    ),
    (
        "bgplb_bfd_failures",
        true,
        "How often BFD found the path broken",
        |to, it, _| {
            it.bfd
                .as_ref()
                .map_or(Ok(()), |bfd| to.add(&of(it), bfd.failures))
        },
    ),
    (
        "bgplb_bfd_detection_seconds",
        false,
        "How long the peer may be silent",
        |to, it, _| {
            let time = it.bfd.as_ref().and_then(|bfd| bfd.detection_time);
            time.map_or(Ok(()), |time| to.add_fraction(&of(it), time / 1000.0))
        },
    ),
];

fn of(peer: &Peer) -> [(&str, &str); 1] {
    [("peer", &peer.peer)]
}

/// Those of RFC 4271.
const STATES: [PeerState; 6] = [
    PeerState::Idle,
    PeerState::Connect,
    PeerState::Active,
    PeerState::OpenSent,
    PeerState::OpenConfirm,
    PeerState::Established,
];
