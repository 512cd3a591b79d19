//! Peers of the speaker.

use std::collections::BTreeMap;

use bgp_fsm::State;
use bgp_speaker::{MessageCounts, PeerStatus, PrefixCounts, RemoteAs, ResetReason, SpeakerHandle};
use bgp_wire::Asn;

use super::bfd;
use crate::model::{
    Fault, Peer, PeerCounters, PeerCounts, PeerState, Peers, RouteCounts, Session, Status, Warning,
    Withheld, seconds,
};

/// Every peer.
#[must_use]
pub fn peers(speaker: &SpeakerHandle) -> Peers {
    Peers::new(speaker.peer_status().iter().map(peer).collect())
}

/// Adds to a status how many peers and routes there are, and what is wrong with
/// the peers.
pub fn summarize(speaker: &SpeakerHandle, status: &mut Status) {
    let statuses = speaker.peer_status();
    let established = |peer: &&PeerStatus| peer.negotiated.is_some();
    let learned: usize = statuses.iter().map(|peer| peer.accepted_prefixes).sum();
    status.peers = PeerCounts {
        configured: count(statuses.len()),
        established: count(statuses.iter().filter(established).count()),
    };
    status.routes = RouteCounts {
        advertised: count(speaker.announced_prefixes()),
        learned: count(learned),
    };
    status.warnings.extend(statuses.iter().flat_map(warnings));
}

/// The codes of warnings about peers.
pub(crate) const PEER_WARNINGS: [&str; 3] = [PEER_DOWN, FAMILY_WITHHELD, BFD_PROBLEM];

const PEER_DOWN: &str = "peer-down";
const FAMILY_WITHHELD: &str = "family-withheld";
const BFD_PROBLEM: &str = "bfd-problem";

/// What is not as it should be with one peer.
fn warnings(peer: &PeerStatus) -> Vec<Warning> {
    let (key, since) = (peer.key(), seconds(peer.since));
    let mut warnings = Vec::new();
    if peer.negotiated.is_none() && !peer.administratively_down {
        let last = peer.last_error.as_ref();
        let last = last.map_or_else(String::new, |error| format!(": {}", error.text));
        let text = format!("no session with {key}, which is {}{last}", peer.state);
        warnings.push(Warning::new(PEER_DOWN, since, text, None));
    }
    for (family, reason) in &peer.withheld {
        let text = format!("{key} is told no routes of {family}: {reason}");
        warnings.push(Warning::new(FAMILY_WITHHELD, since, text, None));
    }
    if let Some(bfd) = &peer.bfd
        && let Some(problem) = &bfd.problem
    {
        let text = format!("no BFD with {key}: {problem}");
        warnings.push(Warning::new(BFD_PROBLEM, seconds(bfd.since), text, None));
    }
    warnings
}

fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}

fn peer(peer: &PeerStatus) -> Peer {
    let asn = match peer.remote_as {
        RemoteAs::Number(asn) => Some(asn),
        _ => peer.negotiated.as_ref().map(|session| session.peer_as),
    };
    let withheld = peer.withheld.iter().map(|(family, reason)| Withheld {
        family: family.to_string(),
        reason: reason.clone(),
    });
    Peer {
        peer: peer.key().to_string(),
        address: peer.address,
        interface: peer.interface.clone(),
        neighbour: peer.neighbour,
        name: peer.name.clone(),
        dynamic: peer.dynamic,
        asn: asn.map(Asn::get),
        remote_as: peer.remote_as.to_string(),
        state: state(peer.state),
        since: seconds(peer.since),
        administratively_down: peer.administratively_down,
        graceful_shutdown: peer.graceful_shutdown,
        accepted_prefixes: count(peer.accepted_prefixes),
        accepted_by_family: by_family(peer),
        end_of_rib: peer.end_of_rib.iter().map(ToString::to_string).collect(),
        withheld: withheld.collect(),
        last_error: peer.last_error.as_ref().map(|error| Fault {
            at: seconds(error.at),
            text: error.text.clone(),
        }),
        session: session(peer),
        counters: counters(peer),
        bfd: peer.bfd.as_ref().map(bfd::session),
    }
}

fn by_family(peer: &PeerStatus) -> BTreeMap<String, u64> {
    let families = peer.accepted_by_family.iter();
    families
        .map(|(family, prefixes)| (family.to_string(), count(*prefixes)))
        .collect()
}

/// Reasons that did not happen are told too: who counts wants to begin at 0.
fn counters(peer: &PeerStatus) -> PeerCounters {
    let messages = |counts: &MessageCounts| {
        let counts = counts.by_type();
        counts.map(|(word, n)| (word.to_owned(), n)).collect()
    };
    let prefixes = |counts: &PrefixCounts| {
        let counts = counts.by_family();
        counts.map(|(family, n)| (family.to_string(), n)).into()
    };
    let counted = &peer.counters;
    let resets = counted.resets();
    let of = |reason| resets.get(&reason).copied().unwrap_or_default();
    let resets = ResetReason::ALL.map(|reason| (reason.word().to_owned(), of(reason)));
    PeerCounters {
        sent: messages(counted.sent()),
        received: messages(counted.received()),
        announced: prefixes(counted.announced()),
        withdrawn: prefixes(counted.withdrawn()),
        established: counted.established(),
        resets: resets.into(),
    }
}

fn session(peer: &PeerStatus) -> Option<Session> {
    let session = peer.negotiated.as_deref()?;
    let families = session.families.iter().map(ToString::to_string);
    let capabilities = session.capabilities.iter().map(ToString::to_string);
    Some(Session {
        local_address: peer.local_address,
        identifier: session.peer_identifier.to_string(),
        hold_time: session.hold_time.seconds(),
        families: families.collect(),
        max_message: count(session.max_message_len.get()),
        capabilities: capabilities.collect(),
    })
}

const fn state(state: State) -> PeerState {
    match state {
        State::Idle => PeerState::Idle,
        State::Connect => PeerState::Connect,
        State::Active => PeerState::Active,
        State::OpenSent => PeerState::OpenSent,
        State::OpenConfirm => PeerState::OpenConfirm,
        State::Established => PeerState::Established,
    }
}
