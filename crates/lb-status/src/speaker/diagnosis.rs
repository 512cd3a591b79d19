//! What is wrong with the speaker's peers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bgp_speaker::{Diagnosis, HostView, SpeakerHandle, Way};
use netplumb::{Netlink, RouteSpec};

use crate::model::{Finding, Severity, seconds};

/// What is wrong with the peers of `speaker`, in the order of its
/// configuration; `program` is what its commands begin with.
///
/// The kernel is asked for the ways to the peers, on a thread of its own.
pub async fn diagnose(speaker: &SpeakerHandle, program: &str) -> Vec<Finding> {
    let peers = speaker.peer_status();
    let host = HostView::of(program);
    let addresses: Vec<IpAddr> = peers.iter().map(|peer| peer.address).collect();
    // Without the ways the rest can be told all the same.
    let ways = tokio::task::spawn_blocking(move || ways(addresses));
    let ways = ways.await.unwrap_or_default();
    let mut findings = Vec::new();
    for peer in &peers {
        let way = ways.get(&peer.address).copied();
        let host = host.clone().with_way(way);
        let subject = format!("peer {}", peer.key());
        let found = peer.diagnose(&host).into_iter();
        findings.extend(found.map(|diagnosis| finding(&subject, diagnosis)));
    }
    findings
}

fn finding(subject: &str, diagnosis: Diagnosis) -> Finding {
    let severity = if diagnosis.blocks {
        Severity::Error
    } else {
        Severity::Warning
    };
    let since = seconds(diagnosis.since);
    let mut finding = Finding::new(subject, diagnosis.code, severity, since, diagnosis.text);
    finding.show = Some(diagnosis.show);
    finding.mend = Some(diagnosis.mend);
    finding
}

/// The way to each address that has one: an address of this host's own has
/// none, nor has one behind a link that is down.
fn ways(addresses: Vec<IpAddr>) -> BTreeMap<IpAddr, Way> {
    let routes = Netlink::open().and_then(|mut it| it.routes_to(addresses.iter().copied()));
    let routes = routes.unwrap_or_default();
    let known = addresses.into_iter().zip(routes);
    known
        .filter_map(|(address, route)| Some((address, way(&route?))))
        .collect()
}

fn way(route: &RouteSpec) -> Way {
    let first = route.next_hops.iter().next();
    match first.and_then(|hop| hop.gateway) {
        Some(router) => Way::By(router),
        None => Way::OnLink,
    }
}
