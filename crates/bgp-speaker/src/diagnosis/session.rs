//! A session that does less than it was configured for, and BFD.

use bfd::State as BfdState;
use bgp_wire::{Capability, Family};

use super::{Diagnosis, HostView};
use crate::PeerStatus;

pub(super) fn diagnose(peer: &PeerStatus, host: &HostView, found: &mut Vec<Diagnosis>) {
    let key = peer.key();
    let Some(negotiated) = &peer.negotiated else {
        return;
    };
    let missing = |family: &&Family| !negotiated.families.contains(family);
    for family in peer.settings.families.iter().filter(missing) {
        let offered = negotiated.capabilities.iter();
        let offered: Vec<String> = offered
            .filter_map(|it| match it {
                Capability::Multiprotocol(family) => Some(family.to_string()),
                _ => None,
            })
            .collect();
        let offered = if offered.is_empty() {
            "none, which means ipv4-unicast".to_owned()
        } else {
            offered.join(", ")
        };
        found.push(peer.found(
            "family-not-negotiated",
            false,
            format!(
                "{key} does not take part in {family}: it offers {offered} (RFC 4760 section 8)"
            ),
            host.peers(),
            format!(
                "activate {family} for us at the peer, or take it out of the peer's families here"
            ),
        ));
    }
    for (family, reason) in &peer.withheld {
        found.push(peer.found(
            "next-hop-unknown",
            false,
            format!("nothing of {family} is announced to {key}: {reason}"),
            "ip address show",
            format!("give this host an address of {family} on the link to the peer, or configure a next hop"),
        ));
    }
}

/// BFD that was asked for and is not up.
pub(super) fn bfd(peer: &PeerStatus, host: &HostView) -> Option<Diagnosis> {
    let key = peer.key();
    let bfd = peer.bfd.as_ref()?;
    let show = host.peers();
    if let Some(problem) = &bfd.problem {
        let text = format!("BFD can't be spoken with {key}: {problem}");
        let mend = "see what it says";
        return Some(Diagnosis {
            since: bfd.since,
            ..peer.found("bfd-impossible", false, text, show, mend)
        });
    }
    if bfd.state == BfdState::Up {
        return None;
    }
    let (text, mend) = match &bfd.remote {
        None => (
            format!(
                "{key} sends no BFD packets (RFC 5880, UDP port 3784, or 4784 over several hops)"
            ),
            "configure BFD for us at the peer, and let packet filters pass it",
        ),
        Some(remote) => (
            format!(
                "the BFD session with {key} is {}; the peer says {}",
                bfd.state, remote.state
            ),
            "look whether packets are lost in one direction, and compare the intervals",
        ),
    };
    Some(Diagnosis {
        since: bfd.since,
        ..peer.found("bfd-down", false, text, show, mend)
    })
}
